import * as fs from "node:fs";
import * as os from "node:os";

import { median, type Pair } from "./measure";

/** One line of a report's table. */
export interface Row extends Pair {
  readonly title: string;
  readonly unit: "bytes" | "seconds" | "milliseconds" | "requests/s";
}

/** A benchmark's part of docs/benchmarks.md. */
export interface Report {
  /** Name of the benchmark; its part of the file is found by it. */
  readonly name: string;
  /** Description of what is compared, and how; Markdown. */
  readonly text: string;
  readonly facts: readonly string[];
  readonly rows: readonly Row[];
}

const preamble =
  "# Benchmarks\n\nEach part is written by its benchmark; both sides of a table are measured in one run. A ratio below 1 is in our favour.\n";

/** The fact that each report begins with. */
export function machineAndDay(): string {
  const memory = Math.round(os.totalmem() / 2 ** 30);
  const day = new Date().toISOString().slice(0, 10);
  return `${day}, ${os.cpus().length} cores, ${memory} GiB of memory, ${os.type()} on ${os.arch()}`;
}

/** The report as Markdown. */
export function render({ name, text, facts, rows }: Report): string {
  return (
    [`## \`npm run bench -- ${name}\``, text, facts.map((fact) => `- ${fact}`).join("\n"), table(rows)].join("\n\n") +
    "\n"
  );
}

/** Median of both sides, with the range of repeated figures, and the ratio of the medians. */
export function table(rows: readonly Row[]): string {
  const cells = [
    ["Measure", "Ours", "Yardstick", "Ratio"],
    ...rows.map(({ title, unit, ours, yardstick }) => [
      title,
      figure(ours, unit),
      figure(yardstick, unit),
      (median(ours) / median(yardstick)).toFixed(2),
    ]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((line) => (line[column] ?? "").length)));
  const line = (parts: readonly string[]) =>
    `| ${parts.map((part, column) => pad(part, widths[column] ?? 0, column)).join(" | ")} |`;
  const rule = `| ${widths.map((width, column) => "-".repeat(column === 0 ? width : width - 1) + (column === 0 ? "" : ":")).join(" | ")} |`;
  const [head = [], ...body] = cells;
  return [line(head), rule, ...body.map(line)].join("\n");
}

/** Puts a benchmark's part in the place of its last one; the others' parts stay. */
export function writeReport(file: string, report: Report): void {
  const old = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : preamble;
  const [head = "", ...parts] = old.split(/^(?=## )/m);
  const part = render(report);
  const [title = ""] = part.split("\n", 1);
  const isOwn = (other: string) => other.startsWith(`${title}\n`);
  const kept = parts.map((other) => (isOwn(other) ? part : `${other.trimEnd()}\n`));
  const all = parts.some(isOwn) ? kept : [...kept, part];
  fs.writeFileSync(file, [`${head.trimEnd()}\n`, ...all].join("\n"));
}

function figure(figures: readonly number[], unit: Row["unit"]): string {
  const short = (value: number) => value.toFixed(value < 10 ? 2 : 1);
  const show = (value: number) => {
    switch (unit) {
      case "bytes":
        return `${Math.round(value / 1e6).toLocaleString("en-US")} MB`;
      case "seconds":
        return `${short(value)} s`;
      case "milliseconds":
        return `${short(value)} ms`;
      case "requests/s":
        return `${short(value)} /s`;
    }
  };
  const middle = show(median(figures));
  return figures.length === 1 ? middle : `${middle} (${show(Math.min(...figures))} to ${show(Math.max(...figures))})`;
}

function pad(text: string, width: number, column: number): string {
  return column === 0 ? text.padEnd(width) : text.padStart(width);
}
