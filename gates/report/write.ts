import * as path from "node:path";

import { changesOf } from "./changes";
import { figuresOf } from "./figures";
import { entryOf, recall, remember } from "./history";
import { markdownOf } from "./markdown";
import { pageOf } from "./page";
import { writeWhole } from "./results";
import type { GateReport, HistoryEntry } from "./schema";

/** Updates that the page looks back on. */
const lookedBack = 30;

/** The three forms of a report, by their file names. */
export function rendered(report: GateReport, history: readonly HistoryEntry[]): Readonly<Record<string, string>> {
  const entries = history.slice(-lookedBack);
  const figures = figuresOf(entries);
  const changes = changesOf(report, history);
  const whole = { ...report, ...(changes && { changes }) };
  return {
    "report.json": `${JSON.stringify(whole, null, 2)}\n`,
    "report.md": markdownOf(whole, figures),
    "report.html": pageOf(whole, entries, figures),
  };
}

/** Writes a report into .build/report/, and remembers it in the history. */
export function writeReport(root: string, report: GateReport): void {
  remember(root, entryOf(report));
  for (const [name, text] of Object.entries(rendered(report, recall(root, report.stack))))
    writeWhole(path.join(root, ".build", "report", name), text);
}
