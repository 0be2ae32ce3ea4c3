import { z } from "zod";

const time = z.iso.datetime();

const nodeSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  /** A number, as DigitalOcean gives each node's Droplet; no such droplet is listed here. */
  droplet_id: z.string(),
  created_at: time,
  updated_at: time,
});

const poolSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  size: z.string(),
  count: z.int(),
  /** As asked for, without DigitalOcean's own. */
  tags: z.array(z.string()),
  labels: z.record(z.string(), z.string()).nullable(),
  taints: z.array(z.object({ key: z.string(), value: z.string(), effect: z.string() })),
  auto_scale: z.boolean(),
  min_nodes: z.int(),
  max_nodes: z.int(),
  nodes: z.array(nodeSchema),
});

/** A Kubernetes cluster in the API's state. */
export const clusterSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  region: z.string(),
  version: z.string(),
  /** Which of the sandbox's few clusters it is; its addresses follow from it. */
  slot: z.int(),
  cluster_subnet: z.string(),
  service_subnet: z.string(),
  vpc_uuid: z.string(),
  /** As asked for, without DigitalOcean's own. */
  tags: z.array(z.string()),
  node_pools: z.array(poolSchema),
  maintenance_policy: z.object({ day: z.string(), start_time: z.string(), duration: z.string() }),
  auto_upgrade: z.boolean(),
  surge_upgrade: z.boolean(),
  ha: z.boolean(),
  /** Not there in a state of before. */
  control_plane_firewall: z.object({ enabled: z.boolean(), allowed_addresses: z.array(z.string()) }).optional(),
  status: z.object({
    state: z.enum(["provisioning", "running", "degraded", "upgrading", "error", "deleting"]),
    message: z.string().optional(),
  }),
  /** The integrated registry, and the hash of the password that its pull secret holds. */
  registry: z.object({ name: z.string(), credential: z.string() }).optional(),
  created_at: time,
  updated_at: time,
});

export type Cluster = z.infer<typeof clusterSchema>;
export type NodePool = z.infer<typeof poolSchema>;
export type KubernetesNode = z.infer<typeof nodeSchema>;
