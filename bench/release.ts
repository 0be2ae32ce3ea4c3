import { sleep } from "../sandbox/process";
import { Endpoint } from "../test/support/endpoint";
import type { Trial } from "../test/support/trials/host-trial";
import { domain } from "../test/support/trials/requests";
import type { TrialMachine } from "../test/support/trials/machine";
import type { TrialRelease } from "../test/support/trials/releases";
import type { Bench } from "./bench";
import { interleave, median } from "./measure";
import { machineAndDay, type Row } from "./report";
import { answers, plainPort, reportOnHost } from "./trial-host";

const rounds = 3;
const everyMs = 50;
const limitMs = 5 * 60_000;
const answerMs = 5000;
const hand = "odoo-by-hand";

const text = `How long a release keeps users out of a host's Odoo. The door is closed from the first answer that is not the
login page to the next one that is; a client asks every ${everyMs} ms. By hand is the same on the same host, without a proxy: a plain container of the same
image, with a database of its own that is a copy of ours, is stopped, \`odoo -u\` runs in a container of the new image, and that image is started. By
hand nothing is rehearsed, kept to go back to, or tried, and the time to type is not counted. One installed module changes each time. The steps below are of our releases, rehearsal included; given is the median of ${rounds} (least to most).`;

export const releaseBench: Bench = {
  help: "how long a release keeps users out of a host, against the same by hand",
  run: () =>
    reportOnHost("release", text, async (trial, say) => ({
      rows: await new Measurement(trial, say).rows(),
      facts: facts(),
    })),
};

class Measurement {
  readonly #steps = new Map<string, number[]>();

  constructor(
    private readonly trial: Trial,
    private readonly say: (line: string) => void,
  ) {}

  async rows(): Promise<readonly Row[]> {
    const { trial } = this;
    const releases = [trial.live];
    for (let level = 1; level <= rounds; level += 1) releases.push(await trial.releases.make({ kind: "good" }, level));
    const plain = new Plain(trial.machine);
    await plain.start(trial.live);
    const ours = new Endpoint({ ...(await trial.machine.address()) });
    const yardstick = new Endpoint({ host: trial.machine.privateHost, port: plainPort });
    try {
      const next = (round: number) => releases[round + 1] ?? trial.live;
      const closed = await interleave(
        rounds,
        (round) => this.#told("closed, ours", () => closedFor(ours, () => this.#release(next(round)))),
        (round) => this.#told("closed, by hand", () => closedFor(yardstick, () => plain.upgrade(next(round)))),
      );
      return [
        { title: "Door closed on the VPS, one changed module", unit: "seconds", ...closed },
        ...[...this.#steps].map(([step, taken]): Row => ({
          title: `of a release: ${step}, against all that by hand keeps users out`,
          unit: "seconds",
          ours: taken,
          yardstick: [median(closed.yardstick)],
        })),
      ];
    } finally {
      for (const endpoint of [ours, yardstick]) endpoint.close();
    }
  }

  async #told(what: string, measure: () => Promise<number>): Promise<number> {
    const taken = await measure();
    this.say(`${what}: ${taken.toFixed(1)} s`);
    return taken;
  }

  async #release(release: TrialRelease): Promise<void> {
    const ending = await this.trial.deploy(release);
    if (ending.state !== "succeeded") throw new Error(JSON.stringify(ending.error, undefined, 2));
    const journal = JSON.parse(await this.trial.machine.exec(["cat", "/var/lib/odoo-ship/journal.json"])) as {
      steps: Record<string, [number, number]>;
    };
    for (const [step, [begun, ended]] of Object.entries(journal.steps))
      this.#steps.set(step, [...(this.#steps.get(step) ?? []), ended - begun]);
  }
}

/** Odoo as somebody runs it who reads nothing, on a database of its own. */
class Plain {
  constructor(private readonly machine: TrialMachine) {}

  async start(release: TrialRelease): Promise<void> {
    await this.machine.sh(`
      docker exec odoo-db psql -qU postgres -c 'ALTER ROLE odoo NOLOGIN' -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'odoo' AND usename <> 'postgres'" > /dev/null
      until docker exec odoo-db psql -qU postgres -c 'CREATE DATABASE "${hand}" TEMPLATE odoo OWNER odoo' 2> /dev/null; do sleep 0.2; done
      docker exec odoo-db psql -qU postgres -c 'ALTER ROLE odoo LOGIN'
      docker exec odoo-db psql -qU postgres -d ${hand} -c 'DROP SCHEMA odoo_ship CASCADE'
      # A role of its own, which our releases do not lock out.
      docker exec odoo-db psql -qU postgres -c "CREATE ROLE plain LOGIN SUPERUSER PASSWORD 'plain'" -c 'ALTER DATABASE "${hand}" OWNER TO plain'
      files=$(docker volume inspect -f '{{.Mountpoint}}' odoo-filestore)/filestore
      cp -al $files/odoo $files/${hand}
      install -d -m 0755 /run/plain && printf plain > /run/plain/db && chmod 0444 /run/plain/db`);
    await this.machine.sh(this.#server(release));
  }

  async upgrade(release: TrialRelease): Promise<void> {
    await this.machine.sh(`docker --config /var/lib/odoo-ship/docker pull -q ${release.image} > /dev/null
      docker stop --time 60 plain > /dev/null
      docker run --rm --network odoo_backend ${this.#options()} ${release.image} odoo -d ${hand} -u trial_ledger,trial_notes --stop-after-init --no-http > /tmp/plain.log 2>&1
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
    const variables = `-e DB_USER=plain -e DB_PASSWORD_FILE=/run/plain/db -e ADMIN_PASSWD=plain -e DB_NAME=${hand} -e WORKERS=2 -e MAX_CRON_THREADS=1 -e PROXY_MODE=False`;
    return `-v odoo-filestore:/var/lib/odoo -v /run/plain:/run/plain:ro ${variables}`;
  }
}

/** Seconds from the last login page before something closes the door to the first one after it; `act` does that, and opens it again. */
async function closedFor(endpoint: Endpoint, act: () => Promise<void>): Promise<number> {
  const end = Date.now() + limitMs;
  while (!(await answers(endpoint, answerMs))) {
    if (Date.now() > end) throw new Error("Odoo does not answer before anything begins");
    await sleep(everyMs);
  }
  let ended = false;
  const acting = act().finally(() => (ended = true));
  acting.catch(() => undefined);
  let [last, closed] = [performance.now(), 0];
  for (;;) {
    const open = await answers(endpoint, answerMs);
    const now = performance.now();
    if (open && closed > 0) break;
    if (open) last = now;
    else closed ||= last;
    if (ended && closed === 0) {
      await acting;
      throw new Error("the door was never closed");
    }
    if (Date.now() > end) throw new Error("the door stays closed");
    await sleep(everyMs);
  }
  const taken = (performance.now() - closed) / 1000;
  await acting;
  return taken;
}

function facts(): string[] {
  return [
    machineAndDay(),
    `Host, registry and client share the cores of one machine; a database of three modules, ${domain}`,
  ];
}
