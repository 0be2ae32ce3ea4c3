import type { TrialMachine } from "../test/support/trials/machine";
import type { TrialRelease } from "../test/support/trials/releases";
import { plainPort } from "./trial-host";

/** Name of a copy of the host's database. */
export const database = "odoo-by-hand";
const backup = "odoo-by-hand-before";

/** Odoo as somebody runs it who reads nothing, on a database of its own: a copy of the host's. */
export class PlainOdoo {
  private constructor(
    private readonly machine: TrialMachine,
    private readonly workers: readonly string[],
  ) {}

  static async start(machine: TrialMachine, release: TrialRelease): Promise<PlainOdoo> {
    const plain = new PlainOdoo(machine, await workersOf(machine));
    await copyDatabase(machine);
    await machine.sh(`
      files=$(docker volume inspect -f '{{.Mountpoint}}' odoo-filestore)/filestore
      cp -al $files/odoo $files/${database}
      ${plain.#server(release)}`);
    return plain;
  }

  /** Pull, stop, `odoo -u`, start. */
  upgrade(release: TrialRelease): Promise<unknown> {
    return this.machine.sh(`${pull(release)}
      docker stop --time 60 plain > /dev/null
      docker run --rm --network odoo_backend ${this.#options()} ${release.image} odoo -d ${database} -u trial_ledger,trial_notes --stop-after-init --no-http > /tmp/plain.log 2>&1
      docker rm plain > /dev/null
      ${this.#server(release)}`);
  }

  /** Another image, on the data as they are. */
  exchange(release: TrialRelease): Promise<unknown> {
    return this.machine.sh(`docker stop --time 60 plain > /dev/null
      docker rm plain > /dev/null
      ${this.#server(release)}`);
  }

  /** A copy of the database to go back to. */
  async backUp(): Promise<void> {
    await this.machine.sh(`
      docker stop --time 60 plain > /dev/null
      docker exec odoo-db psql -qU postgres -c 'DROP DATABASE IF EXISTS "${backup}"' -c 'CREATE DATABASE "${backup}" TEMPLATE "${database}" STRATEGY file_copy'
      docker start plain > /dev/null`);
  }

  /** Another image, and the data of {@link backUp}. */
  restore(release: TrialRelease): Promise<unknown> {
    return this.machine.sh(`docker stop --time 60 plain > /dev/null
      docker exec odoo-db psql -qU postgres -c 'DROP DATABASE "${database}"' -c 'CREATE DATABASE "${database}" TEMPLATE "${backup}" OWNER plain STRATEGY file_copy'
      docker rm plain > /dev/null
      ${this.#server(release)}`);
  }

  #server(release: TrialRelease): string {
    // The network of PostgreSQL publishes no port.
    return `docker create --name plain --network odoo_edge -p ${plainPort}:8069 ${this.#options()} ${release.image} > /dev/null
      docker network connect odoo_backend plain
      docker start plain > /dev/null`;
  }

  #options(): string {
    const options = variables(this.workers).map((variable) => `-e ${variable}`);
    return `-v odoo-filestore:/var/lib/odoo -v /run/plain:/run/plain:ro ${options.join(" ")}`;
  }
}

/** Makes {@link database}, with a role of its own, which our releases do not lock out. */
export async function copyDatabase(machine: TrialMachine): Promise<void> {
  await machine.sh(`
      docker exec odoo-db psql -qU postgres -c 'ALTER ROLE odoo NOLOGIN' -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'odoo' AND usename <> 'postgres'" > /dev/null
      until docker exec odoo-db psql -qU postgres -c 'CREATE DATABASE "${database}" TEMPLATE odoo OWNER odoo' 2> /dev/null; do sleep 0.2; done
      docker exec odoo-db psql -qU postgres -c 'ALTER ROLE odoo LOGIN'
      docker exec odoo-db psql -qU postgres -d ${database} -c 'DROP SCHEMA odoo_ship CASCADE'
      docker exec odoo-db psql -qU postgres -c "CREATE ROLE plain LOGIN SUPERUSER PASSWORD 'plain'" -c 'ALTER DATABASE "${database}" OWNER TO plain'
      install -d -m 0755 /run/plain && printf plain > /run/plain/db && chmod 0444 /run/plain/db`);
}

/** `name=value` of each variable of an Odoo that serves {@link database}. */
export function variables(workers: readonly string[]): readonly string[] {
  const own = ["DB_USER=plain", "DB_PASSWORD_FILE=/run/plain/db", "ADMIN_PASSWD=plain", `DB_NAME=${database}`];
  return [...own, ...workers, "PROXY_MODE=False"];
}

export function pull(release: TrialRelease): string {
  return `docker --config /var/lib/odoo-ship/docker pull -q ${release.image} > /dev/null`;
}

/** Variables by which another Odoo has as many processes as the host's own. */
export async function workersOf(machine: TrialMachine): Promise<readonly string[]> {
  const told = await machine.exec(["docker", "exec", "odoo-ce", "env"]);
  const workers = told.split("\n").filter((line) => /^(WORKERS|MAX_CRON_THREADS)=/.test(line));
  if (workers.length !== 2) throw new Error(`odoo-ce does not say how many workers it has: ${workers.join(", ")}`);
  return workers;
}
