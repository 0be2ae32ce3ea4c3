import { type ErrorCode, errorCodes } from "../components/shared/errors";
import type { CodeNote, Gate } from "./gate";
import { procedure, type ProcedureCode, resolutionTimes } from "./procedure";
import { gates as table } from "./table";

type Gates = Readonly<Record<string, Pick<Gate<never>, "title" | "budgetSeconds" | "codes">>>;

/** What raises a code, and what to do then. */
interface Cause extends CodeNote {
  readonly by: string;
}

/** Makes docs/SOP-BUILD-001.md of the gates and of what stands beside them. */
export function procedurePage(gates: Gates = table): string {
  const own = Object.keys(procedure) as ProcedureCode[];
  const others = [...new Set(Object.values(gates).flatMap(({ codes }) => Object.keys(codes) as ErrorCode[]))]
    .filter((code) => !(code in procedure))
    .sort();
  return [
    "# SOP-BUILD-001: from a commit to a release",
    "",
    "Generated from `gates/` by `npm run docs`; do not edit.",
    "",
    "An image is released once every gate has let it pass. A failed gate ends the update with one of the codes below:",
    "nothing is deployed, no tag moves, and what runs goes on. Of `.build/report/`, `report.html` is for people,",
    "`report.md` for a pull request, `report.json` for programs ([its schema](gate-report.schema.json)). Who is told",
    "of a failure is a matter of [settings](configuration.md#who-is-told-of-a-failure).",
    "",
    "## The gates, in their order",
    "",
    "| gate | looks at | budget |",
    "| --- | --- | --- |",
    ...Object.entries(gates).map(([name, { title, budgetSeconds }]) => `| ${name} | ${title} | ${budgetSeconds} s |`),
    "",
    "Where a tool is missing, staging and production fail with `TOOL_MISSING`. Other stacks go on, and the report says",
    "that this part was not checked. By hand, for any image: `scripts/docker_security_check.sh IMAGE`",
    "([what it looks at](image.md#look-at-its-security)).",
    "",
    "## How soon",
    "",
    "| severity | mended within | told to |",
    "| --- | --- | --- |",
    `| critical | ${resolutionTimes.critical} | Slack, mail; PagerDuty if it is about security |`,
    `| high | ${resolutionTimes.high} | Slack |`,
    `| medium | ${resolutionTimes.medium} | Slack |`,
    "",
    "## The codes of the procedure",
    ...own.flatMap((code) => sectionOf(code, causesOf(code, gates))),
    ...(others.length === 0 ? [] : ["", "## Other codes of gates"]),
    ...others.flatMap((code) => sectionOf(code, causesOf(code, gates))),
    "",
  ].join("\n");
}

/** Those of gates come first. */
function causesOf(code: ErrorCode, gates: Gates): Cause[] {
  const ofGates = Object.entries(gates).flatMap(([name, { codes }]) => {
    const note = codes[code];
    return note === undefined ? [] : [{ by: `the gate ${name}`, ...note }];
  });
  const beside = Object.hasOwn(procedure, code) ? procedure[code as ProcedureCode] : undefined;
  return typeof beside === "object" ? [...ofGates, beside] : ofGates;
}

function sectionOf(code: ErrorCode, causes: readonly Cause[]): string[] {
  const severity = errorCodes[code];
  return [
    "",
    `### ${code}`,
    "",
    `Severity ${severity}: mended within ${resolutionTimes[severity]}.`,
    "",
    "| raised by | when | do |",
    "| --- | --- | --- |",
    ...causes.map(({ by, when, remedy }) => `| ${by} | ${cell(when)} | ${cell(remedy)} |`),
  ];
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
