import assert from "node:assert/strict";

import { sample } from "../../support/sample";
import { clean, gained, plant } from "../../support/trials/attack";
import { send, statusOf } from "../../support/trials/requests";
import { differences, type Snapshot } from "../../support/trials/snapshot";
import { Trial } from "../../support/trials/host-trial";
import type { Step } from "../../support/trials/machine";

/**
 * Somebody with Odoo's user and login gains nothing by what a release then does. Of all rows, the host is one of the layout before, which the next release
 * migrates, wherever that is killed. Later trials go on with this host.
 */
describe("a host whose Odoo is compromised", () => {
  let trial: Trial;
  let populated: Snapshot;
  let point: string;
  const layouts = sample(["the layout before"], []);

  before(async () => {
    trial = await (layouts.length > 0 ? Trial.openBefore() : Trial.open());
    populated = await trial.snapshot();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(await trial.machine.story());
  });

  const points = async () => (await statusOf(trial.machine, trial.request(trial.live)))?.points ?? [];
  /** A release that upgrades a module, and back to the data of before: both leave a restore point. */
  const thereAndBack = async (rehearse: boolean) => {
    const ending = await trial.deploy(await trial.releases.make({ kind: "good" }, trial.level + 1), { rehearse });
    assert.equal(ending.state, "succeeded", JSON.stringify(ending, undefined, 2));
    const taken = (await points()).at(-1)?.id ?? "";
    // The worker of that time had another word for it.
    const back = trial.before === undefined ? "rollback" : "revert";
    await trial.machine.exec(["odoo-ship", back, "--with-data", "--to", taken]);
    await trial.machine.waitForLogin();
    return taken;
  };
  const volume = async () =>
    (await trial.machine.sh("docker volume inspect -f '{{.Mountpoint}}' odoo-filestore")).trim();

  for (const layout of layouts) {
    it(`of ${layout} has restore points within the attacker's reach at first`, async () => {
      point = await thereAndBack(false);
      assert.deepEqual(differences(populated, await trial.snapshot(), true), []);
      assert.equal(await trial.machine.sh("docker exec odoo-ce stat -c %F /var/lib/odoo/odoo-ship"), "directory");
    });

    it(`of ${layout} is migrated by the next release, wherever that is killed, and loses nothing`, async () => {
      trial.before = undefined;
      for (const [step, phase] of [
        ["preflight", "end"],
        ["tried", "begin"],
        ["committed", "begin"],
      ] satisfies [Step, "begin" | "end"][]) {
        const request = trial.request(trial.live, { readySeconds: 80 });
        const { held } = await trial.machine.hold(step, phase, request.id);
        await send(trial.machine, request);
        const found = await held;
        assert.ok(found !== undefined, step);
        await trial.machine.kill(found);
        await trial.machine.sh("systemctl start --no-block odoo-ship.service");
        const ending = await trial.ending(request);
        assert.equal(ending.state, step === "committed" ? "succeeded" : "failed", JSON.stringify(ending, undefined, 2));
        await trial.machine.waitForLogin();
      }
      assert.equal((await trial.deploy(trial.live)).state, "succeeded");
      assert.deepEqual([...(await trial.wrongRelease()), ...differences(populated, await trial.snapshot(), true)], []);
      const beside = `$(dirname ${await volume()})/odoo-ship`;
      assert.equal(await trial.machine.sh(`stat -c '%a %u' ${beside}`), "700 0");
      assert.match(await trial.machine.sh(`ls ${beside}/kept`), new RegExp(`^${point}$`, "m"));
      assert.equal(
        await trial.machine.sh("docker exec odoo-ce sh -c 'ls -a /var/lib/odoo | grep -c odoo-ship || true'"),
        "0",
      );
      await trial.machine.exec(["odoo-ship", "restore", point, "--into", "exact", "--exact"]);
      assert.deepEqual(differences(populated, await trial.snapshot("exact")), []);
      await trial.machine.sh(
        `docker exec odoo-db dropdb -U postgres exact && docker exec odoo-ce rm -rf /var/lib/odoo/filestore/exact`,
      );
    });
  }

  it("stays Odoo's and nothing more: not by files, and not by the database", async () => {
    await plant(trial.machine);
    try {
      await thereAndBack(true);
      assert.deepEqual(await gained(trial.machine), []);
    } finally {
      await clean(trial.machine);
    }
    assert.deepEqual(differences(populated, await trial.snapshot(), true), []);
  });
});
