import assert from "node:assert/strict";

import { partsOf } from "../../bench/cluster-steps";

describe("the parts of a release in a cluster", () => {
  const log = [
    "2026-11-28T20:56:10.500214410Z 2026-11-28T20:56:10Z preflight",
    "2026-11-28T20:56:11.000214410Z 2026-11-28T20:56:11Z pulled",
    "2026-11-28T20:56:11.575619709Z 2026-11-28T20:56:11Z pulled: maintenance: upgrades trial_ledger",
    "2026-11-28T20:56:13.326196979Z waiting for odoo-guard at 198.19.0.7, for up to 225 s more",
    "2026-11-28T20:56:14.000005173Z 2026-11-28T20:56:14Z committed",
    "2026-11-28T20:56:14.100005173Z 2026-11-28T20:56:14Z committed: users reach the new release",
  ].join("\n");
  const span = { begun: Date.parse("2026-11-28T20:56:05Z"), served: Date.parse("2026-11-28T20:56:16Z") };

  it("are its steps, and what comes before and after them", () => {
    assert.deepEqual(partsOf(log, span), [
      ["until the worker begins", 5.5],
      ["preflight", 0.5],
      ["pulled", 3],
      ["committed, and until the answer", 2],
    ]);
  });

  it("are not made up where its log names none", () => {
    assert.throws(() => partsOf("nothing", span), /names no step:\nnothing/);
  });
});
