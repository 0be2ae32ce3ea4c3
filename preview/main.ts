/**
 * Writes the comment of a pull request: what it does to a stack, compared with the branch that it goes to; with
 * `--without-stack` what Git alone tells, without any credential.
 *
 * `--save` keeps this tree's preview as JSON, for `--base` of another run.
 */
import "../components/shared/compile-cache";
import * as fs from "node:fs";
import * as path from "node:path";

import { forgetEmptyVariables } from "../components/shared/environment";
import { ShipError } from "../components/shared/errors";
import type { TargetReport } from "../components/odoo/history";
import { cleaner } from "../gates/report/clean";
import { defaultStore, installedIn } from "../gates/tools/find";
import { toolTable } from "../gates/tools/table";
import { policyArguments } from "../policy/arguments";
import { readValues, stackIn } from "../releases/arguments";
import { gather } from "../releases/sources";
import { PulumiStack } from "../releases/stack";
import { forkOf, inTreeOf, targetBranch } from "./git";
import { withoutTokens } from "./noise";
import { previewPage } from "./page";
import { readSnapshot, type Snapshot, snapshotOf } from "./snapshot";
import { readTree, requirementLines } from "./tree";
import { treePage } from "./tree-page";

const usage = {
  usage:
    "npm run preview-comment -- --stack <name> [--base <file|branch>] [--to <file>], or --stack <name> " +
    "--save <file>, or --without-stack [--base <branch>] [--to <file>]",
  options: {
    stack: { type: "string" },
    base: { type: "string" },
    save: { type: "string" },
    to: { type: "string" },
    "without-stack": { type: "boolean" },
  },
  page: "docs/ci.md",
} as const;

async function main(args: readonly string[]): Promise<void> {
  forgetEmptyVariables();
  const root = process.cwd();
  const values = readValues(usage, args);
  const stack = values["without-stack"] === true ? "" : stackIn(usage, values);
  const { base = targetBranch(), save, to } = values;
  if (save !== undefined && stack !== "") {
    write(save, `${JSON.stringify(await snapshotIn(root, stack), undefined, 1)}\n`);
    return;
  }
  const clean = cleaner(root, []);
  const page =
    stack === "" ? treePage(await readTree(root, await forkOf(root, base))) : await stackPage(root, stack, base);
  const whole = withoutTokens(clean(page));
  console.log(whole);
  if (to !== undefined) write(to, whole);
}

async function stackPage(root: string, stack: string, base: string): Promise<string> {
  // The base's program looks for the cosign of its own pin: where this tree raises that, it takes this one.
  const cosign = installedIn(defaultStore, "cosign", toolTable.cosign.version);
  process.env["PATH"] = [process.env["PATH"] ?? "", cosign].join(path.delimiter);
  const before = fs.existsSync(base)
    ? readSnapshot(fs.readFileSync(base, "utf8"))
    : await inTreeOf(root, await forkOf(root, base), (folder) => snapshotIn(folder, stack));
  const pair = { base: before, head: await snapshotIn(root, stack) };
  return previewPage(pair, await reportsOf(root, stack));
}

async function snapshotIn(folder: string, stack: string): Promise<Snapshot> {
  // Those of this tree for both: the comment tells what breaks them that did not before.
  const rules = policyArguments(process.cwd(), (text) => console.error(text));
  const clean = cleaner(folder, []);
  return snapshotOf(await new PulumiStack(stack, folder).preview(rules), {
    stack,
    clean: (text) => withoutTokens(clean(text)),
    requirements: (context) => bakedRequirements(path.join(folder, context, "requirements")),
  });
}

/** The preview has written the build's context: its requirements are those of each folder and module. */
function bakedRequirements(folder: string): Record<string, string[]> {
  if (!fs.existsSync(folder)) return {};
  const files = fs.readdirSync(folder).filter((name) => name.endsWith(".txt"));
  return Object.fromEntries(
    files.map((name) => [name, requirementLines(fs.readFileSync(path.join(folder, name), "utf8"))]),
  );
}

/** How long earlier releases have kept users out; a target that cannot be asked leaves that open. */
async function reportsOf(root: string, stack: string): Promise<readonly TargetReport[]> {
  try {
    return (await gather(root, new PulumiStack(stack, root))).reports;
  } catch (error) {
    if (error instanceof ShipError) return [];
    throw error;
  }
}

function write(file: string, text: string): void {
  fs.mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  fs.writeFileSync(file, text);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof ShipError ? error.message : error);
  process.exitCode = 1;
});
