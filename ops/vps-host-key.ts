/**
 * Finds out the SSH key of a host that was made just now, and prints it once the host has proved that it is its own.
 * Run by `VpsDroplet`.
 *
 * Standard input: JSON of {stack, connection: {host, port, user, privateKey}, nonce}, where the private key is a
 * reference to what the stack's desk has (components/shared/secret-desk.ts). Progress and failures go to standard
 * error.
 */
import "../components/shared/compile-cache";
import { text } from "node:stream/consumers";

import type { HostAddress } from "../components/vps/ssh";
import { provenHostKey } from "../components/vps/host-key-proof";
import { Secret } from "../components/shared/secret";
import { onCancel } from "../components/shared/cancel";
import { fetchReferences } from "../components/shared/secret-desk";

interface Input {
  readonly connection: HostAddress & { readonly privateKey: string };
  readonly nonce: string;
}

async function main(): Promise<void> {
  const told = JSON.parse(await text(process.stdin)) as { readonly stack: string };
  const given = { "vps:privateKey": process.env["VPS_SSH_PRIVATE_KEY"] };
  const { connection, nonce } = (await fetchReferences(told, told.stack, given)) as Input;
  const access = { ...connection, privateKey: new Secret(connection.privateKey) };
  const key = await provenHostKey(access, nonce, { totalMs: 10 * 60_000, pauseMs: 3_000 }, (line) =>
    console.error(line),
  );
  console.log(key);
}

onCancel((how) => {
  console.error(`${how}: the host was only looked at.`);
  process.exit(130);
});
main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
