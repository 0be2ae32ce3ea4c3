import { spawn } from "node:child_process";

/**
 * Runs a program that speaks to whoever sits at this one's terminal. A Ctrl-C there reaches it, too, and it ends in its
 * own way: this program waits for that, and says the rest.
 * @param env its environment; by default that of this process
 * @returns its exit status; 1 if a signal has ended it
 * @throws Error if it cannot be started
 */
export async function onTerminal(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<number> {
  const ignore = () => undefined;
  process.on("SIGINT", ignore);
  try {
    return await new Promise<number>((resolve, reject) => {
      const child = spawn(command, args, { cwd, env, stdio: "inherit" });
      child.on("error", reject);
      child.on("close", (status) => resolve(status ?? 1));
    });
  } finally {
    process.off("SIGINT", ignore);
  }
}
