import { randomBytes, randomUUID } from "node:crypto";
import * as fs from "node:fs";
import { z } from "zod";
import { ShipError } from "../../components/errors";
import { writeFileAtomically } from "../support/atomic-file";
import { takeLock } from "../support/lock";

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
  status: z.enum(["requested", "scanning manifests", "deleting unreferenced blobs", "cancelling", "failed", "succeeded", "cancelled"]),
  type: z.enum(["untagged manifests only", "unreferenced blobs only", "untagged manifests and unreferenced blobs"]),
  created_at: time,
  updated_at: time,
  blobs_deleted: z.int(),
  freed_bytes: z.int(),
});

const stateSchema = z.object({
  account: z.object({ uuid: z.string(), owner_id: z.int(), team_uuid: z.string() }),
  projects: z.array(projectSchema),
  /** Which project holds a resource, by its URN. */
  assignments: z.record(z.string(), z.object({ project: z.uuid(), assigned_at: time })),
  registries: z.array(z.object({ name: z.string(), region: z.string(), created_at: time })),
  subscription: z.object({ tier: z.string(), created_at: time, updated_at: time }).optional(),
  /** Minted registry credentials by the SHA-256 of their password; the password itself is never kept. */
  credentials: z.record(z.string(), z.object({ registry: z.string(), write: z.boolean(), created_at: time, expires_at: time.optional() })),
  garbageCollections: z.array(garbageCollectionSchema),
});

export type State = z.infer<typeof stateSchema>;
export type Project = z.infer<typeof projectSchema>;
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
  const account = { uuid: randomBytes(20).toString("hex"), owner_id: 258992, team_uuid: randomBytes(20).toString("hex") };
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
  return { account, projects: [project], assignments: {}, registries: [], credentials: {}, garbageCollections: [] };
}
