import { z } from "zod";

import { ShipError } from "../shared/errors";
import { RegistryClient, type RegistryAccess } from "../registry/client";
import { imageRecord, readRecord } from "../registry/image-record";
import { splitRepository } from "../registry/reference";

const baseImageRecord = imageRecord.extend({
  /** Odoo series in the image, such as 18.0. */
  series: z.string().regex(/^\d+\.0$/),
  /** User and group that Odoo runs as. */
  uid: z.number().int().positive(),
  gid: z.number().int().positive(),
});

/** Record of the base image: the only place that says which one is used. */
export type BaseImage = z.output<typeof baseImageRecord>;

/** Odoo series that the program knows how to build. */
export const supportedSeries = ["16.0", "17.0", "18.0", "19.0"];

/**
 * Reads the record of the base image.
 * @throws ShipError BASE_IMAGE_INVALID
 */
export function readBaseImage(root: string, file: string): BaseImage {
  const invalid = (found: string) =>
    new ShipError({
      code: "BASE_IMAGE_INVALID",
      summary: `the record of the base image, ${file}, cannot be used`,
      found,
      expected:
        `reference, tag, digest, date, series (${supportedSeries.join(", ")}), uid and gid, as in ` +
        "images/odoo/base-image.json",
      remedy: "correct the file, or the setting image:baseRecord; in the sandbox: npm run sandbox -- up",
    });
  const record = readRecord(root, file, baseImageRecord, invalid);
  if (!supportedSeries.includes(record.series)) {
    throw invalid(`series ${record.series}`);
  }
  return record;
}

/**
 * Looks whether the base image's tag still names the recorded digest.
 *
 * Returns a sentence with BASE_IMAGE_DRIFT if it names another one, a sentence if it could not be looked up, and
 * undefined if it is the same. This is never a failure, since the build uses the pinned digest.
 */
export async function describeDrift(
  base: BaseImage,
  ours?: { repository: string; access: RegistryAccess },
): Promise<string | undefined> {
  const sameRegistry =
    ours !== undefined && splitRepository(ours.repository).host === splitRepository(base.reference).host;
  const client = new RegistryClient(base.reference, sameRegistry ? ours.access : undefined, {
    requestMs: 5_000,
    totalMs: 5_000,
  });
  try {
    const digest = await client.digestOf(base.tag);
    return digest === base.digest
      ? undefined
      : `BASE_IMAGE_DRIFT: ${base.reference}:${base.tag} is now ${digest ?? "absent"}; the record of ` +
          `${base.date} says ${base.digest}. ` +
          "Raise images/odoo/base-image.json in a pull request; this update uses the recorded digest.";
  } catch {
    return `The tag ${base.reference}:${base.tag} could not be looked up, so a newer base image was not checked for.`;
  }
}
