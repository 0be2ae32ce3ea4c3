import * as path from "node:path";
import { ShipError } from "../components/shared/errors";
import { paths } from "./config";
import { takeLock } from "./lock";
import { endAll } from "./process";
import { tellInterrupted } from "./progress";

const interrupted = 130;

/**
 * Runs `body` as the command's main part: plain messages for failures (exit code 1), and an interrupt ends all children before this
 * process (exit code 130).
 * @param exclusive whether two such runs may not happen at once in this checkout
 */
export function runSession(exclusive: boolean, body: () => Promise<void>): void {
  let interrupting = false;
  let release: () => void = () => undefined;
  const interrupt = (signal: NodeJS.Signals): void => {
    if (interrupting) return;
    interrupting = true;
    tellInterrupted();
    console.error(`\n${signal}: ending what was begun (up to 30 s); the same command continues from here`);
    void endAll().then(() => {
      release();
      process.exit(interrupted);
    });
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupt(signal));
  const main = async (): Promise<void> => {
    if (exclusive) release = takeLock(path.join(paths.state, "run.lock"), "The sandbox of this checkout");
    await body();
  };
  main()
    .catch(async (error: unknown) => {
      if (interrupting) return;
      process.exitCode = 1;
      console.error(
        `\n${error instanceof ShipError ? error.message : String(error instanceof Error ? error.stack : error)}`,
      );
      // A step that failed may have left one running beside it.
      await endAll();
    })
    .finally(() => {
      if (!interrupting) release();
    });
}
