import { drawn } from "./charts";
import { chartsOf } from "./trends";
import { type Figures, goals, levelOf, limits } from "./figures";
import type { GateReport, HistoryEntry } from "./schema";
import { style } from "./style";
import { changeRows, escaped, megabytes, minute, percent, spokenSeconds } from "./words";

/** The report as one page that needs nothing else: no script, no file, no network. */
export function pageOf(report: GateReport, entries: readonly HistoryEntry[], figures: Figures | undefined): string {
  const title = `Gates of ${report.stack}: ${report.outcome}`;
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<title>${escaped(title)}</title>`,
    `<style>${style}</style>`,
    "</head>",
    "<body>",
    `<h1>${escaped(title)}</h1>`,
    ...summaryOf(report),
    ...report.gates.flatMap(({ gate, failure }) => (failure === undefined ? [] : failureOf(gate, failure))),
    "<h2>Gates</h2>",
    ...gatesOf(report.gates),
    ...(report.changes === undefined ? [] : changedOf(report.changes)),
    ...(report.layers === undefined ? [] : layersOf(report.layers)),
    ...listed("Warnings", report.warnings),
    ...listed("Not checked", report.notChecked),
    ...(report.releases === undefined ? [] : releasesOf(report.releases)),
    ...(figures === undefined ? [] : trendsOf(entries, figures)),
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

function summaryOf({ commit, image, ended, seconds, budgetSeconds, bytes, vulnerabilities }: GateReport): string[] {
  const rows: [string, string][] = [
    ["Ended", minute(ended)],
    ["Commit", commit],
    ["Image", image ?? "none was pushed"],
    ["Time", `${spokenSeconds(seconds)} of ${spokenSeconds(budgetSeconds)}: ${levelOf(seconds, limits.seconds)}`],
    ["Size", bytes === undefined ? "not known" : `${megabytes(bytes)}: ${levelOf(bytes, limits.bytes)}`],
    [
      "Vulnerabilities",
      vulnerabilities === undefined
        ? "not looked for"
        : `${vulnerabilities.high} HIGH, ${vulnerabilities.critical} CRITICAL with a fix`,
    ],
  ];
  return ["<dl>", ...rows.map(([name, text]) => `<div><dt>${name}</dt><dd>${escaped(text)}</dd></div>`), "</dl>"];
}

type Row = GateReport["gates"][number];

function failureOf(gate: string, failure: NonNullable<Row["failure"]>): string[] {
  const { code, severity, summary, found, expected, remedy } = failure;
  return [
    '<section class="failure">',
    `<h2>✕ ${code ?? "no code"}</h2>`,
    `<p><strong>${escaped(gate)}</strong> (${severity}): ${escaped(summary)}</p>`,
    "<h3>Found</h3>",
    `<pre>${escaped(found)}</pre>`,
    "<h3>Expected</h3>",
    `<p>${escaped(expected)}</p>`,
    "<h3>Remedy</h3>",
    `<p>${escaped(remedy)}</p>`,
    "</section>",
  ];
}

const signs: Readonly<Record<Row["outcome"], string>> = { passed: "✓", incomplete: "?", failed: "✕", "not run": "–" };

function gatesOf(rows: readonly Row[]): string[] {
  const cells = rows.map(({ gate, title, outcome, seconds, budgetSeconds, facts }) => {
    const late = seconds !== undefined && seconds > budgetSeconds ? ", over its budget" : "";
    const told = Object.entries(facts).map(([name, value]) => `${name}: ${[value].flat().join(", ")}`);
    return [
      `<th scope="row">${escaped(gate)}<br><small>${escaped(title)}</small></th>`,
      `<td>${signs[outcome]} ${outcome}</td>`,
      `<td>${seconds === undefined ? "" : spokenSeconds(seconds)} of ${spokenSeconds(budgetSeconds)}${late}</td>`,
      `<td><small>${escaped(told.join("; "))}</small></td>`,
    ].join("");
  });
  return tableOf(["Gate", "Outcome", "Took", "Found"], cells);
}

function changedOf(changes: NonNullable<GateReport["changes"]>): string[] {
  const rows = changeRows(changes).map(([name, found]) => `<div><dt>${name}</dt><dd>${escaped(found)}</dd></div>`);
  const since = `Since ${changes.commit.slice(0, 12)} of ${minute(changes.begun)}`;
  return [`<h2>${escaped(since)}</h2>`, "<dl>", ...rows, "</dl>"];
}

function layersOf(layers: NonNullable<GateReport["layers"]>): string[] {
  const rows = layers.map(({ bytes, by }) => `<td>${megabytes(bytes)}</td><td><code>${escaped(by)}</code></td>`);
  return ["<h2>Layers with content, the uppermost first</h2>", ...tableOf(["Size", "Made by"], rows)];
}

function releasesOf(releases: NonNullable<GateReport["releases"]>): string[] {
  const rows = releases.map(({ digest, tags, commit, created }) =>
    [
      `<th scope="row"><code>${escaped(digest.slice(0, "sha256:".length + 12))}</code></th>`,
      `<td>${escaped(tags.join(", "))}</td>`,
      `<td>${escaped(commit.slice(0, 12))}<br><small>${created === "" ? "" : escaped(minute(created))}</small></td>`,
    ].join(""),
  );
  const where = "<p>From the registry. npm run releases says where each has run, and how long users were kept out.</p>";
  return ["<h2>Releases before this one</h2>", where, ...tableOf(["Digest", "Tags", "Commit"], rows)];
}

function listed(title: string, lines: readonly string[]): string[] {
  const shown = lines.length === 0 ? ["none"] : lines;
  return [`<h2>${title}</h2>`, "<ul>", ...shown.map((line) => `<li>${escaped(line)}</li>`), "</ul>"];
}

function trendsOf(entries: readonly HistoryEntry[], { updates, failed, success, meanSeconds }: Figures): string[] {
  const reached = success >= goals.successTarget ? "at its target" : success >= goals.success ? "enough" : "too few";
  const quick = meanSeconds < goals.meanSeconds ? "below" : "not below";
  return [
    `<h2>The last ${updates} updates</h2>`,
    `<p>${percent(success)} without a failed gate: ${reached}; at least ${percent(goals.success)} are wanted, ` +
      `${percent(goals.successTarget)} are the target. ` +
      `${failed} failed: ${levelOf(failed / updates, limits.failures)}. ` +
      `Mean time ${spokenSeconds(meanSeconds)}, ${quick} ${spokenSeconds(goals.meanSeconds)}. ` +
      "A cross marks an update of which a gate failed.</p>",
    '<div class="charts">',
    ...chartsOf(entries).map((chart) => {
      const unit = chart.unit === "" ? "" : `, ${chart.unit}`;
      return `<figure><figcaption>${escaped(chart.title + unit)}</figcaption>\n${drawn(chart)}</figure>`;
    }),
    "</div>",
    ...tableOf(["Update", "Outcome", "Time", "Size", "HIGH, CRITICAL"], [...entries].reverse().map(updateOf)),
  ];
}

function updateOf({ begun, outcome, code, seconds, bytes, vulnerabilities: found, commit }: HistoryEntry): string {
  return [
    `<th scope="row">${minute(begun)}<br><small>${escaped(commit.slice(0, 12))}</small></th>`,
    `<td>${signs[outcome]} ${outcome}${code === undefined ? "" : `<br><small>${escaped(code)}</small>`}</td>`,
    `<td>${spokenSeconds(seconds)}</td>`,
    `<td>${bytes === undefined ? "" : megabytes(bytes)}</td>`,
    `<td>${found === undefined ? "" : `${found.high}, ${found.critical}`}</td>`,
  ].join("");
}

function tableOf(heads: readonly string[], rows: readonly string[]): string[] {
  return [
    '<div class="wide"><table>',
    `<thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join("")}</tr></thead>`,
    "<tbody>",
    ...rows.map((row) => `<tr>${row}</tr>`),
    "</tbody></table></div>",
  ];
}
