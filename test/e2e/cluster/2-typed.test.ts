import assert from "node:assert/strict";

import type { ClusterTrial } from "../../support/trials/cluster-trial";
import { Endpoint } from "../../support/endpoint";
import { until } from "../../../sandbox/process";
import { openTrial } from "../../support/trials/opened";

describe("what people type at a cluster", () => {
  let trial: ClusterTrial;

  before(async () => {
    trial = await openTrial();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(await trial.story());
  });

  const typed = (line: string) => trial.kubectl(...line.split(" "));

  it("finds Odoo as everyone writes it, and waits for it", async () => {
    assert.match(await typed("get pods -l app=odoo -o name"), /^pod\/odoo-/);
    assert.match(await typed("rollout status deployment/odoo --timeout=120s"), /successfully rolled out/);
  });

  it("runs Odoo beside the server, and psql on its database", async () => {
    await typed("exec deployment/odoo -- odoo-bin -c /etc/odoo.conf -d odoo --stop-after-init");
    assert.equal(await trial.kubectl("exec", "deployment/odoo", "--", "psql", "-Atc", "SELECT 6 * 7"), "42");
    await assert.rejects(typed("exec deployment/odoo -- odoo --list-db"), /Odoo has no --list-db/);
    assert.match(await typed("exec deployment/odoo -- cat /var/log/odoo/odoo.log"), /logs -f deployment\/odoo/);
    assert.deepEqual(await trial.wrongRelease(), []);
  });

  it("starts no pod that serves with `kubectl set image`, where a module differs, and pulumi up --refresh ends that", async () => {
    const other = await trial.releases.make({ kind: "good" }, trial.level + 1);
    // A pod that was scaled away before may still be ending: it is none of these.
    const ofOdoo = async () => (await trial.pods()).filter(({ app }) => app === "odoo");
    const served = (await ofOdoo())[0]?.name ?? "";
    const marker = await trial.sql("SELECT state || ' ' || digest FROM odoo_ship.marker");
    await typed(`set image deployment/odoo odoo=${other.image}`);
    // The new pod waits, and says why.
    let waiting = "";
    const says = async () => {
      waiting = (await ofOdoo()).find(({ name }) => name !== served)?.name ?? "";
      if (waiting === "") return false;
      // Its container may be about to begin.
      return (await typed(`logs ${waiting}`).catch(() => "")).includes("RELEASE_MISMATCH");
    };
    assert.ok(
      await until(says, 300_000, 1000),
      `the pod ${waiting} never said that it does not belong to the database`,
    );
    await assert.rejects(typed("rollout status deployment/odoo --timeout=5s"), /timed out/);
    assert.deepEqual(
      new Map((await ofOdoo()).map(({ name, ready }) => [name, ready])),
      new Map([
        [served, true],
        [waiting, false],
      ]),
    );
    // Users are with the pod before, and the database is as it was.
    const endpoint = new Endpoint(await trial.address());
    for (let asked = 0; asked < 10; asked += 1) {
      assert.equal((await endpoint.request("GET", "/web/login")).status, 200);
    }
    endpoint.close();
    assert.equal(await trial.sql("SELECT state || ' ' || digest FROM odoo_ship.marker"), marker);
    // As docs/by-hand.md promises: Pulumi sees it when it looks, and deploys what was released.
    const unseen = await trial.stack.preview();
    assert.equal(unseen.status, 0, unseen.output);
    assert.ok(!unseen.output.includes(other.image), unseen.output);
    const { status, output } = await trial.stack.up("--refresh");
    assert.equal(status, 0, output);
    assert.deepEqual(await trial.wrongRelease(), []);
  });
});
