import type { World } from "./program";

/** What the official plugins answer for a cluster, as far as the program reads it. Names of their own are those of the resources. */
const named = (inputs: Record<string, unknown>, name: string) => {
  const metadata = inputs["metadata"] as { name?: string } | undefined;
  return { metadata: { ...metadata, name: metadata?.name ?? `${name}-auto`, uid: `uid-of-${name}` } };
};

export const authority = Buffer.from("<certificate>").toString("base64");
export const networkId = "5a4981aa-9653-4bd1-bef5-d6bff52042e4";
export const clusterId = "bd5f5959-5e1e-4205-a714-a914373942af";

export const clusterOutputs: World["outputs"] = {
  "digitalocean:index/vpc:Vpc": () => ({ id: networkId, ipRange: "10.114.0.0/20" }),
  "digitalocean:index/kubernetesCluster:KubernetesCluster": () => ({
    id: clusterId,
    endpoint: `https://${clusterId}.k8s.ondigitalocean.com`,
    kubeConfigs: [
      { clusterCaCertificate: authority, token: "planted", host: `https://${clusterId}.k8s.ondigitalocean.com` },
    ],
  }),
  "digitalocean:index/databaseCluster:DatabaseCluster": () => ({
    id: "9cc10173-e9ea-4176-9dbc-a4cee4c4ff30",
    privateHost: "private-odoo-db.db.ondigitalocean.com",
    port: 25060,
    user: "doadmin",
    password: "planted",
  }),
  "digitalocean:index/databaseDb:DatabaseDb": () => ({}),
  "digitalocean:index/databaseFirewall:DatabaseFirewall": () => ({}),
  "pulumi:providers:kubernetes": () => ({}),
  "kubernetes:core/v1:Namespace": named,
  "kubernetes:core/v1:ServiceAccount": named,
  "kubernetes:core/v1:Secret": named,
  "kubernetes:core/v1:ConfigMap": named,
  "kubernetes:core/v1:PersistentVolumeClaim": named,
  "kubernetes:core/v1:Service": (inputs, name) => ({
    ...named(inputs, name),
    spec: { ...(inputs["spec"] as Record<string, unknown>), clusterIPs: ["10.245.3.4"] },
    status: { loadBalancer: { ingress: [{ ip: "203.0.113.21" }] } },
  }),
  "kubernetes:networking.k8s.io/v1:NetworkPolicy": named,
  "kubernetes:apps/v1:StatefulSet": named,
  "kubernetes:apps/v1:Deployment": named,
  "kubernetes:batch/v1:Job": named,
  "kubernetes:policy/v1:PodDisruptionBudget": named,
  "kubernetes:autoscaling/v2:HorizontalPodAutoscaler": named,
};

export const clusterFunctions: NonNullable<World["functions"]> = {
  "digitalocean:index/getDatabaseCa:getDatabaseCa": () => ({
    certificate: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
  }),
};

export interface PaperCluster {
  readonly version: string;
  readonly registryEnabled?: boolean;
  /** Whether its network is not to be found. */
  readonly withoutNetwork?: boolean;
  /** @default running */
  readonly status?: { readonly state: string; readonly message: string };
}

/**
 * DigitalOcean's API about clusters.
 * @param running the account's one cluster, called odoo; undefined if there is none
 */
export function clusterApi(pathname: string, running?: PaperCluster): Response | undefined {
  const cluster = running && {
    id: clusterId,
    name: "odoo",
    region: "fra1",
    version: running.version,
    vpc_uuid: networkId,
    registry_enabled: running.registryEnabled ?? false,
    ...(running.status && { status: running.status }),
  };
  switch (pathname) {
    case `/v2/vpcs/${networkId}`:
      return running?.withoutNetwork === true
        ? new Response("{}", { status: 404 })
        : Response.json({ vpc: { id: networkId, ip_range: "10.114.0.0/20" } });
    case "/v2/kubernetes/options":
      return Response.json({
        options: { versions: ["1.35.0-do.1", "1.34.1-do.0", "1.33.5-do.2"].map((slug) => ({ slug })) },
      });
    case "/v2/kubernetes/clusters":
      return Response.json({ kubernetes_clusters: cluster === undefined ? null : [cluster] });
    case `/v2/kubernetes/clusters/${clusterId}`:
      return cluster === undefined
        ? new Response("{}", { status: 404 })
        : Response.json({ kubernetes_cluster: cluster });
    case `/v2/kubernetes/clusters/${clusterId}/credentials`:
      return cluster === undefined
        ? new Response("{}", { status: 404 })
        : Response.json({
            server: `https://${clusterId}.k8s.ondigitalocean.com`,
            certificate_authority_data: authority,
            token: "planted-token",
            expires_at: "2026-11-21T11:00:00Z",
          });
    default:
      return undefined;
  }
}
