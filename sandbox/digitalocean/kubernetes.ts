import { randomUUID } from "node:crypto";
import { z } from "zod";
import { clusterSlots } from "./cluster-machines";
import { conflict, unprocessable } from "./errors";
import { offeredVersion, requireOffered, upgradesFrom } from "./kubernetes-options";
import { addPool, newPool, own } from "./kubernetes-pools";
import type { Cluster } from "./kubernetes-state";
import { clusterView, findCluster, touch } from "./kubernetes-view";
import { page } from "./pages";
import { joinDefaultProject } from "./projects";
import type { Call, Context, Reply, Route } from "./router";
import type { State } from "./state";
import { addTags, tagName } from "./tags";
import { vpcFor } from "./vpcs";

const days = ["any", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const maintenancePolicy = z.object({
  day: z.enum(days, { error: `must be one of ${days.join(", ")}` }).nullish(),
  start_time: z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$|^$/, "must be a time of day in UTC such as 15:00")
    .nullish(),
  duration: z.string().nullish(),
});
const name = z
  .string({ error: "is required" })
  .regex(/^[a-z0-9]([a-z0-9.-]{0,253}[a-z0-9])?$/, "must be lowercase letters, digits, hyphens and dots");
/** What the official client names also when it is off. */
const off = z
  .looseObject({
    enabled: z.literal(false, { error: "cannot be true: the sandbox's clusters do not have it" }).nullish(),
  })
  .nullish();
const notThere = {
  routing_agent: off,
  p2p_oci_registry_plugin: off,
  amd_gpu_device_plugin: off,
  amd_gpu_device_metrics_exporter_plugin: off,
  amd_gpu_dra_driver: off,
  nvidia_gpu_device_plugin: off,
  nvidia_gpu_dra_driver: off,
  rdma_shared_dev_plugin: off,
  coredns_autoscaler: off,
  sso: off,
  cluster_autoscaler_configuration: z
    .strictObject({}, { error: "is not supported: nothing scales in the sandbox" })
    .nullish(),
};
const range = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
  error: "must be an IP address or a range in CIDR notation",
});
/** Who may reach the API server. It is kept and told; the sandbox's API servers answer everybody. */
const firewall = z
  .strictObject({ enabled: z.boolean().nullish(), allowed_addresses: z.array(range).nullish() })
  .nullish();
const changeable = {
  ...notThere,
  control_plane_firewall: firewall,
  tags: z.array(tagName).nullish(),
  maintenance_policy: maintenancePolicy.nullish(),
  auto_upgrade: z.boolean().nullish(),
  surge_upgrade: z.boolean().nullish(),
  ha: z.boolean().nullish(),
};
/** Strict: what the sandbox does not know is refused by name and not left out. */
const createBody = z.strictObject({
  ...changeable,
  name,
  region: z.string({ error: "is required" }),
  version: z.string({ error: "is required" }),
  vpc_uuid: z.string().nullish(),
  cluster_subnet: z.string().nullish(),
  service_subnet: z.string().nullish(),
  node_pools: z.array(newPool, { error: "is required" }).min(1, "must hold at least one node pool"),
});
const updateBody = z.strictObject({ ...changeable, name });

/** Kubernetes clusters: `/v2/kubernetes/clusters`. */
export function kubernetesRoutes(context: Context): readonly Route[] {
  const { store, clusters } = context;
  const path = "/v2/kubernetes/clusters";
  const cluster = (call: Call): Cluster => findCluster(store.state, call.param("id"));
  const answer = (status: number, found: Cluster): Reply => ({
    status,
    body: { kubernetes_cluster: clusterView(found) },
  });
  const remove = (call: Call): Reply => {
    clusters.remove(cluster(call).id);
    return { status: 204 };
  };
  const destroy = `${path}/:id/destroy_with_associated_resources`;
  return [
    { method: "GET", path, handle: (call) => page(call, "kubernetes_clusters", store.state.clusters.map(clusterView)) },
    {
      method: "POST",
      path,
      handle: (call) => {
        const wanted = call.body(createBody);
        const made = store.update((draft) => add(draft, wanted));
        clusters.bring(made.id);
        return answer(201, made);
      },
    },
    { method: "GET", path: `${path}/:id`, handle: (call) => answer(200, cluster(call)) },
    {
      method: "PUT",
      path: `${path}/:id`,
      handle: (call) => {
        const wanted = call.body(updateBody);
        store.update((draft) => change(draft, findCluster(draft, call.param("id")), wanted));
        return answer(202, cluster(call));
      },
    },
    { method: "DELETE", path: `${path}/:id`, handle: remove },
    {
      method: "GET",
      path: destroy,
      // Load balancers and volumes are inside of the cluster's machine here, and go with it in any case.
      handle: (call) => ({
        status: 200,
        body: { id: cluster(call).id, load_balancers: [], volumes: [], volume_snapshots: [] },
      }),
    },
    { method: "DELETE", path: `${destroy}/dangerous`, handle: remove },
    { method: "DELETE", path: `${destroy}/selective`, handle: remove },
    {
      method: "GET",
      path: `${path}/:id/upgrades`,
      handle: (call) => {
        const upgrades = upgradesFrom(cluster(call).version);
        return { status: 200, body: { available_upgrade_versions: upgrades.length === 0 ? null : upgrades } };
      },
    },
    {
      method: "POST",
      path: `${path}/:id/upgrade`,
      handle: (call) => {
        const { id, version, status } = cluster(call);
        const { version: wanted } = call.body(z.object({ version: z.string({ error: "is required" }) }));
        const upgrades = upgradesFrom(version).map(({ slug }) => slug);
        if (!upgrades.includes(wanted)) {
          const possible = upgrades.length === 0 ? "none" : upgrades.join(", ");
          throw unprocessable(
            `validation error: invalid version slug: ${version} can be upgraded to: ${possible}; not to ${wanted}`,
          );
        }
        if (status.state !== "running") {
          throw conflict(`cluster is ${status.state}`);
        }
        clusters.upgrade(id, wanted);
        return { status: 202 };
      },
    },
  ];
}

function add(draft: State, wanted: z.infer<typeof createBody>): Cluster {
  requireOffered({ region: wanted.region, sizes: [] });
  const version = offeredVersion(wanted.version);
  refuseTakenName(draft, wanted.name);
  const now = new Date().toISOString();
  const cluster: Cluster = {
    id: randomUUID(),
    name: wanted.name,
    region: wanted.region,
    version,
    slot: freeSlot(draft),
    cluster_subnet: emptyAs(wanted.cluster_subnet, "10.108.0.0/16"),
    service_subnet: emptyAs(wanted.service_subnet, "10.109.0.0/19"),
    vpc_uuid: vpcFor(draft, wanted.vpc_uuid, wanted.region).id,
    tags: own(wanted.tags),
    node_pools: [],
    maintenance_policy: policy(wanted.maintenance_policy, { day: "any", start_time: "04:00", duration: "4h0m0s" }),
    auto_upgrade: wanted.auto_upgrade ?? false,
    surge_upgrade: wanted.surge_upgrade ?? false,
    ha: wanted.ha ?? false,
    control_plane_firewall: firewallOf(wanted.control_plane_firewall, { enabled: false, allowed_addresses: [] }),
    status: { state: "provisioning", message: "provisioning" },
    created_at: now,
    updated_at: now,
  };
  wanted.node_pools.forEach((pool) => addPool(draft, cluster, pool));
  draft.clusters.push(cluster);
  addTags(draft, cluster.tags);
  joinDefaultProject(draft, `do:kubernetes:${cluster.id}`);
  return cluster;
}

function change(draft: State, cluster: Cluster, wanted: z.infer<typeof updateBody>): void {
  refuseTakenName(draft, wanted.name, cluster.id);
  if (cluster.ha && wanted.ha === false) {
    throw unprocessable("validation error: high availability cannot be disabled");
  }
  cluster.name = wanted.name;
  cluster.tags = wanted.tags === undefined ? cluster.tags : own(wanted.tags);
  cluster.maintenance_policy = policy(wanted.maintenance_policy, cluster.maintenance_policy);
  cluster.auto_upgrade = wanted.auto_upgrade ?? cluster.auto_upgrade;
  cluster.surge_upgrade = wanted.surge_upgrade ?? cluster.surge_upgrade;
  cluster.ha = wanted.ha ?? cluster.ha;
  cluster.control_plane_firewall = firewallOf(wanted.control_plane_firewall, cluster.control_plane_firewall);
  addTags(draft, cluster.tags);
  touch(cluster);
}

function policy(wanted: z.infer<typeof maintenancePolicy> | null | undefined, before: Cluster["maintenance_policy"]) {
  return { ...before, day: wanted?.day ?? before.day, start_time: emptyAs(wanted?.start_time, before.start_time) };
}

function firewallOf(wanted: z.infer<typeof firewall>, before: Firewall): Firewall {
  return {
    enabled: wanted?.enabled ?? before?.enabled ?? false,
    allowed_addresses: wanted?.allowed_addresses ?? before?.allowed_addresses ?? [],
  };
}
type Firewall = Cluster["control_plane_firewall"];

function emptyAs(text: string | null | undefined, fallback: string): string {
  return (text ?? "") === "" ? fallback : (text ?? fallback);
}

function freeSlot(state: State): number {
  const free = clusterSlots.find((slot) => !state.clusters.some((cluster) => cluster.slot === slot));
  if (free === undefined) {
    const there = state.clusters.map(({ id, name, status }) => `${name} (${id}, ${status.state})`).join(", ");
    throw unprocessable(
      `cluster limit reached: the sandbox has ${clusterSlots.length} clusters, and there are ${there}`,
    );
  }
  return free;
}

function refuseTakenName(state: State, wanted: string, self?: string): void {
  if (state.clusters.some((cluster) => cluster.name === wanted && cluster.id !== self)) {
    throw unprocessable("validation error: a cluster with this name already exists");
  }
}
