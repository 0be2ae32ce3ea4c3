import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { alive, identify } from "../orphans";

interface Process {
  readonly pid: number;
  readonly command: readonly string[];
}

/** Processes that carry exactly this argument on their command line. */
export function processesWithArgument(argument: string): readonly number[] {
  return listProcesses()
    .filter(({ pid, command }) => pid !== process.pid && command.includes(argument))
    .map(({ pid }) => pid);
}

/** Ends a process and waits for it: SIGTERM, after `graceSeconds` SIGKILL. */
export async function endProcess(pid: number, graceSeconds = 5): Promise<void> {
  const identity = identify(pid);
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    if (identity === undefined || !alive(identity)) {
      return;
    }
    kill(pid, signal);
    const limit = Date.now() + graceSeconds * 1000;
    while (alive(identity) && Date.now() < limit) {
      await delay(20);
    }
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") {
      throw error;
    }
  }
}

function listProcesses(): readonly Process[] {
  if (process.platform !== "linux") {
    const lines = execFileSync("ps", ["-axww", "-o", "pid=,command="], { encoding: "utf8" }).split("\n");
    return lines.map((line) => {
      const [pid, ...command] = line.trim().split(/\s+/);
      return { pid: Number(pid), command };
    });
  }
  const ids = fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return ids.map((id) => ({ pid: Number(id), command: readCommand(id) }));
}

function readCommand(id: string): readonly string[] {
  try {
    return fs.readFileSync(`/proc/${id}/cmdline`, "utf8").split("\0");
  } catch {
    // It ended between the listing and now.
    return [];
  }
}
