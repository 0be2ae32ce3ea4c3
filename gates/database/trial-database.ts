import { randomBytes } from "node:crypto";

import { ShipError } from "../../components/shared/errors";
import { docker, hardened } from "../docker";
import type { Ended } from "../programs";
import { markOf, type Owner } from "./owner";

const minuteMs = 60_000;
/** Nothing is mounted here, and every user may write: the data are part of the container, and can be kept with it. */
const folder = "/tmp/odoo-gate";

/**
 * PostgreSQL for as long as a gate runs. What is written is thrown away, so nothing waits for the disk. An update that
 * is killed leaves it running, and it ends by itself.
 */
const server = `set -eu
if [ ! -s ${folder}/PG_VERSION ]; then
  initdb --pgdata=${folder} --username=postgres --encoding=UTF8 --locale=C --no-sync \\
    --auth-local=trust --auth-host=scram-sha-256 > /dev/null
fi
exec timeout --signal=INT 3600 postgres -D ${folder} -c listen_addresses=127.0.0.1 -c unix_socket_directories=/tmp \\
  -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_wal_size=256MB`;

const limits = [
  "--cap-drop=ALL",
  "--security-opt=no-new-privileges",
  "--memory=1g",
  "--pids-limit=256",
  "--shm-size=256m",
] as const;

/** The database in it, and the role that Odoo logs in with. */
const name = "odoo";

/**
 * A PostgreSQL of a gate's own, in a container without any network. Odoo's containers share its loopback interface and
 * nothing else: they reach PostgreSQL, and neither the Internet, nor other containers, nor this machine.
 *
 * Odoo's role is no superuser and may make no database. The admin comes in from inside of the container alone, and has
 * no password.
 */
export class TrialDatabase {
  readonly #password = randomBytes(16).toString("hex");

  private constructor(
    readonly owner: Owner,
    readonly container: string,
  ) {}

  /**
   * Starts one from PostgreSQL's image, with an empty database, or from a kept one.
   * @throws ShipError DATABASE_CONNECTION_ERROR
   */
  static async start(owner: Owner, image: string): Promise<TrialDatabase> {
    const database = new TrialDatabase(owner, `odoo-gate-${randomBytes(6).toString("hex")}`);
    const place = ["--network", "none", "--user", "postgres", "--entrypoint", "sh"];
    const flags = ["--detach", "--name", database.container, ...markOf(owner), ...limits, ...place];
    const started = await docker(["run", ...flags, image, "-c", server], 5 * minuteMs);
    if (started.status !== 0) throw database.#silent(started.tail);
    await database.#ready();
    await database.admin(`${roleAndDatabase}\nALTER ROLE ${name} PASSWORD '${database.#password}';\n`);
    return database;
  }

  /** Flags of a container of Odoo that uses it, hardened as in production. `kept`: whether its end leaves its log. */
  odooFlags({ kept = false } = {}): string[] {
    return [
      ...hardened.filter((flag) => !kept || flag !== "--rm"),
      ...markOf(this.owner),
      "--network",
      `container:${this.container}`,
      // Their values come from the environment of the Docker command line.
      ...["DB_PASSWORD", "ADMIN_PASSWD"].flatMap((variable) => ["--env", variable]),
      ...["DB_HOST=127.0.0.1", `DB_NAME=${name}`, "MAX_CRON_THREADS=0"].flatMap((value) => ["--env", value]),
    ];
  }

  /** Environment that these flags take the passwords from. */
  get secrets(): NodeJS.ProcessEnv {
    return { DB_PASSWORD: this.#password, PGPASSWORD: this.#password, ADMIN_PASSWD: randomBytes(16).toString("hex") };
  }

  /** Name of Odoo's database. */
  readonly name = name;

  /**
   * Runs statements as the admin, who looks into no table of Odoo's.
   * @throws ShipError DATABASE_CONNECTION_ERROR
   */
  async admin(statements: string, database = "postgres"): Promise<void> {
    await this.#psql("postgres", statements, database);
  }

  /**
   * Asks as Odoo's role: one line a row, with `|` between columns.
   * @throws ShipError DATABASE_CONNECTION_ERROR
   */
  async rows(question: string): Promise<string[]> {
    const answer = await this.#psql(name, question, name);
    return answer.split("\n").filter((line) => line !== "");
  }

  /** Ends it with everything written, so that it can be kept. */
  async stop(): Promise<void> {
    const { status, tail } = await docker(["stop", "--time", "60", this.container], 2 * minuteMs);
    if (status !== 0) throw this.#silent(tail);
  }

  /** Removes it with what belongs to it; not the images that it was kept as. */
  async remove(): Promise<void> {
    await docker(["rm", "--force", "--volumes", this.container], 2 * minuteMs);
  }

  async #ready(): Promise<void> {
    const wait = "until pg_isready --quiet --host=127.0.0.1; do sleep 0.1; done";
    const { status, tail } = await docker(["exec", this.container, "sh", "-c", wait], 2 * minuteMs);
    if (status === 0) return;
    const log: Ended = await docker(["logs", "--tail", "20", this.container], minuteMs);
    throw this.#silent(log.tail || tail);
  }

  async #psql(role: string, input: string, database: string): Promise<string> {
    const ask = ["psql", "--host=/tmp", `--username=${role}`, `--dbname=${database}`, "--no-psqlrc", "-qAt"];
    const command = ["exec", "--interactive", this.container, ...ask, "--set=ON_ERROR_STOP=1"];
    const { status, stdout, tail } = await docker(command, 5 * minuteMs, { input });
    if (status !== 0) throw this.#silent(tail);
    return stdout;
  }

  #silent(found: string): ShipError {
    return new ShipError({
      code: "DATABASE_CONNECTION_ERROR",
      summary: "the gate's own PostgreSQL does not do what it is asked for",
      found,
      expected: "a PostgreSQL in a container, which this machine's Docker starts",
      remedy: "run the update again; if it stays so, look at the image of PostgreSQL (vps:imagesRecord)",
    });
  }
}

/** A kept one has both already. */
const roleAndDatabase = `
SELECT 'CREATE ROLE ${name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE'
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${name}') \\gexec
SELECT 'CREATE DATABASE ${name} OWNER ${name} TEMPLATE template0'
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '${name}') \\gexec`;
