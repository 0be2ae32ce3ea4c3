import assert from "node:assert/strict";

import { endOnce, type TestStack } from "../../sandbox/test/helpers/test-stack";
import { CreatedCluster } from "../support/created-cluster";
import type { PaperControllers } from "../support/paper-controllers";

/** As a CI job is cancelled: the engine alone is told. */
describe("an update that is cancelled while it is at a cluster, on the real engine", function () {
  const cluster = new CreatedCluster();
  const has = (path: string) => [...cluster.apiserver.objects.keys()].some((name) => name.endsWith(path));
  let controllers: PaperControllers;
  let stack: TestStack;

  before(async () => {
    ({ controllers, stack } = await cluster.start());
  });
  after(() => cluster.remove());

  /** Cancels an update in which nothing comes of such objects, and answers the lines after Pulumi has heard of it. */
  async function cancelled(held: string, at: RegExp, signal: NodeJS.Signals): Promise<string> {
    controllers.held = held;
    const { status, output } = await stack.watchedUp(endOnce(at, signal, true));
    await stack.unlock();
    assert.notEqual(status, 0, output);
    const [, after] = output.split("Diagnostics:");
    return after ?? "";
  }

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`leaves the release to its Job after ${signal}, begins nothing more, and says so`, async () => {
      const last = await cancelled("jobs/odoo-upgrade-", /carries the release out/, signal);
      assert.match(last, /Resource operation was cancelled for "odoo-upgrade-[0-9a-f]{16}"/);
      assert.match(
        last,
        /it goes on by itself.*until kubectl -n odoo logs -f job\/odoo-upgrade-[0-9a-f]{16}; do sleep 2; done/,
      );
      assert.ok(has("/deployments/odoo-edge") && !has("/deployments/odoo") && !has("/deployments/odoo-cron"));
    });
  }

  it("leaves the pods to Kubernetes, begins nothing more, and says so", async () => {
    const last = await cancelled("deployments", /replaces Odoo's pods/, "SIGTERM");
    assert.match(last, /Resource operation was cancelled for "odoo"/);
    assert.match(last, /it goes on by itself.*Run the same command again/);
    assert.ok(has("/deployments/odoo") && !has("/deployments/odoo-cron") && !has("/services/odoo"));
  });

  it("does the rest with the next update, which says nothing of the kind where nothing is waited for", async () => {
    controllers.held = undefined;
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.ok(has("/deployments/odoo-cron") && has("/services/odoo"));
    const again = await stack.up("--expect-no-changes");
    assert.equal(again.status, 0, again.output);
    assert.doesNotMatch(again.output, /goes on by itself/);
  });
});
