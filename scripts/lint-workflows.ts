/**
 * Looks at the workflows of GitHub Actions: with actionlint (do they mean what they say?), with zizmor (what could a
 * stranger do?) and by the rules of `workflow-rules.ts`. Installs the two at their pinned versions where none fits.
 * Exit status 1: something was found.
 *
 * An argument names another folder of workflows. Default: .github/workflows
 */
import * as fs from "node:fs";
import * as path from "node:path";

import { ask } from "../components/shared/ask";
import { ShipError } from "../components/shared/errors";
import { ensureTool } from "../gates/tools/install";
import { isPosting, ruleProblems } from "./workflow-rules";

const root = path.join(__dirname, "..");
const limitMs = 5 * 60_000;

/** What is wrong with the workflows of a folder, as it is told to a person; empty if nothing is. */
export async function workflowProblems(folder: string, say: (line: string) => void): Promise<string[]> {
  const files = fs
    .readdirSync(folder)
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => path.join(folder, name));
  if (files.length === 0) return [`${folder}: no workflow is there`];
  const actionlint = await ensureTool("actionlint", { say });
  const zizmor = await ensureTool("zizmor", { say });
  // Programs that actionlint would start if they are there: its answer must be the same on each machine.
  const alone = ["-no-color", "-shellcheck=", "-pyflakes="];
  const judge = ["--offline", "--persona=auditor", "--strict-collection", "--no-config", "--no-ignores", "--quiet"];
  const posting = files.filter((file) => isPosting(fs.readFileSync(file, "utf8")));
  const others = files.filter((file) => !posting.includes(file));
  const found = [
    await findings(actionlint.path, [...alone, ...files]),
    // Without the network, without ears for comments that switch an audit off, and never past what it cannot read.
    others.length === 0 ? [] : await findings(zizmor.path, [...judge, ...others]),
    posting.length === 0 ? [] : await findingsOfPosting(zizmor.path, [...judge, "--format=json", ...posting]),
    ...files.map((file) => ruleProblems(fs.readFileSync(file, "utf8"), scripts()).map((line) => `${file}: ${line}`)),
  ];
  return found.flat();
}

/** What a program prints of what it finds. One that could not look is an error. */
async function findings(program: string, args: readonly string[]): Promise<string[]> {
  const { status, stdout, stderr, problem } = await ask(program, args, root, limitMs);
  if (status === 0) return [];
  const said = [stdout.trim(), stderr.trim(), problem ?? ""].filter((text) => text !== "");
  return said.length > 0 ? said : [`${program} ended with status ${status}`];
}

/**
 * What zizmor finds in workflows that follow another one. That they do is itself a finding of it, whatever they do: our
 * own rules judge that instead, by more than the event's name.
 */
async function findingsOfPosting(program: string, args: readonly string[]): Promise<string[]> {
  const { stdout, stderr, problem } = await ask(program, args, root, limitMs);
  try {
    const found = JSON.parse(stdout) as { ident: string; desc: string; locations?: unknown }[];
    return found
      .filter(({ ident }) => ident !== "dangerous-triggers")
      .map(({ ident, desc, locations }) => `${ident}: ${desc}: ${filesIn(JSON.stringify(locations))}`);
  } catch {
    return [stderr.trim() || (problem ?? `${program} printed no JSON`)];
  }
}

function filesIn(locations = ""): string {
  return [...new Set([...locations.matchAll(/"[^"]*\/([\w-]+\.ya?ml)"/g)].map(([, file]) => file))].join(", ");
}

/** Names of the npm scripts. */
function scripts(): string[] {
  const file = fs.readFileSync(path.join(root, "package.json"), "utf8");
  return Object.keys((JSON.parse(file) as { scripts: object }).scripts);
}

async function main([folder = path.join(".github", "workflows")]: readonly string[]): Promise<void> {
  const problems = await workflowProblems(path.resolve(root, folder), (line) => console.error(line));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}

if (require.main === module) {
  void main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof ShipError ? error.message : error);
    process.exitCode = 1;
  });
}
