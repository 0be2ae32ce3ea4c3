import { Unfinished, type Resource } from "../resource";
import { text, type Failure } from "../schema";
import { isMap, sameValue, type Value, type ValueMap } from "../values";
import type { Api } from "./api";
import { clusterOutputs, defaultPool } from "./kubernetes-cluster-outputs";
import { clusterInputs, clusterOutputProperties } from "./kubernetes-cluster-properties";
import { waitForNodes } from "./kubernetes-node-pool";
import { defaultPoolTag, ownPoolDiffers, poolFailures, poolRequest, poolUpdate } from "./kubernetes-pool-properties";
import { asSet, list, part } from "./sets";
import { tagFailures } from "./tags";
import { clusterLimitMs, until } from "./waits";

/** What the provider fills in when the program does not say: leaving it out is no change. */
const computed: readonly string[] = [
  "clusterSubnet",
  "controlPlaneFirewall",
  "ha",
  "maintenancePolicy",
  "serviceSubnet",
  "vpcUuid",
  "workerSubnetUuid",
];

/** `digitalocean.KubernetesCluster`; the id is a UUID. */
export function kubernetesCluster(api: Api, limit = clusterLimitMs): Resource {
  return {
    token: "digitalocean:index/kubernetesCluster:KubernetesCluster",
    sdk: { file: "kubernetesCluster.d.ts", args: "KubernetesClusterArgs", result: "KubernetesCluster" },
    inputs: clusterInputs,
    outputs: clusterOutputProperties,
    autoName: "name",
    uniqueBy: "name",
    // As the official provider: a preview goes on with the kubeconfig of before, or it would replace all in the cluster.
    updateChanges: ["status", "updatedAt"],
    check: async ({ inputs: given }) => ({ failures: refusals(given), add: {} }),
    differs(name, old, now) {
      if (computed.includes(name) && now === undefined) return false;
      if (name === "nodePool") return ownPoolDiffers(old, now);
      if (name === "maintenancePolicy") return policyDiffers(old, now);
      if (name === "region") return String(old).toLowerCase() !== String(now).toLowerCase();
      return name === "tags" ? asSet(old ?? []) !== asSet(now ?? []) : !sameValue(old, now);
    },
    // A cluster cannot go back; and a pool of another size is another cluster.
    replaces: (name, old, now) =>
      (name === "version" && isOlder(String(now), String(old))) ||
      (name === "nodePool" && isMap(old) && isMap(now) && !sameValue(old["size"], now["size"])),
    async create({ inputs: given, signal }) {
      const { kubernetes_cluster: made } = await api.request("POST", clustersPath, signal, createRequest(given));
      const id = String(part(made, "cluster")["id"]);
      // As the official provider: a cluster that does not come up is not in the state.
      await until(`cluster ${id} did not run`, limit, signal, async () => {
        const { status } = await get(api, id, signal);
        const { state, message } = part(status, "status of the cluster");
        if (state === "error") throw new Error(`cluster ${id} could not be made: ${String(message ?? "")}`);
        return state === "running" ? true : undefined;
      });
      try {
        if (given["registryIntegration"] === true) await integrate(api, "POST", id, signal);
        return { id, outputs: await clusterOutputs(api, await get(api, id, signal), given, signal) };
      } catch (error) {
        throw new Unfinished({ id, outputs: { ...given, registryIntegration: false } }, error);
      }
    },
    async read({ id, old, signal }) {
      const found = await api.find(clusterPath(id), signal);
      if (found === undefined) return undefined;
      const isImport = Object.keys(old.outputs).length === 0;
      const cluster = isImport
        ? await adoptPool(api, part(found["kubernetes_cluster"], "cluster"), signal)
        : found["kubernetes_cluster"];
      return { id, outputs: await clusterOutputs(api, part(cluster, "cluster"), old.outputs, signal) };
    },
    async update({ id, inputs: given, old, signal }) {
      const changed = (name: string): boolean => this.differs?.(name, old.inputs[name], given[name]) ?? true;
      if (
        ["name", "tags", "autoUpgrade", "surgeUpgrade", "maintenancePolicy", "ha", "controlPlaneFirewall"].some(changed)
      ) {
        await api.request("PUT", clusterPath(id), signal, updateRequest(given, old.outputs));
      }
      if (changed("nodePool")) {
        const pool = part(given["nodePool"], "node pool");
        const poolPath = `${clusterPath(id)}/node_pools/${encodeURIComponent(String(part(old.outputs["nodePool"], "node pool")["id"]))}`;
        await api.request("PUT", poolPath, signal, poolUpdate(pool, [defaultPoolTag]));
        await waitForNodes(api, poolPath, signal, limit);
      }
      if (changed("version"))
        await api.request("POST", `${clusterPath(id)}/upgrade`, signal, { version: given["version"] ?? null });
      // By the outputs: an integration that failed at the creation is to be made up for.
      const integrated = given["registryIntegration"] === true;
      if ((old.outputs["registryIntegration"] === true) !== integrated)
        await integrate(api, integrated ? "POST" : "DELETE", id, signal);
      return clusterOutputs(api, await get(api, id, signal), { ...old.outputs, ...given }, signal);
    },
    async delete({ id, old, signal }) {
      const withAll = old.inputs["destroyAllAssociatedResources"] === true;
      await api.remove(clusterPath(id) + (withAll ? "/destroy_with_associated_resources/dangerous" : ""), signal);
    },
  };
}

/** Path of all clusters in the API. */
export const clustersPath = "/v2/kubernetes/clusters";

function clusterPath(id: string): string {
  return `${clustersPath}/${encodeURIComponent(id)}`;
}

async function get(api: Api, id: string, signal: AbortSignal): Promise<ValueMap> {
  return part((await api.request("GET", clusterPath(id), signal))["kubernetes_cluster"], "cluster");
}

async function integrate(api: Api, method: string, id: string, signal: AbortSignal): Promise<void> {
  await api.request(method, "/v2/kubernetes/registry", signal, { cluster_uuids: [id] });
}

/** An import takes the only pool for the cluster's own, and marks it. */
async function adoptPool(api: Api, cluster: ValueMap, signal: AbortSignal): Promise<ValueMap> {
  if (defaultPool(cluster) !== undefined) return cluster;
  const [only, ...more] = list(cluster["node_pools"]);
  if (only === undefined || more.length > 0) {
    throw new Error(
      `Cluster contains multiple node pools. Manually add the \`${defaultPoolTag}\` tag to the pool that should be used as the default. Additional pools must be imported separately as 'digitalocean_kubernetes_node_pool' resources.`,
    );
  }
  const { id, tags } = part(only, "node pool");
  const path = clusterPath(String(cluster["id"]));
  await api.request("PUT", `${path}/node_pools/${String(id)}`, signal, { tags: [...list(tags), defaultPoolTag] });
  return get(api, String(cluster["id"]), signal);
}

function createRequest(given: ValueMap): ValueMap {
  const optional = (name: string, as: string): ValueMap => (given[name] === undefined ? {} : { [as]: given[name] });
  return {
    name: given["name"] ?? null,
    region: String(given["region"]).toLowerCase(),
    version: given["version"] ?? null,
    surge_upgrade: given["surgeUpgrade"] === true,
    auto_upgrade: given["autoUpgrade"] === true,
    maintenance_policy: policyRequest(given["maintenancePolicy"]),
    ...(list(given["tags"]).length > 0 && { tags: list(given["tags"]) }),
    node_pools: [poolRequest(part(given["nodePool"], "node pool"), [defaultPoolTag])],
    ...(isMap(given["controlPlaneFirewall"]) && {
      control_plane_firewall: firewallRequest(given["controlPlaneFirewall"]),
    }),
    ...optional("ha", "ha"),
    ...optional("vpcUuid", "vpc_uuid"),
    ...optional("clusterSubnet", "cluster_subnet"),
    ...optional("serviceSubnet", "service_subnet"),
  };
}

/** As the official client sends it: what is empty or false is left out, so that tags and surge upgrades cannot be taken away. */
function updateRequest(given: ValueMap, before: ValueMap): ValueMap {
  return {
    name: given["name"] ?? null,
    ...(list(given["tags"]).length > 0 && { tags: list(given["tags"]) }),
    auto_upgrade: given["autoUpgrade"] === true,
    ...(given["surgeUpgrade"] === true && { surge_upgrade: true }),
    ha: (given["ha"] ?? before["ha"]) === true,
    control_plane_firewall: firewallRequest(
      part(given["controlPlaneFirewall"] ?? before["controlPlaneFirewall"], "firewall of the cluster"),
    ),
    maintenance_policy: policyRequest(given["maintenancePolicy"] ?? before["maintenancePolicy"]),
  };
}

function firewallRequest({ enabled, allowedAddresses }: ValueMap): ValueMap {
  return { enabled: enabled === true, allowed_addresses: list(allowedAddresses) };
}

function policyRequest(policyOf: Value | undefined): Value {
  if (!isMap(policyOf)) return null;
  return { day: String(policyOf["day"] ?? "any").toLowerCase(), start_time: policyOf["startTime"] ?? "", duration: "" };
}

function policyDiffers(old: Value | undefined, now: Value | undefined): boolean {
  const [before, after] = [isMap(old) ? old : {}, isMap(now) ? now : {}];
  return ["day", "startTime"].some((name) => after[name] !== undefined && !sameValue(before[name], after[name]));
}

function refusals(given: ValueMap): readonly Failure[] {
  const pool = given["nodePool"];
  const failures: Failure[] = [...tagFailures(given["tags"]), ...(isMap(pool) ? poolFailures(pool, "nodePool.") : [])];
  const refuse = (property: string, reason: string): unknown =>
    failures.push({ property, reason: `"${property}" ${reason}` });
  for (const property of ["name", "region", "version"]) {
    if (text(given, property) === "") refuse(property, "must not be empty");
  }
  for (const property of ["clusterSubnet", "serviceSubnet"]) {
    const range = text(given, property);
    if (range !== undefined && !/^[\d.]+\/\d{1,2}$/.test(range))
      refuse(property, `must be a network in CIDR notation, but is "${range}"`);
  }
  if (given["isolatedWorkers"] === true)
    refuse("isolatedWorkers", "cannot be true with the sandbox's stand-in plugin: there is no NAT gateway");
  const seconds = given["kubeconfigExpireSeconds"];
  if (typeof seconds === "number" && seconds < 0)
    refuse("kubeconfigExpireSeconds", `must be at least 0, but is ${seconds}`);
  const { day } = isMap(given["maintenancePolicy"]) ? given["maintenancePolicy"] : {};
  const days = ["any", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
  if (typeof day === "string" && text({ day }, "day") !== undefined && !days.includes(day.toLowerCase())) {
    refuse("maintenancePolicy.day", `must be one of ${days.join(", ")}, but is "${day}"`);
  }
  return failures;
}

/** As the official provider compares: versions that cannot be read are not older. */
function isOlder(one: string, other: string): boolean {
  const numbers = (version: string): number[] => [...version.matchAll(/\d+/g)].map(([digits]) => Number(digits));
  const [left, right] = [numbers(one), numbers(other)];
  if (left.length < 2 || right.length < 2) return false;
  const different = right.findIndex((number, index) => number !== (left[index] ?? 0));
  return different >= 0 && (left[different] ?? 0) < (right[different] ?? 0);
}
