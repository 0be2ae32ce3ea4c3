import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import type { Settings } from "../../settings";
import { type Answer, ask } from "../shared/ask";
import { clusterNamed } from "./cluster-api";
import { clusterCredentials } from "./cluster-credentials";
import { kubeconfig } from "./kubeconfig";

const limitMs = 5 * 60_000;

/** Runs kubectl in Odoo's namespace. */
export type Kubectl = (...args: string[]) => Promise<Answer>;

/**
 * Lets kubectl ask the cluster of the settings, whatever cluster the user's own configuration names. Its configuration
 * is gone afterwards.
 * @returns undefined if the account has no such cluster yet
 * @throws ShipError of DigitalOcean's API
 */
export async function withKubectl<T>(
  root: string,
  settings: Settings,
  use: (kubectl: Kubectl) => Promise<T>,
): Promise<T | undefined> {
  const { doks, digitalocean } = settings;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "kubectl-"));
  try {
    const config = await kubeconfigOf(settings);
    if (config === undefined) {
      return undefined;
    }
    const file = path.join(folder, "kubeconfig");
    fs.writeFileSync(file, config, { mode: 0o600 });
    const token = digitalocean.token && { DIGITALOCEAN_TOKEN: digitalocean.token.reveal() };
    const env = { ...process.env, KUBECONFIG: file, ...token };
    return await use((...args) => ask("kubectl", ["-n", doks.namespace, ...args], root, limitMs, env));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns the kubeconfig of the settings, or one that has no credentials and names the program that asks for them. */
async function kubeconfigOf({ doks, digitalocean }: Settings): Promise<string | undefined> {
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
