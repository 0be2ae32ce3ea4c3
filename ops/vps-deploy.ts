/**
 * Deploys a request to a host and waits for its outcome. Run by the `VpsDeployment` component; safe to run again: a
 * host that runs what is asked for says so at once, and one that is at it is attached to.
 *
 * Standard input: JSON of {stack, connection: {host, port, user, hostKey, privateKey}, request}, where the stack's
 * secrets are references to what its desk has (components/shared/secret-desk.ts). Standard output: one line of JSON
 * about what runs. Progress and failures go to standard error. `--fresh`: the host may have been made just now.
 */
import "../components/shared/compile-cache";
import { text } from "node:stream/consumers";

import { ShipError } from "../components/shared/errors";
import type { HostAddress } from "../components/vps/ssh";
import { Secret } from "../components/shared/secret";
import { onCancel } from "../components/shared/cancel";
import { fetchReferences } from "../components/shared/secret-desk";
import { type Deployable, VpsClient } from "../components/vps/client";
import { readWorker } from "../components/odoo/worker-files";

const minute = 60_000;

interface Input {
  readonly connection: HostAddress & { readonly hostKey: string; readonly privateKey: string };
  readonly request: Deployable;
}

let sent = false;

async function main(): Promise<void> {
  const told = JSON.parse(await text(process.stdin)) as { readonly stack: string };
  const given = { "vps:privateKey": process.env["VPS_SSH_PRIVATE_KEY"] };
  const { connection, request } = (await fetchReferences(told, told.stack, given)) as Input;
  const { host, port, user, hostKey } = connection;
  const patience = {
    readyMs: (process.argv.includes("--fresh") ? 10 : 2) * minute,
    setupMs: 10 * minute,
    lostMs: 15 * minute,
    releaseMs: 2 * request.release.upgradeSeconds * 1000 + 60 * minute,
    pollMs: 2_000,
  };
  const client = new VpsClient(
    { host, port, user, hostKey, privateKey: new Secret(connection.privateKey) },
    patience,
    (line) =>
      // Pulumi keeps the output as a secret, since the input is one, and masks the same line in the next update. The
      // time makes the line new.
      console.error(`${new Date().toISOString().slice(11, 19)} ${line}`),
  );
  await client.ready(request);
  sent = true;
  await client.send(readWorker(process.cwd()), request);
  const { live, request: outcome } = await client.follow(request);
  client.close();
  console.log(
    JSON.stringify({
      request: request.id,
      url: request.url,
      digest: live?.digest,
      since: live?.since,
      warnings: outcome?.warnings ?? [],
    }),
  );
}

/** Nobody waits for the outcome any more, and the host does not mind. What it was not told to begin does not begin. */
onCancel((how) => {
  console.error(
    sent
      ? `${how}: the host goes on by itself. See how far it is with \`sudo odoo-ship status\` there, or run the same ` +
          "command again to wait for it."
      : `${how}: nothing was changed on the host.`,
  );
  process.exit(130);
});

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  if (sent && error instanceof ShipError && error.code === "HOST_UNREACHABLE") {
    console.error("The host has the request and goes on by itself; run the same command again to see how it ended.");
  }
  process.exit(1);
});
