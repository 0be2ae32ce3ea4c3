import assert from "node:assert/strict";

import { servedTag } from "../../components/release/tags";
import type { TargetReport } from "../../components/odoo/history";
import { rollBack } from "../../releases/carry-out";
import type { Way } from "../../releases/plan";
import {
  bothImages,
  digestOf,
  historyOf,
  madeUpPlaces,
  madeUpRegistry,
  MadeUpStack,
  movedHistory,
  newer,
  older,
  pointOfOlder,
  reportOf,
} from "../support/made-up-stack";

describe("a rollback", () => {
  let stack: MadeUpStack;
  let said: string;
  beforeEach(() => {
    stack = new MadeUpStack();
    said = "";
  });

  const run = (
    reports: readonly TargetReport[],
    { to = "previous", way, agrees = true }: { to?: string; way?: Way; agrees?: boolean } = {},
    registry = madeUpRegistry(...bothImages),
  ) => {
    const say = (text: string) => void (said += `${text}\n`);
    const listener = { say, agrees: () => Promise.resolve(agrees) };
    return rollBack("/nowhere", stack, { to, way, usage: "usage" }, listener, madeUpPlaces(registry, ...reports));
  };
  const toOlder = JSON.stringify({ "image:digest": older });
  const withPoint = JSON.stringify({ "image:digest": older, "release:restore": pointOfOlder });

  it("shows its plan, writes the digest before it updates, and says what to commit and how to take it back", async () => {
    assert.equal(await run([reportOf(historyOf())]), 0);
    assert.deepEqual(stack.done, [`set ${toOlder}`, "up"]);
    for (const part of [
      `from      ${newer} (of commit bbbbbbbbbbbb)`,
      `to        ${older} (of commit aaaaaaaaaaaa)`,
      "modules   sale 19.0.1.2 → 19.0.1.1",
      "vps       schema not moved",
      "data      stay as they are",
      "door      stays open",
      "commit it",
      `--to ${newer}`,
    ]) {
      assert.ok(said.includes(part), `${part} is not in:\n${said}`);
    }
  });

  it("does nothing without a person's word", async () => {
    assert.equal(await run([reportOf(historyOf())], { agrees: false }), 1);
    assert.deepEqual(stack.done, []);
  });

  describe("of production, where tags say what staging has run,", () => {
    const registry = madeUpRegistry(...bothImages, {
      digest: digestOf("e"),
      content: "e",
      tags: [servedTag("e".repeat(64)), "sha-eeeeeeeeeeee-00000003"],
    });
    beforeEach(() => {
      Object.assign(stack.settings, { "odoo:environment": "production", "registry:pullUsername": "r" });
      process.env["REGISTRY_PULL_PASSWORD"] = "r";
    });
    afterEach(() => delete process.env["REGISTRY_PULL_PASSWORD"]);

    it("goes to a release that it has run from before such tags, and writes so into the stack's file", async () => {
      assert.equal(await run([reportOf(historyOf())], {}, registry), 0);
      const both = { "image:digest": older, "release:unstaged": older };
      assert.deepEqual(stack.done, [`set ${JSON.stringify(both)}`, "up"]);
    });

    it("goes to one that staging alone has run, and to none that neither has, but on the file's own word", async () => {
      const unknown = [reportOf(undefined, "no answer")];
      assert.equal(await run(unknown, { to: digestOf("e"), way: "code-only" }, registry), 0);
      assert.equal(stack.done[0], `set ${JSON.stringify({ "image:digest": digestOf("e") })}`);
      stack.done.length = 0;
      await assert.rejects(
        run(unknown, { to: older, way: "code-only" }, registry),
        /PROMOTION_REFUSED: production runs what staging has run[^]*pulumi config set release:unstaged sha256:a+/,
      );
      assert.deepEqual(stack.done, []);
      stack.settings["release:unstaged"] = older;
      assert.equal(await run(unknown, { to: older, way: "code-only" }, registry), 0);
    });
  });

  it("across a change of the schema is refused with both choices explained, and code alone in any case", async () => {
    await assert.rejects(
      run([reportOf(movedHistory())]),
      /ROLLBACK_REFUSED: somebody has to say[^]*newer modules: sale[^]*--with-data: .*20261121t120000z: what was written in the 90 minutes[^]*1,234 rows[^]*--code-only: not possible/,
    );
    await assert.rejects(
      run([reportOf(movedHistory())], { way: "code-only" }),
      /ROLLBACK_REFUSED: that code cannot run on the data of now/,
    );
    assert.deepEqual(stack.done, []);
  });

  it("with the data names the point for one update alone", async () => {
    assert.equal(await run([reportOf(movedHistory())], { way: "with-data" }), 0);
    assert.deepEqual(stack.done, [`set ${withPoint}`, "up", "unset release:restore"]);
    assert.match(said, /data {6}become those of 20261121t120000z, 2026-11-21T12:00:00Z: .*90 minutes.*1,234 rows/);
    assert.match(said, /door {6}closed for about 12 s/);
    assert.match(said, new RegExp(`--to ${newer} --with-data`));
  });

  it("to a restore point is one with the data", async () => {
    assert.equal(await run([reportOf(movedHistory())], { to: pointOfOlder }), 0);
    assert.equal(stack.done[0], `set ${withPoint}`);
    await assert.rejects(run([reportOf(movedHistory())], { to: pointOfOlder, way: "code-only" }), /SETTINGS_INVALID/);
  });

  it("with the data is refused where there are none, and where several targets have their own", async () => {
    await assert.rejects(
      run([reportOf(historyOf({ points: [] }))], { way: "with-data" }),
      /ROLLBACK_REFUSED[^]*no restore point has the data/,
    );
    const two = [reportOf(historyOf()), reportOf(historyOf(), "", "cluster")];
    await assert.rejects(run(two, { way: "with-data" }), /ROLLBACK_REFUSED[^]*vps and cluster/);
    assert.deepEqual(stack.done, []);
  });

  it("of a target that cannot be read wants a choice, and leaves the judgement to the release itself", async () => {
    const unread = [reportOf(undefined, "no answer")];
    await assert.rejects(
      run(unread, { to: older }),
      /ROLLBACK_REFUSED[^]*vps: what its data need is not known: no answer/,
    );
    assert.equal(await run(unread, { to: older, way: "code-only" }), 0);
    assert.match(said, /not read {2}vps: no answer/);
  });

  it("goes to no image that the registry does not have", async () => {
    await assert.rejects(run([reportOf(historyOf())], {}, madeUpRegistry()), /IMAGE_NOT_FOUND/);
    assert.deepEqual(stack.done, []);
  });

  it("that fails leaves the digest, says how to go on and how to give up, and keeps Pulumi's exit status", async () => {
    stack.update = () => 255;
    assert.equal(await run([reportOf(movedHistory())], { way: "with-data" }), 255);
    assert.deepEqual(stack.done, [`set ${withPoint}`, "up"]);
    assert.match(said, /run the same command again/);
    assert.match(said, /pulumi config rm release:restore --stack prod/);
    assert.match(said, new RegExp(`pulumi config set image:digest ${newer} --stack prod`));
  });

  describe("killed, and run again as it was", () => {
    const killed = new Error("killed");
    const after = (restored: string | null) => {
      const { releases } = historyOf();
      const live = { digest: older, since: "2026-11-21T13:00:00Z", restored };
      return reportOf(historyOf({ live, lineage: [older], releases: releases.toReversed() }));
    };
    const dies = () => {
      throw killed;
    };

    for (const where of ["before the host has begun", "after the host has gone there"]) {
      it(`ends at the same release: ${where}`, async () => {
        stack.update = dies;
        await assert.rejects(run([reportOf(historyOf())]), killed);
        stack.update = () => ((stack.updated = older), 0);
        assert.equal(await run([where.startsWith("before") ? reportOf(historyOf()) : after(null)]), 0);
        assert.deepEqual(stack.done, [`set ${toOlder}`, "up", `set ${toOlder}`, "up"]);
      });
    }

    it("ends without going further back where only the forgotten point is left, whatever named the release", async () => {
      for (const to of ["previous", older, pointOfOlder]) {
        stack = new MadeUpStack();
        Object.assign(stack.settings, { "image:digest": older, "release:restore": pointOfOlder });
        stack.updated = older;
        assert.equal(await run([after(pointOfOlder)], { to, way: "with-data" }), 0);
        assert.deepEqual(stack.done, ["unset release:restore"], to);
      }
    });

    it("finds nothing to do where all is done", async () => {
      stack.settings["image:digest"] = stack.updated = older;
      assert.equal(await run([after(null)], { to: older }), 0);
      assert.deepEqual(stack.done, []);
      assert.match(said, /nothing to do/);
    });
  });

  it("in code takes away the point of an earlier try, which belongs to another release", async () => {
    stack.settings["release:restore"] = "20261120t120000z";
    assert.equal(await run([reportOf(historyOf())]), 0);
    assert.deepEqual(stack.done[0], `set ${JSON.stringify({ "image:digest": older, "release:restore": "" })}`);
  });
});
