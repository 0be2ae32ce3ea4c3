import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

import type { RegistryAccess } from "../registry/client";
import { type Failure, ShipError } from "../shared/errors";
import { jsonOfLastLine } from "../shared/json";
import type { Signers } from "./proof";

/** Input of ops/attestation.ts. */
export interface ProofOrder {
  /** `project/stack`, whose desk has the registry's login. */
  readonly stack: string;
  /** `repository@sha256:…` */
  readonly image: string;
  readonly signers: Signers;
  /** Whether the lists of what is in the image have to be there. */
  readonly sbom: boolean;
  /** Whether the signature is enough, without results of gates: the proxy's image has none. @default false */
  readonly signatureAlone?: boolean;
}

/**
 * Verifies an image before anything is declared, in previews, too: a digest that nobody has signed is refused at once.
 * It is done by a program of its own, as the one that Pulumi loads does not have the gates in it.
 * @returns what its gates have not checked, one line each
 * @throws ShipError IMAGE_UNSIGNED, SIGNATURE_INVALID, ATTESTATION_MISSING, ATTESTATION_REFUSED, SBOM_MISSING,
 *   TOOL_MISSING, and what the registry's client throws
 */
export async function checkSigned(
  root: string,
  order: Omit<ProofOrder, "stack">,
  access: RegistryAccess | undefined,
): Promise<string[]> {
  const child = spawn(process.execPath, ["--import", "tsx", "ops/attestation.ts"], {
    cwd: root,
    env: { ...process.env, PROOF: JSON.stringify({ stack: "", ...order }) },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  child.stdin.on("error", () => undefined);
  const { username, password, tokenHost } = access ?? { username: "", password: undefined, tokenHost: "" };
  child.stdin.end(JSON.stringify({ username, password: password?.reveal() ?? "", tokenHost: tokenHost ?? "" }));
  const [status, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  if (status === 0) return stderr.split("\n").filter((line) => line.startsWith("not checked "));
  const { failure } = (jsonOfLastLine(stdout) as { readonly failure?: Failure } | null) ?? {};
  throw failure === undefined ? new Error(`ops/attestation.ts: ${stderr.trim()}`) : new ShipError(failure);
}
