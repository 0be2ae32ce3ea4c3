/**
 * Looks whether production is as its stack says: a preview with a refresh, which changes nothing. What it finds stands
 * in one issue, which is closed once nothing is found any more. It names resources and no values.
 * Exit status 0: nothing was found. 1: something was, or it could not be looked.
 *
 * Environment: `PRODUCTION_STACK` (default `prod`), and what `pulumi preview` needs. For the issue `GITHUB_TOKEN`,
 * `GITHUB_REPOSITORY` and `GITHUB_API_URL`, as GitHub sets them; without a token it is only printed. An empty variable
 * counts as none.
 */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { parseDocument } from "yaml";
import { z } from "zod";

import { ask } from "../components/shared/ask";
import { forgetEmptyVariables } from "../components/shared/environment";
import { ShipError } from "../components/shared/errors";
import { printable } from "../components/shared/printable";
import { Secret } from "../components/shared/secret";
import { PulumiStack } from "../releases/stack";
import { fileOf } from "../releases/stack-name";
import { shortDigest } from "../releases/words";
import { tell } from "./drift-issue";
import { stacksIn } from "./production";

const limitMs = 30 * 60_000;
const mostLines = 50;

const previewSchema = z.object({
  steps: z.array(z.object({ op: z.string(), urn: z.string() })).default([]),
  diagnostics: z.array(z.object({ severity: z.string().default(""), message: z.string().default("") })).default([]),
});

/** Operations that change nothing. */
const quiet: readonly string[] = ["same", "read", "read-replacement", "refresh"];

/** What a preview would change, one line for each resource: `update  odoo:vps:Host  vps-host`. */
export function changesIn(preview: string): string[] {
  return parsed(preview)
    .steps.filter(({ op }) => !quiet.includes(op))
    .map(({ op, urn }) => {
      const [type = "", name = ""] = urn.split("::").slice(2);
      return printable(`${op}  ${type.split("$").at(-1) ?? ""}  ${name}`);
    });
}

/** What a preview says of its failure. */
export function errorsIn(preview: string): string[] {
  return parsed(preview)
    .diagnostics.filter(({ severity }) => severity === "error")
    .map(({ message }) => message.trim());
}

/** Text of the issue. */
export function issueText(stack: string, lines: readonly string[]): string {
  const more = lines.length > mostLines ? [`and ${lines.length - mostLines} more`] : [];
  return [
    `\`pulumi preview --refresh --stack ${stack}\` finds that it is not as its stack says:`,
    "",
    "```text",
    // Three of them would end the block.
    ...[...lines.slice(0, mostLines), ...more].map((line) => line.replaceAll("`", "'")),
    "```",
    "",
    `Look at it: \`npm run drift\`, then \`pulumi preview --refresh --diff --stack ${stack}\`. ` +
      "`pulumi up --refresh` makes it as the stack says. This issue is closed once nothing is found any more.",
    "",
  ].join("\n");
}

function parsed(text: string): z.output<typeof previewSchema> {
  try {
    return previewSchema.parse(JSON.parse(text));
  } catch {
    return { steps: [], diagnostics: [] };
  }
}

/**
 * Looks. What runs is compared, also where nobody has committed its digest: that by itself is a finding.
 * @throws ShipError SETTINGS_INVALID, TOOL_MISSING where it could not be looked
 */
export async function findings(root: string, stack: string): Promise<string[]> {
  const { outputs } = await new PulumiStack(stack, root).told();
  const { imageDigest: running } = outputs;
  if (typeof running !== "string") throw unchecked(stack, "its state has no output imageDigest: it was never deployed");
  const file = parseDocument(fs.readFileSync(path.join(root, fileOf(stack)), "utf8"));
  const named = String(file.getIn(["config", "image:digest"]) ?? "");
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "drift-"));
  try {
    const copy = path.join(folder, fileOf(stack));
    file.setIn(["config", "image:digest"], running);
    fs.writeFileSync(copy, file.toString(), { mode: 0o600 });
    const args = ["preview", "--refresh", "--expect-no-changes", "--json", "--non-interactive", "--stack", stack];
    const answer = await ask("pulumi", [...args, "--config-file", copy], root, limitMs);
    const changes = changesIn(answer.stdout);
    if (answer.status !== 0 && changes.length === 0) {
      const words = [...errorsIn(answer.stdout), answer.stderr.trim(), answer.problem ?? ""].filter(
        (text) => text !== "",
      );
      throw unchecked(stack, words.join("\n") || "no words from Pulumi");
    }
    const other = named === running ? [] : [otherDigest(stack, named, running)];
    return [...other, ...changes];
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

function otherDigest(stack: string, named: string, running: string): string {
  const other = printable(named === "" ? "no digest" : shortDigest(named));
  return `${fileOf(stack)} names ${other}, and ${shortDigest(running)} runs: commit the digest that runs`;
}

function unchecked(stack: string, found: string): ShipError {
  return new ShipError({
    code: "SETTINGS_INVALID",
    summary: `whether ${stack} is as its stack says was not checked`,
    found,
    expected: "a preview that comes to its end",
    remedy: `see what pulumi preview --refresh --stack ${stack} says; docs/ci.md has the variables`,
  });
}

async function main(): Promise<void> {
  forgetEmptyVariables();
  const { GITHUB_TOKEN: token } = process.env;
  // Pulumi, its plugins and the program have no use for a token that writes issues.
  Reflect.deleteProperty(process.env, "GITHUB_TOKEN");
  const stack = stacksIn(process.env).production;
  const lines = await findings(process.cwd(), stack);
  const text = lines.length === 0 ? undefined : issueText(stack, lines);
  console.log(text ?? `${stack} is as its stack says`);
  if (lines.length > 0) process.exitCode = 1;
  if (token === undefined) return;
  const { GITHUB_API_URL: api = "https://api.github.com", GITHUB_REPOSITORY: repository = "" } = process.env;
  const told = await tell({ api, repository, token: new Secret(token) }, `Drift of the stack ${stack}`, text);
  for (const line of told) console.log(line);
}

if (require.main === module) {
  main().catch((error: unknown) => {
    console.error(error instanceof ShipError ? error.message : error);
    process.exitCode = 1;
  });
}
