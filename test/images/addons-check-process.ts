import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { compliant, type Files, manifest, type Report } from "../fixtures/addons/module";
import { python } from "../support/python";

export const checkScript = path.resolve(__dirname, "..", "..", "images", "odoo", "addons_check.py");

/** What the check found, and its exit status. */
export type Checked = Report & { readonly status: number | null };

/** The addon check as a process, in a folder of its own with `addons/`, and `odoo/` with the modules `base` and `sale`. */
export class AddonsCheck {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), "addons-check-"));

  constructor() {
    for (const name of ["base", "sale"]) this.write(`odoo/${name}`, { "__manifest__.py": "{}" });
  }

  remove(): void {
    fs.rmSync(this.folder, { recursive: true });
  }

  write(directory: string, files: Files): void {
    for (const [name, content] of Object.entries(files)) {
      const target = path.join(this.folder, directory, name);
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(target, content);
    }
  }

  /** A module without a finding, with these files in the place of its own. */
  good(name: string, changes: Files = {}): void {
    this.write(`addons/${name}`, { ...compliant, ...changes });
  }

  /** A module of which Odoo reads this file as well. */
  read(name: string, file: string, content: string | Buffer): void {
    const data = `["views/views.xml"${file.endsWith(".py") ? "" : `, "${file}"`}]`;
    const imports: Files = file.endsWith(".py") ? { "models/__init__.py": "from . import a\n" } : {};
    const files = { "__manifest__.py": manifest({ data }), ...imports, [file]: content };
    this.good(name, files);
  }

  run(...args: readonly string[]) {
    return spawnSync(python, [checkScript, ...args], { cwd: this.folder, encoding: "utf8" });
  }

  check(...args: readonly string[]): Checked {
    const done = this.run("--json", "--base", "odoo", ...(args.length === 0 ? ["addons"] : args));
    assert.equal(done.stderr, "");
    return { ...(JSON.parse(done.stdout) as Report), status: done.status };
  }
}

/** Asserts that exactly this is found, and that the exit code follows from it. */
export function found(
  report: Checked,
  ...expected: readonly (readonly [code: string, severity: string, place: string, words: RegExp])[]
): void {
  const seen = report.findings.map(({ code, severity, path: file, line }) => [
    code,
    severity,
    line === null ? file : `${file}:${line}`,
  ]);
  assert.deepEqual(
    seen,
    expected.map((entry) => entry.slice(0, 3)),
    JSON.stringify(report.findings, null, 2),
  );
  expected.forEach(([, , , words], index) => {
    assert.match(report.findings[index]?.message ?? "", words);
    assert.ok(report.findings[index]?.remedy);
  });
  assert.equal(report.status, expected.some(([, severity]) => severity === "error") ? 1 : 0);
}
