/**
 * `npm run criteria -- --stack prod`: runs every criterion of docs/DOKS_DEPLOYMENT_SUCCESS_CRITERIA.md, which only
 * reads, and says which is met. Ends with status 0 if all of them are.
 */
import { type Answer, ask } from "../components/shared/ask";
import { ShipError } from "../components/shared/errors";
import { printable } from "../components/shared/printable";
import { type Kubectl, withKubectl } from "../components/kubernetes/kubectl";
import { isDigest } from "../components/registry/reference";
import { readArguments } from "../releases/arguments";
import { PulumiStack, type Stack } from "../releases/stack";
import { readSettings } from "../settings";
import type { Facts } from "./judges";
import { criteria, type Criterion } from "./table";

const usage = {
  usage: "npm run criteria -- --stack <name>",
  options: {},
  page: "docs/DOKS_DEPLOYMENT_SUCCESS_CRITERIA.md",
} as const;
const limitMs = 60_000;

/** What a criterion came to. */
export interface Verdict {
  readonly what: string;
  /** `not checked`: its command did not come to an answer. That is no pass. */
  readonly outcome: "met" | "not met" | "not checked";
  readonly why: string;
}

/** Runs each command and judges its answer. */
export async function judgeAll(facts: Facts, kubectl: Kubectl, curl: Kubectl): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const criterion of criteria) {
    const [program, ...args] = criterion.command(facts);
    verdicts.push(
      verdictOf(criterion, await (program === "kubectl" ? kubectl(...args, "-o", "json") : curl(...args)), facts),
    );
  }
  return verdicts;
}

/** A web server that refuses has answered: curl's status 22 is its word for that. */
function verdictOf({ what, judge }: Criterion, answer: Answer, facts: Facts): Verdict {
  if (answer.status !== 0) {
    const why = printable((answer.problem ?? answer.stderr).trim().split("\n").at(-1) ?? "");
    return { what, outcome: answer.status === 22 ? "not met" : "not checked", why };
  }
  const problem = judge(answer.stdout, facts);
  return { what, outcome: problem === undefined ? "met" : "not met", why: printable(problem ?? "") };
}

/** A line for each, and the sum. */
export function verdictLines(verdicts: readonly Verdict[]): string[] {
  const met = verdicts.filter(({ outcome }) => outcome === "met").length;
  return [
    ...verdicts.map(({ what, outcome, why }) => `${outcome.padEnd(11)}  ${what}${why === "" ? "" : `: ${why}`}`),
    `${met} of ${verdicts.length} criteria are met`,
  ];
}

/**
 * Reads what the stack says of itself.
 * @throws ShipError SETTINGS_INVALID for a stack without a cluster, RELEASE_INCOMPLETE for one without a release
 */
export async function factsOf(stack: Stack): Promise<{ facts: Facts; settings: ReturnType<typeof readSettings> }> {
  const [source, outputs] = await Promise.all([stack.config(), stack.outputs()]);
  const settings = readSettings({ ...source, environment: process.env });
  const { namespace, domain, replicas, mode } = settings.doks;
  if (mode === "none") {
    throw new ShipError({
      code: "SETTINGS_INVALID",
      summary: `the stack ${stack.name} has no cluster`,
      found: "doks:mode is none",
      expected: "a stack that runs Odoo in a cluster",
      remedy: "name another --stack; on a VPS: odoo-ship status and odoo-ship doctor",
    });
  }
  const digest = outputs["imageDigest"];
  if (typeof digest !== "string" || !isDigest(digest)) {
    throw new ShipError({
      code: "RELEASE_INCOMPLETE",
      summary: `the stack ${stack.name} has released nothing yet`,
      found: "no output imageDigest",
      expected: "an update that has come to its end",
      remedy: `pulumi up --stack ${stack.name}`,
    });
  }
  return { facts: { namespace, domain, replicas, digest }, settings };
}

async function main(args: readonly string[]): Promise<void> {
  const { stack: name } = readArguments(usage, args);
  const root = process.cwd();
  const { facts, settings } = await factsOf(new PulumiStack(name, root));
  const curl: Kubectl = (...args) => ask("curl", args, root, limitMs);
  const verdicts = await withKubectl(root, settings, (kubectl) => judgeAll(facts, kubectl, curl));
  if (verdicts === undefined) {
    throw new ShipError({
      code: "CLUSTER_NOT_FOUND",
      summary: "the account has no such cluster",
      found: `doks:name ${settings.doks.name}`,
      expected: "the cluster that the stack has made",
      remedy: "doctl kubernetes cluster list; docs/FINAL_DEPLOYMENT_RUNBOOK.md says what to do when it is gone",
    });
  }
  for (const line of verdictLines(verdicts)) console.log(line);
  process.exitCode = verdicts.every(({ outcome }) => outcome === "met") ? 0 : 1;
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof ShipError ? error.message : error);
    process.exitCode = 1;
  });
}
