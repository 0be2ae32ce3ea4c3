import * as fs from "node:fs";
import * as path from "node:path";

import { z } from "zod";

import { ShipError } from "./errors";

const imageSchema = z.strictObject({
  /** Repository without tag or digest. */
  reference: z.string().regex(/^[a-z0-9][a-z0-9._:/-]*$/, "is not a repository without tag and digest"),
  tag: z.string().min(1),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, "is not a digest"),
  /** When the tag was last resolved to the digest. */
  date: z.string().regex(/^\d{4}-\d{2}-\d{2}/, "is not a date"),
});
const recordSchema = z.strictObject({ postgres: imageSchema, proxy: imageSchema });

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
export function readVpsImages(root: string, file: string, setting = "vps:imagesRecord"): VpsImages {
  const invalid = (found: string) =>
    new ShipError({
      code: "SETTINGS_INVALID",
      summary: `the record of the images beside Odoo, ${file}, cannot be used`,
      found,
      expected: "postgres and proxy, each with reference, tag, digest and date, as in images/vps-images.json",
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
  const { postgres, proxy } = record.data;
  return { postgres: `${postgres.reference}@${postgres.digest}`, proxy: `${proxy.reference}@${proxy.digest}` };
}
