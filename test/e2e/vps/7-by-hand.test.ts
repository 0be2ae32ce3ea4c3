import assert from "node:assert/strict";

import { sample } from "../../support/sample";
import { Trial } from "../../support/trials/host-trial";
import type { Step } from "../../support/trials/machine";
import { send } from "../../support/trials/requests";
import { differences } from "../../support/trials/snapshot";
import type { TrialRelease } from "../../support/trials/releases";

/** Steps of which nobody but the release may be at the live database. */
const closed: readonly Step[] = ["cloned", "upgraded", "swapped", "tried"];

describe("somebody at the host while a release runs", () => {
  let trial: Trial;

  before(async () => {
    trial = await Trial.open();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(await trial.machine.story());
  });

  const next = () => trial.releases.make({ kind: "good" }, trial.level + 1);
  const isLive = (release: TrialRelease) => {
    trial.live = release;
    trial.level += 1;
  };

  /** A good release at whose step somebody does something; it ends well, and no line is lost. */
  const releasedDespite = async (step: Step, act: () => Promise<void>) => {
    const release = await next();
    let state = "";
    const problems = await trial.problemsAfter(async () => {
      const request = trial.request(release, { rehearse: false });
      const watch = await trial.machine.hold(step, "begin", request.id);
      await send(trial.machine, request);
      const held = await watch.held;
      assert.ok(held, `the worker never came by ${step}:\n${await trial.machine.story()}`);
      await act();
      await trial.machine.resume(held);
      const ending = await trial.ending(request);
      state = `${ending.state} ${ending.error?.code ?? ""}`.trim();
      isLive(release);
      return { changed: true, allowed: { refusals: "some" } };
    });
    assert.equal(state, "succeeded", await trial.machine.story());
    assert.deepEqual(problems, []);
  };

  for (const step of sample(closed, ["swapped"])) {
    it(`who starts the project by hand at "${step}" brings no Odoo to the database`, () =>
      releasedDespite(step, async () => {
        await trial.machine.sh("cd /opt/odoo && docker compose up -d --no-deps odoo && sleep 3");
        assert.equal(
          await trial.machine.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'odoo'", "postgres"),
          "0",
        );
      }));
  }

  it("who has left a session open with a role of his own loses it, and keeps nobody out", async () => {
    await trial.machine.sql("DROP ROLE IF EXISTS bi; CREATE ROLE bi LOGIN; GRANT pg_read_all_data TO bi", "postgres");
    const reads = `docker exec -i odoo-db psql -U bi -d odoo -Xq -c "BEGIN; SELECT count(*) FROM res_partner; SELECT pg_sleep(600)" > /tmp/bi 2>&1 &`;
    await releasedDespite("closed", () => trial.machine.sh(`${reads} sleep 2`).then(() => undefined));
    assert.match(await trial.machine.sh("cat /tmp/bi"), /terminating connection/);
  });

  it("who installs a module in Odoo before the door closes has it installed, and the release knows of it", async () => {
    const release = await next();
    const request = trial.request(release, { rehearse: false });
    const watch = await trial.machine.hold("prepared", "begin", request.id);
    await send(trial.machine, request);
    const held = await watch.held;
    assert.ok(held);
    const admin = await trial.machine.client();
    const [module] = (await admin.call("ir.module.module", "search", [[["name", "=", "uom"]]])) as number[];
    await admin.call("ir.module.module", "button_immediate_install", [[module]]);
    await trial.machine.resume(held);
    const ending = await trial.ending(request);
    assert.equal(ending.state, "succeeded", JSON.stringify(ending, undefined, 2));
    isLive(release);
    await trial.machine.waitForLogin();
    assert.equal(await trial.machine.sql("SELECT state FROM ir_module_module WHERE name = 'uom'"), "installed");
    assert.equal(await trial.machine.sql("SELECT modules ? 'uom' FROM odoo_ship.marker"), "t");
  });

  it("whose attachments are gone is told so before anything begins", async () => {
    const folder = "$(docker volume inspect -f '{{.Mountpoint}}' odoo-filestore)/filestore";
    const before = await trial.snapshot();
    const release = await next();
    await trial.machine.sh(`mv ${folder}/odoo /root/attachments`);
    try {
      const ending = await trial.deploy(release);
      assert.deepEqual(
        [ending.state, ending.error?.code],
        ["failed", "FILESTORE_UNFIT"],
        JSON.stringify(ending, undefined, 2),
      );
      assert.match(await trial.machine.sh("odoo-ship doctor || true"), /look +database and attachments: /);
    } finally {
      await trial.machine.sh(`rm -rf ${folder}/odoo; mv /root/attachments ${folder}/odoo`);
    }
    assert.deepEqual([...(await trial.wrongRelease()), ...differences(before, await trial.snapshot())], []);
  });

  it("finds nothing that a release has left, and what is left is named", async () => {
    // It has no destination for dumps.
    const looked = await trial.machine.sh("odoo-ship doctor || true");
    assert.deepEqual(
      looked.split("\n").filter((line) => line.startsWith("look") && !line.startsWith("look  dump")),
      [],
    );
    await trial.machine.sql('CREATE DATABASE "odoo-next"', "postgres");
    assert.match(await trial.machine.sh("odoo-ship doctor || true"), /look +orphans: .*odoo-next/);
    assert.match(await trial.machine.sh("odoo-ship prune"), /^removed odoo-next$/m);
    assert.doesNotMatch(await trial.machine.sh("odoo-ship doctor || true"), /orphans: /);
  });
});
