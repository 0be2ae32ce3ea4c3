/**
 * `npm run init`: asks what a new team has to say, and fills in Pulumi.staging.yaml and Pulumi.prod.yaml. Answers may
 * come from a file: `npm run init -- --answers answers.yaml --yes`. docs/first-deployment.md has the whole of it.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { createInterface } from "node:readline/promises";

import type { DigitalOceanAccess } from "../components/shared/digitalocean-api";
import { ShipError } from "../components/shared/errors";
import { isSafeAddress } from "../components/shared/http";
import { Secret } from "../components/shared/secret";
import { misused, readValues } from "../releases/arguments";
import { type Answers, answersIn } from "./answers";
import { costsOf, costWords } from "./costs";
import { difference, uncommitted } from "./difference";
import { completed, interview, type Person } from "./interview";
import { nextSteps } from "./next-steps";
import { type PlannedFile, planFiles } from "./plan";
import { readStackFiles, replaceFile } from "./stack-file";
import { type ScopeRow, tokenReport, tokenWords } from "./token";

const usage = {
  usage: "npm run init [-- --answers <file.yaml> --yes]",
  options: { answers: { type: "string" }, yes: { type: "boolean" } },
  page: "docs/first-deployment.md",
} as const;

/** What the command was told, and who is there. */
export interface Init {
  readonly root: string;
  /** File with answers; without one a person is asked. */
  readonly answers: string | undefined;
  /** Whether files are written without a question. */
  readonly yes: boolean;
  /** Undefined without a terminal. */
  readonly person: Person | undefined;
  readonly say: (text: string) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Fills both files in, and says what changes, what it costs and what to type next.
 * @returns whether they are filled in now
 * @throws ShipError SETTINGS_INVALID, TOOL_MISSING; then nothing was written
 */
export async function init({ root, answers: file, yes, person, say, environment }: Init): Promise<boolean> {
  const files = readStackFiles(root);
  const answers = file === undefined ? await asked(files, person) : completed(files, answersIn(read(root, file), file));
  const planned = planFiles(files, answers, file ?? "the answers");
  const shown = await difference(planned);
  say(shown === "" ? "Pulumi.staging.yaml and Pulumi.prod.yaml say this already." : shown);
  if (shown !== "" && !yes && !(await agreed(root, planned, person))) {
    say("Nothing was written.");
    return false;
  }
  for (const { before, text } of planned) {
    if (text !== before.text) replaceFile(before, text);
  }
  for (const line of [
    ...(await aboutToken(planned, environment)),
    "",
    ...planned.flatMap(({ before, settings }) => costs(before.stack, settings)),
    "",
    ...nextSteps(answers),
  ]) {
    say(line);
  }
  return true;
}

function asked(files: Parameters<typeof interview>[0], person: Person | undefined): Promise<Answers> {
  if (person === undefined) throw nobody("no terminal, and no --answers");
  return interview(files, person);
}

async function agreed(root: string, planned: readonly PlannedFile[], person: Person | undefined): Promise<boolean> {
  if (person === undefined) throw nobody("no terminal, and no --yes");
  const names = planned.filter(({ before, text }) => text !== before.text).map(({ before }) => before.name);
  const open = await uncommitted(root, names);
  if (open.length > 0) person.say(`Not committed yet, and changed by somebody: ${open.join(", ")}`);
  return (await person.ask(`Write ${names.join(" and ")}? Type yes: `)).trim() === "yes";
}

function costs(stack: string, settings: PlannedFile["settings"]): string[] {
  return settings === undefined
    ? [`${stack}: its costs are not told, since encrypted settings keep the file from being read`]
    : costWords(stack, costsOf(settings));
}

async function aboutToken(planned: readonly PlannedFile[], environment: Init["environment"]): Promise<string[]> {
  const rows = rowsOf(planned);
  const token = environment["DIGITALOCEAN_TOKEN"] ?? environment["DIGITALOCEAN_ACCESS_TOKEN"] ?? "";
  const apiUrl = environment["DIGITALOCEAN_API_URL"] ?? "https://api.digitalocean.com";
  if (token === "" || !isSafeAddress(apiUrl)) {
    const why = token === "" ? "DIGITALOCEAN_TOKEN is not set" : "DIGITALOCEAN_API_URL is no https address";
    return [`The token's scopes were not checked: ${why}. docs/token-scopes.md has those that it needs.`];
  }
  const access: DigitalOceanAccess = { apiUrl, token: new Secret(token) };
  return tokenWords(await tokenReport(access, rows));
}

/** What the stacks have, as docs/token-scopes.md names it. */
function rowsOf(planned: readonly PlannedFile[]): ScopeRow[] {
  const all = planned.flatMap(({ settings }) => (settings === undefined ? [] : [settings]));
  const own = all.filter(({ registry }) => registry.kind === "digitalocean");
  const rows: readonly [row: ScopeRow, has: boolean][] = [
    ["registry, adopted", own.length > 0],
    ["registry, created", own.some(({ registry }) => registry.ownership === "create")],
    ["host, created", all.some(({ vps }) => vps.mode === "create")],
    ["cluster, created", all.some(({ doks }) => doks.mode === "create")],
    ["managed database", all.some(({ doks }) => doks.mode === "create" && doks.databaseMode === "managed")],
  ];
  return rows.filter(([, has]) => has).map(([row]) => row);
}

function read(root: string, file: string): string {
  try {
    return fs.readFileSync(path.resolve(root, file), "utf8");
  } catch (error) {
    throw misused(
      usage.usage,
      `--answers ${file}: ${error instanceof Error ? error.message : String(error)}`,
      usage.page,
    );
  }
}

function nobody(found: string): ShipError {
  return new ShipError({
    code: "SETTINGS_INVALID",
    summary: "nobody can be asked; nothing was written",
    found,
    expected: usage.usage,
    remedy: "run it in a terminal, or write the answers into a file: docs/first-deployment.md has one",
  });
}

/** Somebody who types. The end of the input (Ctrl-D) ends the command. */
function atTerminal(): Person & { close(): void } {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const gone = new Promise<never>((_, reject) => {
    terminal.once("close", () => reject(nobody("the input ended")));
  });
  // Closing it at the end is nobody's mistake.
  gone.catch(() => undefined);
  return {
    ask: (text) => Promise.race([terminal.question(text), gone]),
    say: (text) => console.log(text),
    close: () => terminal.close(),
  };
}

async function main(args: readonly string[]): Promise<void> {
  const { answers, yes = false } = readValues(usage, args);
  const person = process.stdin.isTTY ? atTerminal() : undefined;
  try {
    const say = (text: string) => console.log(text);
    const done = await init({ root: process.cwd(), answers, yes, person, say, environment: process.env });
    process.exitCode = done ? 0 : 1;
  } finally {
    person?.close();
  }
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof ShipError ? error.message : error);
    process.exitCode = 1;
  });
}
