import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { trackChild } from "./orphans";

/** How to run a command. One that has only to answer has a limit; one that works is stuck when it has been quiet for long. */
export type RunOptions = CommonOptions & (Limit | Quiet);

interface Limit {
  /** After this many milliseconds the command's whole process group is ended. */
  readonly limitMs: number;
}

interface Quiet {
  /** The same when it has printed nothing for so long: a slow machine takes its time, and meets no limit while it gets on. */
  readonly quietMs: number;
}

interface CommonOptions {
  /** What is being done, for messages: "building the Pulumi engine". */
  readonly what: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Standard input; secrets go here and never into the arguments. */
  readonly input?: string;
  /** File to which the output is appended. */
  readonly log?: string;
  /** Called with each line of output as it comes. */
  readonly onLine?: (line: string) => void;
  /** Time between the interrupt and the kill when the command has to end before its time. @default 5000 ms */
  readonly graceMs?: number;
}

/** What a command that ended well has said. */
export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** For {@link RunOptions}: so long nothing that gets on is quiet. */
export const stuckMs = 10 * 60_000;

/** A command that failed, did not exist or took too long. */
export class CommandError extends Error {
  constructor(
    readonly what: string,
    readonly reason: string,
    /** The last lines of its output. */
    readonly tail: string,
    readonly exitCode: number | undefined,
    /** The last 60,000 characters of its output. */
    readonly output: string,
  ) {
    super(`${what}: ${reason}${tail === "" ? "" : `\n${tail}`}`);
    this.name = "CommandError";
  }
}

const running = new Set<{ readonly pid: number; readonly graceMs: number; readonly ended: Promise<void> }>();

/**
 * Runs a command in its own process group and waits for its end.
 * @throws CommandError with the last lines of the output.
 */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], {
      cwd: options.cwd,
      env: options.env ?? process.env,
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const chunks = { stdout: "", stderr: "" };
    let all = "";
    const log = options.log === undefined ? undefined : fs.openSync(options.log, "a", 0o600);
    const lines = lineSplitter(options.onLine);
    const hear = (stream: "stdout" | "stderr") => (data: string) => {
      chunks[stream] += data;
      all = (all + data).slice(-60_000);
      if ("quietMs" in options && timedOut === undefined) timer.refresh();
      if (log !== undefined) fs.writeSync(log, data);
      lines(data);
    };
    child.stdout.setEncoding("utf8").on("data", hear("stdout"));
    child.stderr.setEncoding("utf8").on("data", hear("stderr"));
    // A command that does not read its input closes the pipe: its exit code tells what happened.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");

    const graceMs = options.graceMs ?? 5000;
    const untrack = child.pid === undefined ? () => undefined : trackChild(child.pid, options.what);
    let timedOut: string | undefined;
    const [limitMs, tooLong] =
      "quietMs" in options ? [options.quietMs, "nothing printed for"] : [options.limitMs, "not done after"];
    const timer = setTimeout(() => {
      timedOut = `${tooLong} ${Math.round(limitMs / 1000)} s`;
      if (child.pid !== undefined) void endGroup(child.pid, graceMs);
    }, limitMs);
    let markEnded: () => void = () => undefined;
    const entry =
      child.pid === undefined
        ? undefined
        : { pid: child.pid, graceMs, ended: new Promise<void>((done) => (markEnded = done)) };
    if (entry !== undefined) running.add(entry);
    let settled = false;
    const finish = (reason: string | undefined, exitCode: number | undefined) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      untrack();
      if (entry !== undefined) running.delete(entry);
      markEnded();
      if (log !== undefined) fs.closeSync(log);
      if (reason === undefined) resolve(chunks);
      else reject(new CommandError(options.what, reason, all.trim().split("\n").slice(-15).join("\n"), exitCode, all));
    };
    child.on("error", (error) => finish(`${command} cannot be started: ${error.message}`, undefined));
    child.on("close", (code, signal) => {
      if (timedOut !== undefined) finish(timedOut, undefined);
      else if (code === 0) finish(undefined, 0);
      else finish(signal === null ? `exit code ${code ?? "unknown"}` : `ended by ${signal}`, code ?? undefined);
    });
  });
}

/** Like {@link run}, but a failure gives `undefined`: for questions whose answer may be "no". */
export async function ask(command: string, args: readonly string[], options: RunOptions): Promise<Output | undefined> {
  try {
    return await run(command, args, options);
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** Ends every command that this process runs: an interrupt first, so that Pulumi and Docker can clean up, then a kill. */
export async function endAll(): Promise<void> {
  await Promise.all(
    [...running].map(async ({ pid, graceMs, ended }) => {
      await endGroup(pid, graceMs);
      await Promise.race([ended, sleep(2000)]);
    }),
  );
}

/** Ends a process group: SIGINT, then after `graceMs` SIGKILL. Returns when the group is gone. */
export async function endGroup(pid: number, graceMs: number): Promise<void> {
  signalGroup(pid, "SIGINT");
  if (await until(() => !groupAlive(pid), graceMs)) return;
  signalGroup(pid, "SIGKILL");
  await until(() => !groupAlive(pid), 2000);
}

/** Waits until `condition` holds. Returns whether it did within `limitMs`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  limitMs: number,
  everyMs = 100,
): Promise<boolean> {
  const end = Date.now() + limitMs;
  for (;;) {
    if (await condition()) return true;
    if (Date.now() >= end) return false;
    await sleep(everyMs);
  }
}

/** Waits `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function groupAlive(pid: number): boolean {
  return signalGroup(pid, 0);
}

function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

function lineSplitter(onLine: ((line: string) => void) | undefined): (data: string) => void {
  let rest = "";
  return (data) => {
    if (onLine === undefined) return;
    const parts = (rest + data).split(/\r?\n|\r/);
    rest = parts.pop() ?? "";
    for (const line of parts) if (line.trim() !== "") onLine(line);
  };
}
