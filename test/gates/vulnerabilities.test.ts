import assert from "node:assert/strict";

import { layersOf } from "../../gates/layers";
import { type Exception, type Finding, findingsIn, judge, lineOf, withoutExcepted } from "../../gates/vulnerabilities";
import { diffId, ours } from "../support/paper-registry";

const today = "2026-03-10";
const base: Finding = {
  ...{ id: "CVE-2099-1", package: "openssl", installed: "3.0", fixed: "3.1", severity: "HIGH", title: "A hole" },
  inBase: false,
};
const exception: Exception = { id: base.id, package: base.package, reason: "not reachable", expires: today };
const judged = (findings: readonly Finding[], exceptions: readonly Exception[] = [], unfixedStops = false) =>
  judge(findings, exceptions, { unfixedStops, today });

describe("Vulnerabilities of an image", () => {
  it("stop a release if they have a fix, the gravest first", () => {
    const critical: Finding = { ...base, id: "CVE-2099-2", severity: "CRITICAL" };
    const unfixed: Finding = { ...base, id: "CVE-2099-3", fixed: "" };
    const verdict = judged([base, critical, unfixed]);
    assert.deepEqual(verdict.stopping, [critical, base]);
    assert.deepEqual(verdict.unfixed, [unfixed]);
    assert.deepEqual(judged([unfixed], [], true).stopping, [unfixed]);
  });

  it("are let pass up to the last day of an exception, in that package alone", () => {
    const elsewhere: Finding = { ...base, package: "libssl" };
    const verdict = judged([base, elsewhere], [exception]);
    assert.deepEqual(verdict.stopping, [elsewhere]);
    assert.deepEqual(
      verdict.excepted.map(({ finding }) => finding),
      [base],
    );
    assert.deepEqual([verdict.expired, verdict.unused], [[], []]);
  });

  it("stop a release again after that, and the exception is named", () => {
    const old = { ...exception, expires: "2026-03-09" };
    const verdict = judged([base], [old]);
    assert.deepEqual([verdict.stopping, verdict.expired, verdict.unused], [[base], [old], []]);
    assert.deepEqual(judged([], [old]).unused, [old]);
  });

  const report = {
    Results: [
      {
        Class: "os-pkgs",
        Vulnerabilities: [
          one("CVE-1", "HIGH", 0),
          one("CVE-2", "CRITICAL", 1),
          one("CVE-3", "LOW", 1),
          one("CVE-2", "CRITICAL", 1),
          { ...one("CVE-4", "HIGH", 1), PkgName: "bad\u001b[2J\nname" },
        ],
      },
      { Class: "lang-pkgs" },
    ],
  };
  const history = [{ created_by: "base" }, { created_by: ours, empty_layer: true }, { created_by: "RUN" }];
  const layers = layersOf({ rootfs: { diff_ids: [diffId(0), diffId(1)] }, history });

  function one(id: string, grade: string, layer: number) {
    const { package: name, installed, fixed } = base;
    const versions = { InstalledVersion: installed, FixedVersion: fixed };
    return { VulnerabilityID: id, PkgName: name, ...versions, Severity: grade, Layer: { DiffID: diffId(layer) } };
  }

  it("are read from Trivy's report, each once, with the part of the image that brought them", () => {
    const findings = findingsIn(report, layers);
    assert.deepEqual(
      findings.map(({ id, inBase }) => [id, inBase]),
      [
        ["CVE-1", true],
        ["CVE-2", false],
        ["CVE-4", false],
      ],
    );
  });

  it("cannot write on a terminal by the names of their packages", () => {
    const line = findingsIn(report, layers).map(lineOf).at(-1) ?? "";
    assert.equal(line, "HIGH CVE-4 in bad?[2J?name 3.0, fixed in 3.1: ");
  });

  it("are left out of the other tools' report once they are excepted", () => {
    const verdict = judged(findingsIn(report, layers), [{ ...exception, id: "CVE-1" }]);
    const left = withoutExcepted(report, verdict).Results?.[0]?.Vulnerabilities?.map((it) => it.VulnerabilityID);
    assert.deepEqual(left, ["CVE-2", "CVE-3", "CVE-2", "CVE-4"]);
  });
});
