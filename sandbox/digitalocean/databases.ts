import { randomBytes, randomUUID } from "node:crypto";
import { z } from "zod";
import { findRegion } from "./catalog";
import { databaseSlots } from "./database-machines";
import { databaseSize, databaseVersion } from "./database-options";
import { ruleBody, toRules } from "./database-rules";
import type { Database } from "./database-state";
import { adminUser, databaseView, findDatabase, firstDb } from "./database-view";
import { conflict, unprocessable } from "./errors";
import { page } from "./pages";
import { joinDefaultProject, leaveProjects } from "./projects";
import type { Call, Context, Reply, Route } from "./router";
import type { State } from "./state";
import { addTags, tagName } from "./tags";
import { vpcFor } from "./vpcs";

const days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const nodes = z.int({ error: "must be a whole number" });
const notThere = (what: string) => z.null({ error: `is not supported: the sandbox has no ${what}` }).optional();
/** Strict: what the sandbox does not know is refused by name and not left out. */
const createBody = z.strictObject({
  name: z
    .string({ error: "is required" })
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "must be lowercase letters, digits and hyphens"),
  engine: z.literal("pg", { error: "must be pg: the sandbox has PostgreSQL only" }),
  version: z.string().nullish(),
  size: z.string({ error: "is required" }),
  num_nodes: nodes,
  region: z.string({ error: "is required" }),
  private_network_uuid: z.string().nullish(),
  project_id: z.string().nullish(),
  storage_size_mib: z.int().nullish(),
  tags: z.array(tagName).nullish(),
  rules: z.array(ruleBody).nullish(),
  backup_restore: notThere("backups"),
  storage_autoscale: notThere("storage that grows by itself"),
  do_settings: z.looseObject({}).nullish(),
});
const resizeBody = z.strictObject({
  size: z.string({ error: "is required" }),
  num_nodes: nodes,
  storage_size_mib: z.int().nullish(),
});
const windowBody = z.object({
  day: z
    .string()
    .transform((day) => day.toLowerCase())
    .refine((day) => days.includes(day), `must be one of ${days.join(", ")}`),
  hour: z.string().regex(/^([01]?\d|2[0-3])(:[0-5]\d){0,2}$/, "must be a time of day in UTC such as 14:00"),
});

/** Managed databases: `/v2/databases`. */
export function databaseRoutes(context: Context): readonly Route[] {
  const { store, databases } = context;
  const path = "/v2/databases";
  const one = (call: Call): Database => findDatabase(store.state, call.param("id"));
  const none = (key: string, call: Call): Reply => {
    one(call);
    return { status: 200, body: { [key]: [] } };
  };
  const answer = (status: number, database: Database): Reply => ({
    status,
    body: { database: databaseView(store.state, database) },
  });
  return [
    {
      method: "GET",
      path,
      handle: (call) => {
        const tag = call.url.searchParams.get("tag_name");
        const found = store.state.databases.filter(({ tags }) => tag === null || tags.includes(tag));
        return page(
          call,
          "databases",
          found.map((database) => databaseView(store.state, database)),
        );
      },
    },
    {
      method: "POST",
      path,
      handle: (call) => {
        const wanted = call.body(createBody);
        const made = store.update((draft) => add(draft, wanted));
        databases.bring(made.id);
        return answer(201, made);
      },
    },
    { method: "GET", path: `${path}/:id`, handle: (call) => answer(200, one(call)) },
    { method: "DELETE", path: `${path}/:id`, handle: (call) => remove(context, one(call)) },
    {
      method: "PUT",
      path: `${path}/:id/resize`,
      handle: (call) => {
        const wanted = call.body(resizeBody);
        store.update((draft) => resize(findDatabase(draft, call.param("id")), wanted));
        databases.bring(call.param("id"));
        return { status: 202 };
      },
    },
    {
      method: "PUT",
      path: `${path}/:id/maintenance`,
      handle: (call) => {
        const { day, hour } = call.body(windowBody);
        const [hours = "0", minutes = "00", seconds = "00"] = hour.split(":");
        const window = { day, hour: [hours.padStart(2, "0"), minutes, seconds].join(":") };
        store.update((draft) => (findDatabase(draft, call.param("id")).maintenance_window = window));
        return { status: 204 };
      },
    },
    {
      method: "PUT",
      path: `${path}/:id/upgrade`,
      handle: (call) => {
        const { version } = one(call);
        const wanted = databaseVersion(call.body(z.object({ version: z.string({ error: "is required" }) })).version);
        if (wanted === version) {
          throw unprocessable(`cluster is already on version ${version}`);
        }
        return { status: 204 };
      },
    },
    {
      method: "PUT",
      path: `${path}/:id/migrate`,
      handle: (call) => {
        one(call);
        throw unprocessable("the sandbox cannot move a database to another region");
      },
    },
    {
      method: "GET",
      path: `${path}/:id/ca`,
      handle: async (call) => {
        const { id } = requireOnline(one(call));
        const certificate = Buffer.from(await databases.machines.databaseAuthority(id)).toString("base64");
        return { status: 200, body: { ca: { certificate } } };
      },
    },
    { method: "GET", path: `${path}/:id/backups`, handle: (call) => none("backups", call) },
    { method: "GET", path: `${path}/:id/pools`, handle: (call) => none("pools", call) },
    {
      method: "POST",
      path: `${path}/:id/pools`,
      handle: (call) => {
        one(call);
        throw unprocessable("the sandbox has no connection pools: use the database's own port");
      },
    },
  ];
}

/** Refuses what a database cannot do before it is there. */
export function requireOnline(database: Database): Database {
  if (database.status === "creating") {
    throw conflict("cluster is not yet online");
  }
  return database;
}

/** A password as DigitalOcean makes them. */
export function newPassword(): string {
  return `AVNS_${randomBytes(15).toString("base64url")}`;
}

function add(draft: State, wanted: z.infer<typeof createBody>): Database {
  const version = databaseVersion(wanted.version);
  const { storageMib } = databaseSize(wanted.size, wanted.num_nodes);
  if (findRegion(wanted.region) === undefined) {
    throw unprocessable("invalid region");
  }
  if (draft.databases.some(({ name }) => name === wanted.name)) {
    throw unprocessable("cluster name is not available");
  }
  const id = randomUUID();
  const database: Database = {
    id,
    name: wanted.name,
    engine: "pg",
    version,
    size: wanted.size,
    num_nodes: wanted.num_nodes,
    region: wanted.region,
    slot: freeSlot(draft),
    status: "creating",
    private_network_uuid: vpcFor(draft, wanted.private_network_uuid, wanted.region).id,
    storage_size_mib: storage(wanted.storage_size_mib, storageMib, storageMib),
    tags: [...new Set(wanted.tags ?? [])],
    maintenance_window: { day: "wednesday", hour: "14:40:07" },
    users: [{ name: adminUser, password: newPassword() }],
    db_names: [firstDb],
    rules: [],
    created_at: new Date().toISOString(),
  };
  database.rules = toRules(draft, database, wanted.rules ?? []);
  draft.databases.push(database);
  addTags(draft, database.tags);
  joinDefaultProject(draft, `do:dbaas:${id}`);
  joinProject(draft, id, wanted.project_id);
  return database;
}

function resize(database: Database, wanted: z.infer<typeof resizeBody>): void {
  requireOnline(database);
  const { storageMib } = databaseSize(wanted.size, wanted.num_nodes);
  const storage_size_mib = storage(
    wanted.storage_size_mib,
    storageMib,
    Math.max(storageMib, database.storage_size_mib),
  );
  if (storage_size_mib < database.storage_size_mib) {
    throw unprocessable("invalid size: cannot be resized to a smaller disk");
  }
  Object.assign(database, { size: wanted.size, num_nodes: wanted.num_nodes, storage_size_mib, status: "resizing" });
}

function storage(wanted: number | null | undefined, least: number, fallback: number): number {
  if (typeof wanted === "number" && wanted < least) {
    throw unprocessable(`invalid storage_size_mib: must be at least ${least} with this size`);
  }
  return wanted ?? fallback;
}

function joinProject(draft: State, id: string, project: string | null | undefined): void {
  if ((project ?? "") === "") {
    return;
  }
  const found = draft.projects.find((one) => one.id === project);
  if (found === undefined) {
    throw unprocessable(`project ${String(project)} could not be found`);
  }
  draft.assignments[`do:dbaas:${id}`] = { project: found.id, assigned_at: new Date().toISOString() };
}

function freeSlot(state: State): number {
  const free = databaseSlots.find((slot) => !state.databases.some((database) => database.slot === slot));
  if (free === undefined) {
    const there = state.databases.map(({ id, name }) => `${name} (${id})`).join(", ");
    throw unprocessable(
      `database limit reached: the sandbox has ${databaseSlots.length} databases, and there are ${there}`,
    );
  }
  return free;
}

/** The data goes first: a failure leaves a database that can be deleted again. */
async function remove({ store, databases }: Context, { id }: Database): Promise<Reply> {
  await databases.turn(id, (machines) => machines.removeDatabase(id));
  store.update((draft) => {
    draft.databases = draft.databases.filter((database) => database.id !== id);
    leaveProjects(draft, `do:dbaas:${id}`);
  });
  return { status: 204 };
}
