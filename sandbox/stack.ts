import * as fs from "node:fs";
import * as path from "node:path";
import { ShipError } from "../components/shared/errors";
import { paths } from "./config";
import { readToolPaths, sandboxEnvironment } from "./environment";
import { identify } from "./orphans";
import { CommandError, run, stuckMs, type Output } from "./process";
import type { ServersFile } from "./servers";

export const stackName = "sandbox";
/** All that Pulumi writes during `npm start`. */
export const updateLog = path.join(paths.state, "pulumi.log");

type Limit = { readonly limitMs: number } | { readonly quietMs: number };
/** For what only reads or writes the state. */
const answerLimit: Limit = { limitMs: 5 * 60_000 };
const interruptGraceMs = 30_000;
const stateFiles = path.join(paths.state, "state", ".pulumi");

/** How to run Pulumi on the sandbox's stack. */
export interface StackOptions {
  /** Without them, only what needs no API works. */
  readonly servers: ServersFile | undefined;
  /** The program's directory. @default the checkout */
  readonly cwd?: string;
  readonly onLine?: (line: string) => void;
  /** Keeps the output out of the log. @default false */
  readonly quiet?: boolean;
}

/** Selects the stack, making it at the first time, and clears away what a killed update has left. */
export async function prepareStack(options: StackOptions, progress: (message: string) => void): Promise<void> {
  removeCutNotes(stateFiles);
  await pulumi(
    ["stack", "select", "--create", "--non-interactive", stackName],
    "selecting the stack",
    answerLimit,
    options,
  );
  if (staleLocks()) {
    progress("taking away the lock of an interrupted update");
    await pulumi(
      ["cancel", "--yes", "--non-interactive", "--stack", stackName],
      "taking away a stale lock",
      answerLimit,
      options,
    );
  }
  if (await hasPendingOperations(options)) {
    // The engine would warn of them for ever. Whether a create that was cut off succeeded is for the program to find out, which adopts
    // what is there; everything else is read anew.
    progress("reading anew what an interrupted update was changing");
    const args = [
      "refresh",
      "--yes",
      "--skip-preview",
      "--clear-pending-creates",
      "--non-interactive",
      "--stack",
      stackName,
    ];
    await pulumi(args, "clearing an interrupted update", { quietMs: stuckMs }, options);
  }
}

/**
 * Beside each file of a state in files Pulumi keeps notes about it. A kill may leave them empty, and then Pulumi reads
 * the file no more, though it is whole. Without notes it does.
 */
export function removeCutNotes(folder: string): void {
  if (!fs.existsSync(folder)) return;
  for (const name of fs.readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const file = path.join(folder, name);
    if (name.endsWith(".attrs") && fs.statSync(file).size === 0) fs.rmSync(file);
  }
}

/** `pulumi up` without questions. Its output goes to {@link updateLog} and, line by line, to `onLine`. */
export async function updateStack(options: StackOptions): Promise<void> {
  const args = ["up", "--yes", "--skip-preview", "--non-interactive", "--color", "never", "--stack", stackName];
  await pulumi(args, "the update of the stack", { quietMs: stuckMs }, options);
}

/** The stack's outputs as JSON; secrets are masked. */
export async function stackOutputs(options: StackOptions): Promise<Record<string, unknown>> {
  const output = await pulumi(
    ["stack", "output", "--json", "--stack", stackName],
    "reading the stack's outputs",
    answerLimit,
    {
      ...options,
      quiet: true,
    },
  );
  return JSON.parse(output.stdout) as Record<string, unknown>;
}

async function hasPendingOperations(options: StackOptions): Promise<boolean> {
  const output = await pulumi(["stack", "export", "--stack", stackName], "reading the stack's state", answerLimit, {
    ...options,
    quiet: true,
  });
  const state = JSON.parse(output.stdout) as { deployment?: { pending_operations?: readonly unknown[] } | null };
  return (state.deployment?.pending_operations ?? []).length > 0;
}

async function pulumi(args: readonly string[], what: string, limit: Limit, options: StackOptions): Promise<Output> {
  try {
    return await run(readToolPaths().engine, args, {
      what,
      ...limit,
      cwd: options.cwd ?? paths.root,
      env: sandboxEnvironment(options.servers),
      ...(options.quiet === true ? {} : { log: updateLog }),
      graceMs: interruptGraceMs,
      ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new ShipError({
      code: "SANDBOX_FAILURE",
      summary: `${what} failed (${error.reason})`,
      found: diagnosis(error.output),
      expected: "exit code 0",
      remedy: `read the messages above; all of them are in ${updateLog}. Then run the same command again`,
    });
  }
}

/** What Pulumi says went wrong: its diagnostics, without the table of resources before them. */
function diagnosis(output: string): string {
  const start = output.lastIndexOf("\nDiagnostics:");
  const lines = (start < 0 ? output : output.slice(start)).trim().split("\n");
  return lines.length > 80 ? [...lines.slice(0, 20), "...", ...lines.slice(-60)].join("\n") : lines.join("\n");
}

/** What a line of `pulumi up` says about the progress of a resource, or `undefined` for any other line. */
export function resourceProgress(line: string): string | undefined {
  const [, type, name, doing, detail] = /^\s*\S{1,2}\s+(\S+:\S+) (\S+) (.+?) \([\d.]+s\)(.*)$/.exec(line) ?? [];
  if (type === undefined || name === undefined || doing === undefined) return undefined;
  // What a command says is a step of it; what the builder says are hundreds of lines.
  const said = (detail ?? "").replace(/^[\s;]*(\[[^\]]{1,40}\])?[\s;]*/, "$1 ").trim();
  const shown = type.startsWith("command:") ? said : (/^\[[^\]]+\]/.exec(said)?.[0] ?? "");
  return `${type} ${name} ${doing} ${shown}`.trim();
}

/** Whether all locks of the file backend belong to processes that are dead; one of a living process is somebody at work. */
function staleLocks(): boolean {
  const directory = path.join(stateFiles, "locks");
  if (!fs.existsSync(directory)) return false;
  const files = fs
    .readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json"))
    .map((name) => path.join(directory, name));
  return files.length > 0 && files.every((file) => identify(lockHolder(file)) === undefined);
}

function lockHolder(file: string): number {
  try {
    return (JSON.parse(fs.readFileSync(file, "utf8")) as { pid: number }).pid;
  } catch {
    // Cut off by a kill, or gone already: no living process holds it.
    return 0;
  }
}
