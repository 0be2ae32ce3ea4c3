/**
 * Runs one gate of a release. Run by `gate` of components/release/gates.ts; safe to run again.
 *
 * Environment: `GATE`, JSON of {stack, name, strict, order}; the order is that of the gate's file in gates/. Its
 * progress goes to standard error, its result to standard output as one line of JSON: the GateResult of gates/gate.ts.
 */
import "../components/shared/compile-cache";
import { type Gate, GateFailure, type GateResult } from "../gates/gate";
import { failureOf, openReporter } from "../gates/report/reporter";
import { removeAll } from "../gates/database/owner";
import { giveUp } from "../gates/programs";
import { type GateName, gates } from "../gates/table";
import { findTool } from "../gates/tools/find";
import type { ToolName } from "../gates/tools/table";
import { onCancel } from "../components/shared/cancel";
import { ShipError } from "../components/shared/errors";

/** Docker removes what a gate has begun in seconds, or else the gate's next run does. */
const tidyMs = 10_000;

interface Run {
  /** `project/stack` */
  readonly stack: string;
  readonly name: GateName;
  /** Whether this is a staging or a production stack: there a missing tool is a failure. */
  readonly strict: boolean;
  readonly order: unknown;
}

async function main(): Promise<void> {
  const run = ordered();
  const begun = Date.now();
  const notChecked: string[] = [];
  const reporter = await openReporter({ root: process.cwd(), ...run, say: (line) => console.error(line) });
  try {
    const result = await judge(run, begun, notChecked);
    await reporter.end(result);
    console.log(JSON.stringify(result));
  } catch (error) {
    const ended = { gate: run.name, outcome: "failed", notChecked, seconds: secondsSince(begun) } as const;
    const facts = error instanceof GateFailure ? error.facts : {};
    await reporter.end({ ...ended, facts, warnings: [], failure: failureOf(error) });
    throw error;
  }
}

function ordered(): Run {
  return JSON.parse(process.env["GATE"] ?? "{}") as Run;
}

async function judge({ name, strict, order }: Run, begun: number, notChecked: string[]): Promise<GateResult> {
  const gate = gates[name] as Gate<unknown>;
  const say = (line: string) => console.error(`${name}: ${line}`);
  const untold = (why: string) => {
    notChecked.push(why);
    say(`NOT CHECKED: ${why}`);
  };
  const cannotCheck = (error: ShipError) => {
    if (strict) throw error;
    untold(`${error.failure.found}: ${error.failure.remedy}`);
  };
  const find = async (tool: ToolName) => {
    try {
      return (await findTool(tool)).path;
    } catch (error) {
      if (!(error instanceof ShipError)) throw error;
      cannotCheck(error);
      return undefined;
    }
  };
  const tools = { root: process.cwd(), say, find, cannotCheck, notChecked: untold };
  const { facts, warnings } = await gate.run(order, tools);
  const seconds = secondsSince(begun);
  const late = seconds > gate.budgetSeconds ? [`took ${seconds} s, and its budget is ${gate.budgetSeconds} s`] : [];
  const outcome = notChecked.length === 0 ? "passed" : "incomplete";
  for (const warning of [...warnings, ...late]) say(`warning: ${warning}`);
  return { gate: name, outcome, notChecked, seconds, facts, warnings: [...warnings, ...late] };
}

function secondsSince(begun: number): number {
  return Math.round((Date.now() - begun) / 100) / 10;
}

/** It has no outcome then, and nobody is told of a failure. What it tried the image with does not outlive it. */
onCancel((how) => {
  giveUp();
  const { stack, name } = ordered();
  console.error(`${name}: ${how}: the gate was given up; the next update begins it anew.`);
  setTimeout(() => process.exit(130), tidyMs);
  void removeAll({ stack, gate: name }).finally(() => process.exit(130));
});

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
