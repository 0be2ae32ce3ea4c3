import { databaseAddress, databasePort } from "./database-machines";
import type { Database, DatabaseRule } from "./database-state";
import { notFound } from "./errors";
import type { State } from "./state";

/** The user that every database comes with. It is no superuser. */
export const adminUser = "doadmin";
/** The database that every database cluster comes with. There is none called `postgres` until somebody makes it. */
export const firstDb = "defaultdb";

/** A database cluster as the API tells it. It is in one network only: public and private connection are the same. */
export function databaseView(state: Readonly<State>, database: Database) {
  const { id, name, engine, version, size, num_nodes, region, status, created_at, tags, users, rules } = database;
  const { private_network_uuid, storage_size_mib, db_names, maintenance_window } = database;
  const there = status !== "creating";
  const connection = connectionOf(database);
  return {
    ...{
      id,
      name,
      engine,
      version,
      size,
      num_nodes,
      region,
      status,
      created_at,
      private_network_uuid,
      storage_size_mib,
    },
    semantic_version: `${version}.0`,
    tags: tags.length === 0 ? null : tags,
    // DigitalOcean tells the connection from the start; nobody answers there yet.
    connection,
    private_connection: connection,
    users: there ? users.map(userView) : null,
    db_names: there ? db_names : null,
    maintenance_window: { ...maintenance_window, pending: false, description: [] },
    project_id: state.assignments[`do:dbaas:${id}`]?.project ?? "",
    rules: rules.map((rule) => ruleView(database, rule)),
    version_end_of_life: "2029-11-08T00:00:00Z",
    version_end_of_availability: null,
    metrics_endpoints: [],
  };
}

/** A user as the API tells it, password included. */
export function userView({ name, password }: Database["users"][number]) {
  return { name, role: name === adminUser ? "primary" : "normal", password };
}

/** A trusted source as the API tells it. */
export function ruleView({ id }: Database, rule: DatabaseRule) {
  return { ...rule, cluster_uuid: id };
}

/** A database cluster by its id, or 404. */
export function findDatabase(state: Readonly<State>, id: string): Database {
  const found = state.databases.find((database) => database.id === id);
  if (found === undefined) {
    throw notFound("cluster not found");
  }
  return found;
}

function connectionOf({ slot, users }: Database) {
  const password = users.find(({ name }) => name === adminUser)?.password ?? "";
  const host = databaseAddress(slot);
  return {
    protocol: "postgresql",
    uri: `postgresql://${adminUser}:${password}@${host}:${databasePort}/${firstDb}?sslmode=require`,
    database: firstDb,
    host,
    port: databasePort,
    user: adminUser,
    password,
    ssl: true,
  };
}
