import { sleep, until } from "../sandbox/process";
import { Endpoint } from "../test/support/endpoint";
import type { Trial } from "../test/support/trials/host-trial";
import { domain } from "../test/support/trials/requests";
import type { TrialMachine } from "../test/support/trials/machine";
import type { Bench } from "./bench";
import { load, type Load, type Request } from "./load";
import { interleave } from "./measure";
import { machineAndDay, type Row } from "./report";
import { answers, plainPort, reportOnHost } from "./trial-host";

const repetitions = 5;
const turnMs = 8000;
const clients = 8;

const text = `The Odoo that a release leaves on a host, through its proxy with TLS, against a plain container of the same image on the same host: no
proxy, no TLS, no limits, no hardening, as many workers, the same database and files. ${clients} clients on kept connections ask again as
soon as they are answered, for ${turnMs / 1000} s a turn, the two sides taking turns; given is the median of ${repetitions} turns (least to most). Clients, proxy,
Odoo and PostgreSQL share the cores of one machine. Of requests per second, a ratio above 1 would be in our favour.`;

export const vpsBench: Bench = {
  help: "requests through a host's proxy against a plain container of the same Odoo",
  run: () => reportOnHost("vps", text, measureRequests),
};

async function measureRequests({ machine, live }: Trial, say: (line: string) => void) {
  const rows: Row[] = [];
  const plain = await startPlain(machine, live.image);
  // In the machines' network: the plain container's port is not published outside of it.
  const host = machine.privateHost;
  const { ca } = await machine.address();
  const ours = new Endpoint({ host, port: 443, domain, ...(ca === undefined ? {} : { ca }) }, clients);
  const yardstick = new Endpoint({ host, port: plainPort }, clients);
  await until(async () => (await ours.request("GET", "/web/login")).status === 200, 60_000);
  if (!(await until(() => answers(yardstick), 120_000, 500)))
    throw new Error(`the plain container does not answer:\n${await plain.logs()}`);
  for (const [title, prepare] of requests) {
    const sides = {
      ours: await prepare(ours, machine.password),
      yardstick: await prepare(yardstick, machine.password),
    };
    // First requests fill what both sides keep in memory, before the first turn.
    for (const [endpoint, request] of [
      [ours, sides.ours],
      [yardstick, sides.yardstick],
    ] as const)
      await load(endpoint, request, clients, 3000);
    rows.push(
      ...(await measure(title, (side) => load(side === "ours" ? ours : yardstick, sides[side], clients, turnMs), say)),
    );
  }
  const workers = await machine.exec(["docker", "exec", "odoo-ce", "printenv", "WORKERS"]);
  for (const endpoint of [ours, yardstick]) endpoint.close();
  return { rows, facts: facts(workers) };
}

const requests: [title: string, prepare: (endpoint: Endpoint, password: string) => Promise<Request>][] = [
  ["Login page", () => Promise.resolve({ method: "GET", path: "/web/login" })],
  ["JSON-RPC read of 80 records, logged in", readOf80],
];

async function readOf80(endpoint: Endpoint, password: string): Promise<Request> {
  const headers = { "content-type": "application/json" };
  const rpc = (params: object) => JSON.stringify({ jsonrpc: "2.0", method: "call", id: 1, params });
  const { headers: answered, body } = await endpoint.request("POST", "/web/session/authenticate", {
    headers,
    body: rpc({ db: "odoo", login: "admin", password }),
  });
  const cookie = (answered["set-cookie"] ?? [])
    .map((line) => line.split(";")[0])
    .find((line) => line?.startsWith("session_id="));
  if (cookie === undefined) throw new Error(`no session: ${body.toString().slice(0, 300)}`);
  const model = "trial.ledger.line";
  const kwargs = { domain: [], fields: ["name", "amount", "number"], limit: 80 };
  return {
    method: "POST",
    path: `/web/dataset/call_kw/${model}/search_read`,
    headers: { ...headers, cookie },
    body: rpc({ model, method: "search_read", args: [], kwargs }),
  };
}

async function measure(
  title: string,
  turn: (side: "ours" | "yardstick") => Promise<Load>,
  say: (line: string) => void,
): Promise<Row[]> {
  const seen = { ours: [] as Load[], yardstick: [] as Load[] };
  const side = (name: "ours" | "yardstick") => async (round: number) => {
    const found = await turn(name);
    seen[name].push(found);
    say(
      `${title}, ${name}, ${round + 1} of ${repetitions}: ${found.requestsPerSecond.toFixed(1)} requests/s, p95 ${found.p95.toFixed(0)} ms`,
    );
    return found.requestsPerSecond;
  };
  const perSecond = await interleave(repetitions, side("ours"), side("yardstick"));
  const latency = (key: "p50" | "p95"): Row => ({
    title: `${title}: ${key}`,
    unit: "milliseconds",
    ours: seen.ours.map((found) => found[key]),
    yardstick: seen.yardstick.map((found) => found[key]),
  });
  return [{ title: `${title}: throughput`, unit: "requests/s", ...perSecond }, latency("p50"), latency("p95")];
}

/** The same Odoo as somebody starts it who reads nothing: no limits, no hardening, its port to all. */
async function startPlain(machine: TrialMachine, image: string): Promise<{ logs: () => Promise<string> }> {
  await machine.sh(`
    workers=$(docker exec odoo-ce printenv WORKERS)
    network=$(docker inspect odoo-db --format '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}')
    install -d -m 0755 /run/plain && install -m 0444 /opt/odoo/secrets/odoo-db-password /run/plain/db
    docker run -d --name plain -p ${plainPort}:8069 -v odoo-filestore:/var/lib/odoo -v /run/plain:/run/plain:ro -e DB_PASSWORD_FILE=/run/plain/db \\
      -e ADMIN_PASSWD=plain -e DB_NAME=odoo -e WORKERS=$workers -e MAX_CRON_THREADS=0 -e PROXY_MODE=False ${image}
    docker network connect "$network" plain`);
  await sleep(1000);
  return { logs: () => machine.sh("docker logs --tail 40 plain 2>&1") };
}

function facts(workers: string): string[] {
  return [machineAndDay(), `${workers} workers of Odoo on both sides, Node ${process.version} as the client`];
}
