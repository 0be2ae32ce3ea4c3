import * as fs from "node:fs";
import * as path from "node:path";
import { ShipError } from "../components/shared/errors";
import { paths } from "./config";
import { reservedAddress } from "./digitalocean/machines";
import { runSteps, timesTable, type Step } from "./progress";
import { readServers } from "./servers-control";
import { runSession } from "./session";
import { prepareStack, stackOutputs, updateLog, updateStack, type StackOptions } from "./stack";
import { beforeUpdate, clusterStep, hostSteps } from "./steps";
import type { Progress } from "./tools/cache";
import { updateSteps } from "./update-steps";

/** `npm start`: from nothing to a running Odoo, with everything it needs on this machine. */
async function start(): Promise<void> {
  const begun = Date.now();
  console.log(`State: ${paths.state}; tools are kept in ${paths.cache}. Interrupt at any time; the next run goes on.`);
  const timings = await runSteps(allSteps(), (line) => console.log(line));
  const outputs = await stackOutputs(stackOptions());
  console.log(summary(outputs, timesTable([...timings, { title: "Total", seconds: (Date.now() - begun) / 1000 }])));
}

/** The update does not wait for what the cluster is made of: it orders the cluster, and deploys to the VPS meanwhile. */
function allSteps(): readonly Step[] {
  let clusterBuilt = false;
  const host = hostSteps().map((step) => {
    if (step.title !== clusterStep) return step;
    return { ...step, run: async (progress: Progress) => (await step.run(progress), void (clusterBuilt = true)) };
  });
  const prepare = { title: "Stack", after: beforeUpdate, work: 3 };
  const update = updateSteps({
    run: (onLine) => updateStack({ ...stackOptions(), onLine }),
    after: [prepare.title],
    again: fs.existsSync(updateLog),
    clusterBuilt: () => clusterBuilt,
    vpsAddress: vpsUrl,
  });
  const stack = { ...prepare, run: (progress: Progress) => prepareStack(stackOptions(), progress) };
  return [...host, stack, ...update];
}

/** Where users find Odoo on the VPS, before the outputs of the update say so. */
function vpsUrl(): string {
  const domain =
    /^ {2}vps:domain: (\S+)$/m.exec(fs.readFileSync(path.join(paths.root, "Pulumi.sandbox.yaml"), "utf8"))?.[1] ?? "";
  return `https://${domain}, at ${reservedAddress(0)}`;
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
  const shown = (name: string) => String(outputs[name] ?? `(no output ${name})`);
  const [vps, doks] = (["vps", "doks"] as const).map((target) => {
    const [url, address] = [shown(`${target}Url`), shown(`${target}Address`)];
    return { url, address, domain: new URL(url).hostname };
  }) as [Target, Target];
  const curl = ({ url, address, domain }: Target) =>
    `curl --insecure --resolve ${domain}:443:${address} ${url}/web/health`;
  return `
imageDigest     ${shown("imageDigest")}
imageReference  ${shown("imageReference")}
vpsUrl          ${vps.url}   at ${vps.address}
doksUrl         ${doks.url}   at ${doks.address}

${times}

Log in: the user is admin; on the VPS its password is shown once, in the cluster it is in a Secret
  npm run -s sandbox -- ssh odoo-ship first-login
  npm run -s sandbox -- kubectl get secret odoo-first-login -n odoo -o jsonpath={.data.first-password} | base64 -d
In a browser of this machine the names must lead to the addresses, and the certificates are the proxies' own:
  google-chrome --host-resolver-rules="MAP ${vps.domain} ${vps.address}, MAP ${doks.domain} ${doks.address}" ${vps.url} ${doks.url}
  ${curl(vps)}
  ${curl(doks)}

Next, for example:
  npm run sandbox -- ssh odoo-ship status
  npm run sandbox -- kubectl get pods -n odoo
  eval "$(npm run -s sandbox -- env)"
  pulumi preview
  npm run sandbox -- status
  npm run sandbox -- down        (stops all of it; the data of VPS and cluster, images and tools stay)`;
}

/** Where Odoo answers. */
interface Target {
  readonly url: string;
  readonly address: string;
  readonly domain: string;
}

runSession(true, start);
