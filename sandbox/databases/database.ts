import { makeDataVolume } from "../containers/data";
import { docker, objectLabel } from "../containers/docker";
import { ContainerKind, isUp, type Found } from "../containers/kind";
import { ensureNetwork, networkName } from "../containers/network";
import { databaseAddress, databasePort, type DatabaseOrder } from "../digitalocean/database-machines";
import { ensureBuilt } from "../images/build";
import { ask, until } from "../process";
import { once, type Progress } from "../tools/cache";
import { containerName, databaseLabel, dataName, noteDatabases } from "./names";
import {
  agentDb,
  certificatesScript,
  dbStatements,
  firstStatements,
  hostAccess,
  identifier,
  settings,
  userStatements,
} from "./settings";

const second = 1000;
const bootMs = 90 * second;
const mount = "/var/lib/postgresql/data";

const containers = new ContainerKind<string>({
  many: "databases",
  one: (id) => `the database ${id}`,
  label: databaseLabel,
  name: containerName,
  shutdownSeconds: 30,
});

/** The image of all databases. */
export function ensureDatabaseImage(progress: Progress): Promise<string> {
  return ensureBuilt("postgres", "17", progress);
}

/**
 * Makes a managed PostgreSQL, or starts the one that is there, and brings it to what the order says. Its data outlives the container: made
 * again after `down`, it is the same database.
 */
export async function createDatabase(order: DatabaseOrder): Promise<void> {
  const state = await containers.state(order.id);
  // One that was created and never ran: its start failed, perhaps for an address that was taken.
  if (state === "created") await containers.remove(order.id);
  if (state === undefined || state === "created") await startContainer(order);
  else if (state !== "running") await docker(["start", containerName(order.id)], `starting the database ${order.id}`);
  await waitUntilReady(order.id);
  await exec(
    order.id,
    "sh",
    certificatesScript(order, databaseAddress(order.slot)),
    `making the certificates of the database ${order.id}`,
  );
  const what = `setting up the database ${order.id}`;
  await query(order.id, firstStatements, what, "template1");
  await query(order.id, settings(order) + userStatements("doadmin", order.adminPassword), what);
  await setSources(order.id, order.sources);
  if (
    (await query(order.id, "SHOW max_connections;", `asking the database ${order.id}`)) !== String(order.maxConnections)
  ) {
    await containers.restart(order.id);
    await waitUntilReady(order.id);
  }
}

/** `undefined`: there is no such database. */
export async function databaseStatus(id: string): Promise<"online" | "off" | undefined> {
  const state = await containers.state(id);
  if (state === undefined) return undefined;
  return isUp(state) ? "online" : "off";
}

/** The certificate of the authority that signs for the database, PEM. */
export function databaseAuthority(id: string): Promise<string> {
  return exec(id, "sh", 'cat "$PGDATA/tls/ca.crt"', `reading the certificate of the database ${id}`);
}

/** Who may connect from now on, as CIDR ranges; `undefined`: everybody. Connections that there are stay. */
export async function setSources(id: string, sources: readonly string[] | undefined): Promise<void> {
  const what = `setting the trusted sources of the database ${id}`;
  const file = '"$PGDATA/pg_hba.conf"';
  const here = `cat > ${file}.new <<'END'\n${hostAccess(sources)}END\nmv ${file}.new ${file}\n`;
  await exec(id, "sh", `set -eu\numask 077\n${here}`, what);
  await query(id, "SELECT pg_reload_conf();", what);
}

/** Makes a user that may log in, or gives it another password. It is nobody's member and owns nothing. */
export async function setUser(id: string, name: string, password: string): Promise<void> {
  await query(id, userStatements(name, password), `setting a user of the database ${id}`);
}

/** Fails while something belongs to the user. */
export async function removeUser(id: string, name: string): Promise<void> {
  await query(id, `DROP ROLE IF EXISTS ${identifier(name)};`, `removing a user of the database ${id}`);
}

/** Makes a database that belongs to `doadmin`. */
export async function createDb(id: string, name: string): Promise<void> {
  await query(id, dbStatements(name), `making a database in ${id}`);
}

/** Also when somebody is connected to it. */
export async function removeDb(id: string, name: string): Promise<void> {
  await query(id, `DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE);`, `removing a database in ${id}`);
}

/** Removes a database with its data, also when there is none any more. */
export async function removeDatabase(id: string): Promise<void> {
  await containers.remove(id);
  await docker(["volume", "rm", "--force", dataName(id)], `removing the data of the database ${id}`);
}

/** All databases that run, at once: what they hold in memory is written before `down` removes them. */
export function stopDatabases(progress: Progress): Promise<void> {
  return containers.stopAll(progress);
}

/** What there is of databases, of every checkout. */
export function listDatabases(): Promise<readonly Found[]> {
  return containers.list();
}

async function startContainer({ id, name, slot }: DatabaseOrder): Promise<void> {
  const image = await ensureDatabaseImage(once((message) => console.log(`database ${name}: ${message}`)));
  await ensureNetwork();
  noteDatabases();
  await makeDataVolume(dataName(id), `making the volume of the database ${id}`);
  const args = [
    ...["run", "--detach", "--name", containerName(id), "--hostname", name],
    ...["--label", objectLabel, "--label", `${databaseLabel}=${id}`],
    ...["--network", networkName, "--ip", databaseAddress(slot), "--volume", `${dataName(id)}:${mount}`],
    // PGPORT is the port of the server and of psql in the container. The superuser is reached on the socket only, and needs no password.
    ...[
      "--env",
      `PGPORT=${databasePort}`,
      "--env",
      "POSTGRES_HOST_AUTH_METHOD=reject",
      "--env",
      "POSTGRES_PASSWORD=unused",
    ],
    ...["--shm-size", "256m", "--restart", "on-failure"],
    image,
  ];
  await docker(args, `starting the database ${id}`);
}

/** Until the server takes connections: the one that sets up a new database listens on the socket only. */
async function waitUntilReady(id: string): Promise<void> {
  const ready = async (): Promise<boolean> =>
    (await ask("docker", ["exec", containerName(id), "pg_isready", "--quiet", "--host", "127.0.0.1"], {
      what: "waiting for the database",
      limitMs: 10 * second,
    })) !== undefined;
  if (await until(ready, bootMs, 200)) return;
  throw new Error(`the database ${id} does not start:\n${await containers.lastLines(id)}`);
}

/** Statements as the superuser; they go by standard input, and neither they nor what is in them gets into the server's log. */
function query(id: string, sql: string, what: string, db = agentDb): Promise<string> {
  const quiet = "\\set VERBOSITY terse\nSET log_min_error_statement = panic;\n";
  const psql = `psql --no-psqlrc --quiet --no-align --tuples-only --username=postgres --dbname=${db} --variable=ON_ERROR_STOP=1`;
  return exec(id, psql, `${quiet}${sql}`, what);
}

function exec(id: string, command: string, input: string, what: string): Promise<string> {
  const args = ["exec", "--interactive", "--user", "postgres", containerName(id), ...command.split(" ")];
  return docker(args, what, { input });
}
