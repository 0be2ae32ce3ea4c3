import * as os from "node:os";
import * as path from "node:path";

import { ask } from "../../components/shared/ask";
import { ShipError } from "../../components/shared/errors";
import { isExecutable } from "../programs";
import { toolTable, type Tool, type ToolName } from "./table";

/** A tool that is there. */
export interface FoundTool {
  readonly path: string;
  /** What it says of itself. */
  readonly version: string;
}

/** Where to look. */
export interface Places {
  /** Directory of what `npm run gates:tools` has installed. @default ~/.cache/odoo-ship/gate-tools */
  readonly store?: string;
  /** @default the PATH of this process */
  readonly searched?: string;
}

const limitMs = 60_000;

/** Folder for what this program keeps for all projects of a user. It can be had again at any time. */
export function ownCache(): string {
  return path.join(process.env["XDG_CACHE_HOME"] ?? path.join(os.homedir(), ".cache"), "odoo-ship");
}

/** Where `npm run gates:tools` installs to. */
export const defaultStore = path.join(ownCache(), "gate-tools");

/** Directory of an installed tool's program: another pin is another directory. */
export function installedIn(store: string, name: string, version: string): string {
  return path.join(store, `${name}-${version}`);
}

/**
 * Finds a tool whose version fits: the installed one, else the first on the PATH.
 * @throws ShipError TOOL_MISSING with all that was found and how to get it
 */
export async function findTool(name: ToolName, places: Places = {}): Promise<FoundTool> {
  const tool = toolTable[name];
  const seen: string[] = [];
  for (const file of candidates(name, tool, places)) {
    const version = await versionOf(file, tool);
    if (version !== undefined && fits(version, tool.version)) return { path: file, version };
    seen.push(`${file}, ${version === undefined ? "which does not say its version" : `version ${version}`}`);
  }
  throw new ShipError({
    code: "TOOL_MISSING",
    summary: `a gate needs ${name}, and there is none that fits`,
    found: seen.length > 0 ? seen.join("\n") : `no ${name} on the PATH, and none in ${places.store ?? defaultStore}`,
    expected: `${name} ${tool.version}, or a newer one before ${major(tool.version) + 1}.0`,
    remedy: howToGet(tool),
  });
}

/** Words for a person who lacks it on such a machine, which Node names as `linux-x64`. */
export function howToGet({ version, source }: Tool, machine = `${process.platform}-${process.arch}`): string {
  switch (source.kind) {
    case "system":
      return `${source.install}; then run the same command again`;
    case "python":
      return "npm run gates:tools, then run the same command again";
    case "release": {
      const [{ url } = { url: "" }] = Object.values(source.files);
      const page = url.replace("/download/", "/tag/").replace(/\/[^/]*$/, "");
      const script = Object.hasOwn(source.files, machine) ? "npm run gates:tools, or " : "";
      return `${script}install ${version} from ${page}; then run the same command again`;
    }
  }
}

/** Whether a version can stand in the place of the pinned one: the same major, and not older. */
export function fits(version: string, pinned: string): boolean {
  const [have, want] = [numbers(version), numbers(pinned)];
  if (have === undefined || want === undefined || have[0] !== want[0]) return false;
  const first = want.findIndex((number, index) => number !== have[index]);
  return first === -1 || (have[first] ?? 0) > (want[first] ?? 0);
}

function major(version: string): number {
  return numbers(version)?.[0] ?? 0;
}

/** Undefined for what is no released version: a candidate for one, a build of some state. */
function numbers(version: string): readonly number[] | undefined {
  // Distributions add their own revision.
  const [, plain] = /^(\d+\.\d+(?:\.\d+)*)(?:\+.*)?$/.exec(version) ?? [];
  return plain?.split(".").map(Number);
}

function* candidates(name: ToolName, { version }: Tool, { store = defaultStore, searched }: Places): Generator<string> {
  const folders = (searched ?? process.env["PATH"] ?? "").split(path.delimiter).filter((folder) => folder !== "");
  for (const folder of new Set([installedIn(store, name, version), ...folders])) {
    const file = path.resolve(folder, name);
    if (isExecutable(file)) yield file;
  }
}

async function versionOf(file: string, tool: Tool): Promise<string | undefined> {
  const { stdout, stderr } = await ask(file, tool.ask, path.dirname(file), limitMs);
  return tool.answer.exec(`${stdout}\n${stderr}`)?.[1];
}
