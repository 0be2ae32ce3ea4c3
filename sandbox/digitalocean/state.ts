import { randomBytes, randomUUID } from "node:crypto";
import * as fs from "node:fs";
import { z } from "zod";
import { ShipError } from "../../components/shared/errors";
import { writeFileAtomically } from "../support/atomic-file";
import { takeLock } from "../lock";
import { databaseSchema } from "./database-state";
import { clusterSchema } from "./kubernetes-state";

const time = z.iso.datetime();

const projectSchema = z.object({
  id: z.uuid(),
  owner_uuid: z.string(),
  owner_id: z.int(),
  name: z.string(),
  description: z.string(),
  purpose: z.string(),
  environment: z.string(),
  is_default: z.boolean(),
  created_at: time,
  updated_at: time,
});

const garbageCollectionSchema = z.object({
  uuid: z.uuid(),
  registry_name: z.string(),
  status: z.enum([
    "requested",
    "scanning manifests",
    "deleting unreferenced blobs",
    "cancelling",
    "failed",
    "succeeded",
    "cancelled",
  ]),
  type: z.enum(["untagged manifests only", "unreferenced blobs only", "untagged manifests and unreferenced blobs"]),
  created_at: time,
  updated_at: time,
  blobs_deleted: z.int(),
  freed_bytes: z.int(),
});

const dropletSchema = z.object({
  id: z.int(),
  name: z.string(),
  region: z.string(),
  size: z.string(),
  /** In GiB; a resize may leave it as it was. */
  disk: z.int(),
  image: z.string(),
  /** Which of the sandbox's few machines it is; its addresses follow from it. */
  slot: z.int(),
  status: z.enum(["new", "active", "off", "archive"]),
  features: z.array(z.string()),
  backup_policy: z.object({ plan: z.string(), weekday: z.string().optional(), hour: z.int().optional() }).optional(),
  tags: z.array(z.string()),
  /** What its machine is made from, again if it is lost: public keys, and the script of the first boot, which no answer tells. */
  authorized_keys: z.array(z.string()),
  user_data: z.string(),
  /** @default the region's default network */
  vpc_uuid: z.string().optional(),
  created_at: time,
});

const vpcSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  description: z.string(),
  region: z.string(),
  ip_range: z.string(),
  created_at: time,
});

const volumeSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  region: z.string(),
  size_gigabytes: z.int(),
  description: z.string(),
  filesystem_type: z.string(),
  filesystem_label: z.string(),
  /** A volume is attached to one droplet at most. */
  droplet: z.int().optional(),
  tags: z.array(z.string()),
  created_at: time,
});

const ruleTargetsSchema = z.object({
  addresses: z.array(z.string()).optional(),
  droplet_ids: z.array(z.int()).optional(),
  tags: z.array(z.string()).optional(),
});
const ruleSchema = z.object({ protocol: z.enum(["tcp", "udp", "icmp"]), ports: z.string() });

const firewallSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  status: z.enum(["waiting", "succeeded", "failed"]),
  inbound_rules: z.array(ruleSchema.extend({ sources: ruleTargetsSchema })),
  outbound_rules: z.array(ruleSchema.extend({ destinations: ruleTargetsSchema })),
  droplet_ids: z.array(z.int()),
  tags: z.array(z.string()),
  created_at: time,
});

const actionSchema = z.object({
  id: z.int(),
  status: z.enum(["in-progress", "completed", "errored"]),
  type: z.string(),
  started_at: time,
  completed_at: time.nullable(),
  resource_id: z.int().nullable(),
  resource_type: z.string(),
  region: z.string(),
  /** Droplet that takes no other action meanwhile, and the volume or reserved address that it is about. */
  droplet: z.int().optional(),
  about: z.string().optional(),
});

const stateSchema = z.object({
  account: z.object({ uuid: z.string(), owner_id: z.int(), team_uuid: z.string() }),
  projects: z.array(projectSchema),
  /** Which project holds a resource, by its URN. */
  assignments: z.record(z.string(), z.object({ project: z.uuid(), assigned_at: time })),
  registries: z.array(z.object({ name: z.string(), region: z.string(), created_at: time })),
  subscription: z.object({ tier: z.string(), created_at: time, updated_at: time }).optional(),
  /** Minted registry credentials by the SHA-256 of their password; the password itself is never kept. */
  credentials: z.record(
    z.string(),
    z.object({ registry: z.string(), write: z.boolean(), created_at: time, expires_at: time.optional() }),
  ),
  garbageCollections: z.array(garbageCollectionSchema),
  // What follows came later: a file without it is one of an earlier version, and means "none yet".
  droplets: z.array(dropletSchema).default([]),
  volumes: z.array(volumeSchema).default([]),
  firewalls: z.array(firewallSchema).default([]),
  reservedIps: z.array(z.object({ slot: z.int(), region: z.string(), droplet: z.int().optional() })).default([]),
  sshKeys: z
    .array(z.object({ id: z.int(), name: z.string(), fingerprint: z.string(), public_key: z.string() }))
    .default([]),
  tags: z.array(z.string()).default([]),
  actions: z.array(actionSchema).default([]),
  /** Each region's default network is not among them: it is there by itself. */
  vpcs: z.array(vpcSchema).default([]),
  clusters: z.array(clusterSchema).default([]),
  databases: z.array(databaseSchema).default([]),
  /** Next number for a droplet, an action or a key. None is given twice. */
  nextId: z.int().default(500_000_001),
});

export type State = z.infer<typeof stateSchema>;
export type Project = z.infer<typeof projectSchema>;
export type Droplet = z.infer<typeof dropletSchema>;
export type Volume = z.infer<typeof volumeSchema>;
export type Firewall = z.infer<typeof firewallSchema>;
export type Action = z.infer<typeof actionSchema>;
export type Vpc = z.infer<typeof vpcSchema>;
export type GarbageCollection = z.infer<typeof garbageCollectionSchema>;

/** The API's state: in memory, and on disk before a change counts. One process at a time holds the file. */
export class Store {
  private current: State;
  private readonly release: () => void;

  constructor(private readonly file: string) {
    this.release = takeLock(`${file}.lock`, "The DigitalOcean API's state");
    try {
      this.current = read(file) ?? this.write(initialState());
    } catch (error) {
      this.release();
      throw error;
    }
  }

  get state(): Readonly<State> {
    return this.current;
  }

  /** Applies a change to a copy; when it throws, or the disk refuses, nothing has happened. */
  update<T>(change: (draft: State) => T): T {
    const draft = structuredClone(this.current);
    const result = change(draft);
    this.current = this.write(draft);
    return result;
  }

  close(): void {
    this.release();
  }

  private write(state: State): State {
    writeFileAtomically(this.file, `${JSON.stringify(state, undefined, 2)}\n`);
    return state;
  }
}

function read(file: string): State | undefined {
  if (!fs.existsSync(file)) {
    return undefined;
  }
  try {
    return stateSchema.parse(JSON.parse(fs.readFileSync(file, "utf8")));
  } catch (error) {
    throw new ShipError({
      code: "SANDBOX_FAILURE",
      summary: "The state of the sandbox's DigitalOcean API cannot be read.",
      found: `${file}: ${error instanceof Error ? error.message : String(error)}`,
      expected: "the file as the API wrote it",
      remedy: "start afresh with `npm run sandbox -- reset`, or put the file back as it was",
    });
  }
}

function initialState(): State {
  const now = new Date().toISOString();
  const account = {
    uuid: randomBytes(20).toString("hex"),
    owner_id: 258992,
    team_uuid: randomBytes(20).toString("hex"),
  };
  const project: Project = {
    id: randomUUID(),
    owner_uuid: account.uuid,
    owner_id: account.owner_id,
    name: "Default",
    description: "Default project",
    purpose: "Just trying out DigitalOcean",
    environment: "Development",
    is_default: true,
    created_at: now,
    updated_at: now,
  };
  return stateSchema.parse({
    account,
    projects: [project],
    assignments: {},
    registries: [],
    credentials: {},
    garbageCollections: [],
  });
}
