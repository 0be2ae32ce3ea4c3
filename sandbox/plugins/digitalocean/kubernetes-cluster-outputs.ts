import { isMap, type Value, type ValueMap } from "../values";
import type { Api } from "./api";
import { defaultPoolTag, ownTags, poolOutputs } from "./kubernetes-pool-properties";
import { list, part } from "./sets";
import { goTime, rfc3339 } from "./times";

const plugins: readonly (readonly [string, string])[] = [
  ["amdGpuDeviceMetricsExporterPlugin", "amd_gpu_device_metrics_exporter_plugin"],
  ["amdGpuDevicePlugin", "amd_gpu_device_plugin"],
  ["corednsAutoscaler", "coredns_autoscaler"],
  ["nvidiaGpuDevicePlugin", "nvidia_gpu_device_plugin"],
  ["p2pOciRegistryPlugin", "p2p_oci_registry_plugin"],
  ["rdmaSharedDevicePlugin", "rdma_shared_dev_plugin"],
  ["routingAgent", "routing_agent"],
];

/**
 * The outputs of a cluster as the API tells it, the rest from what was there before. Credentials are renewed here and nowhere else, and only
 * when there are none or they have expired: that is, when a program is created, changed or refreshed, and not at every update.
 */
export async function clusterOutputs(
  api: Api,
  cluster: ValueMap,
  before: ValueMap,
  signal: AbortSignal,
): Promise<ValueMap> {
  const facts = clusterFacts(cluster);
  const pool = defaultPool(cluster);
  const kept = ["destroyAllAssociatedResources", "kubeconfigExpireSeconds", "registryIntegration"].filter(
    (name) => before[name] !== undefined,
  );
  const said = isMap(before["nodePool"]) && before["nodePool"]["nodeCount"] !== undefined;
  const [old] = list(before["kubeConfigs"]);
  return {
    ...facts,
    ...Object.fromEntries(kept.map((name) => [name, before[name] ?? null])),
    clusterUrn: `do:kubernetes:${String(cluster["id"])}`,
    controlPlaneFirewall: firewallOf(cluster),
    maintenancePolicy: policyOf(cluster),
    ...(pool !== undefined && { nodePool: { id: pool["id"] ?? "", ...poolOutputs(pool, said) } }),
    kubeConfigs:
      isMap(old) && isFresh(old["expiresAt"])
        ? [old]
        : [await kubeConfig(api, cluster, before["kubeconfigExpireSeconds"], signal)],
  };
}

/** What resource and function tell in the same words. */
export function clusterFacts(cluster: ValueMap): ValueMap {
  return {
    ...Object.fromEntries(plugins.flatMap(([name, key]) => (isMap(cluster[key]) ? [[name, cluster[key]]] : []))),
    name: cluster["name"] ?? null,
    region: cluster["region"] ?? null,
    version: cluster["version"] ?? null,
    surgeUpgrade: cluster["surge_upgrade"] === true,
    autoUpgrade: cluster["auto_upgrade"] === true,
    ha: cluster["ha"] === true,
    isolatedWorkers: cluster["isolated_workers"] === true,
    clusterSubnet: cluster["cluster_subnet"] ?? "",
    serviceSubnet: cluster["service_subnet"] ?? "",
    ipv4Address: cluster["ipv4"] ?? "",
    endpoint: cluster["endpoint"] ?? "",
    tags: ownTags(cluster["tags"]),
    status: part(cluster["status"], "status of the cluster")["state"] ?? "",
    createdAt: goTime(String(cluster["created_at"])),
    updatedAt: goTime(String(cluster["updated_at"])),
    vpcUuid: cluster["vpc_uuid"] ?? "",
    workerSubnetUuid: cluster["worker_subnet_uuid"] ?? "",
    ssos: [],
  };
}

/** The pool that the provider has made with the cluster. */
export function defaultPool(cluster: ValueMap): ValueMap | undefined {
  return list(cluster["node_pools"])
    .map((pool) => part(pool, "node pool"))
    .findLast((pool) => list(pool["tags"]).includes(defaultPoolTag));
}

/** Who may reach the API server. */
export function firewallOf(cluster: ValueMap): ValueMap {
  const { enabled, allowed_addresses } = isMap(cluster["control_plane_firewall"])
    ? cluster["control_plane_firewall"]
    : {};
  return { enabled: enabled === true, allowedAddresses: list(allowed_addresses) };
}

/** The maintenance window. */
export function policyOf(cluster: ValueMap): ValueMap {
  const { day, duration, start_time } = part(cluster["maintenance_policy"], "maintenance policy of the cluster");
  return { day: day ?? "", duration: duration ?? "", startTime: start_time ?? "" };
}

/** New credentials, and a kubeconfig of the official provider's own wording with them. */
export async function kubeConfig(
  api: Api,
  cluster: ValueMap,
  expirySeconds: Value | undefined,
  signal: AbortSignal,
): Promise<ValueMap> {
  const path = `/v2/kubernetes/clusters/${encodeURIComponent(String(cluster["id"]))}/credentials`;
  const answer = await api.request("GET", `${path}?expiry_seconds=${Number(expirySeconds ?? 0)}`, signal);
  const { server, certificate_authority_data, token, expires_at } = answer;
  const context = `do-${String(cluster["region"])}-${String(cluster["name"])}`;
  const rawConfig = [
    "apiVersion: v1",
    "kind: Config",
    "clusters:",
    "- cluster:",
    `    certificate-authority-data: ${String(certificate_authority_data)}`,
    `    server: ${String(server)}`,
    `  name: ${context}`,
    "contexts:",
    "- context:",
    `    cluster: ${context}`,
    `    user: ${context}-admin`,
    `  name: ${context}`,
    `current-context: ${context}`,
    "users:",
    `- name: ${context}-admin`,
    "  user:",
    `    token: ${String(token)}`,
    "",
  ].join("\n");
  return {
    clientCertificate: "",
    clientKey: "",
    clusterCaCertificate: certificate_authority_data ?? "",
    expiresAt: rfc3339(String(expires_at)),
    host: server ?? "",
    rawConfig,
    token: token ?? "",
  };
}

function isFresh(expiresAt: Value | undefined): boolean {
  return typeof expiresAt === "string" && expiresAt !== "" && Date.parse(expiresAt) >= Date.now();
}
