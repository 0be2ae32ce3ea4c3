import type { Figures } from "./figures";
import type { GateReport } from "./schema";
import { changeRows, megabytes, minute, percent, spokenSeconds } from "./words";

/** The report as a comment of a pull request: what a reviewer asks first comes first. */
export function markdownOf(report: GateReport, figures: Figures | undefined): string {
  const { stack, outcome, commit, image, seconds, budgetSeconds, bytes, vulnerabilities, gates } = report;
  return [
    `## Gates of ${plain(stack)}: ${outcome}`,
    "",
    [
      `Commit ${code(commit)}`,
      image === undefined ? "no image was pushed" : code(image),
      minute(report.ended),
      `${spokenSeconds(seconds)} of ${spokenSeconds(budgetSeconds)}`,
      ...(bytes === undefined ? [] : [megabytes(bytes)]),
      ...(vulnerabilities === undefined
        ? []
        : [`${vulnerabilities.high} HIGH, ${vulnerabilities.critical} CRITICAL with a fix`]),
    ].join(" · "),
    "",
    "| gate | outcome | took | budget |",
    "| --- | --- | --- | --- |",
    ...gates.map(({ gate, title, outcome: ended, seconds: took, budgetSeconds: budget, failure }) => {
      const word = failure?.code === undefined ? ended : `${ended}: ${code(failure.code)}`;
      const time = took === undefined ? "" : spokenSeconds(took);
      return `| ${plain(gate)}: ${plain(title)} | ${word} | ${time} | ${spokenSeconds(budget)} |`;
    }),
    ...gates.flatMap(({ failure }) => (failure === undefined ? [] : failureOf(failure))),
    ...(report.changes === undefined ? [] : changedOf(report.changes)),
    ...listed("Warnings", report.warnings),
    ...listed("Not checked", report.notChecked),
    ...(figures === undefined
      ? []
      : [
          "",
          `The last ${figures.updates} updates: ${percent(figures.success)} without a failed gate, ` +
            `${spokenSeconds(figures.meanSeconds)} in the mean.`,
        ]),
    "",
  ].join("\n");
}

function failureOf({ code: name, severity, summary, found, expected, remedy }: NonNullable<Failed>): string[] {
  return [
    "",
    `### ${name ?? "no code"} (${severity}): ${plain(summary)}`,
    "",
    ...fenced(found),
    "",
    `Expected: ${plain(expected)}`,
    "",
    `**Remedy:** ${plain(remedy)}`,
  ];
}

type Failed = GateReport["gates"][number]["failure"];

function changedOf(changes: NonNullable<GateReport["changes"]>): string[] {
  const rows = changeRows(changes).map(([name, found]) => `- ${name}: ${plain(found)}`);
  return ["", `### Since ${code(changes.commit.slice(0, 12))}`, "", ...rows];
}

function listed(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", `### ${title}`, "", ...lines.map((line) => `- ${plain(line)}`)];
}

/** Text of other programs must not become links, mentions, HTML or another cell. */
export function plain(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, "; ").replaceAll(/[\\`*_[\]<>|@#~]/g, (sign) => `&#${sign.codePointAt(0) ?? 0};`);
}

/** A text of other programs as code, on one line. */
export function code(text: string): string {
  return `\`${text.replaceAll(/[`|\n]/g, " ")}\``;
}

/** In a fence that the text itself cannot end. */
function fenced(text: string): string[] {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return [`${fence}text`, text, fence];
}
