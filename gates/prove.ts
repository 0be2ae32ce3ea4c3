import * as fs from "node:fs";
import * as path from "node:path";

import { ShipError } from "../components/shared/errors";
import { printable } from "../components/shared/printable";
import type { Bundle } from "../components/signature/bundle";
import {
  cosignArguments,
  filesOfSigner,
  gatesPredicate,
  type GatesPredicate,
  type Kind,
  type ListKind,
  listKinds,
  predicateTypes,
  proofFiles,
  type Proof,
  type Signer,
  type Signers,
} from "../components/signature/proof";
import type { Hanging } from "../components/signature/referrers";
import { bareEnvironment, run } from "./programs";
import { inTemporaryFolder } from "./temporary";

const limitMs = 2 * 60_000;

/** What was found for an image, and what was wrong with what does not count. */
export interface Verified {
  /** Undefined where nothing of either kind counts. */
  readonly signer: Signer | undefined;
  readonly signature: Bundle | undefined;
  /** `lacking`: lists of what is in the image that it does not name, or that do not hang on the image. */
  readonly attestation: (Bundle & GatesPredicate & { readonly lacking: readonly ListKind[] }) | undefined;
  /** One sentence for each statement that does not count. */
  readonly refused: readonly string[];
}

/**
 * Verifies what hangs on an image: cosign says whose a statement is and which image it is about; what it says is read
 * only then. Both statements have to be of one signer.
 * @param cosign path of the program
 * @param digest `sha256:…`
 */
export async function verify(
  cosign: string,
  digest: string,
  { bundles, lists }: Hanging,
  signers: Signers,
): Promise<Verified> {
  let best: Verified = { signer: undefined, signature: undefined, attestation: undefined, refused: [] };
  const refused: string[] = [];
  for (const signer of signers) {
    const ofKind = async (kind: Kind): Promise<Bundle[]> => {
      const good: Bundle[] = [];
      for (const bundle of bundles.filter(({ predicateType }) => predicateType === predicateTypes[kind])) {
        const problem = await problemOf(cosign, digest, bundle, signer, kind);
        if (problem === undefined) good.push(bundle);
        else refused.push(problem);
      }
      return good;
    };
    const [signature] = await ofKind("signature");
    const attestations = (await ofKind("attestation")).flatMap((bundle) => {
      const read = gatesPredicate.safeParse(bundle.predicate);
      if (!read.success) refused.push("results of gates in a shape that this program does not know");
      if (!read.success) return [];
      const { gates, sbom } = read.data;
      const lacking = listKinds.filter((kind) => !lists.some(({ digest: one }) => one === sbom?.[kind]));
      return [{ ...bundle, gates, sbom, lacking }];
    });
    // A release is signed once its gates have passed. One with a failure tells of somebody who signed by hand. Of two
    // the one counts whose lists are there: they were attached anew.
    const worth = ({ gates, lacking }: (typeof attestations)[number]) =>
      (failedOf(gates).length === 0 ? 10 : 0) - lacking.length;
    const [attestation] = attestations.toSorted((one, other) => worth(other) - worth(one));
    const found = { signer, signature, attestation, refused: [] };
    if (countOf(found) > countOf(best)) best = found;
    if (countOf(best) === 2) break;
  }
  return { ...best, refused: [...new Set(refused)] };
}

function countOf({ signature, attestation }: Pick<Verified, "signature" | "attestation">): number {
  return [signature, attestation].filter((one) => one !== undefined).length;
}

/** Names of gates that have not passed. */
function failedOf(gates: GatesPredicate["gates"]): string[] {
  return gates.filter(({ outcome }) => outcome !== "passed" && outcome !== "incomplete").map(({ name }) => name);
}

/** Answers why a statement does not count; undefined if it does. */
export async function problemOf(
  cosign: string,
  digest: string,
  bundle: Bundle,
  signer: Signer,
  kind: Kind | ListKind,
): Promise<string | undefined> {
  if (!bundle.digests.includes(digest)) return `${kind}: it is about ${bundle.digests.map(printable).join(", ")}`;
  return inTemporaryFolder(async (folder) => {
    for (const [name, text] of Object.entries({ ...filesOfSigner(signer), [proofFiles[kind]]: bundle.text })) {
      fs.writeFileSync(path.join(folder, name), text);
    }
    const args = cosignArguments(signer, kind, digest, folder);
    const { status, tail } = await run(cosign, args, { cwd: folder, env: bareEnvironment(), limitMs });
    return status === 0 ? undefined : `${kind}: ${printable(tail.split("\n").at(-1) ?? "").slice(0, 300)}`;
  });
}

const again = "deploy a digest that staging has released and signed: pulumi stack output imageDigest --stack staging";

/**
 * Judges the signature alone.
 * @param image `repository@sha256:…`
 * @throws ShipError IMAGE_UNSIGNED, SIGNATURE_INVALID
 */
export function expectSigned(
  image: string,
  { bundles }: Pick<Hanging, "bundles">,
  { signer, signature, refused }: Verified,
): { readonly signer: Signer; readonly signature: Bundle } {
  if (bundles.length === 0) {
    throw new ShipError({
      code: "IMAGE_UNSIGNED",
      summary: "the image is not signed",
      found: `nothing in the registry that is signed about ${image}`,
      expected: "a signature, since gates:signing asks for one",
      remedy: `${again}. A release from before signing was switched on: docs/signatures.md`,
    });
  }
  if (signer === undefined || signature === undefined) {
    throw new ShipError({
      code: "SIGNATURE_INVALID",
      summary: "no signature of the image counts",
      found: [image, ...(refused.length === 0 ? ["results of gates, and no signature"] : refused)].join("\n"),
      expected: "a signature of this digest by whom gates:publicKey, or gates:signer, names",
      remedy: `do not run it before you know who has made it; ${again}`,
    });
  }
  return { signer, signature };
}

/**
 * Judges what was verified of an image and its gates.
 * @param image `repository@sha256:…`
 * @param sbom whether the lists of what is in it have to be there
 * @throws ShipError IMAGE_UNSIGNED, SIGNATURE_INVALID, ATTESTATION_MISSING, ATTESTATION_REFUSED, SBOM_MISSING
 */
export function proofOf(image: string, hanging: Pick<Hanging, "bundles">, verified: Verified, sbom: boolean): Proof {
  const { signer, signature } = expectSigned(image, hanging, verified);
  const { attestation, refused } = verified;
  if (attestation === undefined) {
    throw new ShipError({
      code: "ATTESTATION_MISSING",
      summary: "the image is signed, and nobody has signed that its gates have passed",
      found: [image, ...refused].join("\n"),
      expected: `a statement ${predicateTypes.attestation} by the same signer`,
      remedy: `the update that signed it may have been cut off: run staging's again, which goes on; or ${again}`,
    });
  }
  const failed = failedOf(attestation.gates);
  if (failed.length > 0) {
    throw new ShipError({
      code: "ATTESTATION_REFUSED",
      summary: "the image has been signed although a gate has failed",
      found: `${image}: ${failed.map(printable).join(", ")}`,
      expected: "gates that have passed: this program signs no other image",
      remedy: `find out who has used the key, and change it; ${again}`,
    });
  }
  if (sbom && attestation.lacking.length > 0) {
    const { sbom: named, lacking } = attestation;
    throw new ShipError({
      code: "SBOM_MISSING",
      summary: "the registry does not have the lists of what is in the image",
      found:
        named === undefined
          ? `${image}: the results of its gates name no list`
          : [`${image} lacks`, ...lacking.map((kind) => `${kind}: ${named[kind]}`)].join("\n"),
      expected: "the lists that the signed results of its gates name, since gates:sbom is required here",
      remedy: `${again}. To attach them, or to deploy it without: docs/signatures.md, "A release without its lists"`,
    });
  }
  return { signer, signature: signature.text, attestation: attestation.text, ...(sbom && { sbom }) };
}
