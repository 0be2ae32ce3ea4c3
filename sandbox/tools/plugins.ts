import * as fs from "node:fs";
import * as path from "node:path";
import { ShipError } from "../../components/shared/errors";
import { paths } from "../config";
import { installStandIns } from "../plugins/install";
import { ask, stuckMs } from "../process";
import type { Progress } from "./cache";
import { markUnreachable, reachable } from "./offline";

/** Providers whose plugins the program needs; each is named like its npm package @pulumi/<name>. */
export const providers = ["docker", "digitalocean", "command", "kubernetes"] as const;
export type Provider = (typeof providers)[number];

/** Where a plugin came from. `mirror` is SANDBOX_PLUGIN_DIR. */
export type PluginKind = "official" | "mirror" | "stand-in";
export type PluginKinds = Record<Provider, PluginKind>;

/** The Pulumi home that belongs to the sandbox alone. */
export const pulumiHome = path.join(paths.state, "pulumi-home");

const choices = ["auto", "official", "stand-in"] as const;
type Choice = (typeof choices)[number];

const downloadSite = "https://get.pulumi.com/install.sh";
/** Says in a plugin's directory who put it there; the engine's own downloads have none. */
const mark = "sandbox-kind";

/**
 * Installs the provider plugins into the sandbox's own Pulumi home, under the exact versions that the npm packages name.
 * `SANDBOX_PLUGINS` chooses: `official` (never a stand-in), `stand-in`, or `auto` (the default: official ones where they can be had).
 * `SANDBOX_PLUGIN_DIR` names a folder with `pulumi-resource-<name>` executables, which go before any download.
 * @throws ShipError TOOL_MISSING, SETTINGS_INVALID.
 */
export async function ensurePlugins(enginePath: string, progress: Progress): Promise<PluginKinds> {
  const wanted = readChoice();
  fs.mkdirSync(path.join(pulumiHome, "plugins"), { recursive: true, mode: 0o700 });
  const standIns: Provider[] = [];
  for (const name of providers) {
    const had =
      wanted !== "stand-in" &&
      (installFromMirror(name, progress) || (await installOfficial(name, enginePath, progress)));
    if (had) continue;
    if (wanted === "official") throw noOfficial(name);
    standIns.push(name);
  }
  if (standIns.length > 0) placeStandIns(standIns);
  return pluginKinds();
}

/** Which kind each plugin is now; one that is not installed is left out. */
export function installedPlugins(): Partial<PluginKinds> {
  const kinds: Partial<PluginKinds> = {};
  for (const name of providers) {
    const kind = kindOf(name);
    if (kind !== undefined) kinds[name] = kind;
  }
  return kinds;
}

function pluginKinds(): PluginKinds {
  const kinds = installedPlugins();
  for (const name of providers) {
    if (kinds[name] === undefined)
      throw new Error(`the plugin ${name} was installed and is not in ${directoryOf(name)}`);
  }
  return kinds as PluginKinds;
}

function readChoice(): Choice {
  const value = process.env["SANDBOX_PLUGINS"] ?? "auto";
  const choice = choices.find((known) => known === value);
  if (choice !== undefined) return choice;
  throw new ShipError({
    code: "SETTINGS_INVALID",
    summary: "SANDBOX_PLUGINS has a value that is not known",
    found: value,
    expected: choices.join(", "),
    remedy: "correct or unset the variable",
  });
}

function installFromMirror(name: Provider, progress: Progress): boolean {
  const mirror = process.env["SANDBOX_PLUGIN_DIR"];
  if (mirror === undefined || mirror === "") return false;
  const source = path.resolve(mirror, executable(name));
  if (!fs.existsSync(source)) return false;
  progress(`${name} plugin from ${mirror}`);
  replaceDirectory(name, "mirror", (directory) => fs.symlinkSync(source, path.join(directory, executable(name))));
  return true;
}

async function installOfficial(name: Provider, enginePath: string, progress: Progress): Promise<boolean> {
  if (kindOf(name) === "official") return true;
  if (!(await reachable(downloadSite))) return false;
  // What stands there under the same version would make the engine skip the download.
  fs.rmSync(directoryOf(name), { recursive: true, force: true });
  progress(`downloading the official ${name} plugin`);
  const done = await ask(enginePath, ["plugin", "install", "resource", name, versionOf(name)], {
    what: `downloading the ${name} plugin`,
    quietMs: stuckMs,
    env: { ...process.env, PULUMI_HOME: pulumiHome, PULUMI_SKIP_UPDATE_CHECK: "1" },
  });
  if (done !== undefined && kindOf(name) === "official") return true;
  markUnreachable(downloadSite);
  return false;
}

/** The stand-ins are installed beside and moved over, so that official plugins of other providers stay untouched. */
function placeStandIns(names: readonly Provider[]): void {
  const scratch = path.join(paths.state, `stand-ins.${process.pid}`);
  fs.rmSync(scratch, { recursive: true, force: true });
  try {
    installStandIns(scratch);
    for (const name of names) {
      const source = path.join(scratch, "plugins", path.basename(directoryOf(name)));
      const same =
        kindOf(name) === "stand-in" &&
        fs
          .readFileSync(path.join(source, executable(name)))
          .equals(fs.readFileSync(path.join(directoryOf(name), executable(name))));
      if (!same) replaceDirectory(name, "stand-in", (directory) => fs.cpSync(source, directory, { recursive: true }));
    }
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

function replaceDirectory(name: Provider, kind: PluginKind, fill: (directory: string) => void): void {
  const target = directoryOf(name);
  const temporary = `${target}.${process.pid}.partial`;
  fs.rmSync(temporary, { recursive: true, force: true });
  fs.mkdirSync(temporary, { recursive: true });
  fill(temporary);
  fs.writeFileSync(path.join(temporary, mark), kind);
  fs.rmSync(target, { recursive: true, force: true });
  fs.renameSync(temporary, target);
}

function kindOf(name: Provider): PluginKind | undefined {
  const directory = directoryOf(name);
  if (!fs.existsSync(path.join(directory, executable(name)))) return undefined;
  const file = path.join(directory, mark);
  if (!fs.existsSync(file)) return "official";
  return fs.readFileSync(file, "utf8") === "mirror" ? "mirror" : "stand-in";
}

function directoryOf(name: Provider): string {
  return path.join(pulumiHome, "plugins", `resource-${name}-v${versionOf(name)}`);
}

function versionOf(name: Provider): string {
  const file = path.join(paths.root, "node_modules", "@pulumi", name, "package.json");
  return (JSON.parse(fs.readFileSync(file, "utf8")) as { version: string }).version;
}

function executable(name: Provider): string {
  return `pulumi-resource-${name}`;
}

function noOfficial(name: Provider): ShipError {
  return new ShipError({
    code: "TOOL_MISSING",
    summary: `the official Pulumi plugin for ${name} cannot be had, and SANDBOX_PLUGINS=official forbids a stand-in`,
    found: `nothing in SANDBOX_PLUGIN_DIR, no answer from ${new URL(downloadSite).host}`,
    expected: `${executable(name)} ${versionOf(name)}`,
    remedy: `put ${executable(name)} into a folder and name it in SANDBOX_PLUGIN_DIR, or unset SANDBOX_PLUGINS`,
  });
}
