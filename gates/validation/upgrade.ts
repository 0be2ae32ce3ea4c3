import { ShipError } from "../../components/shared/errors";
import { taggingLogin } from "../../components/release/tag-order";
import { RegistryClient } from "../../components/registry/client";
import { isKept } from "../database/kept";
import { startKept } from "../database/base-database";
import type { Owner } from "../database/owner";
import { docker, hardened, pulled } from "../docker";
import type { GateTools } from "../gate";
import { changeModules, fresh, type FreshOrder, judgeModules, populatedOf } from "./fresh";

const minuteMs = 60_000;

/** Modules of an image by their content, as a deployment compares them. */
interface Modules {
  readonly series: string;
  readonly modules: Readonly<Record<string, { readonly hash: string }>>;
}

/**
 * Upgrades a populated database of the release that serves, as the registry's `latest` says. It is kept since that
 * release passed; on another machine it is made by its image, on the way.
 * @returns the modules that were upgraded or installed, or why there was nothing to do
 * @throws ShipError MODULE_LOAD_ERROR, IMPORT_ERROR, DATABASE_CONNECTION_ERROR, NETWORK_FAILURE
 */
export async function upgrade(
  order: FreshOrder & { readonly repository: string },
  owner: Owner,
  tools: GateTools,
): Promise<readonly string[] | string> {
  const digest = await servedDigest(order);
  if (digest === undefined) return "no release before";
  const before = { ...order, image: `${order.repository}@${digest}` };
  if (before.image === order.image) return "the release that serves";
  await pulled(before, tools);
  const [old, own] = [await modulesOf(before.image), await modulesOf(order.image)];
  if (old.series !== own.series) {
    tools.notChecked(`the upgrade from Odoo ${old.series} to ${own.series}, which is a migration of its own`);
    return "another series";
  }
  const there = order.modules.filter((name) => name in old.modules);
  const made = await populated(
    { ...before, modules: there, own: order.own.filter((name) => there.includes(name)) },
    owner,
    tools,
  );
  if (!made) return "no database of it";
  const database = await startKept(populatedOf(before), owner);
  const installed = await database.rows("SELECT name FROM ir_module_module WHERE state = 'installed'");
  const gone = installed.filter((name) => !(name in own.modules));
  if (gone.length > 0) {
    tools.notChecked(`the upgrade from the release before, which has installed what is not here: ${gone.join(", ")}`);
    await database.remove();
    return "modules are gone";
  }
  const changed = installed.filter((name) => own.modules[name]?.hash !== old.modules[name]?.hash);
  const added = order.modules.filter((name) => !installed.includes(name));
  if (changed.length + added.length > 0) {
    tools.say(`upgrades ${[...changed, ...added].join(", ")} from ${digest.slice(0, 19)}`);
    const options = [...optionOf("-u", changed), ...optionOf("-i", added)];
    await changeModules(database, order.image, options);
    await judgeModules(database, order.modules);
  }
  await database.remove();
  return [...changed, ...added];
}

async function servedDigest(order: { stack: string; repository: string }): Promise<string | undefined> {
  const access = await taggingLogin(order);
  return new RegistryClient(order.repository, access.username === "" ? undefined : access).digestOf("latest");
}

/** Has a populated database of a release kept. That an old one cannot be had any more stops no new one. */
async function populated(before: FreshOrder, owner: Owner, tools: GateTools): Promise<boolean> {
  const wanted = populatedOf(before);
  if (await isKept(wanted)) return true;
  tools.say(`fills a database by the release before, ${before.image}`);
  try {
    await fresh(before, owner, tools);
  } catch (error) {
    tools.notChecked(`the upgrade from the release before, which cannot be installed here: ${wordsOf(error)}`);
    return false;
  }
  const made = await isKept(wanted);
  if (!made) tools.notChecked("the upgrade from the release before, whose database could not be kept");
  return made;
}

/** @throws ShipError CONTAINER_START_FAILURE */
async function modulesOf(image: string): Promise<Modules> {
  const flags = [...hardened, "--network", "none", "--entrypoint", "python3"];
  const command = ["run", ...flags, image, "-I", "/opt/odoo/modules.py"];
  const { status, stdout, tail } = await docker(command, 2 * minuteMs);
  try {
    if (status === 0) return JSON.parse(stdout) as Modules;
  } catch {
    // Said below.
  }
  throw new ShipError({
    code: "CONTAINER_START_FAILURE",
    summary: "an image does not say which modules it has",
    found: tail,
    expected: `the list of /opt/odoo/modules.py in ${image}`,
    remedy: "read the lines above; undo the change of images/odoo/ that broke it",
  });
}

function optionOf(option: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [option, names.join(",")];
}

function wordsOf(error: unknown): string {
  return error instanceof ShipError ? `${error.code}: ${error.failure.summary}` : String(error);
}
