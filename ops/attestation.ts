/**
 * Verifies that an image is signed and that its gates have passed, before anything runs it. Run by `ReleaseGates`, and
 * by the plan of a stack that deploys a digest by its name. It changes nothing.
 *
 * Environment: `PROOF`, JSON of {stack, image, signers, sbom, signatureAlone}. Standard input: JSON of the registry's
 * login {username, password, tokenHost}, for the plan; if there is none it is fetched from the stack's desk
 * (components/shared/secret-desk.ts). Standard output: one line of JSON, the Proof of components/signature/proof.ts;
 * none for a signature alone.
 */
import "../components/shared/compile-cache";
import { text } from "node:stream/consumers";

import { type RegistryAccess, RegistryClient } from "../components/registry/client";
import { taggingLogin } from "../components/release/tag-order";
import { onCancel } from "../components/shared/cancel";
import { ShipError } from "../components/shared/errors";
import { Secret } from "../components/shared/secret";
import type { ProofOrder } from "../components/signature/check";
import { hangingOn } from "../components/signature/referrers";
import { printable } from "../components/shared/printable";
import { expectSigned, proofOf, verify } from "../gates/prove";
import { giveUp } from "../gates/programs";
import { findTool } from "../gates/tools/find";

async function main(): Promise<void> {
  const { stack, image, signers, sbom, signatureAlone } = JSON.parse(process.env["PROOF"] ?? "{}") as ProofOrder;
  const { path: cosign } = await findTool("cosign");
  const [repository = "", digest = ""] = image.split("@");
  const given = await text(process.stdin);
  const hanging = await hangingOn(new RegistryClient(repository, await loginOf(given, stack)), digest);
  const verified = await verify(cosign, digest, hanging, signers);
  if (signatureAlone) {
    expectSigned(image, hanging, verified);
    return;
  }
  const proof = proofOf(image, hanging, verified, sbom);
  for (const { name, notChecked } of verified.attestation?.gates ?? []) {
    for (const line of notChecked)
      console.error(`not checked before its release, ${printable(name)}: ${printable(line)}`);
  }
  console.log(JSON.stringify(proof));
}

/** Undefined without one: then the registry is asked as anybody. */
async function loginOf(given: string, stack: string): Promise<RegistryAccess | undefined> {
  if (given.trim() === "") return taggingLogin({ stack });
  const { password, ...login } = JSON.parse(given) as { username: string; password: string; tokenHost: string };
  return login.username === "" ? undefined : { ...login, password: new Secret(password) };
}

onCancel((how) => {
  giveUp();
  console.error(`${how}: whether the image is signed was not found out.`);
  process.exit(130);
});

main().catch((error: unknown) => {
  // The plan raises it anew, as what it is.
  if (error instanceof ShipError) console.log(JSON.stringify({ failure: error.failure }));
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
