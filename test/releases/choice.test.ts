import assert from "node:assert/strict";

import type { TargetReport } from "../../components/odoo/history";
import { choose } from "../../releases/choice";
import { digestOf, historyOf, newer, older, pointOfOlder, reportOf } from "../support/made-up-stack";

describe("what --to names", () => {
  const tags: Record<string, string> = { "sha-0123456": older, "v1.2.3": older };
  const chosen = (to: string, reports: TargetReport[] = [reportOf(historyOf())], updated: string | undefined = newer) =>
    choose("usage", { to, updated, reports, digestOf: (tag) => Promise.resolve(tags[tag]) });

  it("is the release before, a digest or its beginning, a tag, or a restore point with its release", async () => {
    for (const to of ["previous", older, older.slice(0, 19), "sha-0123456", "v1.2.3"]) {
      assert.deepEqual(await chosen(to), { digest: older, point: undefined }, to);
    }
    assert.deepEqual(await chosen(pointOfOlder), { digest: older, point: pointOfOlder });
  });

  it("stays the same for `previous` until the update has come to its end, though the host is there already", async () => {
    const { releases } = historyOf();
    const there = { live: { digest: older, since: "2026-11-21T13:00:00Z", restored: null }, lineage: [older] };
    const report = reportOf(historyOf({ ...there, releases: releases.toReversed() }));
    assert.equal((await chosen("previous", [report])).digest, older);
    await assert.rejects(chosen("previous", [report], older), /ROLLBACK_REFUSED: there is no earlier release/);
  });

  it("is for `previous` the last release that was whole, where a later one has served and its update broke off", async () => {
    const forward = reportOf(historyOf({ lineage: [digestOf("9"), older, newer] }));
    const behind = { live: { digest: older, since: "2026-11-21T11:00:00Z", restored: null } };
    const other = reportOf(historyOf({ ...behind, lineage: [digestOf("9"), older] }), "", "cluster");
    for (const reports of [[forward], [forward, other], [other, forward]])
      assert.equal((await chosen("previous", reports, older)).digest, older);
  });

  it("is refused where targets came from different releases, and says which", async () => {
    const other = historyOf().releases.map((one) => (one.digest === newer ? { ...one, before: digestOf("c") } : one));
    const reports = [reportOf(historyOf()), reportOf(historyOf({ releases: other }), "", "cluster")];
    await assert.rejects(
      chosen("previous", reports),
      /different releases[^]*sha256:aaaaaaaaaaaa and sha256:cccccccccccc/,
    );
  });

  it("is refused where nothing is known by it, with what could not be read", async () => {
    const unread = [reportOf(undefined, "no answer")];
    await assert.rejects(chosen("previous", unread), /ROLLBACK_REFUSED[^]*not read: vps: no answer/);
    await assert.rejects(chosen(`sha256:${"c".repeat(12)}`), /no target has run/);
    await assert.rejects(
      chosen("20261121t120001z"),
      /no such restore point[^]*one of 20261121t120000z \(data of sha256:a/,
    );
    await assert.rejects(chosen("sha-9999999"), /IMAGE_NOT_FOUND/);
  });

  it("is refused by its form before anything is asked", async () => {
    for (const to of ["latest", "--yes", "sha256:short", "", "previous; rm"]) {
      await assert.rejects(chosen(to), /SETTINGS_INVALID[^]*expected: usage/, to);
    }
  });
});
