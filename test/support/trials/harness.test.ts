import assert from "node:assert/strict";

import { differences, type Snapshot } from "./snapshot";
import { ledger, notes, trialAddons, type Variant } from "./addons";
import { type ReleaseFile, releaseFile } from "./releases";
import { type Allowed, type Outcome, unaccounted } from "./writers";

// What the trials on a host are judged by. Whether the host keeps its word is not shown here.

describe("the account of concurrent clients", () => {
  const at = 0;
  const acknowledged: Outcome = { kind: "acknowledged", token: "a", id: 1, at };
  const rows = [{ id: 1, token: "a" }];
  const refused = (status: number, retryAfter: string | undefined): Outcome => ({
    kind: "refused",
    token: "r",
    status,
    retryAfter,
    at,
  });
  const lost = (token: string): Outcome => ({ kind: "ambiguous", token, code: "ECONNRESET", at });
  const down: Outcome = { kind: "unreachable", token: "u", code: "ECONNREFUSED", at };

  it("agrees with what was acknowledged, refused, and lost once per client", () => {
    const outcomes = [acknowledged, refused(503, "30"), lost("x"), lost("y")];
    assert.deepEqual(unaccounted(outcomes, [...rows, { id: 2, token: "x" }], 2), []);
    assert.deepEqual(unaccounted([acknowledged, down], rows, 2, { outage: true }), []);
  });

  const disagreements: [what: string, outcomes: Outcome[], rows: { id: number; token: string }[], allowed: Allowed][] =
    [
      ["an acknowledged line that is gone", [acknowledged], [], {}],
      ["an acknowledged line with another id", [acknowledged], [{ id: 2, token: "a" }], {}],
      ["an acknowledged line that is there twice", [acknowledged], [...rows, { id: 2, token: "a" }], {}],
      ["a refused line that is there", [acknowledged, refused(503, "5")], [...rows, { id: 2, token: "r" }], {}],
      ["a refusal other than 503", [acknowledged, refused(502, "5")], rows, {}],
      ["a refusal without Retry-After", [acknowledged, refused(503, undefined)], rows, {}],
      ["a refusal where none should be", [acknowledged, refused(503, "5")], rows, { refusals: "none" }],
      ["no refusal where one should be", [acknowledged], rows, { refusals: "some" }],
      ["more lost answers than clients", [acknowledged, lost("x"), lost("y"), lost("z")], rows, {}],
      ["a host that is down when it should not be", [acknowledged, down], rows, {}],
      ["an error of Odoo", [acknowledged, { kind: "failed", token: "f", message: "no", at }], rows, {}],
      ["a line that nobody asked for", [acknowledged], [...rows, { id: 2, token: "b" }], {}],
      ["nobody having written at all", [], [], {}],
    ];
  for (const [what, outcomes, found, allowed] of disagreements) {
    it(`objects to ${what}`, () => assert.equal(unaccounted(outcomes, found, 2, allowed).length, 1));
  }
});

describe("the comparison of two snapshots", () => {
  const before: Snapshot = { tables: { a: "2 rows, x" }, sequences: { s: 5 }, wrongFiles: [] };

  it("finds nothing in the same data, and a sequence may go on only while clients write", () => {
    assert.deepEqual(differences(before, before), []);
    const on = { ...before, sequences: { s: 6 } };
    assert.deepEqual([differences(before, on, true), differences(before, on).length], [[], 1]);
  });

  const changes: [what: string, change: Partial<Snapshot>][] = [
    ["a changed table", { tables: { a: "2 rows, y" } }],
    ["a table that is gone", { tables: {} }],
    ["a table that came", { tables: { ...before.tables, b: "0 rows, z" } }],
    ["a sequence that went back", { sequences: { s: 4 } }],
    ["a sequence that is gone", { sequences: {} }],
    ["a file with other bytes", { wrongFiles: ["ab/abc"] }],
  ];
  for (const [what, change] of changes) {
    it(`finds ${what}`, () => assert.equal(differences(before, { ...before, ...change }, true).length, 1));
  }
});

describe("a trial release", () => {
  const base: ReleaseFile = {
    version: "v",
    revision: "r",
    created: "2026-11-21T00:00:00Z",
    series: "19.0",
    contentHash: "h",
    modules: { release_info: { version: "1.0.0", hash: "x" } },
  };
  const described = (variant: Variant, level: number) => releaseFile(base, trialAddons(variant, level)).modules;

  it("names every module with a hash that follows its files", () => {
    const [first, second] = [described({ kind: "good" }, 0), described({ kind: "good" }, 1)];
    assert.deepEqual(Object.keys(first), ["release_info", ledger, notes]);
    assert.deepEqual([first[ledger]?.version, second[ledger]?.version], ["1.0.0", "1.1.0"]);
    assert.notEqual(first[ledger]?.hash, second[ledger]?.hash);
    assert.deepEqual([first[notes], first["release_info"]], [second[notes], base.modules["release_info"]]);
  });

  it("goes down in version, or lacks a module, where its variant says so", () => {
    assert.equal(described({ kind: "version-down" }, 3)[ledger]?.version, "0.9.0");
    assert.equal(described({ kind: "module-missing" }, 3)[notes], undefined);
  });
});
