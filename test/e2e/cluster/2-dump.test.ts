import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { containerName } from "../../../sandbox/kubernetes/names";
import { until } from "../../../sandbox/process";
import { triedBlocks } from "../../support/markdown";
import { itWhole } from "../../support/sample";
import { type ClusterTrial, type Settings } from "../../support/trials/cluster-trial";
import { directory, DumpHost } from "../../support/trials/dump-host";
import { wrongAttachments } from "../../support/trials/population";
import { ledgerSum } from "../../support/trials/snapshot";
import { openTrial } from "../../support/trials/opened";

const limitMs = 300_000;
const page = (name: string) => fs.readFileSync(path.join(__dirname, "..", "..", "..", "docs", name), "utf8");

describe("the dump that leaves a cluster", () => {
  let trial: ClusterTrial;
  let host: DumpHost;
  let dumped: Settings;
  let jobs = 0;

  before(async () => {
    trial = await openTrial();
    host = await DumpHost.open();
    dumped = {
      "backup:destination": host.destination,
      "backup:hostKey": host.hostKey,
      "backup:keep": 2,
      "release:rehearse": false,
      ...(await trial.stack.encrypted({ "backup:privateKey": host.privateKey })),
    };
  });
  after(() => host.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(await trial.story());
  });

  /** What a Job of one of the CronJobs says, once its pod has said something final. */
  const job = async (kind: string, said: RegExp): Promise<string> => {
    const name = `${kind}-${++jobs}`;
    await trial.kubectl("create", "job", name, `--from=cronjob/odoo-ship-${kind}`);
    let log = "";
    const ended = async () => {
      log = await trial.kubectl("logs", `job/${name}`).catch(() => "");
      return said.test(log);
    };
    assert.ok(await until(ended, limitMs, 1000), `${name} never said ${String(said)}: ${log}`);
    await trial.kubectl("delete", "job", name);
    return log;
  };

  it("is refused with an image that could not send it, before anything is touched", async () => {
    const release = await trial.releases.make({ kind: "good" }, trial.level + 1);
    const problems = await trial.problemsAfter(async () => {
      const { status, output } = await trial.deploy(release, dumped);
      assert.notEqual(status, 0, output);
      assert.match(output, /RELEASE_MISMATCH[^]*openssh-client/);
      return { allowed: { refusals: "none" } };
    });
    assert.deepEqual(problems, []);
  });

  it("is made by the cluster itself, with checksums of what it consists of", async () => {
    const release = await trial.releases.make({ kind: "good" }, trial.level + 1, 0, ["openssh-client"]);
    const { status, output } = await trial.deploy(release, dumped);
    assert.equal(status, 0, output);
    trial.level += 1;
    await job("look", /look {2}dump: none was made yet/);
    await job("dump", /dumped to ssh/);
    const names = (await host.sh(`ls -1 ${directory}`)).split("\n");
    assert.equal(names.length, 3, names.join());
    for (const name of names) assert.match(name, /^erp\.cluster\.test-odoo-\d{8}t\d{6}z\.(dump|filestore\.tar|json)$/);
    const sums = await host.sh(`cd ${directory} && sha256sum *.dump *.tar && cat *.json`);
    const { database, filestore } = JSON.parse(sums.slice(sums.indexOf("{"))) as Record<
      "database" | "filestore",
      { file: string; sha256: string }
    >;
    for (const part of [database, filestore]) assert.ok(sums.includes(`${part.sha256}  ${part.file}`), sums);
    assert.match(await job("look", /^ok {4}dump$/m), /^dump {6}erp\.cluster\.test-odoo-/m);
  });

  it("has every record and every attachment", async () => {
    const dump = await host.sh(`base64 -w0 ${directory}/*.dump`);
    const restore = "createdb -U postgres from-dump && base64 -d | pg_restore -U postgres -d from-dump --exit-on-error";
    await trial.inDatabase(restore, dump);
    assert.equal(await trial.sql(ledgerSum, "from-dump"), await trial.sql(ledgerSum));
    const stored = await trial.sql(
      "SELECT DISTINCT store_fname FROM ir_attachment WHERE store_fname IS NOT NULL ORDER BY 1",
      "from-dump",
    );
    const there = await host.sh(`cd ${directory} && tar -tf *.tar | grep -E '[0-9a-f]{40}$' | sed 's|^./||' | sort`);
    const missing = stored.split("\n").filter((name) => !there.split("\n").includes(name));
    assert.deepEqual(missing, []);
    assert.ok(stored.split("\n").length > 10, stored);
    await trial.kubectl("exec", "odoo-db-0", "--", "dropdb", "-U", "postgres", "from-dump");
  });

  it("goes to nobody who has another host key, and the look says so", async () => {
    await host.sh(
      "rm /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; kill -HUP 1",
    );
    assert.match(await job("dump", /remedy:/), /DEPLOY_FAILED[^]*Host key verification failed/);
    await job("look", /look {2}dump: [^]*was not made: [^]*Host key verification failed/);
    assert.equal((await host.sh(`ls -1 ${directory}`)).split("\n").length, 3);
  });

  itWhole(
    "takes a lost database's place by the commands of docs/doks.md and docs/backup.md, and the same release serves it",
    async () => {
      const folder = fs.mkdtempSync(path.join(trial.stack.directory, "dump-"));
      for (const kind of ["dump", "filestore.tar"]) {
        const content = await host.sh(`base64 -w0 ${directory}/*.${kind}`);
        fs.writeFileSync(path.join(folder, `the.${kind}`), content, "base64");
      }
      // As an administrator whose kubectl is for this cluster.
      const kubectl = `kubectl() { docker exec -i ${containerName(trial.id)} kubectl "$@"; }\n`;
      const type = async (name: string, block: string) => {
        const lines = triedBlocks(page(name)).get(block);
        assert.ok(lines !== undefined, `${name} has no block "tried: ${block}"`);
        const { status, output } = await trial.stack.typed(
          kubectl + lines.replaceAll("FILE", path.join(folder, "the")),
        );
        assert.equal(status, 0, output);
      };
      const before = await trial.sql(ledgerSum);
      await trial.inOdoo("sh", "-c", "rm -r /var/lib/odoo/filestore/odoo/??");
      await trial.sql("DROP DATABASE odoo WITH (FORCE)", "postgres");
      // What was deployed last: with other settings the release would run again for that alone.
      const usual = trial.stack.config;
      trial.stack.config = { ...usual, ...dumped };
      await type("doks.md", "from-a-dump");
      trial.stack.config = usual;
      await trial.waitForLogin();
      await type("backup.md", "attachments");
      assert.equal(await trial.sql(ledgerSum), before);
      assert.deepEqual(await trial.wrongRelease(), []);
      assert.deepEqual(await wrongAttachments(await trial.client(), trial.attachments), []);
    },
  );
});
