/**
 * Updates staging with the epoch that its image was built with, so that no update takes a security rebuild back; with
 * `--rebuild`, and after a rollback, with a new one, for which the build fetches all system packages anew.
 *
 * Environment: `PULUMI_STACK`, the stack, such as `company/staging` (default `staging`), `POLICY_PACK` of
 * docs/policy.md, and what `pulumi up` needs. An empty variable counts as none: so GitHub passes a secret that nobody
 * has set.
 */
import * as fs from "node:fs";
import * as path from "node:path";

import { ask } from "../components/shared/ask";
import { forgetEmptyVariables } from "../components/shared/environment";
import { ShipError } from "../components/shared/errors";
import { policyArguments } from "../policy/arguments";
import { PulumiStack } from "../releases/stack";
import { configIn, fileOf } from "../releases/stack-name";
import { toldUpdate } from "../releases/told-update";

const root = path.join(__dirname, "..");
const limitMs = 5 * 60_000;

/** What `pulumi stack export` prints, as far as it matters here. */
interface Exported {
  readonly deployment: {
    readonly resources?: readonly {
      readonly inputs?: { readonly build?: { readonly args?: { EPOCH?: unknown } } };
      readonly outputs?: { readonly imageDigest?: unknown };
    }[];
  };
}

/** Epochs of the images in a state: one, or none before the first build, or more where an old one is yet to go. */
export function epochsIn(state: string): string[] {
  const { deployment } = JSON.parse(state) as Exported;
  const epochs = (deployment.resources ?? []).map(({ inputs }) => inputs?.build?.args?.EPOCH);
  return epochs.filter((epoch) => typeof epoch === "string");
}

/** Whether a stack has a release that it has not built, as after a rollback: its state has forgotten all epochs. */
export function forgotEpochs(state: string): boolean {
  const { deployment } = JSON.parse(state) as Exported;
  const released = (deployment.resources ?? []).some(({ outputs }) => typeof outputs?.imageDigest === "string");
  return released && epochsIn(state).length === 0;
}

/** A new epoch, later as text than each before it: `2026-11-29.0200`, in UTC. */
export function newEpoch(now: Date): string {
  return now.toISOString().slice(0, 16).replace("T", ".").replace(":", "");
}

/** The latest one, as text: that of the state, unless the setting was raised to a later date since. */
export function latestEpoch(epochs: readonly string[]): string {
  return epochs.reduce((one, other) => (one > other ? one : other), "1");
}

async function exported(stack: string): Promise<string> {
  const { status, stdout, stderr, problem } = await ask("pulumi", ["stack", "export", "--stack", stack], root, limitMs);
  if (status === 0) return stdout;
  throw new ShipError({
    code: problem?.includes("ENOENT") === true ? "TOOL_MISSING" : "SETTINGS_INVALID",
    summary: `the state of ${stack} cannot be read, and with it which packages its image has`,
    found: stderr.trim() || (problem ?? `exit status ${status}`),
    expected: "Pulumi's command line, a login to where the state lives, and a stack that is there",
    remedy: `see whether \`pulumi stack export --stack ${stack}\` prints the state; docs/ci.md has the variables`,
  });
}

/** What a stack's file sets; nothing for a stack without one. */
function ownSettings(stack: string): ReturnType<typeof configIn> {
  const file = path.join(root, fileOf(stack));
  return fs.existsSync(file) ? configIn(fs.readFileSync(file, "utf8")) : {};
}

/**
 * Production has no epoch, and is not updated without a question.
 * @throws ShipError SETTINGS_INVALID
 */
function refuseProduction(stack: string, environment: unknown): void {
  if (environment !== "production") return;
  throw new ShipError({
    code: "SETTINGS_INVALID",
    summary: "this command updates staging, and asks nothing; nothing was changed",
    found: `PULUMI_STACK names ${stack}, whose odoo:environment is production`,
    expected: "a stack that builds its image",
    remedy: "set PULUMI_STACK to staging's; production gets an image by `npm run promote`: docs/promote.md",
  });
}

async function main(args: readonly string[]): Promise<void> {
  forgetEmptyVariables();
  const stack = process.env["PULUMI_STACK"] ?? "staging";
  const { "image:epoch": ownEpoch = "", "odoo:environment": environment } = ownSettings(stack);
  refuseProduction(stack, environment);
  const state = await exported(stack);
  const anew = args.includes("--rebuild") || forgotEpochs(state);
  const epoch = anew ? newEpoch(new Date()) : latestEpoch([String(ownEpoch), ...epochsIn(state)]);
  console.log(`image:epoch is ${epoch}`);
  const rules = policyArguments(root, console.log);
  const up = ["up", "--stack", stack, "--yes", "--non-interactive", "--config", `image:epoch=${epoch}`, ...rules];
  process.exitCode = await toldUpdate(root, new PulumiStack(stack, root), up);
}

if (require.main === module) {
  void main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof ShipError ? error.message : error);
    process.exitCode = 1;
  });
}
