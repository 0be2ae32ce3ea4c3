import { clusterAddress, clusterEndpoint } from "./cluster-machines";
import { notFound } from "./errors";
import type { Cluster, NodePool } from "./kubernetes-state";
import type { State } from "./state";

/** A cluster as the API tells it. What the sandbox has not is told as DigitalOcean tells what is switched off. */
export function clusterView(cluster: Cluster) {
  const { registry, slot, tags, node_pools, status, ...facts } = cluster;
  const there = status.state !== "provisioning";
  const off = { enabled: false };
  return {
    ...facts,
    ipv4: there && !cluster.ha ? clusterAddress(slot) : "",
    endpoint: there ? clusterEndpoint(slot) : "",
    tags: ["k8s", `k8s:${cluster.id}`, ...tags],
    node_pools: node_pools.map((pool) => poolView(cluster, pool)),
    status,
    registry_enabled: registry !== undefined,
    registries: registry === undefined ? [] : [registry.name],
    isolated_workers: false,
    control_plane_firewall: cluster.control_plane_firewall ?? { enabled: false, allowed_addresses: [] },
    routing_agent: off,
    p2p_oci_registry_plugin: off,
    amd_gpu_device_plugin: off,
    amd_gpu_device_metrics_exporter_plugin: off,
    nvidia_gpu_device_plugin: off,
    rdma_shared_dev_plugin: off,
    coredns_autoscaler: off,
  };
}

/** A node pool as the API tells it. */
export function poolView({ id, status }: Cluster, pool: NodePool) {
  const there = status.state !== "provisioning";
  return {
    ...pool,
    tags: ["k8s", `k8s:${id}`, "k8s:worker", ...pool.tags],
    nodes: pool.nodes.map((node) => ({
      ...node,
      name: there ? node.name : "",
      droplet_id: there ? node.droplet_id : "",
      status: { state: there ? "running" : "provisioning" },
    })),
  };
}

/** A cluster by its id, or 404. */
export function findCluster(state: Readonly<State>, id: string): Cluster {
  const found = state.clusters.find((cluster) => cluster.id === id);
  if (found === undefined) {
    throw notFound();
  }
  return found;
}

/** Notes that something of the cluster has changed. */
export function touch(cluster: Cluster): void {
  cluster.updated_at = new Date().toISOString();
}
