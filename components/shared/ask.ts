import { execFile } from "node:child_process";

export interface Answer {
  /** Exit status; undefined for a program that did not start, or was ended by a signal or the time limit. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Why there is no exit status. */
  readonly problem: string | undefined;
}

/**
 * Runs a program that only tells something, and never throws. Others go on meanwhile.
 * @param env its environment; by default that of this process
 */
export function ask(
  command: string,
  args: readonly string[],
  cwd: string,
  limitMs: number,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Answer> {
  const options = { cwd, env, encoding: "utf8", timeout: limitMs, maxBuffer: 64 * 1024 * 1024 } as const;
  return new Promise((resolve) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === "number" ? error.code : undefined;
      resolve({ status, stdout, stderr, problem: status === undefined ? error?.message : undefined });
    }).stdin?.end();
  });
}
