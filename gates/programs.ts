import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

export interface Ended {
  /** Exit status; undefined if a signal or the time limit ended it. */
  readonly status: number | undefined;
  readonly stdout: string;
  /** The end of standard output and error, as a person would have seen it. */
  readonly tail: string;
}

const tailLength = 4000;
/** Of each program that runs, how to give it up. */
const running = new Set<() => void>();

/** Runs a program to its end, and never throws. What it started ends with it at the time limit. */
export function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly input?: string; limitMs: number },
): Promise<Ended> {
  return new Promise((resolve) => {
    const { cwd, env, input = "", limitMs } = options;
    const child = spawn(program, args, { cwd, env: env ?? process.env, detached: true });
    let stdout = "";
    let tail = "";
    const see = (data: string) => (tail = (tail + data).slice(-tailLength));
    child.stdout.setEncoding("utf8").on("data", (data: string) => {
      stdout += data;
      see(data);
    });
    child.stderr.setEncoding("utf8").on("data", see);
    const timer = setTimeout(() => {
      see(`\nended after ${limitMs / 1000} s, its limit`);
      endAll(child.pid);
    }, limitMs);
    let givenUp = false;
    const forget = () => {
      givenUp = true;
      endAll(child.pid);
    };
    running.add(forget);
    const end = (status: number | null, problem?: string) => {
      clearTimeout(timer);
      running.delete(forget);
      if (givenUp) return;
      resolve({ status: status ?? undefined, stdout, tail: (problem ?? tail).trim() });
    };
    child.on("error", (error) => end(null, error.message));
    child.on("close", (status) => end(status));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

/** Ends what runs, with all that it has started. Whoever waits for it is never told: it has no outcome. */
export function giveUp(): void {
  for (const forget of running) forget();
}

const passedOn = /^(PATH|HOME|USER|LANG|LC_\w+|TMPDIR|XDG_CACHE_HOME|(HTTPS?|NO|ALL)_PROXY|SSL_CERT_(FILE|DIR))$/i;

/**
 * Environment for a program that reads what others have written: no token, no passphrase, and no variable that would
 * have it look away.
 */
export function bareEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => passedOn.test(name))), ...more };
}

function endAll(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** Path of a program on the PATH, or undefined. */
export function onPath(program: string, searched = process.env["PATH"] ?? ""): string | undefined {
  return searched
    .split(path.delimiter)
    .map((folder) => path.join(folder, program))
    .find((file) => isExecutable(file));
}

/** Whether it is a file that may be started. */
export function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}
