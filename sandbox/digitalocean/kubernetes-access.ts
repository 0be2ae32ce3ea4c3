import { z } from "zod";
import { accountEmail } from "./account";
import type { ClusterCredentials } from "./cluster-machines";
import { preconditionFailed } from "./errors";
import type { Cluster } from "./kubernetes-state";
import { findCluster } from "./kubernetes-view";
import { onlyRegistry } from "./registries";
import type { Call, Context, Route } from "./router";

/** What a token gets when nobody says: seven days. */
const defaultExpirySeconds = 7 * 24 * 3600;
const longestExpirySeconds = 10 * 365 * 24 * 3600;

const clustersBody = z.object({ cluster_uuids: z.array(z.string(), { error: "is required" }).min(1, "is required") });

/** How one gets into a cluster, and how its nodes get images: kubeconfig, credentials, registry integration. */
export function kubernetesAccessRoutes({ store, clusters }: Context): readonly Route[] {
  const access = async (call: Call): Promise<{ cluster: Cluster; credentials: ClusterCredentials; expires: Date }> => {
    const cluster = findCluster(store.state, call.param("id"));
    if (cluster.status.state === "provisioning" || cluster.status.state === "error") {
      throw preconditionFailed(`cluster is ${cluster.status.state}: it has no credentials yet`);
    }
    // 0 means the default, too.
    const asked = call.integer("expiry_seconds", { min: 0, max: longestExpirySeconds }) ?? 0;
    const seconds = asked === 0 ? defaultExpirySeconds : asked;
    const expires = new Date(Date.now() + 1000 * seconds);
    const credentials = await clusters.machines.clusterCredentials(cluster.id);
    const token = (await clusters.machines.clusterToken?.(cluster.id, seconds)) ?? credentials.token;
    return { cluster, credentials: { ...credentials, token }, expires };
  };
  const integrate = async (call: Call, registry: string | undefined): Promise<{ status: number }> => {
    const found = call.body(clustersBody).cluster_uuids.map((id) => findCluster(store.state, id));
    for (const { id } of found) {
      await clusters.integrate(id, registry);
    }
    return { status: 204 };
  };
  return [
    {
      method: "GET",
      path: "/v2/kubernetes/clusters/:id/kubeconfig",
      handle: async (call) => {
        const { cluster, credentials } = await access(call);
        return { status: 200, text: { type: "application/yaml", content: kubeconfig(cluster, credentials) } };
      },
    },
    {
      method: "GET",
      path: "/v2/kubernetes/clusters/:id/credentials",
      handle: async (call) => {
        const { credentials, expires } = await access(call);
        const body = {
          server: credentials.server,
          certificate_authority_data: base64(credentials.ca),
          client_certificate_data: null,
          client_key_data: null,
          token: credentials.token,
          expires_at: expires.toISOString(),
        };
        return { status: 200, body };
      },
    },
    {
      method: "GET",
      path: "/v2/kubernetes/clusters/:id/user",
      handle: (call) => {
        findCluster(store.state, call.param("id"));
        return {
          status: 200,
          body: { kubernetes_cluster_user: { username: accountEmail, groups: ["k8saas:authenticated"] } },
        };
      },
    },
    {
      method: "POST",
      path: "/v2/kubernetes/registry",
      handle: (call) => integrate(call, onlyRegistry(store.state).name),
    },
    { method: "DELETE", path: "/v2/kubernetes/registry", handle: (call) => integrate(call, undefined) },
  ];
}

/** The file as DigitalOcean words it. JSON strings are YAML's, too. */
function kubeconfig({ region, name }: Cluster, { server, ca, token }: ClusterCredentials): string {
  const context = `do-${region}-${name}`;
  return [
    "apiVersion: v1",
    "clusters:",
    "- cluster:",
    `    certificate-authority-data: ${base64(ca)}`,
    `    server: ${JSON.stringify(server)}`,
    `  name: ${context}`,
    "contexts:",
    "- context:",
    `    cluster: ${context}`,
    `    user: ${context}-admin`,
    `  name: ${context}`,
    `current-context: ${context}`,
    "kind: Config",
    "preferences: {}",
    "users:",
    `- name: ${context}-admin`,
    "  user:",
    `    token: ${JSON.stringify(token)}`,
    "",
  ].join("\n");
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
