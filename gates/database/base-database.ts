import { ShipError } from "../../components/shared/errors";
import { docker, dockerLog, hostOf, pulled } from "../docker";
import type { GateTools } from "../gate";
import { drop, isKept, keep, type Keepsake, nameOf } from "./kept";
import type { Owner } from "./owner";
import { TrialDatabase } from "./trial-database";

/** Images that a database is made with. */
export interface DatabaseOrder {
  /** `project/stack`, whose desk has the registry's login. */
  readonly stack: string;
  /** Odoo's, as it was pushed: `repository@sha256:…` */
  readonly image: string;
  /** PostgreSQL's, `repository@sha256:…` */
  readonly postgres: string;
  /** Extensions that PostgreSQL's admin makes before a module is installed. */
  readonly extensions: readonly string[];
}

const minuteMs = 60_000;
/** Odoo itself reads these where there is no entrypoint of ours. */
const withoutEntrypoint = ["PGHOST=127.0.0.1", "PGUSER=odoo", "PGPASSWORD"].flatMap((value) => ["--env", value]);

/**
 * Attachments move into the database, so that it is whole without a filestore; new ones go to files again, as in
 * production.
 */
export const attachmentsInside = `
parameters = env["ir.config_parameter"].sudo()
parameters.set_param("ir_attachment.location", "db")
env["ir.attachment"].force_storage()
parameters.search([("key", "=", "ir_attachment.location")]).unlink()
env.cr.commit()
`;

/** Odoo 19 installs demonstration data only if it is told to, older ones unless they are told not to. */
export function withoutDemo(series: string): string[] {
  return Number(series) >= 19 ? [] : ["--without-demo=all"];
}

/**
 * Starts a database with `base` and what belongs to it. The first time for a base image it is made, in half a minute,
 * and kept. That is done with the base image alone: no code of a team, or of what it requires, has ever run on what is
 * kept.
 * @throws ShipError DATABASE_CONNECTION_ERROR, MODULE_LOAD_ERROR, NETWORK_FAILURE, TOOL_MISSING
 */
export async function baseDatabase(order: DatabaseOrder, owner: Owner, tools: GateTools): Promise<TrialDatabase> {
  const { base, series } = await originOf(order.image);
  const wanted: Keepsake = { kind: "base", of: [base, order.postgres] };
  if (!(await isKept(wanted))) {
    tools.say(`makes a database with base alone, once for ${base}`);
    for (const image of [order.postgres, base]) {
      await pulled({ stack: order.stack, image, registry: hostOf(order.image) }, tools);
    }
    await make(base, series, order, owner, wanted);
  }
  const database = await startKept(wanted, owner);
  const wishes = order.extensions.map((name) => `CREATE EXTENSION IF NOT EXISTS "${name}" SCHEMA public;`);
  await database.admin(wishes.join("\n"), database.name);
  return database;
}

/** Starts a kept database. One that does not start is made anew by the next run. */
export async function startKept(wanted: Keepsake, owner: Owner): Promise<TrialDatabase> {
  try {
    return await TrialDatabase.start(owner, nameOf(wanted));
  } catch (error) {
    await drop(wanted);
    throw error;
  }
}

async function make(base: string, series: string, order: DatabaseOrder, owner: Owner, wanted: Keepsake): Promise<void> {
  const database = await TrialDatabase.start(owner, order.postgres);
  const options = ["-d", database.name, "--no-http", "--workers=0", "--max-cron-threads=0"].join(" ");
  const script =
    `odoo ${options} -i base ${withoutDemo(series).join(" ")} --stop-after-init < /dev/null && ` +
    `odoo shell ${options}`;
  const { status, tail } = await dockerLog(
    ["run", "--interactive", ...database.odooFlags(), ...withoutEntrypoint, "--entrypoint", "sh", base, "-c", script],
    15 * minuteMs,
    { env: database.secrets, input: attachmentsInside },
  );
  if (status !== 0) {
    throw new ShipError({
      code: "MODULE_LOAD_ERROR",
      summary: "the base image does not install base into a new database",
      found: tail,
      expected: "Odoo's own modules, as the base image has them",
      remedy: "look at the base image that image:baseRecord names; no addon has part in this",
    });
  }
  await keep(database, wanted);
  await database.remove();
}

/** What an image was built on, as its labels say; the build writes them. */
export async function originOf(image: string): Promise<{ base: string; series: string }> {
  const format = "{{json .Config.Labels}}";
  const { stdout, tail } = await docker(["image", "inspect", "--format", format, image], minuteMs);
  const labels = parse(stdout);
  const [named = "", digest = "", series = ""] = [
    "org.opencontainers.image.base.name",
    "org.opencontainers.image.base.digest",
    "io.odoo.series",
  ].map((label) => labels[label]);
  if (!/^sha256:[0-9a-f]{64}$/.test(digest) || named === "" || series === "") {
    throw new ShipError({
      code: "IMAGE_NOT_FOUND",
      summary: "the image does not say what it was built on",
      found: tail || `labels ${stdout.slice(0, 300)}`,
      expected: "the labels that images/odoo/Dockerfile sets",
      remedy: "undo the change of images/odoo/Dockerfile that dropped them",
    });
  }
  return { base: `${named.replace(/:[^:/]*$/, "")}@${digest}`, series };
}

function parse(text: string): Readonly<Record<string, string | undefined>> {
  try {
    return (JSON.parse(text) as Record<string, string> | null) ?? {};
  } catch {
    return {};
  }
}
