import * as fs from "node:fs";
import * as path from "node:path";

import { entrySchema, type GateReport, type HistoryEntry } from "./schema";

/** This machine's history: a line of JSON for each writing of a report. */
export function historyFile(root: string): string {
  return path.join(root, ".build", "report", "history.jsonl");
}

/** What the history keeps of a report. */
export function entryOf(report: GateReport): HistoryEntry {
  const { stack, begun, outcome, seconds, commit, image, bytes, vulnerabilities, modules, findings } = report;
  const code = report.gates.find((one) => one.failure !== undefined)?.failure?.code;
  return {
    stack,
    begun,
    outcome,
    seconds,
    commit,
    ...(code !== undefined && { code }),
    ...(image !== undefined && { image }),
    ...(bytes !== undefined && { bytes }),
    ...(vulnerabilities !== undefined && { vulnerabilities }),
    ...(modules !== undefined && { modules }),
    ...(findings !== undefined && { findings }),
  };
}

/** Adds a line. Of two gates that fail in one update each adds one; the reader takes the later. */
export function remember(root: string, entry: HistoryEntry): void {
  const file = historyFile(root);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.appendFileSync(file, `${JSON.stringify(entry)}\n`);
}

/** Reads a stack's updates, or those of all stacks, oldest first. A line that a kill has cut short is left out. */
export function recall(root: string, stack?: string): HistoryEntry[] {
  const file = historyFile(root);
  const lines = fs.existsSync(file) ? fs.readFileSync(file, "utf8").split("\n") : [];
  const entries = lines.flatMap(parse).filter((entry) => stack === undefined || entry.stack === stack);
  const byUpdate = new Map(entries.map((entry) => [`${entry.begun} ${entry.stack}`, entry]));
  return [...byUpdate.values()].sort((a, b) => Date.parse(a.begun) - Date.parse(b.begun));
}

function parse(line: string): HistoryEntry[] {
  try {
    const { success, data } = entrySchema.safeParse(JSON.parse(line));
    return success ? [data] : [];
  } catch {
    return [];
  }
}
