import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { type Asked, reportOf, type TargetReport, unread } from "../odoo/history";
import { type Answer, ask } from "../shared/ask";
import { ShipError } from "../shared/errors";
import { clusterNamed } from "./cluster-api";
import { clusterCredentials } from "./cluster-credentials";
import { kubeconfig } from "./kubeconfig";
import { names } from "./objects/names";

const limitMs = 5 * 60_000;
const target = "cluster";
const template = `${names.operator}-releases`;

/**
 * Asks the cluster for the releases that it has run: by a Job of the worker's template, as an operator would, which
 * only reads and is removed. Undefined for `doks:mode` none.
 */
export async function clusterHistory(asked: Asked): Promise<TargetReport | undefined> {
  const { root, settings } = asked;
  const { doks, digitalocean } = settings;
  if (doks.mode === "none") {
    return undefined;
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "releases-"));
  try {
    const config = await kubeconfigOf(settings);
    if (config === undefined) {
      return unread(target, "the account has no such cluster yet: `pulumi up` makes it");
    }
    const file = path.join(folder, "kubeconfig");
    fs.writeFileSync(file, config, { mode: 0o600 });
    const token = digitalocean.token && { DIGITALOCEAN_TOKEN: digitalocean.token.reveal() };
    const env = { ...process.env, KUBECONFIG: file, ...token };
    return await answerOf((...args) => ask("kubectl", ["-n", doks.namespace, ...args], root, limitMs, env));
  } catch (error) {
    if (!(error instanceof ShipError)) throw error;
    return unread(target, `${error.code}: ${error.failure.summary}: ${error.failure.found}`);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs kubectl in Odoo's namespace. */
type Kubectl = (...args: string[]) => Promise<Answer>;

/** Has the template's Job answer, and removes it. */
export async function answerOf(kubectl: Kubectl): Promise<TargetReport> {
  const job = `${template}-${Date.now()}-${process.pid}`;
  const made = await kubectl("create", "job", job, `--from=cronjob/${template}`);
  if (made.status !== 0) {
    return unread(target, reasonOf(made));
  }
  const told = await kubectl("logs", "-f", "--pod-running-timeout=3m", `job/${job}`);
  await kubectl("delete", "job", job, "--wait=false");
  return reportOf(target, told.stdout, `its Job ${job} did not answer: ${reasonOf(told)}`);
}

function reasonOf({ stdout, stderr, problem }: Answer): string {
  if (/cronjobs.*"?not found/i.test(stderr)) {
    return `it has no ${template} yet: the next \`pulumi up\` brings it`;
  }
  if (problem?.includes("ENOENT") === true) {
    return "kubectl is not installed on this machine, and asks the cluster";
  }
  return (stderr.trim() || stdout.trim() || (problem ?? "no words")).split("\n").slice(-3).join("; ");
}

/** Returns the kubeconfig of the settings, or one that has no credentials and names the program that asks for them. */
async function kubeconfigOf({ doks, digitalocean }: Asked["settings"]): Promise<string | undefined> {
  if (doks.kubeconfig !== undefined) {
    return doks.kubeconfig.reveal();
  }
  if (digitalocean.token === undefined) {
    return undefined;
  }
  const access = { apiUrl: digitalocean.apiUrl, token: digitalocean.token };
  const id = doks.mode === "create" ? (await clusterNamed(access, doks.name))?.id : doks.clusterId;
  // Ask for the shortest token: only the address beside it is wanted.
  const found = id === undefined ? undefined : await clusterCredentials(access, id, 300);
  return found === undefined || id === undefined
    ? undefined
    : kubeconfig({
        id,
        server: found.server,
        certificateAuthority: found.certificate_authority_data,
        namespace: doks.namespace,
        apiUrl: access.apiUrl,
        apiToken: undefined,
      });
}
