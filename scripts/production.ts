/**
 * Carries out what somebody has started by hand at GitHub and another one has approved: `promote`, or `rollback`. It is
 * the command of the same name with `--yes`. What was typed into GitHub's form comes by the environment, never as words
 * of a command.
 *
 * Environment: `PULUMI_STACK`, the staging stack (default `staging`); `PRODUCTION_STACK` (default `prod`);
 * `PROMOTE_DIGEST`, empty for what staging runs; `ROLLBACK_STACK`, `production` or `staging`, `ROLLBACK_TO` and
 * `ROLLBACK_WAY`; and what `pulumi up` needs. An empty variable counts as none: so GitHub passes what nobody has set.
 */
import * as fs from "node:fs";
import * as path from "node:path";

import { forgetEmptyVariables } from "../components/shared/environment";
import { ShipError } from "../components/shared/errors";
import { onTerminal } from "../components/shared/on-terminal";
import { configIn, fileOf } from "../releases/stack-name";

const root = path.join(__dirname, "..");

/** A command of the project's own, and the stack that it changes. */
export interface Command {
  readonly stack: string;
  readonly args: readonly string[];
}

/** Ways that the form offers, each with its options. */
const ways: ReadonlyMap<string, readonly string[]> = new Map([
  ["same data, if they fit", []],
  ["with-data", ["--with-data"]],
  ["code-only", ["--code-only"]],
]);

/** Names of the two stacks, as the variables of the repository have them. */
export function stacksIn(environment: NodeJS.ProcessEnv): { readonly staging: string; readonly production: string } {
  const { PULUMI_STACK: staging = "staging", PRODUCTION_STACK: production = "prod" } = environment;
  return { staging, production };
}

/**
 * Puts the command together. Each value stands in one argument with its option, so none can be an option itself.
 * @param what `promote` or `rollback`
 * @throws ShipError SETTINGS_INVALID
 */
export function commandOf(what: string, environment: NodeJS.ProcessEnv): Command {
  const stacks = stacksIn(environment);
  if (what === "promote") {
    const { PROMOTE_DIGEST: digest } = environment;
    const only = digest === undefined ? [] : [`--to-digest=${digest.trim()}`];
    const args = ["releases/promote.ts", `--from=${stacks.staging}`, `--to=${stacks.production}`, ...only, "--yes"];
    return { stack: stacks.production, args };
  }
  const { ROLLBACK_STACK: name = "", ROLLBACK_TO: to = "", ROLLBACK_WAY: way = "" } = environment;
  const stack = name === "production" || name === "staging" ? stacks[name] : undefined;
  if (what !== "rollback" || stack === undefined) {
    throw invalid(`${what} of the stack "${name}"`, "promote, or rollback of production or staging");
  }
  // A run that is repeated would go one release further back each time.
  if (["", "previous"].includes(to.trim())) {
    throw invalid(`to "${to}"`, "a digest, a release's tag, or a restore point: npm run releases lists them");
  }
  const chosen = ways.get(way);
  if (chosen === undefined) throw invalid(`way "${way}"`, [...ways.keys()].join(", "));
  return { stack, args: ["releases/rollback.ts", `--stack=${stack}`, `--to=${to.trim()}`, ...chosen, "--yes"] };
}

/** What whoever started the run has to do yet: the runner's checkout goes with it. */
export function summaryOf({ stack }: Command, text: string): string {
  const config = configIn(text);
  return [
    `## ${stack} has another image`,
    "",
    "**Commit it**, or the next update from the repository deploys the other one again:",
    "",
    "```sh",
    `pulumi config set image:digest ${String(config["image:digest"])} --stack ${stack}`,
    `git commit -m "Deploy ${String(config["image:digest"]).slice(0, 19)}" ${fileOf(stack)}`,
    "```",
    "",
  ].join("\n");
}

function invalid(found: string, expected: string): ShipError {
  return new ShipError({
    code: "SETTINGS_INVALID",
    summary: "what was typed into the form is not known; nothing was changed",
    found,
    expected,
    remedy: "start the workflow again with that; docs/ci.md tells what each field is for",
  });
}

async function main([what = ""]: readonly string[]): Promise<void> {
  forgetEmptyVariables();
  const command = commandOf(what, process.env);
  const status = await onTerminal(process.execPath, ["--import", "tsx", ...command.args], root);
  process.exitCode = status;
  const { GITHUB_STEP_SUMMARY: summary } = process.env;
  if (status !== 0 || summary === undefined) return;
  fs.appendFileSync(summary, summaryOf(command, fs.readFileSync(path.join(root, fileOf(command.stack)), "utf8")));
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof ShipError ? error.message : error);
    process.exitCode = 1;
  });
}
