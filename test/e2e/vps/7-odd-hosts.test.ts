import assert from "node:assert/strict";

import { itWhole } from "../../support/sample";
import { wrongAttachments } from "../../support/trials/population";
import { differences } from "../../support/trials/snapshot";
import type { TrialRelease } from "../../support/trials/releases";
import { Trial } from "../../support/trials/host-trial";

const clock = `import time
away, real, as_parts = -3600, time.time, time.gmtime
time.time = lambda: real() + away
time.gmtime = lambda at=None: as_parts(time.time() if at is None else at)
`;
const slowLinks = `import os, time
link = os.link
def slow(*given, **named):
    time.sleep(0.005)
    link(*given, **named)
os.link = slow
`;

/** Hosts that are not as a release expects them. One row takes a minute and more, so `--whole` alone tries them. */
describe("a release on a host", () => {
  let trial: Trial;

  before(async () => {
    trial = await Trial.open();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(await trial.machine.story());
  });

  const succeeds = async () => {
    const release = await trial.releases.make({ kind: "good" }, trial.level + 1);
    const ending = await trial.deploy(release, { rehearse: false });
    assert.equal(ending.state, "succeeded", JSON.stringify(ending, undefined, 2));
    isLive(release, trial.level + 1);
  };
  const isLive = (release: TrialRelease, level: number) => {
    trial.live = release;
    trial.level = level;
  };
  /** Lets every Python of the host run this when it starts. */
  const patched = async (lines: string, act: () => Promise<void>) => {
    const file = "\"$(python3 -c 'import sitecustomize; print(sitecustomize.__file__)')\"";
    await trial.machine.sh(`cp ${file} /root/sitecustomize.py; cat > ${file}`, lines);
    try {
      await act();
    } finally {
      await trial.machine.sh(`cat /root/sitecustomize.py > ${file}`);
    }
  };

  itWhole("whose attachments lie on something as slow as a network takes all of them along", async () => {
    await patched(slowLinks, succeeds);
    assert.deepEqual(await trial.wrongRelease(), []);
    assert.deepEqual(await wrongAttachments(await trial.machine.client(), trial.attachments), []);
  });

  itWhole(
    "with a prepared transaction of somebody else's role is refused before anything closes, and goes through once that has ended",
    async () => {
      const setting = async (statement: string) => {
        await trial.machine.sql(statement, "postgres");
        await trial.machine.sh("docker restart odoo-db && until docker exec odoo-db pg_isready -q; do sleep 0.2; done");
        await trial.machine.waitForLogin();
      };
      await setting("ALTER SYSTEM SET max_prepared_transactions = 2");
      await trial.machine.sql("DROP ROLE IF EXISTS bi; CREATE ROLE bi LOGIN; GRANT pg_read_all_data TO bi", "postgres");
      await trial.machine.sh(
        `docker exec odoo-db psql -U bi -d odoo -Xqc "BEGIN" -c "SELECT count(*) FROM res_partner" -c "PREPARE TRANSACTION 'report'"`,
      );
      const release = await trial.releases.make({ kind: "good" }, trial.level + 1);
      const problems = await trial.problemsAfter(async () => {
        const { state, error } = await trial.deploy(release);
        assert.deepEqual([state, error?.code], ["failed", "DATABASE_UNFIT"], JSON.stringify(error, undefined, 2));
        assert.match(error?.found ?? "", /the prepared transaction report of bi/);
        return { allowed: { refusals: "none" } };
      });
      assert.deepEqual(problems, []);
      await trial.machine.sql("ROLLBACK PREPARED 'report'");
      await setting("ALTER SYSTEM RESET max_prepared_transactions");
      await succeeds();
      assert.deepEqual(await trial.wrongRelease(), []);
    },
  );

  // Last: its rollback by hand leaves a release that the host refuses from then on, and the next one would be that.
  itWhole(
    "whose clock was set back an hour since the one before leaves a restore point that is the newest",
    async () => {
      await succeeds();
      const left = { live: trial.live, level: trial.level, data: await trial.snapshot() };
      await patched(clock, async () => {
        const [there, here] = [await trial.machine.sh('python3 -Ic "import time; print(time.time())"'), Date.now()];
        assert.ok(Number(there) * 1000 < here - 3_000_000, "the clock of its programs was set back");
        await succeeds();
        await trial.machine.exec(["odoo-ship", "rollback", "--with-data", "--yes"]);
      });
      isLive(left.live, left.level);
      assert.deepEqual([...(await trial.wrongRelease()), ...differences(left.data, await trial.snapshot(), true)], []);
    },
  );
});
