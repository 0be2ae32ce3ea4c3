import assert from "node:assert/strict";

import { RegistryClient } from "../../../components/registry/client";
import { Secret } from "../../../components/shared/secret";
import { runningSandbox } from "../../support/running-sandbox";
import { planted, sequenceOf, wrongAttachments } from "../../support/trials/population";
import { digestOf } from "../../support/trials/releases";
import { send, statusOf } from "../../support/trials/requests";
import { changedTables, differences, type Snapshot } from "../../support/trials/snapshot";
import { Trial } from "../../support/trials/host-trial";
import { trialStack } from "../../support/trials/trial-stack";

/** What an upgrade of trial_ledger writes: its own rows, and what Odoo keeps about modules. Nobody else's data. */
const ofTheUpgrade = /^(trial_ledger_line|ir_(model|module|ui_view|asset|act|config_parameter|default|sequence).*)$/;

describe("a release on a populated host", () => {
  let trial: Trial;
  let populated: Snapshot;
  let first: Trial["live"];

  before(async () => {
    trial = await Trial.open();
    first = trial.live;
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(await trial.machine.story());
  });

  const contentOf = (module: string) =>
    trial.machine.sql(`SELECT md5(string_agg(v.id || v.write_date::text, ' ' ORDER BY v.id)) FROM ir_ui_view v
      JOIN ir_model_data d ON d.model = 'ir.ui.view' AND d.res_id = v.id WHERE d.module = '${module}'`);

  it("begins with a first install: a marker, no demo data, and a password that is shown once", async () => {
    assert.deepEqual(await trial.wrongRelease(), []);
    assert.equal(
      await trial.machine.sql("SELECT count(*) FROM ir_module_module WHERE demo AND state = 'installed'"),
      "0",
    );
    assert.match(trial.machine.password, /^\S{16,}$/);
    await assert.rejects(trial.machine.exec(["odoo-ship", "first-login"]));
    await assert.rejects(trial.machine.client("admin", "admin"), /cannot log in/);
  });

  it("changes only the module that changed, and loses no acknowledged line", async () => {
    populated = await trial.snapshot();
    const others = ["base", "web", "release_info"];
    const untouched = await Promise.all(others.map(contentOf));
    const release = await trial.releases.make({ kind: "good" }, 1);
    const problems = await trial.problemsAfter(async () => {
      const ending = await trial.deploy(release, { rehearse: false });
      assert.equal(ending.state, "succeeded", JSON.stringify(ending, undefined, 2));
      trial.live = release;
      trial.level = 1;
      return { changed: true, allowed: { refusals: "some" } };
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(await Promise.all(others.map(contentOf)), untouched);
    assert.equal(
      await trial.machine.sql(
        "SELECT string_agg(name || ' ' || latest_version, ', ' ORDER BY name) FROM ir_module_module WHERE name LIKE 'trial%'",
      ),
      "trial_ledger 19.0.1.1.0, trial_notes 19.0.1.0.0",
    );
  });

  it("migrates every line, and leaves all other data and files as they were", async () => {
    const after = await trial.snapshot();
    assert.deepEqual(
      changedTables(populated, after).filter((table) => !ofTheUpgrade.test(table)),
      [],
    );
    assert.equal(
      await trial.machine.sql(`SELECT count(*) FROM trial_ledger_line WHERE name LIKE 'line %'
        AND grade_1 = round(amount)::int % 7 AND memo = 'level 1: ' || number`),
      "5000",
    );
    assert.deepEqual(after.wrongFiles, []);
    const last = Number(await trial.machine.sql(`SELECT last_value FROM ${await sequenceOf(trial.machine)}`));
    assert.equal(await trial.machine.sql("SELECT count(number) = count(DISTINCT number) FROM trial_ledger_line"), "t");
    assert.ok(last >= 5000, `the sequence is at ${last}`);
    for (const n of [1, 4]) await trial.machine.client(`${planted.user}-${n}`, planted.password);
  });

  it("changes nothing when it is asked for again", async () => {
    const state = () => trial.machine.exec(["docker", "ps", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.Image}}"]);
    const points = () => trial.machine.exec(["odoo-ship", "points"]);
    const found = [await state(), await points()];
    const begun = Date.now();
    assert.equal(await send(trial.machine, trial.request(trial.live, { rehearse: false })), "succeeded");
    assert.ok(Date.now() - begun < 10_000, `${Date.now() - begun} ms`);
    assert.deepEqual([await state(), await points()], found);
  });

  it("is what plain docker compose runs by hand", async () => {
    await trial.machine.sh("cd /opt/odoo && docker compose down -t 20 && docker compose up -d");
    await trial.machine.waitForLogin();
    assert.deepEqual(await trial.wrongRelease(), []);
    const fields = (await (
      await trial.machine.client()
    ).call("trial.ledger.line", "fields_get", [["grade_1"]])) as object;
    assert.deepEqual(Object.keys(fields), ["grade_1"]);
  });

  it("keeps the older image from starting on its database", async () => {
    const script = `printf 'services: {odoo: {image: "%s"}}' ${first.image} > /tmp/older.yml
      cd /opt/odoo && docker compose -f docker-compose.prod.yml -f /tmp/older.yml run --rm --no-deps -T --name older odoo > /tmp/older.log 2>&1 || echo "exit $?"
      cat /tmp/older.log`;
    const output = await trial.machine.sh(script);
    assert.match(output, /^exit 78$/m, output);
    assert.match(output, /RELEASE_MISMATCH.*trial_ledger/, output);
    assert.deepEqual(await trial.wrongRelease(), []);
  });

  it("leaves a point that restores exactly the data of its moment, and a neutralised copy elsewhere", async () => {
    // Nobody writes now: the moment at which the release closes has the data of this one.
    const moment = await trial.snapshot();
    const release = await trial.releases.make({ kind: "good" }, 2);
    const ending = await trial.deploy(release, { rehearse: false });
    assert.equal(ending.state, "succeeded", JSON.stringify(ending, undefined, 2));
    const left = trial.live;
    [trial.live, trial.level] = [release, 2];
    const points = (await statusOf(trial.machine, trial.request(release)))?.points ?? [];
    const point = points.at(-1);
    assert.deepEqual([point?.from, point?.to], [digestOf(left), digestOf(release)]);

    await trial.machine.exec(["odoo-ship", "restore", point?.id ?? "", "--into", "exact", "--exact"]);
    assert.deepEqual(differences(moment, await trial.snapshot("exact")), []);

    await trial.machine.exec(["odoo-ship", "restore", point?.id ?? "", "--into", "copy"]);
    const copy = (statement: string) => trial.machine.sql(statement, "copy");
    assert.equal(await copy("SELECT count(*) FROM trial_ledger_line WHERE name LIKE 'line %'"), "5000");
    assert.equal(
      await copy(`SELECT count(*) FROM ir_mail_server WHERE active AND name = '${planted.mailServer}'`),
      "0",
    );
    assert.equal(
      await copy(
        `SELECT count(*) FROM ir_cron c JOIN ir_act_server a ON a.id = c.ir_actions_server_id WHERE c.active AND a.name::text LIKE '%${planted.cron}%'`,
      ),
      "0",
    );
    assert.equal(await copy("SELECT value FROM ir_config_parameter WHERE key = 'database.is_neutralized'"), "true");
    // The live database still sends and works.
    assert.equal(
      await trial.machine.sql(`SELECT count(*) FROM ir_mail_server WHERE active AND name = '${planted.mailServer}'`),
      "1",
    );
    await trial.machine.sh(
      `docker exec odoo-db psql -U postgres -qc 'DROP DATABASE exact' -c 'DROP DATABASE copy'
       docker exec odoo-ce rm -rf /var/lib/odoo/filestore/exact /var/lib/odoo/filestore/copy`,
    );
  });

  it("goes on serving, without a refusal, while an additive release comes", async () => {
    const release = await trial.releases.make({ kind: "additive" }, 3);
    const problems = await trial.problemsAfter(async () => {
      const ending = await trial.deploy(release, { additive: true });
      assert.equal(ending.state, "succeeded", JSON.stringify(ending, undefined, 2));
      [trial.live, trial.level] = [release, 3];
      return { changed: true, allowed: { refusals: "none" } };
    });
    assert.deepEqual(problems, []);
  });

  it("puts the data of a point back by a person's word, keeps what was written since as a new point, and takes that word", async () => {
    const left = trial.live;
    const last = (await statusOf(trial.machine, trial.request(trial.live)))?.points.at(-1);
    await trial.machine.sql("INSERT INTO trial_ledger_line (name) VALUES ('written since')");
    await trial.machine.exec(["odoo-ship", "rollback", "--with-data", "--to", last?.id ?? ""]);
    await trial.machine.waitForLogin();
    trial.live = await trial.releases.make({ kind: "good" }, 1);
    trial.level = 1;
    assert.deepEqual(await trial.wrongRelease(), []);
    assert.equal(await trial.machine.sql("SELECT count(*) FROM trial_ledger_line WHERE name = 'written since'"), "0");
    assert.deepEqual(await wrongAttachments(await trial.machine.client(), trial.attachments), []);
    const kept = (await statusOf(trial.machine, trial.request(trial.live)))?.points.at(-1);
    assert.notEqual(kept?.id, last?.id);
    // A stack that has not heard of it.
    await assert.rejects(
      send(trial.machine, trial.request(left)),
      /RELEASE_MISMATCH: this release was rolled back by hand/,
    );
    assert.deepEqual(await trial.wrongRelease(), []);
  });

  it("is rolled back in code by a person's word, and what was written since stays", async () => {
    const before = trial.live;
    const same = await trial.releases.make({ kind: "good" }, trial.level, 1);
    const ending = await trial.deploy(same);
    assert.equal(ending.state, "succeeded", JSON.stringify(ending, undefined, 2));
    await trial.machine.sql("INSERT INTO trial_ledger_line (name) VALUES ('written by then')");
    const told = await trial.machine.exec(["odoo-ship", "rollback", "--code-only"]);
    assert.match(told, /^data {3}the data stay as they are/m);
    await trial.machine.waitForLogin();
    trial.live = before;
    assert.deepEqual(await trial.wrongRelease(), []);
    assert.equal(await trial.machine.sql("SELECT count(*) FROM trial_ledger_line WHERE name = 'written by then'"), "1");
  });

  it("is rolled back by one command of its stack, with the data of then, and the tag follows", async () => {
    const servers = await runningSandbox();
    const { stack, close } = await trialStack(trial, servers);
    try {
      const [repository = "", before = ""] = trial.live.image.split("@");
      const [, digest] = (await trial.releases.make({ kind: "good" }, 2)).image.split("@");
      stack.config["image:digest"] = digest;
      const up = await stack.up();
      assert.equal(up.status, 0, up.output);
      await trial.machine.sql("INSERT INTO trial_ledger_line (name) VALUES ('written since')");
      const run = (...args: string[]) => stack.command("releases/rollback.ts", ["--to", "previous", "--yes", ...args]);
      const refused = await run();
      assert.notEqual(refused.status, 0);
      assert.match(refused.output, /ROLLBACK_REFUSED[^]*trial_ledger 1\.2\.0 → 1\.1\.0[^]*--code-only: not possible/);
      const { status, output } = await run("--with-data");
      assert.equal(status, 0, output);
      assert.match(output, /^door +closed for about \d+ (s|minutes)/m);
      await trial.machine.waitForLogin();
      assert.deepEqual(await trial.wrongRelease(), []);
      assert.equal(await trial.machine.sql("SELECT count(*) FROM trial_ledger_line WHERE name = 'written since'"), "0");
      const login = { username: servers.push.username, password: new Secret(servers.push.password) };
      assert.equal(await new RegistryClient(repository, login).digestOf("latest"), before);
      const list = await stack.command("releases/list.ts", []);
      assert.match(list.output, new RegExp(`^${before.slice(0, 19)} .* vps `, "m"));
    } finally {
      await close();
    }
  });
});
