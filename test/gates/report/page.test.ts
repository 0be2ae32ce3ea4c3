import assert from "node:assert/strict";

import { drawn } from "../../../gates/report/charts";
import { figuresOf, levelOf, limits, successOverTime } from "../../../gates/report/figures";
import { reportSchema } from "../../../gates/report/schema";
import { rendered } from "../../../gates/report/write";
import { chartsOf } from "../../../gates/report/trends";
import { madeUpHistory, madeUpReports } from "../../support/made-up-releases";

const count = (text: string, part: RegExp) => [...text.matchAll(part)].length;

describe("The page of the report", () => {
  const reports = madeUpReports();
  const history = madeUpHistory();
  const last = reports.at(-1);
  assert.ok(last !== undefined);
  const forms = rendered(last, history);
  const page = forms["report.html"] ?? "";

  it("needs nothing but itself", () => {
    assert.doesNotMatch(page, /<script|<link|<img|\bsrc=|\bhref=|url\(|@import/);
    assert.match(page, /default-src 'none'/);
    assert.match(page, /name="viewport"/);
    assert.match(page, /@media print/);
  });

  it("draws the four charts, with every limit of the procedure labelled", () => {
    assert.equal(count(page, /<svg /g), 4);
    for (const label of ["target 98", "warning below 95", "critical below 90", "mean below 10", "warning above 12"])
      assert.ok(page.includes(`>${label}</text>`), label);
    for (const label of ["critical above 15", "warning above 2", "critical above 2.5", "1 HIGH: warning, 1 CRITICAL"])
      assert.ok(page.includes(label), label);
  });

  it("is readable without colour: crosses, shapes, dashes, words, and none of its colours says anything", () => {
    const failures = history.filter(({ outcome }) => outcome === "failed").length;
    assert.equal(failures, 3);
    // Success, time and size have a point for each update that got so far; vulnerabilities two for each that was scanned.
    const [success = "", time = ""] = chartsOf(history).map(drawn);
    for (const chart of [success, time]) {
      assert.equal(count(chart, /class="cross"/g), failures);
      assert.equal(count(chart, /<circle/g), history.length - failures);
      assert.match(chart, /stroke-dasharray/);
      assert.match(chart, /role="img" .* aria-label="[^"]*at last\. Lines: /);
    }
    assert.doesNotMatch(page, /#[0-9a-f]{3,6}\b|\b(red|green|orange|yellow)\b/);
    assert.equal(count(page, /✕ failed<br><small>[A-Z_]+</g), failures);
  });

  it("keeps every point and every label inside its chart", () => {
    for (const chart of chartsOf(history)) {
      const svg = drawn(chart);
      for (const [, x, y] of svg.matchAll(/(?:x|cx)="([-\d.]+)" (?:y|cy)="([-\d.]+)"/g)) {
        assert.ok(Number(x) >= 0 && Number(x) <= 360, `${chart.title}: x ${x ?? ""}`);
        assert.ok(Number(y) >= 5 && Number(y) <= 200, `${chart.title}: y ${y ?? ""}`);
      }
      assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
    }
  });

  it("draws one update, and one without a size", () => {
    const [first] = history;
    assert.ok(first !== undefined);
    const { stack, begun, commit, outcome, seconds } = first;
    const less = { stack, begun, commit, outcome, seconds };
    for (const chart of chartsOf([less])) assert.doesNotMatch(drawn(chart), /NaN|Infinity|undefined/);
  });

  it("lists the releases of the registry, where it was read", () => {
    const release = {
      digest: `sha256:${"e".repeat(64)}`,
      tags: ["sha-0123456789ab-00000001"],
      commit: "<b>",
      created: "",
    };
    const { "report.html": html = "", "report.json": json = "" } = rendered({ ...last, releases: [release] }, []);
    assert.match(html, /<h2>Releases before this one<\/h2>/);
    assert.match(html, /<code>sha256:e{12}<\/code><\/th><td>sha-0123456789ab-00000001<\/td><td>&lt;b&gt;<br>/);
    assert.deepEqual(reportSchema.parse(JSON.parse(json)).releases, [release]);
    assert.doesNotMatch(page, /Releases before this one/);
  });

  it("shows text of others as text, in the page and in the comment", () => {
    const evil = `<img src=x onerror=alert(1)> "@team" [a](http://x) | \`\`\``;
    const { "report.html": html = "", "report.md": markdown = "" } = rendered(
      {
        ...last,
        warnings: [evil],
        gates: last.gates.map((gate) => ({
          ...gate,
          failure: { severity: "high", summary: evil, found: evil, expected: evil, remedy: evil },
        })),
      },
      [],
    );
    assert.doesNotMatch(html, /<img/);
    const outside = markdown.replaceAll(/^(`{4,})text$[^]*?^\1$/gm, "");
    assert.doesNotMatch(outside, /<img|@team|\[a\]|```/);
    assert.equal(count(markdown, /^`{4}text$/gm), last.gates.length);
  });
});

describe("The figures over updates", () => {
  const one = (outcome: "passed" | "failed", seconds = 600) => ({
    stack: "odoo/staging",
    begun: "2026-01-05T08:00:00.000Z",
    commit: "abc",
    outcome,
    seconds,
  });

  it("are shares and means, and none without an update", () => {
    assert.equal(figuresOf([]), undefined);
    assert.deepEqual(figuresOf([one("passed", 100), one("failed", 300)]), {
      updates: 2,
      failed: 1,
      success: 0.5,
      meanSeconds: 200,
    });
    assert.deepEqual(successOverTime([one("passed"), one("failed")]), [1, 0.5]);
  });

  for (const [name, ok, warning, critical] of [
    ["failures", 0.05, 0.06, 0.11],
    ["seconds", 720, 721, 901],
    ["bytes", 2e9, 2.1e9, 2.6e9],
  ] as const) {
    it(`of ${name} have the limits of the procedure`, () => {
      assert.deepEqual(
        [ok, warning, critical].map((value) => levelOf(value, limits[name])),
        ["ok", "warning", "critical"],
      );
    });
  }

  it("of vulnerabilities warn at one HIGH and are critical at one CRITICAL", () => {
    assert.deepEqual(
      [0, 1, 99].map((value) => levelOf(value, limits.high)),
      ["ok", "warning", "warning"],
    );
    assert.deepEqual(
      [0, 1].map((value) => levelOf(value, limits.criticals)),
      ["ok", "critical"],
    );
  });
});
