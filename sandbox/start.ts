import * as fs from "node:fs";
import { ShipError } from "../components/errors";
import { paths } from "./config";
import { postgresRecord } from "./images/base";
import { runSteps, timesTable, type Step } from "./progress";
import { readServers } from "./servers-control";
import { runSession } from "./session";
import { prepareStack, resourceProgress, stackOutputs, updateLog, updateStack, type StackOptions } from "./stack";
import { hostSteps } from "./steps";
import type { Progress } from "./tools/cache";

/** `npm start`: from nothing to an image's digest, with everything it needs on this machine. */
async function start(): Promise<void> {
  const begun = Date.now();
  console.log(`State: ${paths.state}; tools are kept in ${paths.cache}. Interrupt at any time; the next run goes on.`);
  const timings = await runSteps([...hostSteps(), ...programSteps()], (line) => console.log(line));
  const outputs = await stackOutputs(stackOptions());
  console.log(summary(outputs, timesTable([...timings, { title: "Total", seconds: (Date.now() - begun) / 1000 }])));
}

function programSteps(): readonly (readonly Step[])[] {
  const updatedBefore = fs.existsSync(updateLog);
  return [
    [{ title: "Stack", typicalSeconds: 3, run: (progress) => prepareStack(stackOptions(), progress) }],
    [
      {
        title: "pulumi up",
        typicalSeconds: updatedBefore ? 15 : 240,
        run: (progress) => updateStack({ ...stackOptions(), onLine: tellChanges(progress) }),
      },
    ],
  ];
}

/** Says each thing that Pulumi does once; what it repeats every second is left out. */
function tellChanges(progress: Progress): (line: string) => void {
  let last: string | undefined;
  return (line) => {
    const message = resourceProgress(line);
    if (message !== undefined && message !== last) progress(message.slice(0, 160));
    last = message ?? last;
  };
}

function stackOptions(): StackOptions {
  const servers = readServers();
  if (servers !== undefined) return { servers };
  throw new ShipError({
    code: "SANDBOX_FAILURE",
    summary: "the sandbox's servers have ended",
    found: "no servers.json",
    expected: "the DigitalOcean API and the registry running until `npm run sandbox -- down`",
    remedy: "see `npm run sandbox -- logs`, then run again",
  });
}

function summary(outputs: Record<string, unknown>, times: string): string {
  const reference = String(outputs["imageReference"] ?? "(no output imageReference)");
  const postgres = JSON.parse(fs.readFileSync(postgresRecord, "utf8")) as { reference: string; digest: string };
  return `
imageDigest     ${String(outputs["imageDigest"] ?? "(no output imageDigest)")}
imageReference  ${reference}

${times}

Next, for example:
  eval "$(npm run -s sandbox -- env)"
  pulumi preview
  docker pull ${reference}
  docker network create --label odoo.sandbox=1 --subnet 198.18.55.0/24 odoo-sandbox-try
  docker run -d --label odoo.sandbox=1 --network odoo-sandbox-try --network-alias db \\
    -e POSTGRES_USER=odoo -e POSTGRES_PASSWORD=odoo -e POSTGRES_DB=postgres ${postgres.reference}@${postgres.digest}
  docker run --rm --label odoo.sandbox=1 --network odoo-sandbox-try -p 127.0.0.1:8069:8069 \\
    -e ODOO_INSECURE_DEFAULTS=1 ${reference} odoo -i release_info
  npm run sandbox -- status
  npm run sandbox -- down        (stops and removes all of it; images and tools stay cached)`;
}

runSession(true, start);
