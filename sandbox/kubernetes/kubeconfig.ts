import type { ClusterCredentials } from "./cluster";

/** A configuration for kubectl that logs in as the cluster's administrator. */
export function kubeconfig(name: string, { server, ca, token }: ClusterCredentials): string {
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") } }],
    users: [{ name: `${name}-admin`, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: `${name}-admin` } }],
    "current-context": name,
  };
  return JSON.stringify(config, undefined, 2);
}
