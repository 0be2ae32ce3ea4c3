import { z } from "zod";

const time = z.iso.datetime();

const ruleSchema = z.object({
  uuid: z.uuid(),
  type: z.enum(["ip_addr", "droplet", "k8s", "tag"]),
  value: z.string(),
  created_at: time,
});

/** A managed database cluster in the API's state. Its passwords are in it: the API tells them whoever may read it. */
export const databaseSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  engine: z.literal("pg"),
  version: z.string(),
  size: z.string(),
  num_nodes: z.int(),
  region: z.string(),
  /** Which of the sandbox's few databases it is; its address follows from it. */
  slot: z.int(),
  status: z.enum(["creating", "online", "resizing"]),
  private_network_uuid: z.string(),
  storage_size_mib: z.int(),
  tags: z.array(z.string()),
  maintenance_window: z.object({ day: z.string(), hour: z.string() }),
  /** The first is `doadmin`. */
  users: z.array(z.object({ name: z.string(), password: z.string() })),
  db_names: z.array(z.string()),
  /** Trusted sources; none: everybody. */
  rules: z.array(ruleSchema),
  created_at: time,
});

export type Database = z.infer<typeof databaseSchema>;
export type DatabaseRule = z.infer<typeof ruleSchema>;
