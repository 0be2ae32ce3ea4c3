import { parse } from "yaml";

type Value = string | boolean;

/** What expressions see, by whole names such as `github.ref` or `secrets.GHCR_TOKEN`. Any other name is an error. */
export type Values = Readonly<Record<string, Value>>;

/** A step whose expressions are resolved. */
export interface Step {
  /** What it runs, or the action without its commit. */
  readonly name: string;
  readonly run?: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** Whether it runs as well after a step that failed. */
  readonly always: boolean;
}

const repository = "team/odoo";
const pull = { "github.event_name": "pull_request", "github.ref": "refs/pull/1/merge", "github.base_ref": "main" };
const main = { "github.ref": "refs/heads/main", "github.base_ref": "" };
const source = "github.event.pull_request.head.repo.full_name";

/** What GitHub says of an event, for the conditions and the environment of its jobs. */
export const events = {
  "a fork's pull request": { ...pull, "github.repository": repository, [source]: "stranger/odoo" },
  "a pull request of the own repository": { ...pull, "github.repository": repository, [source]: repository },
  "a push to main": { ...main, "github.event_name": "push", "github.repository": repository },
  "the time of day": {
    ...main,
    "github.event_name": "schedule",
    "github.repository": repository,
    "inputs.apply": false,
  },
  /** What was typed into the form comes beside it, as `inputs.…`. */
  "somebody's hand": { ...main, "github.event_name": "workflow_dispatch", "github.repository": repository },
} as const satisfies Readonly<Record<string, Values>>;

/** Keys that are known; those without a meaning here are GitHub's own to judge. */
const known = {
  workflow: ["name", "on", "permissions", "concurrency", "jobs"],
  job: ["name", "if", "needs", "runs-on", "timeout-minutes", "environment", "permissions", "concurrency", "steps"],
  step: ["run", "uses", "with", "env", "if"],
};

interface Workflow {
  readonly on: Readonly<Record<string, { readonly branches?: readonly string[] } | null>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

interface Job {
  readonly if?: string;
  readonly steps: readonly {
    readonly run?: string;
    readonly uses?: string;
    readonly with?: Readonly<Record<string, Value | number>>;
    readonly env?: Readonly<Record<string, string>>;
    readonly if?: string;
  }[];
}

/**
 * The jobs of a workflow that GitHub runs for an event, each with its steps in their order.
 * @throws Error for a key, an expression or a name in it that is not known
 */
export function jobsFor(text: string, values: Values): Record<string, Step[]> {
  const workflow = parse(text) as Workflow;
  refuseUnknown(workflow, known.workflow);
  if (typeof workflow.on !== "object" || Array.isArray(workflow.on))
    throw new Error("not known here: events without keys");
  const event = String(values["github.event_name"]);
  if (!(event in workflow.on)) return {};
  const { branches } = workflow.on[event] ?? {};
  const branch = String(values["github.ref"]).replace("refs/heads/", "");
  if (event === "push" && branches?.includes(branch) === false) return {};
  const jobs = Object.entries(workflow.jobs);
  for (const [, job] of jobs) refuseUnknown(job, known.job);
  const running = jobs.filter(([, job]) => job.if === undefined || holds(job.if, values));
  return Object.fromEntries(running.map(([name, { steps }]) => [name, stepsOf(steps, values)]));
}

function stepsOf(steps: Job["steps"], values: Values): Step[] {
  return steps.flatMap((step) => {
    refuseUnknown(step, known.step);
    const { run, uses = "", with: inputs = {}, env = {}, if: condition } = step;
    if (condition !== undefined && !holds(condition, values)) return [];
    const resolved = (given: object) =>
      Object.fromEntries(Object.entries(given).map(([key, value]) => [key, resolve(String(value), values)]));
    return [
      {
        name: run ?? uses.replace(/@.*/, ""),
        ...(run === undefined ? {} : { run: resolve(run, values) }),
        inputs: resolved(inputs),
        env: resolved(env),
        always: /\bcancelled\(\)/.test(condition ?? ""),
      },
    ];
  });
}

function refuseUnknown(part: object, keys: readonly string[]): void {
  const unknown = Object.keys(part).filter((key) => !keys.includes(key));
  if (unknown.length > 0) throw new Error(`not known here: ${unknown.join(", ")}`);
}

function holds(condition: string, values: Values): boolean {
  const [, inner = condition] = /^\$\{\{(.*)\}\}$/s.exec(condition) ?? [];
  return isTrue(evaluate(inner, values));
}

/** A text with the values of its `${{ }}`. */
export function resolve(text: string, values: Values): string {
  return text.replaceAll(/\$\{\{(.*?)\}\}/gs, (_, inner: string) => String(evaluate(inner, values)));
}

const isTrue = (value: Value) => value !== "" && value !== false;

/** The value of an expression, of what the workflows use: names, texts, `! == != && ||`, brackets and cancelled(). */
export function evaluate(expression: string, values: Values): Value {
  const words = expression.match(/'[^']*'|[\w.-]+(\(\))?|&&|\|\||[!=]=|\S/g) ?? [];
  const failed = (found: string | undefined) =>
    new Error(`${expression.trim()}: not known here: ${found ?? "its end"}`);
  const next = (...wanted: string[]) => (wanted.includes(words[0] ?? "") ? words.shift() : undefined);

  /** Both sides are looked at, whichever counts: a name that is not known never stays unseen. */
  const either = (): Value => {
    let value = both();
    while (next("||") !== undefined) {
      const other = both();
      value = isTrue(value) ? value : other;
    }
    return value;
  };
  const both = (): Value => {
    let value = compared();
    while (next("&&") !== undefined) {
      const other = compared();
      value = isTrue(value) ? other : value;
    }
    return value;
  };
  const compared = (): Value => {
    const value = single();
    const sign = next("==", "!=");
    if (sign === undefined) return value;
    const other = single();
    if (typeof value !== typeof other) throw failed(`${typeof value} ${sign} ${typeof other}`);
    // As GitHub does.
    return (String(value).toLowerCase() === String(other).toLowerCase()) === (sign === "==");
  };
  const single = (): Value => {
    if (next("!") !== undefined) return !isTrue(single());
    if (next("(") !== undefined) {
      const value = either();
      if (next(")") === undefined) throw failed(words[0]);
      return value;
    }
    const word = words.shift() ?? "";
    if (/^'.*'$/s.test(word)) return word.slice(1, -1);
    // Nobody cancels these.
    if (word === "cancelled()") return false;
    const value = Object.hasOwn(values, word) ? values[word] : undefined;
    if (value === undefined) throw failed(word === "" ? undefined : word);
    return value;
  };

  const value = either();
  if (words.length > 0) throw failed(words[0]);
  return value;
}
