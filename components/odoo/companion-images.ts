import * as fs from "node:fs";
import * as path from "node:path";

import { z } from "zod";

import { ShipError } from "../shared/errors";

/** An image by its digest. */
export const imageSchema = z.strictObject({
  /** Repository without tag or digest. */
  reference: z.string().regex(/^[a-z0-9][a-z0-9._:/-]*$/, "is not a repository without tag and digest"),
  tag: z.string().min(1),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, "is not a digest"),
  /** Date on which the tag was last resolved to the digest. */
  date: z.string().regex(/^\d{4}-\d{2}-\d{2}/, "is not a date"),
});
const recordSchema = z.strictObject({
  postgres: imageSchema,
  /**
   * Source of the proxy's image: built from images/proxy, or a ready image that was. Another Caddy does not know the
   * handlers that the configuration asks for.
   */
  proxy: z.union([z.strictObject({ build: z.literal("images/proxy") }), imageSchema.extend({ built: z.literal("images/proxy") })]),
});

/** The record as it stands. */
export type ImagesRecord = z.output<typeof recordSchema>;

/** The images beside Odoo, on a VPS and in a cluster, each as `repository@sha256:…`. */
export interface VpsImages {
  readonly postgres: string;
  readonly proxy: string;
}

/**
 * Reads the record of the images of PostgreSQL and of the proxy.
 * @param file path in the project
 * @param setting that names it
 * @throws ShipError SETTINGS_INVALID
 */
export function readImagesRecord(root: string, file: string, setting = "vps:imagesRecord"): ImagesRecord {
  const invalid = (found: string) =>
    new ShipError({
      code: "SETTINGS_INVALID",
      summary: `the record of the images beside Odoo, ${file}, cannot be used`,
      found,
      expected:
        'postgres with reference, tag, digest and date, and proxy: {"build": "images/proxy"} as in images/vps-images.json, ' +
        'or an image that was built from there, with the same four and "built": "images/proxy"',
      remedy: `correct the file, or the setting ${setting}; in the sandbox: npm run sandbox -- up`,
    });
  let content: unknown;
  try {
    content = JSON.parse(fs.readFileSync(path.join(root, file), "utf8"));
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
  const record = recordSchema.safeParse(content);
  if (!record.success) {
    throw invalid(record.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "));
  }
  return record.data;
}

/** PostgreSQL's image, as `repository@sha256:…`. */
export function postgresImage({ postgres }: ImagesRecord): string {
  return `${postgres.reference}@${postgres.digest}`;
}

/**
 * Reads the images of a record that names a ready one for the proxy, too.
 * @throws ShipError SETTINGS_INVALID
 */
export function readVpsImages(root: string, file: string): VpsImages {
  const record = readImagesRecord(root, file);
  if (!("reference" in record.proxy)) {
    throw new Error(`${file} names no ready image for the proxy`);
  }
  return { postgres: postgresImage(record), proxy: `${record.proxy.reference}@${record.proxy.digest}` };
}
