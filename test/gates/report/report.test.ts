import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { z } from "zod";

import { cleaned, cleaner } from "../../../gates/report/clean";
import { gather, type Result } from "../../../gates/report/gather";
import { changesOf } from "../../../gates/report/changes";
import { entryOf, historyFile, recall, remember } from "../../../gates/report/history";
import { keep, kept } from "../../../gates/report/results";
import { type GateReport, type HistoryEntry, publishedSchema, reportSchema } from "../../../gates/report/schema";
import { rendered, writeReport } from "../../../gates/report/write";
import { madeUpFailure, madeUpOrder, madeUpReports } from "../../support/made-up-releases";

const gates = {
  preflight: { title: "before", budgetSeconds: 60 },
  image: { title: "after", budgetSeconds: 120 },
};
const image = `registry.example.com/team/odoo@sha256:${"d".repeat(64)}`;
const ended = new Date("2026-01-05T08:05:00.000Z");

function passed(gate: string, more: Partial<Result> = {}): Result {
  return { gate, outcome: "passed", seconds: 1, facts: {}, warnings: [], notChecked: [], ...more };
}

describe("The report of the gates", () => {
  let root: string;
  beforeEach(() => (root = fs.mkdtempSync(path.join(os.tmpdir(), "report-"))));
  afterEach(() => fs.rmSync(root, { recursive: true }));

  it("is of a pass only if each gate has passed whole", () => {
    const both = [passed("preflight"), passed("image", { facts: { bytes: 1.8e9, high: 1, critical: 0 } })];
    const report = gather(madeUpOrder, both, ended, image, gates);
    assert.equal(report.outcome, "passed");
    assert.equal(report.seconds, 300);
    assert.equal(report.bytes, 1.8e9);
    assert.deepEqual(report.vulnerabilities, { high: 1, critical: 0 });
    assert.deepEqual(report.notChecked, []);

    const partly = passed("image", { outcome: "incomplete", notChecked: ["hadolint is missing"] });
    const less = gather(madeUpOrder, [passed("preflight"), partly], ended, image, gates);
    assert.equal(less.outcome, "incomplete");
    assert.ok(less.notChecked.includes("image: hadolint is missing"));

    const half = gather(madeUpOrder, [passed("preflight")], ended, undefined, gates);
    assert.equal(half.outcome, "incomplete");
    assert.deepEqual(half.notChecked, ["image: it has not run", "vulnerabilities: nothing has looked for them"]);
  });

  it("names code, what was found, what was expected and the remedy of a failed gate in each form", () => {
    const failed = passed("image", { outcome: "failed", failure: madeUpFailure("MISSING_ADDONS") });
    const report = gather(madeUpOrder, [passed("preflight"), failed], ended, image, gates);
    assert.equal(report.outcome, "failed");
    assert.equal(entryOf(report).code, "MISSING_ADDONS");
    for (const [name, text] of Object.entries(rendered(report, [entryOf(report)])))
      for (const word of ["MISSING_ADDONS", "nothing of the kind", "mend it, then run the update again"])
        assert.ok(text.includes(word), `${name} has no ${word}`);
  });

  it("has the image's modules and layers, and what was found, in places of their own", () => {
    const facts = {
      bytes: 5,
      contents: ["shop 19.0.1.0.0 abc", "late - def", "no module at all"],
      layers: ["5 COPY a b", "what"],
      findings: ["CVE-2026-1 zlib1g"],
    };
    const report = gather(madeUpOrder, [passed("preflight"), passed("image", { facts })], ended, image, gates);
    assert.deepEqual(report.modules, {
      shop: { version: "19.0.1.0.0", hash: "abc" },
      late: { version: "-", hash: "def" },
    });
    assert.deepEqual(report.layers, [{ bytes: 5, by: "COPY a b" }]);
    assert.deepEqual(report.findings, ["CVE-2026-1 zlib1g"]);
    assert.deepEqual(report.gates.at(-1)?.facts, { bytes: 5 });
  });

  it("warns of an update that took longer than its budget", () => {
    const late = new Date(Date.parse(madeUpOrder.begun) + 721_000);
    const { warnings } = gather(madeUpOrder, [passed("preflight"), passed("image")], late, image, gates);
    assert.deepEqual(warnings, ["the update took 721 s, and its budget is 720 s"]);
  });

  it("agrees with its published schema, which is current", () => {
    const published = fs.readFileSync(
      path.join(__dirname, "..", "..", "..", "docs", "gate-report.schema.json"),
      "utf8",
    );
    assert.equal(published, publishedSchema(), "run: npm run docs");
    const schema = z.fromJSONSchema(JSON.parse(published) as Parameters<typeof z.fromJSONSchema>[0]);
    const [report] = madeUpReports(1);
    assert.ok(schema.safeParse(report).success);
    assert.ok(!schema.safeParse({ ...report, outcome: "fine" }).success);
    assert.ok(!schema.safeParse({ ...report, gates: [{}] }).success);
  });

  it("takes passes of an earlier update of the same content, and failures of this one alone", () => {
    const earlier = "2026-01-04T08:00:00.000Z";
    keep(root, madeUpOrder, { ...passed("preflight"), begun: earlier });
    const failed = passed("image", { outcome: "failed", failure: madeUpFailure("IMPORT_ERROR") });
    keep(root, madeUpOrder, { ...failed, begun: earlier });
    assert.deepEqual(
      kept(root, madeUpOrder).map(({ gate }) => gate),
      ["preflight"],
    );
    keep(root, madeUpOrder, { ...failed, begun: madeUpOrder.begun });
    assert.equal(kept(root, madeUpOrder).length, 2);
    assert.deepEqual(kept(root, { ...madeUpOrder, contentHash: "e".repeat(64) }), []);
    assert.deepEqual(kept(root, { ...madeUpOrder, stack: "odoo/prod" }), []);
  });

  it("counts a result that cannot be read as none", () => {
    keep(root, madeUpOrder, { ...passed("preflight"), begun: madeUpOrder.begun });
    const [folder = ""] = fs.readdirSync(path.join(root, ".build", "gates"));
    fs.writeFileSync(path.join(root, ".build", "gates", folder, "image.json"), '{"gate": "im');
    fs.writeFileSync(path.join(root, ".build", "gates", folder, "other.json"), '{"gate": "other"}');
    assert.deepEqual(
      kept(root, madeUpOrder).map(({ gate }) => gate),
      ["preflight"],
    );
  });

  it("is written in three forms, and remembered once for each update", () => {
    const [first, second] = madeUpReports(2);
    assert.ok(first !== undefined && second !== undefined);
    for (const report of [first, second, second]) writeReport(root, report);
    const folder = path.join(root, ".build", "report");
    assert.deepEqual(fs.readdirSync(folder).sort(), ["history.jsonl", "report.html", "report.json", "report.md"]);
    const { changes, ...rest } = reportSchema.parse(
      JSON.parse(fs.readFileSync(path.join(folder, "report.json"), "utf8")),
    );
    assert.deepEqual(rest, second);
    assert.deepEqual(changes?.modules?.changed, ["shop 19.0.1.0.0 to 19.0.1.1.0"]);
    assert.deepEqual(recall(root, second.stack), [entryOf(first), entryOf(second)]);
  });

  it("looks back on the updates of its own stack, without a line that a kill cut short", () => {
    const [first] = madeUpReports(1);
    assert.ok(first !== undefined);
    remember(root, entryOf({ ...first, stack: "odoo/other" }));
    remember(root, entryOf(first));
    fs.appendFileSync(historyFile(root), '{"stack": "odoo/st');
    assert.deepEqual(recall(root, first.stack), [entryOf(first)]);
  });
});

describe("What a report says of the release before", () => {
  const module = (version: string, hash: string) => ({ version, hash });
  const [report] = madeUpReports(1);
  assert.ok(report !== undefined);
  const now: GateReport = {
    ...report,
    modules: {
      shop: module("2.0", "b"),
      stock: module("1.0", "c"),
      kept: module("1.0", "d"),
      edited: module("1.0", "f"),
    },
    findings: ["CVE-2 b", "CVE-3 c"],
  };
  const before: HistoryEntry = {
    ...entryOf(report),
    begun: "2026-01-01T08:00:00.000Z",
    commit: "e".repeat(40),
    modules: {
      shop: module("1.0", "a"),
      gone: module("1.0", "g"),
      kept: module("1.0", "d"),
      edited: module("1.0", "e"),
    },
    findings: ["CVE-1 a", "CVE-2 b"],
  };

  it("is which modules and vulnerabilities came and went, in each form", () => {
    assert.deepEqual(changesOf(now, [before]), {
      commit: before.commit,
      begun: before.begun,
      modules: { added: ["stock 1.0"], changed: ["shop 1.0 to 2.0", "edited 1.0"], removed: ["gone 1.0"] },
      vulnerabilities: { gained: ["CVE-3 c"], lost: ["CVE-1 a"] },
    });
    for (const [name, text] of Object.entries(rendered(now, [before])))
      for (const word of ["stock 1.0", "shop 1.0 to 2.0", "gone 1.0", "CVE-3 c", "CVE-1 a"])
        assert.ok(text.includes(word), `${name} has no ${word}`);
  });

  it("is said against the newest one that did not fail, and of what both have told", () => {
    const failed: HistoryEntry = { ...before, begun: "2026-01-02T08:00:00.000Z", outcome: "failed", commit: "f" };
    const later: HistoryEntry = { ...before, begun: "2027-01-01T08:00:00.000Z", commit: "f" };
    assert.equal(changesOf(now, [before, failed, later])?.commit, before.commit);
    const without = <T extends object>(one: T, ...names: string[]) =>
      Object.fromEntries(Object.entries(one).filter(([name]) => !names.includes(name))) as T;
    assert.equal(changesOf(without(now, "findings"), [before])?.vulnerabilities, undefined);
    assert.equal(changesOf(now, [without(before, "modules", "findings")]), undefined);
    assert.equal(changesOf(now, []), undefined);
  });
});

describe("What a report may not hold", () => {
  const clean = cleaner("/srv/project", ["hunter2-hunter2", "line one of a key\nline two of a key", "short"], {
    REGISTRY_TOKEN: "token-of-the-environment",
    HOME_PAGE: "not-a-secret-at-all",
  });

  it("is taken out: secrets whole, by the line and within addresses, and the machine's own paths", () => {
    const text = [
      "hunter2-hunter2",
      "line two of a key",
      "token-of-the-environment",
      "https://user:pass@registry.example.com",
      "/srv/project/addons/shop.",
      "in /srv/project.",
      path.join(os.tmpdir(), "gate-1"),
      path.join(os.homedir(), ".docker"),
    ].join("\n");
    assert.equal(
      clean(text),
      "[secret]\n[secret]\n[secret]\nhttps://[secret]@registry.example.com\n./addons/shop.\nin ..\n<tmp>/gate-1\n~/.docker",
    );
  });

  it("is not met by chance", () => {
    for (const text of ["short", "not-a-secret-at-all", "/srv/project-2/addons", "/other/srv/project"])
      assert.equal(clean(text), text);
  });

  it("is taken out of every text of a value", () => {
    assert.deepEqual(cleaned({ a: ["hunter2-hunter2"], b: { c: "hunter2-hunter2!" }, d: 1, e: undefined }, clean), {
      a: ["[secret]"],
      b: { c: "[secret]!" },
      d: 1,
      e: undefined,
    });
  });
});
