import assert from "node:assert/strict";

import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { TestStack } from "../../sandbox/test/helpers/test-stack";
import { PaperVps } from "../support/paper-vps";

/** As a CI job is cancelled: the engine alone is told, and all that it has started goes on. */
describe("an update that is cancelled while it is at a host, on the real engine", () => {
  const running = new RunningServers();
  let host: PaperVps;
  let stack: TestStack;

  before(async () => {
    await running.start();
    await running.api("POST", "/v2/registry", { name: "team", subscription_tier_slug: "basic", region: "fra1" });
    host = new PaperVps();
    await host.server.start();
    stack = new TestStack(running.servers, {
      "registry:ownership": "adopt",
      "image:digest": await running.push("team/odoo", "v1"),
      "vps:mode": "adopt",
      "vps:domain": "erp.example.com",
      "vps:host": "127.0.0.1",
      "vps:port": host.server.port,
      "vps:user": "ops",
      "vps:hostKey": host.server.hostKey,
    });
    stack.setVariable("VPS_SSH_PRIVATE_KEY", host.user.privateKey);
    await stack.init();
  });
  after(async () => {
    stack.remove();
    await host.server.close();
    await running.remove();
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`begins nothing after ${signal}, and says so`, async () => {
      host.setup = ["installing Docker"];
      let told = 0;
      const { status, output } = await stack.watchedUp((text, end) => {
        if (told === 0 && text.includes("installing Docker")) {
          told = Date.now();
          end(signal, true);
        }
      });
      const took = (Date.now() - told) / 1000;
      console.log(`      ended ${took.toFixed(1)} s after ${signal}`);
      assert.notEqual(status, 0, output);
      assert.match(output, /cancelled: nothing was changed on the host/);
      host.setup = [];
      await stack.unlock();
      assert.equal(host.requests.length, 0);
    });
  }
});
