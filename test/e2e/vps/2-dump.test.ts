import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { triedBlocks } from "../../support/markdown";
import { itWhole } from "../../support/sample";
import { wrongAttachments } from "../../support/trials/population";
import { ledgerSum } from "../../support/trials/snapshot";
import { statusOf } from "../../support/trials/requests";
import { Trial } from "../../support/trials/host-trial";

/** The machine itself plays the other host: what is tried is the dump, and what SSH makes of it. */
const destination = "ssh://dumps@127.0.0.1/home/dumps/of-odoo";
const directory = "/home/dumps/of-odoo";

describe("the dump that leaves the host", () => {
  let trial: Trial;
  let hostKey: string;
  let privateKey: string;

  before(async () => {
    trial = await Trial.open();
    await trial.machine.sh(`useradd -m -s /bin/sh -p '*' dumps && install -d -m 700 -o dumps /home/dumps/.ssh
      ssh-keygen -q -t ed25519 -N '' -f /root/for-dumps
      install -m 600 -o dumps /root/for-dumps.pub /home/dumps/.ssh/authorized_keys`);
    hostKey = await trial.machine.hostKey();
    privateKey = await trial.machine.sh("cat /root/for-dumps && rm /root/for-dumps*");
  });
  after(() => trial.machine.sh("userdel -r dumps 2>&1"));

  const configure = async (key = hostKey) => {
    const { state, error } = await trial.deploy(trial.live, {
      // What a dump holds is upgraded whole where it takes a lost database's place; rehearsals are tried elsewhere.
      rehearse: false,
      dump: { destination, hostKey: key, privateKey, keep: 2 },
    });
    assert.equal(state, "succeeded", JSON.stringify(error, undefined, 2));
  };
  const dumps = () => trial.machine.sh(`ls -1 ${directory}`);
  const take = () =>
    trial.machine.sh(
      "systemctl start odoo-ship-dump.service || { journalctl -q -u odoo-ship-dump.service -n 20; exit 1; }",
    );

  it("is taken by a timer, and writes down what it consists of", async () => {
    await configure();
    assert.match(await trial.machine.sh("systemctl list-timers --all"), /odoo-ship-dump\.timer/);
    await take();
    const names = (await dumps()).split("\n");
    assert.equal(names.length, 3, names.join());
    for (const name of names) assert.match(name, /^erp\.trial\.test-odoo-\d{8}t\d{6}z\.(dump|filestore\.tar|json)$/);
    const sums = await trial.machine.sh(
      `cd ${directory} && sha256sum *.dump *.tar && stat -c '%s %a %U' *.dump *.tar && cat *.json`,
    );
    const { database, filestore } = JSON.parse(sums.slice(sums.indexOf("{"))) as Record<
      "database" | "filestore",
      Record<string, string>
    >;
    for (const part of [database, filestore]) {
      assert.ok(sums.includes(`${part.sha256}  ${part.file}`), sums);
      assert.ok(sums.includes(`${part.bytes} 600 dumps`), sums);
    }
    assert.match(await trial.machine.exec(["odoo-ship", "status"]), /^dump {6}erp\.trial\.test-odoo-/m);
  });

  it("has every record and every attachment", async () => {
    await trial.machine.sh(`docker exec odoo-db createdb -U postgres from-dump
      docker exec -i odoo-db pg_restore -U postgres -d from-dump --exit-on-error < $(ls ${directory}/*.dump)
      mkdir -p /tmp/from-dump && tar -C /tmp/from-dump -xf ${directory}/*.tar`);
    assert.equal(await trial.machine.sql(ledgerSum, "from-dump"), await trial.machine.sql(ledgerSum));
    const stored = await trial.machine.sql(
      "SELECT DISTINCT store_fname FROM ir_attachment WHERE store_fname IS NOT NULL",
      "from-dump",
    );
    const bad = await trial.machine.sh(
      'while read -r name; do sum=$(sha1sum < /tmp/from-dump/$name) && [ "${name#*/}" = "${sum%% *}" ] || echo $name; done',
      `${stored}\n`,
    );
    assert.equal(bad, "");
    assert.ok(stored.split("\n").length > 10, stored);
    await trial.machine.sh("docker exec odoo-db dropdb -U postgres from-dump; rm -r /tmp/from-dump");
  });

  itWhole(
    "takes a lost database's place by the commands of docs/backup.md, and the same release serves it",
    async () => {
      const page = fs.readFileSync(path.join(__dirname, "..", "..", "..", "docs", "backup.md"), "utf8");
      const lines = triedBlocks(page).get("in-place");
      const name = /^(.+)\.dump$/m.exec(await dumps())?.[1];
      assert.ok(lines !== undefined && name !== undefined);
      const before = await trial.machine.sql(ledgerSum);
      // Neither its records nor its attachments are there, as after a first install.
      await trial.machine.sql("UPDATE trial_ledger_line SET name = 'lost'");
      await trial.machine.sh("docker exec odoo-ce sh -c 'rm -r /var/lib/odoo/filestore/odoo/??'");
      await trial.machine.sh(`set -e\n${lines.replaceAll("FILE", `${directory}/${name}`)}`);
      assert.equal(await trial.machine.sql(ledgerSum), before);
      await trial.machine.waitForLogin();
      assert.deepEqual(await trial.wrongRelease(), []);
      assert.deepEqual(await wrongAttachments(await trial.machine.client(), trial.attachments), []);
    },
  );

  it("leaves the newest of them there, and what belongs to somebody else", async () => {
    const [first] = (await dumps()).split("\n");
    await trial.machine.sh(`touch ${directory}/erp.trial.test-odoo-other-20200101t000000z.json`);
    for (let n = 0; n < 2; n++) {
      await trial.machine.sh("sleep 1");
      await take();
    }
    const names = await dumps();
    assert.ok(!names.includes(first ?? "?"), names);
    assert.equal(names.split("\n").length, 2 * 3 + 1, names);
    assert.match(names, /odoo-other/);
  });

  it("goes to nobody who has another host key, and the status says so", async () => {
    await configure("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    const before = await dumps();
    await assert.rejects(trial.machine.exec(["odoo-ship", "dump"]), /Host key verification failed/);
    assert.equal(await dumps(), before);
    assert.match(
      await trial.machine.exec(["odoo-ship", "status"]),
      /^dump .* was not made: .*Host key verification failed/m,
    );
  });

  it("leaves no file under its name when the stream breaks off", async () => {
    await configure();
    await trial.machine.sh(`rm ${directory}/*`);
    // Stopped as soon as it is there: on an idle host it would be done before the stream is seen.
    const breaksOff = `until pkill -STOP -x pg_dump; do sleep 0.02; done; until ls ${directory}/*.dump.partial; do sleep 0.02; done; pkill -9 -x pg_dump`;
    await assert.rejects(
      trial.machine.sh(`{ ${breaksOff}; } > /dev/null 2>&1 & odoo-ship dump`),
      /did not reach its destination/,
    );
    assert.match(await dumps(), /^erp\.trial\.test-odoo-\w+\.dump\.partial$/);
    // A dump is named by its second.
    await trial.machine.sh("sleep 1.1");
    await take();
    assert.equal((await dumps()).split("\n").length, 4);
  });

  it("waits for the end of a release, and is not taken any more when that has no destination", async () => {
    const request = trial.request(trial.live, { readySeconds: 80 });
    const watch = await trial.machine.hold("preflight", "end", request.id);
    const deployed = trial.deploy(trial.live, { readySeconds: 80 });
    const held = await watch.held;
    assert.ok(held);
    await assert.rejects(trial.machine.exec(["odoo-ship", "dump"]), /RELEASE_IN_PROGRESS/);
    await trial.machine.resume(held);
    assert.equal((await deployed).state, "succeeded");
    assert.equal((await statusOf(trial.machine, request))?.closed, false);
    await trial.machine.sh("! test -e /var/lib/odoo-ship/dump.json");
  });
});
