import assert from "node:assert/strict";

import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { endOnce, type TestStack } from "../../sandbox/test/helpers/test-stack";
import { adoptedHost } from "../support/adopted-host";
import type { PaperVps } from "../support/paper-vps";

/** As a CI job is cancelled: the engine alone is told, and all that it has started goes on. */
describe("an update that is cancelled while it is at a host, on the real engine", () => {
  const running = new RunningServers();
  let host: PaperVps;
  let stack: TestStack;

  before(async () => {
    ({ host, stack } = await adoptedHost(running, "vault"));
  });
  after(async () => {
    stack.remove();
    await host.server.close();
    await running.remove();
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`begins nothing after ${signal}, and says so`, async () => {
      host.setup = ["installing Docker"];
      const { status, output } = await stack.watchedUp(endOnce(/installing Docker/, signal, true));
      assert.notEqual(status, 0, output);
      assert.match(output, /cancelled: nothing was changed on the host/);
      host.setup = [];
      await stack.unlock();
      assert.equal(host.requests.length, 0);
    });
  }
});
