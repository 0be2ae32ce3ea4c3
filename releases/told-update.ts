import * as fs from "node:fs";
import * as path from "node:path";

import { receiversOf, secretsOf } from "../components/release/report-order";
import { onTerminal } from "../components/shared/on-terminal";
import { cleaner } from "../gates/report/clean";
import { inTemporaryFolder } from "../gates/temporary";
import { readSettings } from "../settings";
import type { Stack } from "./stack";

/**
 * Runs an update on the terminal. Of one that fails the receivers of the stack's settings are told, unless a gate has
 * failed, which tells by itself, or somebody has given the update up by Ctrl-C.
 * @param args of Pulumi
 * @param variables of the environment, beside those that there are
 * @returns Pulumi's exit status, whatever becomes of the messages
 * @throws Error if Pulumi cannot be started
 */
export function toldUpdate(
  root: string,
  stack: Pick<Stack, "name" | "config">,
  args: readonly string[],
  warn: (line: string) => void = console.error,
  variables: Readonly<Record<string, string>> = {},
): Promise<number> {
  return inTemporaryFolder(async (folder) => {
    let givenUp = false;
    const giveUp = () => void (givenUp = true);
    process.once("SIGINT", giveUp);
    try {
      const log = path.join(folder, "events");
      // The log of events is one of the options that Pulumi keeps for those who look into Pulumi.
      const env = { ...process.env, ...variables, PULUMI_DEBUG_COMMANDS: "true" };
      const status = await onTerminal("pulumi", [...args, "--event-log", log], root, env);
      // An update that has not begun, as when Pulumi is not logged in, leaves no log.
      if (status !== 0 && !givenUp && fs.existsSync(log)) {
        await tellOf(root, stack, fs.readFileSync(log, "utf8"), warn).catch((error: unknown) => {
          const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
          warn(`warning: nobody was told of the failure: ${reason}`);
        });
      }
      return status;
    } finally {
      process.off("SIGINT", giveUp);
    }
  });
}

async function tellOf(
  root: string,
  stack: Pick<Stack, "name" | "config">,
  events: string,
  warn: (line: string) => void,
): Promise<void> {
  // With all gates, which only a failure has a use for.
  const { alertOfUpdate, failedUpdate } = await import("../gates/notify/failed-update");
  const { tell } = await import("../gates/notify/tell");
  const failed = failedUpdate(events, stack.name);
  if (failed === undefined) return;
  const source = await stack.config();
  const receivers = receiversOf(readSettings({ ...source, environment: process.env }).notify);
  const secrets = [...source.secretKeys].map((key) => source.config[key] ?? "");
  const clean = cleaner(root, [...secrets, ...secretsOf(receivers)]);
  for (const problem of await tell(receivers, alertOfUpdate(failed))) {
    warn(clean(`warning: ${problem}`));
  }
}
