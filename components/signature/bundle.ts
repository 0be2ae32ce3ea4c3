import { z } from "zod";

import { jsonOf } from "../shared/json";

/** Media type of the bundles, and of the registry's objects that hold one. */
export const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";

const bundleSchema = z.object({
  mediaType: z.literal(bundleType),
  verificationMaterial: z.record(z.string(), z.unknown()),
  dsseEnvelope: z.strictObject({
    payload: z.base64(),
    payloadType: z.literal("application/vnd.in-toto+json"),
    signatures: z.array(z.record(z.string(), z.unknown())).length(1),
  }),
});
const statementSchema = z.object({
  predicateType: z.string(),
  subject: z.array(z.object({ digest: z.record(z.string(), z.string()) })).min(1),
  predicate: z.unknown(),
});

/** A Sigstore bundle with a signed statement. Nothing of it is to be believed before cosign has verified its text. */
export interface Bundle {
  /** JSON with what was read here, and nothing else. */
  readonly text: string;
  readonly predicateType: string;
  /** Images that it is about, `sha256:…`. */
  readonly digests: readonly string[];
  readonly predicate: unknown;
}

/**
 * Reads a bundle; undefined if it is none. It is written anew for cosign: a second key of the same name, or a field of
 * an older format that brings a key of its own along, must not show cosign something else than is judged here.
 */
export function readBundle(text: string): Bundle | undefined {
  const bundle = bundleSchema.safeParse(jsonOf(text)).data;
  if (bundle === undefined) return undefined;
  const { mediaType, verificationMaterial, dsseEnvelope } = bundle;
  const statement = statementSchema.safeParse(jsonOf(Buffer.from(dsseEnvelope.payload, "base64").toString())).data;
  return (
    statement && {
      text: JSON.stringify({ mediaType, verificationMaterial, dsseEnvelope }),
      predicateType: statement.predicateType,
      digests: statement.subject.map(({ digest }) => `sha256:${digest["sha256"] ?? ""}`),
      predicate: statement.predicate,
    }
  );
}
