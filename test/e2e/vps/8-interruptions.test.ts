import assert from "node:assert/strict";

import { sleep } from "../../../sandbox/process";
import { sample } from "../../support/sample";
import { type Options, send } from "../../support/trials/requests";
import { differences } from "../../support/trials/snapshot";
import type { Ending } from "../../support/trials/ending";
import { Trial } from "../../support/trials/host-trial";
import { type Held, type Phase, type Step, steps } from "../../support/trials/machine";
import type { TrialRelease } from "../../support/trials/releases";

/** Time in which a worker that should leave things alone would have touched them. */
const patienceMs = 15_000;

describe("a release that is interrupted", () => {
  let trial: Trial;

  before(async () => {
    trial = await Trial.open();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(await trial.machine.story());
    await trial.machine.emptyDisk();
  });
  after(() => trial.close());

  const next = () => trial.releases.make({ kind: "good" }, trial.level + 1);
  const isLive = (release: TrialRelease) => {
    trial.live = release;
    trial.level += 1;
  };

  /** Sends a release and answers once its worker stands still at the given point. */
  const begun = async (release: TrialRelease, step: Step, phase: Phase, options: Options) => {
    const request = trial.request(release, options);
    const { held } = await trial.machine.hold(step, phase, request.id);
    await send(trial.machine, request);
    const found = await held;
    assert.ok(found !== undefined, `the worker never came by ${step} ${phase}:\n${await trial.machine.story()}`);
    return { held: found, request };
  };

  /** Interrupts a good release at a point; afterwards the old one serves, or from the commit point on the new one, and no line is lost. */
  const interrupted = async (step: Step, phase: Phase, outage: boolean, interrupt: (held: Held) => Promise<void>) => {
    const release = await next();
    let ending: Ending | undefined;
    let where: Held | undefined;
    const problems = await trial.problemsAfter(async () => {
      const { held, request } = await begun(release, step, phase, { rehearse: step === "rehearsed" });
      where = held;
      await interrupt(held);
      ending = await trial.ending(request);
      const committed = held.step === "committed";
      if (committed) isLive(release);
      return { changed: committed, allowed: { outage } };
    });
    assert.equal(
      ending?.state,
      where?.step === "committed" ? "succeeded" : "failed",
      JSON.stringify([where, ending], undefined, 2),
    );
    assert.deepEqual(problems, []);
  };

  // Until the door is closed, the end of a step leaves nothing that the next one's begin does not.
  const ends = steps.slice(steps.indexOf("closed"));
  const moments = steps.flatMap((step) => [
    `begin of ${step}` as const,
    ...(ends.includes(step) ? [`end of ${step}` as const] : []),
  ]);
  // The rehearsal, the closing and the commit; other steps by the two that follow, or on a cluster.
  for (const moment of sample(moments, ["begin of rehearsed", "end of closed", "end of committed"])) {
    it(`by a SIGKILL of the worker at the ${moment} ends well`, async () => {
      const [phase, step] = moment.split(" of ") as [Phase, Step];
      await interrupted(step, phase, false, async (held) => {
        await trial.machine.kill(held);
        // As the next poll of an update does; alone, systemd does the same ten seconds later.
        await trial.machine.sh("systemctl start --no-block odoo-ship.service");
      });
    });
  }

  it("by a SIGKILL of the worker goes on without anybody asking", () =>
    interrupted("upgraded", "end", false, (held) => trial.machine.kill(held)));

  it("by a SIGKILL in the middle of an additive upgrade leaves no module that waits for one", async () => {
    const release = await trial.releases.make({ kind: "additive" }, trial.level + 1);
    let ending: Ending | undefined;
    const problems = await trial.problemsAfter(async () => {
      const { held, request } = await begun(release, "upgraded", "begin", { rehearse: false, additive: true });
      // As Odoo commits it after the first of several modules.
      await trial.machine.sql("UPDATE ir_module_module SET state = 'to upgrade' WHERE name = 'trial_notes'");
      await trial.machine.kill(held);
      ending = await trial.ending(request);
      return { allowed: { refusals: "none" } };
    });
    assert.equal(ending?.state, "failed", JSON.stringify(ending, undefined, 2));
    assert.deepEqual(problems, []);
    assert.equal(await trial.machine.sql("SELECT count(*) FROM ir_module_module WHERE state LIKE 'to %'"), "0");
  });

  for (const step of sample(["rehearsed", "cloned", "upgraded", "swapped", "committed"], ["swapped"])) {
    it(`by a power cut in the middle of "${step}" ends well`, () =>
      interrupted(step, "begin", true, async (held) => {
        await trial.machine.resume(held);
        await sleep(200);
        await trial.machine.powerCut();
      }));
  }

  for (const step of sample(["closed", "cloned", "upgraded"], ["upgraded"])) {
    it(`by the end of PostgreSQL at "${step}" is rolled back, or goes on where PostgreSQL was back before it was missed`, async () => {
      const release = await trial.releases.make({ kind: "slow", seconds: 6 }, trial.level + 1);
      let ending: Ending | undefined;
      const problems = await trial.problemsAfter(async () => {
        const { held, request } = await begun(release, step, "begin", { rehearse: false });
        await trial.machine.resume(held);
        await sleep(step === "upgraded" ? 4000 : 0);
        await trial.machine.killPostgres();
        ending = await trial.ending(request);
        const unmissed = ending.state === "succeeded";
        if (unmissed) isLive(release);
        return { changed: unmissed, allowed: { outage: true } };
      });
      const outcome = ending?.state === "succeeded" ? "succeeded" : `${ending?.state} ${ending?.error?.code}`;
      const expected =
        step === "upgraded" ? /^failed DATABASE_CONNECTION_ERROR$/ : /^(failed DATABASE_CONNECTION_ERROR|succeeded)$/;
      assert.match(outcome, expected, JSON.stringify(ending, undefined, 2));
      assert.deepEqual(problems, []);
    });
  }

  it("by a disk without room is refused before anything is pulled", async () => {
    const release = await trial.releases.make({ kind: "good" }, trial.level + 1, 1);
    await trial.machine.fillDisk(400);
    const before = await trial.snapshot();
    const ending = await trial.deploy(release);
    assert.deepEqual(
      [ending.state, ending.error?.code],
      ["failed", "DISK_SPACE_LOW"],
      JSON.stringify(ending, undefined, 2),
    );
    assert.deepEqual([...(await trial.wrongRelease()), ...differences(before, await trial.snapshot())], []);
  });

  // An upgrade that is small finds room in what PostgreSQL keeps for its log, unless the ones before it have taken that.
  for (const step of sample(["pulled", "rehearsed", "cloned", "upgraded"], ["cloned"])) {
    it(`by a disk that is full at "${step}" is rolled back while it still is`, async () => {
      // Random bytes that no other release has: the pull needs room.
      const release = await trial.releases.make({ kind: "good" }, trial.level + 1, 100);
      if (step !== "pulled")
        await trial.machine.exec(["docker", "--config", "/var/lib/odoo-ship/docker", "pull", "-q", release.image]);
      const before = await trial.snapshot();
      const { held, request } = await begun(release, step, "begin", { rehearse: step === "rehearsed" });
      await trial.machine.fillDisk(1);
      await trial.machine.resume(held);
      const ending = await trial.ending(request);
      assert.deepEqual(
        [ending.state, ending.error?.code],
        ["failed", "DISK_SPACE_LOW"],
        JSON.stringify(ending, undefined, 2),
      );
      await trial.machine.waitForLogin();
      await trial.machine.emptyDisk();
      assert.deepEqual([...(await trial.wrongRelease()), ...differences(before, await trial.snapshot())], []);
    });
  }

  it("after the commit point is not rolled back, says what to do, and is finished once its cause is gone", async () => {
    const release = await next();
    const { held, request } = await begun(release, "committed", "begin", { rehearse: false });
    // The proxy cannot be told to let users in.
    await trial.machine.sh("chattr +i /opt/odoo/proxy/state");
    await trial.machine.resume(held);
    await sleep(patienceMs);
    const memo = `level ${trial.level + 1}:%`;
    const upgraded = () =>
      trial.machine.sql(`SELECT count(*) FROM trial_ledger_line WHERE name LIKE 'line %' AND memo LIKE '${memo}'`);
    assert.equal(await upgraded(), "5000", "the data are the new release's");
    const said = await trial.machine.sh("journalctl --no-pager -q -u odoo-ship.service -n 60; odoo-ship status");
    assert.match(said, /RELEASE_INCOMPLETE/);
    assert.match(said, /odoo-ship resume/);
    await trial.machine.sh("chattr -i /opt/odoo/proxy/state");
    await trial.machine.exec(["odoo-ship", "resume"]);
    assert.equal((await trial.ending(request)).state, "succeeded");
    isLive(release);
    await trial.machine.waitForLogin();
    assert.deepEqual([await trial.wrongRelease(), await upgraded()], [[], "5000"]);
  });
});
