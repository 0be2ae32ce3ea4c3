import type { ReportOrder } from "../../components/release/report-order";
import type { Gate } from "../gate";
import { gates as table } from "../table";
import { layersIn, modulesIn } from "./facts";
import { type GateRecord, type GateReport, reportSchema } from "./schema";

/** Seconds that the whole procedure may take, from a changed addon to a digest that may be released. */
export const budgetSeconds = 12 * 60;

/** Facts that the report has a place of its own for. */
const lists = ["contents", "layers", "findings"];

export type Result = Omit<GateRecord, "begun">;

/** Makes the report of an update of what its gates have left. */
export function gather(
  order: ReportOrder,
  results: readonly Result[],
  ended: Date,
  image?: string,
  gates: Readonly<Record<string, Pick<Gate<never>, "title" | "budgetSeconds" | "optional">>> = table,
): GateReport {
  const of = (gate: string) => results.find((one) => one.gate === gate);
  const named = Object.entries(gates).filter(([gate, { optional }]) => optional !== true || of(gate) !== undefined);
  const rows = named.map(([gate, { title, budgetSeconds }]): GateReport["gates"][number] => {
    const found = of(gate);
    return {
      title,
      budgetSeconds,
      ...(found ?? { gate, outcome: "not run", facts: {}, warnings: [], notChecked: [] }),
    };
  });
  const seconds = Math.round(ended.getTime() - Date.parse(order.begun)) / 1000;
  const bytes = numbered(rows, "bytes");
  const vulnerabilities = vulnerabilitiesIn(rows);
  const [contents, layers, findings] = lists.map((fact) => listIn(rows, fact));
  return reportSchema.parse({
    schema: 1,
    stack: order.stack,
    begun: order.begun,
    ended: ended.toISOString(),
    seconds,
    budgetSeconds,
    outcome: outcomeOf(rows),
    commit: order.commit,
    contentHash: order.contentHash,
    ...(image !== undefined && { image }),
    ...(bytes !== undefined && { bytes }),
    ...(vulnerabilities !== undefined && { vulnerabilities }),
    ...(contents && { modules: modulesIn(contents) }),
    ...(findings && { findings }),
    ...(layers && { layers: layersIn(layers) }),
    gates: rows.map((row) => ({ ...row, facts: withoutLists(row.facts) })),
    warnings: [
      ...rows.flatMap(({ gate, warnings }) => warnings.map((text) => `${gate}: ${text}`)),
      ...(seconds > budgetSeconds ? [`the update took ${seconds} s, and its budget is ${budgetSeconds} s`] : []),
    ],
    notChecked: [
      ...rows.flatMap(({ gate, notChecked }) => notChecked.map((text) => `${gate}: ${text}`)),
      ...rows.filter(({ outcome }) => outcome === "not run").map(({ gate }) => `${gate}: it has not run`),
      ...(vulnerabilities === undefined ? ["vulnerabilities: nothing has looked for them"] : []),
    ],
  } satisfies GateReport);
}

function outcomeOf(rows: GateReport["gates"]): GateReport["outcome"] {
  if (rows.some(({ outcome }) => outcome === "failed")) return "failed";
  return rows.every(({ outcome }) => outcome === "passed") ? "passed" : "incomplete";
}

/** A fact of whichever gate has it. */
function numbered(rows: GateReport["gates"], fact: string): number | undefined {
  return rows.map(({ facts }) => facts[fact]).find((value) => typeof value === "number");
}

/** A list that whichever gate has it leaves for a part of the report of its own. */
function listIn(rows: GateReport["gates"], fact: string): string[] | undefined {
  return rows.map(({ facts }) => facts[fact]).find((value) => Array.isArray(value));
}

function withoutLists(facts: GateRecord["facts"]): GateRecord["facts"] {
  return Object.fromEntries(Object.entries(facts).filter(([name]) => !lists.includes(name)));
}

function vulnerabilitiesIn(rows: GateReport["gates"]): GateReport["vulnerabilities"] {
  const [high, critical] = [numbered(rows, "high"), numbered(rows, "critical")];
  return high === undefined || critical === undefined ? undefined : { high, critical };
}
