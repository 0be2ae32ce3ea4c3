import assert from "node:assert/strict";

import { sample } from "../../support/sample";
import { plantedReason, type Variant } from "../../support/trials/addons";
import type { Ending } from "../../support/trials/ending";
import { Trial } from "../../support/trials/host-trial";
import { TrialReleases } from "../../support/trials/releases";

interface Expected {
  readonly code: string;
  /** In what was found, or in the log's tail. */
  readonly reason: string;
  /** In the log's tail, where there is a log. @default the reason */
  readonly log?: string;
  /** What stops it without a rehearsal: a check of what was read, or the real upgrade, by which time the host is closed. */
  readonly stoppedBy: "check" | "upgrade";
}

const bad: [what: string, variant: Variant, expected: Expected][] = [
  [
    "an addon that raises on import",
    { kind: "import-error" },
    { code: "IMPORT_ERROR", reason: "trial_library_that_is_nowhere", stoppedBy: "upgrade" },
  ],
  [
    "two modules, of which the first upgrades and the second fails",
    { kind: "second-fails" },
    { code: "MODULE_LOAD_ERROR", reason: `${plantedReason}: the second`, stoppedBy: "upgrade" },
  ],
  [
    "a migration that has committed and raises at its end",
    { kind: "migration-raises-at-end" },
    { code: "MODULE_LOAD_ERROR", reason: `${plantedReason}: a migration`, stoppedBy: "upgrade" },
  ],
  [
    "a migration that takes more memory than there is",
    { kind: "greedy" },
    { code: "OUT_OF_MEMORY", reason: "at its limit of", log: "trial_ledger", stoppedBy: "upgrade" },
  ],
  [
    "a login page that fails",
    { kind: "never-healthy", how: "fails" },
    { code: "HEALTH_CHECK_FAIL", reason: `${plantedReason}: a login page`, stoppedBy: "upgrade" },
  ],
  [
    "a login page that never answers",
    { kind: "never-healthy", how: "hangs" },
    // Odoo logs a request when it has answered it: the tail is its start.
    { code: "HEALTH_CHECK_FAIL", reason: "/web/login", log: "WorkerHTTP", stoppedBy: "upgrade" },
  ],
  [
    "an addon whose version goes down",
    { kind: "version-down" },
    { code: "MODULE_DOWNGRADE", reason: "trial_ledger", stoppedBy: "check" },
  ],
  [
    "an installed module that is missing",
    { kind: "module-missing" },
    { code: "MISSING_ADDONS", reason: "trial_notes", stoppedBy: "check" },
  ],
];

describe("a bad release", () => {
  let trial: Trial;

  before(async () => {
    trial = await Trial.open();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(await trial.machine.story());
  });

  const assertRefused = (ending: Ending | undefined, { code, reason, log = reason, stoppedBy }: Expected) => {
    assert.deepEqual([ending?.state, ending?.error?.code], ["failed", code], JSON.stringify(ending, undefined, 2));
    const told = `${ending?.error?.found ?? ""}\n${ending?.error?.log ?? ""}`;
    assert.ok(told.includes(reason), told);
    if (stoppedBy === "upgrade") assert.ok((ending?.error?.log ?? "").includes(log), told);
  };

  const whats = bad.map(([what]) => what);

  describe("is refused before anything closes", () => {
    const nowhere = { image: TrialReleases.nowhere("host-trial"), contentHash: "" };
    const missing: Expected = { code: "IMAGE_NOT_FOUND", reason: nowhere.image, stoppedBy: "check" };
    const chosen = sample(whats, [
      "an addon that raises on import",
      "a migration that takes more memory than there is",
      "a login page that never answers",
      "an addon whose version goes down",
      "an installed module that is missing",
    ]);
    const rows = bad.filter(([what]) => chosen.includes(what));
    const endings = new Map<Expected, Ending>();
    let problems: string[];

    // Users write all the time, and what they have is looked at before the first and after the last.
    before(async () => {
      const make = async (variant: Variant, expected: Expected) =>
        [await trial.releases.make(variant, trial.level + 1), expected] as const;
      const releases = [
        [nowhere, missing] as const,
        ...(await Promise.all(rows.map(([, variant, expected]) => make(variant, expected)))),
      ];
      problems = await trial.problemsAfter(async () => {
        for (const [release, expected] of releases)
          endings.set(expected, await trial.deploy(release, { readySeconds: 15 }));
        return { allowed: { refusals: "none" } };
      });
    });

    it("when the registry does not have it", () => assertRefused(endings.get(missing), missing));
    for (const [what, , expected] of rows) it(`with ${what}`, () => assertRefused(endings.get(expected), expected));
    it("and all of them leave users, data and the release before them alone", () => assert.deepEqual(problems, []));
  });

  describe("is rolled back when it was not rehearsed", () => {
    const chosen = sample(whats, ["two modules, of which the first upgrades and the second fails"]);
    for (const [what, variant, expected] of bad) {
      if (!chosen.includes(what) || expected.stoppedBy !== "upgrade") continue;
      it(`with ${what}`, async () => {
        const release = await trial.releases.make(variant, trial.level + 1);
        let ending: Ending | undefined;
        const problems = await trial.problemsAfter(async () => {
          ending = await trial.deploy(release, { rehearse: false, readySeconds: 15 });
          return { allowed: { refusals: "some" } };
        });
        assertRefused(ending, expected);
        assert.deepEqual(problems, []);
      });
    }
  });

  // Below a title of its own: mocha would run it before those above.
  describe("is followed", () => {
    it("by a good one", async () => {
      const release = await trial.releases.make({ kind: "good" }, trial.level + 1);
      const problems = await trial.problemsAfter(async () => {
        const ending = await trial.deploy(release);
        assert.equal(ending.state, "succeeded", JSON.stringify(ending, undefined, 2));
        trial.live = release;
        trial.level += 1;
        return { changed: true, allowed: { refusals: "some" } };
      });
      assert.deepEqual(problems, []);
    });
  });
});
