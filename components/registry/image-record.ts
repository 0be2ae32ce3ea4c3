import * as fs from "node:fs";
import * as path from "node:path";

import { z } from "zod";

import type { ShipError } from "../shared/errors";

/** An image by its digest, as a committed JSON file records it. */
export const imageRecord = z.strictObject({
  /** Repository without tag or digest. */
  reference: z.string().regex(/^[a-z0-9][a-z0-9._:/-]*$/, "is not a repository without tag and digest"),
  tag: z.string().min(1),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, "is not a digest"),
  /** Date on which the tag was last resolved to the digest. */
  date: z.string().regex(/^\d{4}-\d{2}-\d{2}/, "is not a date"),
});
export type ImageRecord = z.output<typeof imageRecord>;

/** `repository@sha256:…` */
export function pinnedImage({ reference, digest }: Pick<ImageRecord, "reference" | "digest">): string {
  return `${reference}@${digest}`;
}

/**
 * Reads a record.
 * @param file path in the project
 * @param invalid makes the error of what was found to be wrong
 * @throws ShipError the one that `invalid` makes
 */
export function readRecord<S extends z.ZodType>(
  root: string,
  file: string,
  schema: S,
  invalid: (found: string) => ShipError,
): z.output<S> {
  let content: unknown;
  try {
    content = JSON.parse(fs.readFileSync(path.join(root, file), "utf8"));
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
  const record = schema.safeParse(content);
  if (!record.success) {
    throw invalid(record.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "));
  }
  return record.data;
}
