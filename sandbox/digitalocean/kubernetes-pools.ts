import { randomBytes, randomUUID } from "node:crypto";
import { z } from "zod";
import { nextId } from "./actions";
import { notFound, preconditionFailed, unprocessable } from "./errors";
import { findCluster, poolView, touch } from "./kubernetes-view";
import { requireOffered } from "./kubernetes-options";
import type { Cluster, KubernetesNode, NodePool } from "./kubernetes-state";
import { page } from "./pages";
import type { Call, Context, Reply, Route } from "./router";
import type { State } from "./state";
import { addTags, tagName } from "./tags";

const taint = z.strictObject({
  key: z.string().min(1, "cannot be empty"),
  value: z.string(),
  effect: z.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"], {
    error: "must be NoSchedule, PreferNoSchedule or NoExecute",
  }),
});
const count = z.int().min(0);
const base = {
  name: z
    .string({ error: "is required" })
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "must be lowercase letters, digits and hyphens"),
  count: count.nullish(),
  tags: z.array(tagName).nullish(),
  labels: z.record(z.string(), z.string()).nullish(),
  taints: z.array(taint).nullish(),
  auto_scale: z.boolean().nullish(),
  min_nodes: count.nullish(),
  max_nodes: count.nullish(),
};

/** A node pool of a request that makes one. */
export const newPool = z.strictObject({ ...base, size: z.string({ error: "is required" }) });
const changedPool = z.strictObject({ ...base, name: base.name.nullish() });

/** Node pools: `/v2/kubernetes/clusters/:id/node_pools`. Their nodes are on paper, but for the cluster's one machine. */
export function nodePoolRoutes(context: Context): readonly Route[] {
  const { store } = context;
  const path = "/v2/kubernetes/clusters/:id/node_pools";
  const cluster = (call: Call, state: State = store.state): Cluster => findCluster(state, call.param("id"));
  const pool = (call: Call, state?: State): NodePool => findPool(cluster(call, state), call.param("pool"));
  const answer = (status: number, call: Call, found: NodePool): Reply => ({
    status,
    body: { node_pool: poolView(cluster(call), found) },
  });
  return [
    {
      method: "GET",
      path,
      handle: (call) =>
        page(
          call,
          "node_pools",
          cluster(call).node_pools.map((one) => poolView(cluster(call), one)),
        ),
    },
    {
      method: "POST",
      path,
      handle: (call) => {
        const wanted = call.body(newPool);
        const made = store.update((draft) => addPool(draft, cluster(call, draft), wanted));
        return answer(201, call, made);
      },
    },
    { method: "GET", path: `${path}/:pool`, handle: (call) => answer(200, call, pool(call)) },
    {
      method: "PUT",
      path: `${path}/:pool`,
      handle: (call) => {
        const wanted = call.body(changedPool);
        store.update((draft) => changePool(draft, cluster(call, draft), pool(call, draft), wanted));
        return answer(202, call, pool(call));
      },
    },
    {
      method: "DELETE",
      path: `${path}/:pool`,
      handle: (call) => {
        store.update((draft) => removePool(cluster(call, draft), pool(call, draft)));
        return { status: 204 };
      },
    },
    {
      method: "DELETE",
      path: `${path}/:pool/nodes/:node`,
      handle: (call) => {
        const replace = call.integer("replace", { min: 0, max: 1 }) === 1;
        store.update((draft) =>
          removeNode(draft, cluster(call, draft), pool(call, draft), call.param("node"), replace),
        );
        return { status: 202 };
      },
    },
    {
      method: "POST",
      path: `${path}/:pool/recycle`,
      handle: (call) => {
        const { nodes } = call.body(z.object({ nodes: z.array(z.string()).default([]) }));
        store.update((draft) =>
          nodes.forEach((node) => removeNode(draft, cluster(call, draft), pool(call, draft), node, true)),
        );
        return { status: 202 };
      },
    },
  ];
}

/** Adds a pool with its nodes to a cluster. */
export function addPool(draft: State, cluster: Cluster, wanted: z.infer<typeof newPool>): NodePool {
  requireOffered({ sizes: [wanted.size] });
  refuseTakenName(cluster, wanted.name);
  const pool: NodePool = {
    id: randomUUID(),
    name: wanted.name,
    size: wanted.size,
    tags: own(wanted.tags),
    labels: wanted.labels ?? null,
    taints: wanted.taints ?? [],
    ...scaling(wanted),
    nodes: [],
  };
  setNodes(draft, pool);
  cluster.node_pools.push(pool);
  addTags(draft, pool.tags);
  touch(cluster);
  return pool;
}

function changePool(draft: State, cluster: Cluster, pool: NodePool, wanted: z.infer<typeof changedPool>): void {
  refuseTakenName(cluster, wanted.name ?? pool.name, pool.id);
  Object.assign(pool, {
    name: wanted.name ?? pool.name,
    tags: wanted.tags === undefined ? pool.tags : own(wanted.tags),
    // A label that is left out stays on the nodes; the pool forgets it.
    labels: wanted.labels === undefined ? pool.labels : wanted.labels,
    taints: wanted.taints ?? pool.taints,
    ...scaling({
      name: pool.name,
      count: wanted.count ?? pool.count,
      auto_scale: wanted.auto_scale ?? pool.auto_scale,
      min_nodes: wanted.min_nodes ?? pool.min_nodes,
      max_nodes: wanted.max_nodes ?? pool.max_nodes,
    }),
  });
  setNodes(draft, pool);
  addTags(draft, pool.tags);
  touch(cluster);
}

/** How many nodes there are, and may be; without `auto_scale` the bounds are told as 0. */
function scaling(wanted: Pick<z.infer<typeof newPool>, "name" | "count" | "auto_scale" | "min_nodes" | "max_nodes">) {
  const [least, most] = [wanted.min_nodes ?? 0, wanted.max_nodes ?? 0];
  const refuse = (reason: string): never => {
    throw unprocessable(`validation error: node pool ${wanted.name}: ${reason}`);
  };
  if (wanted.auto_scale !== true) {
    const fixed = wanted.count ?? 0;
    return fixed < 1
      ? refuse("count must be at least 1")
      : { count: fixed, auto_scale: false, min_nodes: 0, max_nodes: 0 };
  }
  if (most < 1 || most < least) {
    refuse("max_nodes must be at least 1, and not less than min_nodes");
  }
  const given = wanted.count ?? 0;
  return { count: Math.min(Math.max(given, least), most), auto_scale: true, min_nodes: least, max_nodes: most };
}

function setNodes(draft: State, pool: NodePool): void {
  pool.nodes = pool.nodes.slice(0, pool.count);
  while (pool.nodes.length < pool.count) {
    pool.nodes.push(newNode(draft, pool.name));
  }
}

function newNode(draft: State, pool: string): KubernetesNode {
  const now = new Date().toISOString();
  const name = `${pool}-${randomBytes(3).toString("hex").slice(0, 5)}`;
  return { id: randomUUID(), name, droplet_id: String(nextId(draft)), created_at: now, updated_at: now };
}

function removeNode(draft: State, cluster: Cluster, pool: NodePool, id: string, replace: boolean): void {
  if (!pool.nodes.some((node) => node.id === id)) {
    throw notFound();
  }
  if (pool === cluster.node_pools[0] && pool.nodes[0]?.id === id) {
    throw unprocessable("the sandbox cannot take this node away: it is the cluster's one machine");
  }
  pool.nodes = pool.nodes.filter((node) => node.id !== id);
  if (replace) {
    setNodes(draft, pool);
  } else {
    pool.count = pool.nodes.length;
  }
  touch(cluster);
}

function removePool(cluster: Cluster, pool: NodePool): void {
  if (cluster.node_pools.length === 1) {
    throw preconditionFailed("cluster must have at least one node pool");
  }
  if (cluster.node_pools[0] === pool) {
    throw unprocessable("the sandbox cannot take this node pool away: it has the cluster's one machine");
  }
  cluster.node_pools = cluster.node_pools.filter((other) => other !== pool);
  touch(cluster);
}

function findPool(cluster: Cluster, id: string): NodePool {
  const found = cluster.node_pools.find((pool) => pool.id === id);
  if (found === undefined) {
    throw notFound();
  }
  return found;
}

function refuseTakenName(cluster: Cluster, name: string, self?: string): void {
  if (cluster.node_pools.some((pool) => pool.name === name && pool.id !== self)) {
    throw unprocessable(`validation error: node pool name ${name} is already in use in this cluster`);
  }
}

/** Tags without those that DigitalOcean sets itself. */
export function own(tags: readonly string[] | null | undefined): string[] {
  return [...new Set(tags ?? [])].filter((tag) => tag !== "k8s" && !tag.startsWith("k8s:"));
}
