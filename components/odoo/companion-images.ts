import { z } from "zod";

import type { Settings } from "../../settings";
import { imageRecord, pinnedImage, readRecord } from "../registry/image-record";
import { ShipError } from "../shared/errors";

const recordSchema = z.strictObject({
  postgres: imageRecord,
  /**
   * Source of the proxy's image: built from images/proxy, or a ready image that was. Another Caddy does not know the
   * handlers that the configuration asks for.
   */
  proxy: z.union([
    z.strictObject({ build: z.literal("images/proxy") }),
    imageRecord.extend({ built: z.literal("images/proxy") }),
  ]),
  /** What verifies signatures on hosts and in clusters; needed only where releases are signed. */
  cosign: imageRecord.optional(),
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
        "postgres with reference, tag, digest and date, and " +
        'proxy: {"build": "images/proxy"} as in images/vps-images.json, ' +
        'or an image that was built from there, with the same four and "built": "images/proxy"',
      remedy: `correct the file, or the setting ${setting}; in the sandbox: npm run sandbox -- up`,
    });
  return readRecord(root, file, recordSchema, invalid);
}

/** The record of a stack, and the setting that names it: the VPS's, else the cluster's. */
export function recordOf({ vps, doks }: Pick<Settings, "vps" | "doks">): readonly [file: string, setting: string] {
  return vps.mode === "none" && doks.mode !== "none"
    ? [doks.imagesRecord, "doks:imagesRecord"]
    : [vps.imagesRecord, "vps:imagesRecord"];
}

/** PostgreSQL's image, as `repository@sha256:…`. */
export function postgresImage({ postgres }: ImagesRecord): string {
  return pinnedImage(postgres);
}

/**
 * The image with which a target verifies signatures, as `repository@sha256:…`; undefined where none are.
 * @param needed whether releases are signed
 * @throws ShipError SETTINGS_INVALID
 */
export function verifierImage({ cosign }: ImagesRecord, setting: string, needed: boolean): string | undefined {
  if (!needed) return undefined;
  if (cosign !== undefined) return pinnedImage(cosign);
  throw new ShipError({
    code: "SETTINGS_INVALID",
    summary: "there is no image with which the target could verify signatures",
    found: `the file that ${setting} names has no cosign`,
    expected: "cosign with reference, tag, digest and date, since gates:signing is not none",
    remedy: "take its row over from images/vps-images.json",
  });
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
  return { postgres: postgresImage(record), proxy: pinnedImage(record.proxy) };
}
