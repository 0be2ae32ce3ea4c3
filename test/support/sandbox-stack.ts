import * as fs from "node:fs";
import * as path from "node:path";

import { paths } from "../../sandbox/config";
import { readToolPaths, sandboxEnvironment } from "../../sandbox/environment";
import { ask, type Output, run, sleep } from "../../sandbox/process";
import { readServers } from "../../sandbox/servers-control";
import { updateLog } from "../../sandbox/stack";

/** Pulumi on the sandbox's stack. */
export function pulumi(...args: string[]): Promise<Output> {
  return run(readToolPaths().engine, args, {
    what: `pulumi ${args[0] ?? ""}`,
    limitMs: 300_000,
    cwd: paths.root,
    env: sandboxEnvironment(readServers()),
  });
}

type Told = Record<"state" | "log" | "preview" | "processes", string>;

let told: Promise<Told> | undefined;

/**
 * All that Pulumi lets others see: the state, the log of updates, and the output and the processes' arguments of a preview, which is of
 * both targets and made once.
 */
export function whatPulumiTells(): Promise<Told> {
  return (told ??= tell());
}

async function tell(): Promise<Told> {
  let processes = "";
  let previewing = true;
  const watch = async () => {
    while (previewing) {
      processes += (await ask("ps", ["-eo", "args"], { what: "listing processes", limitMs: 10_000 }))?.stdout ?? "";
      await sleep(50);
    }
  };
  const watching = watch();
  const preview = await pulumi("preview", "--diff", "--non-interactive", "--color", "never").finally(
    () => (previewing = false),
  );
  await watching;
  return {
    state: read(path.join(paths.state, "state")),
    log: read(updateLog),
    preview: preview.stdout + preview.stderr,
    processes,
  };
}

/** A file, or all files of a directory. */
export function read(where: string): string {
  if (!fs.statSync(where).isDirectory()) return fs.readFileSync(where, "utf8");
  return fs
    .readdirSync(where, { recursive: true, encoding: "utf8" })
    .map((name) => path.join(where, name))
    .filter((name) => fs.statSync(name).isFile())
    .map((name) => fs.readFileSync(name, "utf8"))
    .join("\n");
}
