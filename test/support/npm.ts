import { spawn } from "node:child_process";
import * as path from "node:path";

const root = path.join(__dirname, "..", "..");

export interface ScriptRun {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly seconds: number;
}

/** Runs an npm script as a person does. `onOutput` sees all that was printed so far and may end the whole run, as Ctrl-C or a kill does. */
export function npm(
  args: readonly string[],
  onOutput?: (output: string, end: (signal: NodeJS.Signals) => void) => void,
): Promise<ScriptRun> {
  return new Promise((resolve, reject) => {
    const begun = Date.now();
    const child = spawn("npm", args, {
      cwd: root,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 45 * 60_000,
    });
    let output = "";
    // The process group, as a terminal does.
    const end = (signal: NodeJS.Signals) => process.kill(-(child.pid ?? Number.NaN), signal);
    const take = (data: Buffer) => {
      output += data.toString();
      onOutput?.(output, end);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", reject);
    child.on("close", (status, signal) => resolve({ status, signal, output, seconds: (Date.now() - begun) / 1000 }));
  });
}
