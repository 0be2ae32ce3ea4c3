import * as fs from "node:fs";
import * as path from "node:path";

import { ShipError } from "../../components/shared/errors";
import { jsonOfLastLine } from "../../components/shared/json";
import { baseDatabase, type DatabaseOrder, originOf, withoutDemo } from "../database/base-database";
import { type Keepsake, keep } from "../database/kept";
import { codeOf, errorsIn, noStart } from "../database/odoo-log";
import { markOf, type Owner } from "../database/owner";
import type { TrialDatabase } from "../database/trial-database";
import { docker, dockerLog } from "../docker";
import type { GateTools } from "../gate";
import type { Ended } from "../programs";

/** A release and what it is to have installed. */
export interface FreshOrder extends DatabaseOrder {
  readonly modules: readonly string[];
  /** Those of the team's own, whose forms are opened. */
  readonly own: readonly string[];
}

const minuteMs = 60_000;
/** The smoke test of a deployment, so that there is one. */
const smoke = path.join(__dirname, "..", "..", "worker", "odoo_ship", "smoke.py");
const populate = path.join(__dirname, "populate.py");
/** What odoo.conf loads for the whole server stays out while modules change: a job runner would run jobs. */
export const changing = ["--stop-after-init", "--no-http", "--workers=0", "--limit-memory-hard=0", "--load=base,web"];

/** The populated database of a release, by which the next one is tried. */
export function populatedOf({ stack, image, postgres }: DatabaseOrder): Keepsake {
  return { kind: `populated/${stack}`, of: [image, postgres] };
}

/**
 * Installs a release into a new database, serves it as in production, and uses it. Then it is filled, and kept for the
 * validation of the next release.
 * @throws ShipError MODULE_LOAD_ERROR, IMPORT_ERROR, HEALTH_CHECK_FAIL, CONTAINER_START_FAILURE,
 *   DATABASE_CONNECTION_ERROR
 */
export async function fresh(order: FreshOrder, owner: Owner, tools: GateTools): Promise<readonly string[]> {
  const database = await baseDatabase(order, owner, tools);
  const files = `${database.container}-files`;
  await docker(["volume", "create", ...markOf(owner), files], minuteMs);
  const mount = ["--volume", `${files}:/var/lib/odoo`];
  if (order.modules.length > 0) {
    tools.say(`installs ${order.modules.join(", ")}`);
    const { series } = await originOf(order.image);
    await changeModules(database, order.image, ["-i", order.modules.join(","), ...withoutDemo(series)], mount);
    await judgeModules(database, order.modules);
  }
  tools.say("serves, and is used");
  const server = await serve(database, order.image, mount);
  const passed = await use(database, server, order.own);
  await judgeServer(server);
  await fill(database, server, order, tools);
  await docker(["rm", "--force", "--volumes", server], minuteMs);
  await database.remove();
  return passed;
}

/**
 * Runs Odoo's command line on the database, in a container as production has it.
 * @throws ShipError MODULE_LOAD_ERROR, IMPORT_ERROR, CONTAINER_START_FAILURE, DATABASE_CONNECTION_ERROR
 */
export async function changeModules(
  database: TrialDatabase,
  image: string,
  options: readonly string[],
  mount: readonly string[] = [],
): Promise<void> {
  const command = ["odoo", "-d", database.name, ...options, ...changing];
  const flags = [...database.odooFlags(), ...mount];
  const ended = await dockerLog(["run", ...flags, image, ...command], 30 * minuteMs, { env: database.secrets });
  if (ended.status === 125) throw noStart(ended, "no container of the image can be started");
  const errors = errorsIn(ended.stdout);
  if (ended.status === 0 && errors.length === 0) return;
  throw notLoaded(ended, errors, options);
}

/** Odoo ends well with modules that it did not load, and says so in the database. */
export async function judgeModules(database: TrialDatabase, wanted: readonly string[]): Promise<void> {
  const rows = (await database.rows("SELECT name, state FROM ir_module_module")).map((row) => row.split("|"));
  const states = new Map(rows.map(([name = "", state = ""]) => [name, state]));
  const unfinished = [...states].filter(([, state]) => /^to /.test(state)).map(([name, state]) => `${name}: ${state}`);
  const lacking = wanted.filter((name) => !/^(installed|to )/.test(states.get(name) ?? ""));
  if (unfinished.length + lacking.length === 0) return;
  throw new ShipError({
    code: "MODULE_LOAD_ERROR",
    summary: "modules were left unfinished",
    found: [...unfinished, ...lacking.map((name) => `${name}: ${states.get(name) ?? "unknown"}`)].join("\n"),
    expected: "all installed",
    remedy: "install them in a database of your own, where the log says more; mend them",
  });
}

async function serve(database: TrialDatabase, image: string, mount: readonly string[]): Promise<string> {
  const server = `${database.container}-odoo`;
  const flags = ["--detach", "--name", server, ...database.odooFlags({ kept: true }), ...mount, "--env", "WORKERS=2"];
  const started = await docker(["run", ...flags, image], 5 * minuteMs, { env: database.secrets });
  if (started.status !== 0) throw noStart(started, "no container of the image can be started");
  const ready = await inside(server, ["/opt/odoo/ready.py", "180"]);
  if (ready.status !== 0) throw await unhealthy(server, `the login page: ${ready.tail}`);
  const health = await inside(server, ["/opt/odoo/entrypoint.py", "healthcheck"]);
  if (health.status !== 0) throw await unhealthy(server, `/web/health: ${health.tail}`);
  return server;
}

/** Answers what passed. */
async function use(database: TrialDatabase, server: string, own: readonly string[]): Promise<readonly string[]> {
  const names = own.map((name) => `'${name}'`).join(", ") || "NULL";
  const models = await database.rows(
    "SELECT DISTINCT view.model FROM ir_ui_view AS view JOIN ir_model_data AS data ON data.model = 'ir.ui.view' AND " +
      `data.res_id = view.id WHERE view.type = 'form' AND view.model <> '' AND data.module IN (${names}) LIMIT 5`,
  );
  const bus = await database.rows("SELECT 1 FROM ir_module_module WHERE name = 'bus' AND state = 'installed'");
  const order = { database: database.name, models, websocket: bus.length > 0, login: "admin", password: "admin" };
  const { stdout, tail } = await script(server, smoke, order);
  const smoked = jsonOfLastLine(stdout) as Smoked | null;
  const { failed, found = "", passed = [] } = smoked ?? { failed: "start", found: tail };
  if (failed !== undefined) throw await unhealthy(server, `${failed}: ${found}`);
  return passed;
}

async function judgeServer(server: string): Promise<void> {
  const { stdout } = await dockerLog(["logs", server], minuteMs);
  const errors = errorsIn(stdout);
  if (errors.length > 0) throw await unhealthy(server, errors.join("\n"));
}

/** Without it the next release is tried on a database that is made then. */
async function fill(database: TrialDatabase, server: string, order: FreshOrder, tools: GateTools): Promise<void> {
  try {
    const { status, tail } = await script(server, populate, { database: database.name, own: order.own });
    if (status !== 0) throw new Error(tail);
    await docker(["stop", "--time", "10", server], minuteMs);
    await keep(database, populatedOf(order));
  } catch (error) {
    tools.say(
      `its database is not kept for the next release: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function inside(container: string, command: readonly string[]): Promise<Ended> {
  return docker(["exec", container, "python3", "-I", ...command], 5 * minuteMs);
}

function script(container: string, file: string, order: unknown): Promise<Ended> {
  const command = ["python3", "-I", "-c", fs.readFileSync(file, "utf8")];
  return docker(["exec", "--interactive", container, ...command], 10 * minuteMs, { input: JSON.stringify(order) });
}

async function unhealthy(server: string, found: string): Promise<ShipError> {
  const { stdout: running } = await docker(["inspect", "--format", "{{.State.Running}}", server], minuteMs);
  const { stdout: log } = await dockerLog(["logs", "--tail", "40", server], minuteMs);
  const ended = running.trim() !== "true";
  return new ShipError({
    code: ended ? codeOf(log, "CONTAINER_START_FAILURE") : "HEALTH_CHECK_FAIL",
    summary: ended ? "the server ended" : "the server does not do what a deployment would ask of it",
    found: `${found}\n${log.slice(-3000)}`.trim(),
    expected: "/web/health, login page, asset, login, create and read, forms and websocket, and no error in the log",
    remedy: "the log names what failed; mend it",
  });
}

function notLoaded({ status, tail, stdout }: Ended, errors: readonly string[], options: readonly string[]): ShipError {
  return new ShipError({
    code: codeOf(stdout, "MODULE_LOAD_ERROR"),
    summary: `Odoo cannot change the modules as asked for: ${options.slice(0, 4).join(" ")}`,
    found: [...errors, ...(status === 0 ? [] : [tail])].join("\n"),
    expected: "exit status 0, and no error in the log",
    remedy: "the log names the module; mend it",
  });
}

interface Smoked {
  readonly failed?: string;
  readonly found?: string;
  readonly passed?: readonly string[];
}
