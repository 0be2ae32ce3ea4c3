import assert from "node:assert/strict";

import type { ClusterTrial } from "../../support/trials/cluster-trial";
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
});
