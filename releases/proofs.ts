import { recall } from "../gates/report/history";
import { imageRepository } from "../components/registry/reference";
import { checkSigned } from "../components/signature/check";
import { signersOf, wantsSbom } from "../components/signature/policy";
import type { Settings } from "../settings";
import type { Row } from "./plan";

/** Tells what is known of an image's signature and gates. `built`: the stack that built it, `project/stack`. */
export type Proofs = (root: string, settings: Settings, built: string, digest: string) => Promise<readonly Row[]>;

/**
 * Verifies the signature, and with it how the gates ended, where releases are signed. What this machine has kept of the
 * gates is told as well; it proves nothing.
 * @throws ShipError IMAGE_UNSIGNED, SIGNATURE_INVALID, ATTESTATION_MISSING, ATTESTATION_REFUSED, SBOM_MISSING,
 *   TOOL_MISSING
 */
export const realProofs: Proofs = async (root, settings, built, digest) => {
  const signers = signersOf(root, settings);
  const image = `${imageRepository(settings.registry)}@${digest}`;
  if (signers === undefined) {
    return [["signature", "not checked: gates:signing is none (docs/signatures.md)"], gates(root, built, image)];
  }
  const order = { image, signers, sbom: wantsSbom(settings) };
  const lines = await checkSigned(root, order, settings.registryAccess);
  const passed: Row = ["signature", "verified, and signed with it: its gates have passed"];
  return [passed, ...lines.map((line): Row => ["gates", line]), gates(root, built, image)];
};

function gates(root: string, built: string, image: string): Row {
  const entry = recall(root, built).findLast((one) => one.image === image);
  if (entry === undefined) return ["gates", "no report of them on this machine; its release tag says that they passed"];
  const { outcome, begun, vulnerabilities: known } = entry;
  const found = known === undefined ? "" : `, vulnerabilities: ${known.critical} CRITICAL, ${known.high} HIGH`;
  return ["gates", `${outcome} on ${begun.slice(0, 10)}, by this machine's .build/report${found}`];
}
