import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { errorCodes } from "../../components/shared/errors";
import { procedure } from "../../gates/procedure";
import { procedurePage } from "../../gates/procedure-page";
import { gates } from "../../gates/table";
import { rowsOf } from "../support/markdown";

/** Sections of codes: name and text. */
function sectionsOf(page: string): [code: string, text: string][] {
  return page
    .split(/^### /m)
    .slice(1)
    .map((text) => [text.split("\n", 1)[0] ?? "", text]);
}

/** Rows of causes in a section that lack a cell. */
function lacking(text: string): string[][] {
  const rows = rowsOf(text).filter((cells) => cells[0] !== "raised by" && !/^-+$/.test(cells[0] ?? ""));
  return rows.length === 0 ? [[text]] : rows.filter((cells) => cells.length !== 3 || cells.includes(""));
}

describe("docs/SOP-BUILD-001.md", () => {
  const page = fs.readFileSync(path.join(__dirname, "..", "..", "docs", "SOP-BUILD-001.md"), "utf8");
  const sections = sectionsOf(page);

  it("is current", () => {
    assert.equal(page, procedurePage(), "run: npm run docs");
  });

  it("has the 26 codes of the procedure, none twice", () => {
    const names = sections.map(([code]) => code);
    assert.deepEqual(names, [...new Set(names)]);
    assert.equal(Object.keys(procedure).length, 26);
    assert.deepEqual(Object.keys(procedure), Object.keys(errorCodes).slice(0, 26));
    assert.deepEqual(names.slice(0, 26), Object.keys(procedure));
  });

  it("has every code that a gate can end in", () => {
    const names = sections.map(([code]) => code);
    const raised = Object.values(gates).flatMap(({ codes }) => Object.keys(codes));
    assert.ok(raised.length > 5);
    assert.deepEqual(
      raised.filter((code) => !names.includes(code)),
      [],
    );
  });

  it("says of each how soon it is mended, what raises it and what to do", () => {
    for (const [code, text] of sections) {
      assert.match(text, /^Severity (critical|high|medium): mended within \d/m, code);
      assert.deepEqual(lacking(text), [], code);
    }
  });

  it("would be seen to lack a remedy", () => {
    assert.equal(lacking("X\n\n| raised by | when | do |\n| --- | --- | --- |\n| a | b |  |\n").length, 1);
    assert.equal(lacking("X\n").length, 1);
  });

  it("has gates' notes alone, or beside those of another source", () => {
    const note = { when: "it leaks | pipes", remedy: "mend it" };
    const codes = { SECURITY_HIGH: note, BUILD_FAILURE: note, LINT_FAILURE: note };
    const made = new Map(sectionsOf(procedurePage({ scan: { title: "holes", budgetSeconds: 60, codes } })));
    assert.match(
      made.get("SECURITY_HIGH") ?? "",
      /^\| --- .*\n\| the gate scan \| it leaks \\\| pipes \| mend it \|\s+$/m,
    );
    assert.match(made.get("BUILD_FAILURE") ?? "", /the gate scan[^]*the build/);
    assert.ok(made.has("LINT_FAILURE"));
    assert.equal(lacking(made.get("SECURITY_VULN") ?? "").length, 1, "no gate raises it there");
  });
});
