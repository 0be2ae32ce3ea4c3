import { spawn } from "node:child_process";

/** Runs a command in a container with this terminal, and answers its exit code. */
export function inTerminal(container: string, command: readonly string[]): Promise<number> {
  const terminal = process.stdin.isTTY && process.stdout.isTTY ? ["--tty"] : [];
  const child = spawn("docker", ["exec", "--interactive", ...terminal, container, ...command], { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}
