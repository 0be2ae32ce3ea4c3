import assert from "node:assert/strict";

import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { PaperApiserver } from "../../sandbox/test/helpers/paper-apiserver";
import { endOnce, TestStack } from "../../sandbox/test/helpers/test-stack";
import { PaperClusters } from "../support/paper-clusters";
import { PaperControllers } from "../support/paper-controllers";

/** As a CI job is cancelled: the engine alone is told. */
describe("an update that is cancelled while it is at a cluster, on the real engine", function () {
  const apiserver = new PaperApiserver();
  const running = new RunningServers(undefined, { actionMs: 0, clusters: new PaperClusters(apiserver) });
  const has = (path: string) => [...apiserver.objects.keys()].some((name) => name.endsWith(path));
  let controllers: PaperControllers;
  let stack: TestStack;

  before(async () => {
    await apiserver.start();
    controllers = new PaperControllers(apiserver);
    await running.start();
    await running.api("POST", "/v2/registry", { name: "team", subscription_tier_slug: "basic", region: "fra1" });
    stack = new TestStack(running.servers, {
      "registry:ownership": "adopt",
      "image:digest": await running.push("team/odoo", "v1"),
      "doks:mode": "create",
      "doks:domain": "erp.example.com",
      "doks:region": "fra1",
      "doks:version": "1.33.6-do.0",
      "doks:nodeSize": "s-4vcpu-8gb",
    });
    await stack.init();
  });
  after(async () => {
    controllers.stop();
    stack.remove();
    apiserver.stop();
    await running.remove();
  });

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
        /it goes on by itself.*kubectl -n odoo logs -f --pod-running-timeout=10m job\/odoo-upgrade-[0-9a-f]{16}/,
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
