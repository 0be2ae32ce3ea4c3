import { z } from "zod";

/** Kinds of signed statements about an image, by the type of their predicate. */
export const predicateTypes = {
  /** What `cosign sign` makes: this digest, and nothing more. */
  signature: "https://sigstore.dev/cosign/sign/v1",
  /** Ours: how the gates ended for this digest. Its shape is {@link gatesPredicate}. */
  attestation: "urn:odoo-ship:gates:1",
} as const;
export type Kind = keyof typeof predicateTypes;

/** Lists of what is in an image, by the type of their predicate. */
export const listTypes = {
  spdx: "https://spdx.dev/Document",
  cyclonedx: "https://cyclonedx.org/bom",
} as const;
export type ListKind = keyof typeof listTypes;
export const listKinds = Object.keys(listTypes) as readonly ListKind[];

const object = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** Results of the gates, as they are signed. */
export const gatesPredicate = z.object({
  /**
   * Lists of what is in the image, by the digests of the registry's objects that hang on it: too large to travel with a
   * release, and by this name nobody can exchange them. Absent where `gates:sbom` was off, and in older statements.
   */
  sbom: z.object({ spdx: object, cyclonedx: object }).optional(),
  gates: z
    .array(
      z.object({
        name: z.string(),
        /** Anything but `passed` and `incomplete` is a failure. */
        outcome: z.string(),
        /** Parts that were not checked, one sentence each. */
        notChecked: z.array(z.string()),
      }),
    )
    .min(1),
});
export type GatesPredicate = Readonly<z.output<typeof gatesPredicate>>;
export type GateSummary = GatesPredicate["gates"][number];
export type Sbom = NonNullable<GatesPredicate["sbom"]>;

const types = { ...predicateTypes, ...listTypes };

const ofKey = z.strictObject({
  /** In PEM. */
  publicKey: z.string(),
});
const ofIdentity = z.strictObject({
  /** The person's or the workflow's name in the certificate. */
  identity: z.string(),
  /** Address of who vouches for that name. */
  issuer: z.string(),
  /** Sigstore's `trusted_root.json`: whose certificates and logs count. */
  trustedRoot: z.string(),
});

/** Whose signature counts. All of it is public. */
export const signerSchema = z.union([ofKey, ofIdentity]);
export type Signer = Readonly<z.output<typeof signerSchema>>;

/** Whose signature an image needs before it is run: of any of these. */
export type Signers = readonly Signer[];

/** All that a target needs to verify an image by itself, without a network and without a login. */
export const proofSchema = z.strictObject({
  signer: signerSchema,
  /** Sigstore bundles, JSON; empty where the image has none. */
  signature: z.string(),
  attestation: z.string(),
  /** Whether the results of the gates have to name the lists of what is in the image. @default they need not */
  sbom: z.boolean().optional(),
});
export type Proof = Readonly<z.output<typeof proofSchema>>;

/** Names of the files in which cosign finds a proof. */
export const proofFiles = {
  key: "signer.pub",
  trustedRoot: "trusted-root.json",
  signature: "signature.json",
  attestation: "attestation.json",
  spdx: "spdx.json",
  cyclonedx: "cyclonedx.json",
} as const;

/** Files of a proof by name: what lies in the folder that {@link cosignArguments} names. */
export function filesOf({ signer, signature, attestation }: Proof): Record<string, string> {
  return {
    ...filesOfSigner(signer),
    [proofFiles.signature]: signature,
    [proofFiles.attestation]: attestation,
  };
}

/** Those of them that say whose signature counts. */
export function filesOfSigner(signer: Signer): Record<string, string> {
  return "publicKey" in signer
    ? { [proofFiles.key]: signer.publicKey }
    : { [proofFiles.trustedRoot]: signer.trustedRoot };
}

/**
 * Arguments with which cosign verifies a bundle for a digest. It asks nobody: key or roots are given, and what a
 * transparency log has witnessed is in the bundle.
 * worker/odoo_ship/hosts/compose_signature.py has the same for a host.
 * @param digest `sha256:…`
 */
export function cosignArguments(signer: Signer, kind: Kind | ListKind, digest: string, folder: string): string[] {
  const by =
    "publicKey" in signer
      ? // A key of one's own needs no log that is open to everybody.
        [`--key=${folder}/${proofFiles.key}`, "--insecure-ignore-tlog=true"]
      : [
          `--certificate-identity=${signer.identity}`,
          `--certificate-oidc-issuer=${signer.issuer}`,
          `--trusted-root=${folder}/${proofFiles.trustedRoot}`,
        ];
  return [
    "verify-blob-attestation",
    `--bundle=${folder}/${proofFiles[kind]}`,
    `--type=${types[kind]}`,
    `--digest=${digest.slice("sha256:".length)}`,
    "--digestAlg=sha256",
    ...by,
  ];
}
