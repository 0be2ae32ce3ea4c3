import { Unfinished, type Resource } from "../resource";
import type { ValueMap } from "../values";
import type { Api } from "./api";
import {
  defaultPoolTag,
  nodesType,
  poolDiffers,
  poolFailures,
  poolInputs,
  poolOutputs,
  poolRequest,
  poolUpdate,
} from "./kubernetes-pool-properties";
import { list, part } from "./sets";
import { limitMs, until } from "./waits";

/** `digitalocean.KubernetesNodePool`; the id is a UUID. */
export function kubernetesNodePool(api: Api, limit = limitMs): Resource {
  return {
    token: "digitalocean:index/kubernetesNodePool:KubernetesNodePool",
    sdk: { file: "kubernetesNodePool.d.ts", args: "KubernetesNodePoolArgs", result: "KubernetesNodePool" },
    inputs: {
      ...poolInputs,
      clusterId: { type: "string", required: true, replace: true },
      name: { type: "string" },
      size: { type: "string", required: true, replace: true },
    },
    outputs: {
      ...poolInputs,
      actualNodeCount: { type: "integer", required: true },
      clusterId: { type: "string", required: true },
      name: { type: "string", required: true },
      nodes: { type: nodesType(true), required: true },
      size: { type: "string", required: true },
    },
    autoName: "name",
    uniqueBy: "name",
    updateChanges: ["actualNodeCount", "nodes"],
    check: async ({ inputs }) => ({ failures: poolFailures(inputs), add: {} }),
    // A count that the program does not say is the autoscaler's.
    differs: (name, old, now) => !(name === "nodeCount" && now === undefined) && poolDiffers(name, old, now),
    async create({ inputs, signal }) {
      const pools = `/v2/kubernetes/clusters/${encodeURIComponent(String(inputs["clusterId"]))}/node_pools`;
      const { node_pool } = await api.request("POST", pools, signal, poolRequest(inputs));
      const id = String(part(node_pool, "node pool")["id"]);
      try {
        return { id, outputs: outputs(await waitForNodes(api, path(id, inputs), signal, limit), inputs) };
      } catch (error) {
        throw new Unfinished({ id, outputs: outputs(part(node_pool, "node pool"), inputs) }, error);
      }
    },
    async read({ id, inputs, old, signal }) {
      const clusterId = old.outputs["clusterId"] ?? inputs["clusterId"] ?? (await clusterOf(api, id, signal));
      const given = { ...old.outputs, ...inputs, clusterId };
      const found = await api.find(path(id, given), signal);
      return found === undefined ? undefined : { id, outputs: outputs(part(found["node_pool"], "node pool"), given) };
    },
    async update({ id, inputs, signal }) {
      await api.request("PUT", path(id, inputs), signal, poolUpdate(inputs));
      return outputs(await waitForNodes(api, path(id, inputs), signal, limit), inputs);
    },
    async delete({ id, old, signal }) {
      await api.remove(path(id, old.outputs), signal);
      await until(`node pool ${id} was not gone`, limit, signal, async () =>
        (await api.find(path(id, old.outputs), signal)) === undefined ? true : undefined,
      );
    },
  };
}

/** Waits until a pool has all its nodes, and each of them runs. */
export function waitForNodes(api: Api, poolPath: string, signal: AbortSignal, limit: number): Promise<ValueMap> {
  return until(`the nodes of ${poolPath} did not run`, limit, signal, async () => {
    const pool = part((await api.request("GET", poolPath, signal))["node_pool"], "node pool");
    const running = list(pool["nodes"]).filter(
      (node) => part(part(node, "node")["status"], "status of the node")["state"] === "running",
    );
    return running.length === pool["count"] ? pool : undefined;
  });
}

function path(id: string, { clusterId }: ValueMap): string {
  return `/v2/kubernetes/clusters/${encodeURIComponent(String(clusterId))}/node_pools/${encodeURIComponent(id)}`;
}

function outputs(pool: ValueMap, given: ValueMap): ValueMap {
  return { ...poolOutputs(pool, true), clusterId: given["clusterId"] ?? null };
}

/** An import knows the pool's id only. */
async function clusterOf(api: Api, id: string, signal: AbortSignal): Promise<string> {
  const { kubernetes_clusters } = await api.request("GET", "/v2/kubernetes/clusters?per_page=200", signal);
  for (const one of list(kubernetes_clusters)) {
    const cluster = part(one, "cluster");
    const pool = list(cluster["node_pools"])
      .map((found) => part(found, "node pool"))
      .find((found) => found["id"] === id);
    if (pool === undefined) continue;
    if (list(pool["tags"]).includes(defaultPoolTag)) {
      throw new Error(
        `Node pool ${id} has the default node pool tag set; import the owning cluster instead (cluster ID=${String(cluster["id"])})`,
      );
    }
    return String(cluster["id"]);
  }
  throw new Error(`Did not find the cluster owning the node pool ${id}`);
}
