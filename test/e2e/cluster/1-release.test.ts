import assert from "node:assert/strict";

import type { ClusterTrial } from "../../support/trials/cluster-trial";
import { attack } from "../../support/trials/cluster-attack";
import { openTrial } from "../../support/trials/opened";
import { itWhole, sample } from "../../support/sample";
import { Endpoint } from "../../support/endpoint";
import { planted, wrongAttachments } from "../../support/trials/population";
import { plantedReason } from "../../support/trials/addons";
import { digestOf, type TrialRelease, TrialReleases } from "../../support/trials/releases";
import { differences, type Snapshot } from "../../support/trials/snapshot";
import { sleep } from "../../../sandbox/process";

/** The real program and engine on a cluster of its own with a real node: what an update leaves of a populated database. */
describe("a release on a populated cluster", () => {
  let trial: ClusterTrial;
  /** What users had when the last release came. */
  let left: { readonly live: TrialRelease; readonly level: number; readonly data: Snapshot } | undefined;

  before(async () => {
    trial = await openTrial();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(await trial.story());
  });

  const next = async (kind: "good" | "additive" = "good") => {
    const release = await trial.releases.make({ kind }, trial.level + 1);
    trial.level += 1;
    return release;
  };

  it("begins with a first install: a marker, no demo data, and a password that nobody guesses", async () => {
    assert.deepEqual(await trial.wrongRelease(), []);
    assert.equal(await trial.sql("SELECT count(*) FROM ir_module_module WHERE demo AND state = 'installed'"), "0");
    assert.match(trial.password, /^\S{16,}$/);
    await assert.rejects(trial.client("admin", "admin"), /cannot log in/);
    assert.equal((await trial.stack.outputs())["doksDigest"], digestOf(trial.live));
  });

  itWhole("is not touched by an update, a refresh and an update after it that change nothing", async () => {
    const pods = await trial.kubectl("get", "pods", "-o", "name");
    for (const args of [
      ["up", "--skip-preview"],
      ["refresh", "--skip-preview"],
      ["up", "--skip-preview"],
    ]) {
      const { status, output } = await trial.stack.pulumi(
        ...args,
        "--yes",
        "--non-interactive",
        "--color",
        "never",
        "--expect-no-changes",
      );
      assert.equal(status, 0, output);
    }
    assert.equal(await trial.kubectl("get", "pods", "-o", "name"), pods);
  });

  itWhole("shows what kubectl changed by hand as drift, and puts it back", async () => {
    const limit = "{.spec.template.spec.containers[0].resources.limits.memory}";
    const before = await trial.kubectl("get", "deployment", "odoo-cron", "-o", `jsonpath=${limit}`);
    await trial.kubectl("set", "resources", "deployment/odoo-cron", "--limits=memory=1234Mi");
    const seen = await trial.stack.preview("--refresh");
    assert.equal(seen.status, 0, seen.output);
    assert.match(seen.output, /1234Mi/);
    const mended = await trial.stack.up("--refresh");
    assert.equal(mended.status, 0, mended.output);
    assert.equal(await trial.kubectl("get", "deployment", "odoo-cron", "-o", `jsonpath=${limit}`), before);
    assert.deepEqual(await trial.wrongRelease(), []);
  });

  it("fails no request when it is rolling", async () => {
    const release = await next("additive");
    const [address, seen] = [await trial.address(), new Map<string, number>()];
    let going = true;
    const ask = async () => {
      const endpoint = new Endpoint(address, 1);
      while (going) {
        const told = await endpoint.request("GET", "/web/login").then(
          ({ status }) => String(status),
          (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error),
        );
        seen.set(told, (seen.get(told) ?? 0) + 1);
        // Faster ones take from the new pod the processor that it starts with.
        await sleep(75);
      }
      endpoint.close();
    };
    const problems = await trial.problemsAfter(async () => {
      const clients = [ask(), ask()];
      try {
        const { status, output } = await trial.deploy(release, { "release:additive": true });
        assert.equal(status, 0, output);
      } finally {
        await sleep(2000);
        going = false;
        await Promise.all(clients);
      }
      return { changed: true, allowed: { refusals: "none" } };
    });
    console.log(`      while rolling: ${[...seen].map(([told, count]) => `${count} × ${told}`).join(", ")}`);
    assert.deepEqual([...seen.keys()], ["200"]);
    assert.ok((seen.get("200") ?? 0) > 200, "too few requests to tell");
    assert.deepEqual(problems, []);
  });

  itWhole("is gone back from in code by the digest of the one before, and what was written since stays", async () => {
    const before = trial.live;
    const same = await trial.deploy(await trial.releases.make({ kind: "additive" }, trial.level, 1));
    assert.equal(same.status, 0, same.output);
    await trial.sql("INSERT INTO trial_ledger_line (name) VALUES ('written since')");
    const { status, output } = await trial.deploy(before);
    assert.equal(status, 0, output);
    assert.deepEqual(await trial.wrongRelease(), []);
    assert.equal(await trial.sql("SELECT count(*) FROM trial_ledger_line WHERE name = 'written since'"), "1");
  });

  for (const where of sample(["in its rehearsal", "half way"], ["in its rehearsal"])) {
    const rehearse = where === "in its rehearsal";
    it(`that fails ${where} tells why, and the pods before it serve`, async () => {
      const bad = await trial.releases.make({ kind: "migration-raises-at-end" }, trial.level + 1);
      const problems = await trial.problemsAfter(async () => {
        const { status, output, seconds } = await trial.deploy(bad, { "release:rehearse": rehearse });
        assert.notEqual(status, 0, output);
        assert.match(output, /MODULE_LOAD_ERROR/);
        assert.ok(output.includes(`${plantedReason}: a migration`), output);
        console.log(`      failed after ${seconds.toFixed(0)} s`);
        return { allowed: { refusals: rehearse ? "none" : "some" } };
      });
      assert.deepEqual(problems, []);
    });
  }

  itWhole("that takes more memory than there is is told as that, and the pods before it serve", async () => {
    const bad = await trial.releases.make({ kind: "greedy" }, trial.level + 1);
    const problems = await trial.problemsAfter(async () => {
      const { status, output } = await trial.deploy(bad);
      assert.notEqual(status, 0, output);
      assert.match(output, /OUT_OF_MEMORY[^]*at its limit of [\d,]+ MiB/);
      return { allowed: { refusals: "none" } };
    });
    assert.deepEqual(problems, []);
  });

  itWhole("whose server never answers is rolled back", async () => {
    const bad = await trial.releases.make({ kind: "never-healthy", how: "hangs" }, trial.level + 1);
    const problems = await trial.problemsAfter(async () => {
      const { status, output } = await trial.deploy(bad, { "release:rehearse": false, "release:readySeconds": 15 });
      assert.notEqual(status, 0, output);
      assert.match(output, /HEALTH_CHECK_FAIL/);
      return { allowed: { refusals: "some" } };
    });
    assert.deepEqual(problems, []);
  });

  it("that the registry does not have is refused before anything is touched", async () => {
    const problems = await trial.problemsAfter(async () => {
      const { status, output } = await trial.deploy({ image: TrialReleases.nowhere("cluster-trial"), contentHash: "" });
      assert.notEqual(status, 0, output);
      assert.match(output, /IMAGE_NOT_FOUND|DIGEST_NOT_FOUND/);
      return { allowed: { refusals: "none" } };
    });
    assert.deepEqual(problems, []);
  });

  it("follows bad ones, loses no acknowledged line when it closes, refuses with 503 meanwhile, and gives an intruder nothing", async () => {
    const release = await next();
    // Somebody has Odoo's user and login meanwhile, on a server that an earlier version has set up.
    const intruder = await attack(trial);
    left = { live: trial.live, level: trial.level, data: await trial.snapshot() };
    const problems = await trial.problemsAfter(async () => {
      const { status, output, seconds } = await trial.deploy(release, { "release:rehearse": false });
      assert.equal(status, 0, output);
      console.log(`      maintenance release: ${seconds.toFixed(0)} s`);
      return { changed: true, allowed: { refusals: "some" } };
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(await intruder.gained(), []);
    await intruder.leave();
    const migrated = `SELECT count(*) FROM trial_ledger_line WHERE name LIKE 'line %' AND memo = 'level ${trial.level}: ' || number`;
    assert.equal(await trial.sql(migrated), "5000");
    for (const n of [1, 4]) await trial.client(`${planted.user}-${n}`, planted.password);
    assert.deepEqual(await wrongAttachments(await trial.client(), trial.attachments), []);
  });

  it("is gone back from with the data of then, to the last row of each table", async () => {
    assert.ok(left !== undefined, "there is no release to go back to");
    const { live, level, data } = left;
    await trial.sql("INSERT INTO trial_ledger_line (name) VALUES ('written since')");
    const told = await trial.kubectl("logs", "-l", "app=odoo-upgrade", "--tail=-1");
    const point = /restore point (\S+): the data of /.exec(told)?.[1];
    assert.ok(point !== undefined, `the release names no restore point:\n${told}`);
    const { status, output } = await trial.deploy(live, { "release:restore": point });
    assert.equal(status, 0, output);
    trial.level = level;
    assert.deepEqual([...(await trial.wrongRelease()), ...differences(data, await trial.snapshot(), true)], []);
    assert.deepEqual(await wrongAttachments(await trial.client(), trial.attachments), []);
  });
});
