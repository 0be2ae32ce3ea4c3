import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

import { ask } from "../../components/shared/ask";
import { ShipError } from "../../components/shared/errors";
import { defaultStore, findTool, installedIn, type FoundTool } from "./find";
import { pythonEnvironment } from "./python-environment";
import { requirements, toolNames, toolTable, type ReleaseFile, type ToolName } from "./table";

/** How to install. */
export interface InstallOptions {
  /** @default ~/.cache/odoo-ship/gate-tools */
  readonly store?: string;
  /** The PATH, where what fits is left as it is. @default that of this process */
  readonly searched?: string;
  /** Says in one line what is under way. */
  say(line: string): void;
  /** As Node names it: `linux-x64`. @default this one */
  readonly machine?: string;
}

const minute = 60_000;
/** Ends what hangs; a slow network takes its time. */
const limitMs = 30 * minute;

/**
 * Makes a tool ready: leaves one that fits, else installs the pinned one, which belongs to nobody else. It may be
 * killed and run again: a tool has its name when it is whole.
 * @throws ShipError TOOL_MISSING for what can be had from the system alone, NETWORK_FAILURE
 */
export async function ensureTool(name: ToolName, options: InstallOptions): Promise<FoundTool> {
  const { source, version } = toolTable[name];
  try {
    return await findTool(name, options);
  } catch (error) {
    if (source.kind === "system") throw error;
  }
  const { store = defaultStore, machine = `${process.platform}-${process.arch}`, say } = options;
  fs.mkdirSync(store, { recursive: true, mode: 0o700 });
  if (source.kind === "python") {
    say(`installing the Python packages of ${path.basename(requirements)}`);
    await installPackages(store);
  } else {
    const file = source.files[machine];
    // Its makers have a file for this machine, too, but nobody has pinned it.
    if (file === undefined) return findTool(name, options);
    say(`downloading ${name} ${version}`);
    await download(name, file, installedIn(store, name, version));
  }
  return findTool(name, options);
}

/** All packages go into one environment; each tool's own directory leads there once it is whole. */
async function installPackages(store: string): Promise<void> {
  const pins = createHash("sha256").update(fs.readFileSync(requirements)).digest("hex");
  const environment = path.join(store, `python-${pins.slice(0, 12)}`);
  fs.rmSync(environment, { recursive: true, force: true });
  await pythonEnvironment(environment, requirements, limitMs);
  for (const name of toolNames) {
    const { source, version } = toolTable[name];
    if (source.kind !== "python") continue;
    const directory = installedIn(store, name, version);
    fs.rmSync(directory, { recursive: true, force: true });
    fs.mkdirSync(directory);
    fs.symlinkSync(path.join(environment, "bin", name), path.join(directory, name));
  }
}

/**
 * Brings a file of a release, or the program out of it if it is an archive, into a directory of its own.
 * @throws ShipError TOOL_MISSING for another file than the pinned one, NETWORK_FAILURE
 */
export async function download(name: string, { url, sha256 }: ReleaseFile, target: string): Promise<void> {
  const content = await get(url);
  const found = createHash("sha256").update(content).digest("hex");
  if (found !== sha256) {
    throw new ShipError({
      code: "TOOL_MISSING",
      summary: `the download of ${name} is not the file that was pinned; it was thrown away`,
      found: `sha256 ${found} from ${url}`,
      expected: sha256,
      remedy: "see what answers in the place of that site, and do not use what it gives",
    });
  }
  const partial = fs.mkdtempSync(`${target}.partial-`);
  try {
    if (url.endsWith(".tar.gz")) {
      const archive = path.join(partial, "archive");
      fs.writeFileSync(archive, content);
      const { status, stderr } = await ask("tar", ["-xzf", "archive", name], partial, limitMs);
      if (status !== 0) throw new Error(`tar cannot read ${url}: ${stderr.trim()}`);
      fs.rmSync(archive);
    } else {
      fs.writeFileSync(path.join(partial, name), content);
    }
    fs.chmodSync(path.join(partial, name), 0o755);
    fs.chmodSync(partial, 0o755);
    fs.rmSync(target, { recursive: true, force: true });
    fs.renameSync(partial, target);
  } finally {
    fs.rmSync(partial, { recursive: true, force: true });
  }
}

async function get(url: string): Promise<Buffer> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(limitMs) });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    return Buffer.from(await answer.arrayBuffer());
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
    throw new ShipError({
      code: "NETWORK_FAILURE",
      summary: "a tool of the gates cannot be downloaded",
      found: `${url}: ${error instanceof Error ? error.message : String(error)}${cause}`,
      expected: "the file",
      remedy: "check the network, or install the tool from where this machine can get it; then run the command again",
    });
  }
}

/** Makes the named tools ready, or all; says each, and fails with the first that could not be had. */
async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !Object.hasOwn(toolTable, name));
  if (unknown.length > 0) {
    throw new ShipError({
      code: "SETTINGS_INVALID",
      summary: "no gate uses such a tool",
      found: unknown.join(", "),
      expected: toolNames.join(", "),
      remedy: "npm run gates:tools",
    });
  }
  const say = (line: string): void => console.log(line);
  const failures: unknown[] = [];
  for (const name of names.length > 0 ? (names as readonly ToolName[]) : toolNames) {
    try {
      const { path: file, version } = await ensureTool(name, { say });
      say(`${name.padEnd(10)} ${version.padEnd(10)} ${file}`);
    } catch (error) {
      failures.push(error);
      say(error instanceof ShipError ? error.message : String(error));
    }
  }
  if (failures.length > 0) process.exitCode = 1;
}

if (require.main === module) {
  void main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof ShipError ? error.message : error);
    process.exitCode = 1;
  });
}
