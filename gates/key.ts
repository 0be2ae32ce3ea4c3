/**
 * Makes a pair of keys that sign releases: `npm run gates:key`. The public one goes beside those that are in
 * signing.pub, which is committed. The private one and its password lie in .build/signing until the commands that are
 * printed have put them into the stack's encrypted settings.
 *
 * Environment: `COSIGN_PASSWORD`, the password of the private key. @default a random one
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

import { ShipError } from "../components/shared/errors";
import { run } from "./programs";
import { findTool } from "./tools/find";

export const publicFile = "signing.pub";
const folder = path.join(".build", "signing");

/**
 * Makes the pair below a project's folder.
 * @returns what to type next
 * @throws ShipError TOOL_MISSING, SIGNING_FAILURE
 */
export async function makeKey(root: string, password = randomBytes(24).toString("base64url")): Promise<string[]> {
  const { path: cosign } = await findTool("cosign");
  const place = path.join(root, folder);
  if (fs.existsSync(place)) {
    throw failure(`${folder} has a key of an earlier call`, "no key that is stored nowhere else");
  }
  // Whole or not at all: what was cut off is no reason to refuse the next call.
  const partial = `${place}.partial`;
  fs.rmSync(partial, { recursive: true, force: true });
  fs.mkdirSync(partial, { recursive: true, mode: 0o700 });
  const { status, tail } = await run(cosign, ["generate-key-pair", "--output-key-prefix", "signing"], {
    cwd: partial,
    env: { ...process.env, COSIGN_PASSWORD: password },
    limitMs: 60_000,
  });
  if (status !== 0) throw failure(tail, "a pair of keys");
  fs.writeFileSync(path.join(partial, "password"), password, { mode: 0o600 });
  const added = fs.readFileSync(path.join(partial, "signing.pub"), "utf8");
  fs.renameSync(partial, place);
  // The earlier ones stay, for images that they have signed.
  fs.appendFileSync(path.join(root, publicFile), added);
  return [
    "pulumi config set gates:signing key",
    `pulumi config set gates:publicKey ${publicFile}`,
    `pulumi config set --secret gates:signingKey -- < ${path.join(folder, "signing.key")}`,
    `pulumi config set --secret gates:signingPassword -- < ${path.join(folder, "password")}`,
    `rm -r ${folder}`,
  ];
}

function failure(found: string, expected: string): ShipError {
  return new ShipError({
    code: "SIGNING_FAILURE",
    summary: "no key was made",
    found,
    expected,
    remedy: `store it as docs/signatures.md tells, then remove ${folder} and run npm run gates:key again`,
  });
}

async function main(): Promise<void> {
  const commands = await makeKey(process.cwd(), process.env["COSIGN_PASSWORD"]);
  console.log(`The public key is in ${publicFile}: commit it. With the stack that builds selected:\n`);
  for (const command of commands) console.log(`  ${command}`);
  console.log("\nA stack that only deploys, such as production, needs the first two, and no private key.");
}

if (require.main === module) {
  void main().catch((error: unknown) => {
    console.error(error instanceof ShipError ? error.message : error);
    process.exitCode = 1;
  });
}
