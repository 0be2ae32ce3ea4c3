import assert from "node:assert/strict";

import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { TestStack } from "../../sandbox/test/helpers/test-stack";

/** A program of two resources. With the first one made, its connection to Pulumi's engine breaks. */
const program = `
import * as command from "@pulumi/command";
import { getMonitor } from "@pulumi/pulumi/runtime/settings";
import { ShipError } from "./components/shared/errors";
import { forOperators } from "./components/shared/operators";

function breakAt(name: string): void {
  const monitor = getMonitor() as any;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request: any, done: any) =>
    request.getName() === name
      ? done(Object.assign(new Error("14 UNAVAILABLE: Connection dropped"), { code: 14 }))
      : register(request, done);
}

const refusal = () =>
  new ShipError({ code: "ADDON_INVALID", summary: "a refusal", found: "this", expected: "that", remedy: "look" });

export = () =>
  forOperators(async () => {
    if (process.env.REFUSES) throw refusal();
    if (process.env.ENDS_EARLY) breakAt("second");
    const first = new command.local.Command("first", { create: "true" });
    const create = process.env.BREAKS ? "echo it broke >&2; exit 7" : "true";
    const second = new command.local.Command("second", { create }, { dependsOn: first });
    return { second: second.stdout };
  });
`;

describe("an update whose program ends before it has declared everything, on the real engine", () => {
  const running = new RunningServers();
  let stack: TestStack;
  before(async () => {
    await running.start();
    stack = new TestStack(running.servers);
    stack.config = {};
    stack.write("index.ts", program);
    await stack.init("vault");
  });
  after(async () => {
    stack.remove();
    await running.remove();
  });

  it("fails and says what to do, though Pulumi's SDK ends it without a word", async () => {
    stack.setVariable("ENDS_EARLY", "1");
    const { status, output } = await stack.up();
    stack.setVariable("ENDS_EARLY", undefined);
    assert.notEqual(status, 0, output);
    assert.match(output, /DEPLOY_FAILED: .*ended before/);
  });

  for (const [what, variable, words] of [
    ["a refusal", "REFUSES", /error: ADDON_INVALID: a refusal/],
    ["a resource that fails", "BREAKS", /it broke/],
  ] as const) {
    it(`says nothing of it after ${what}, which has said why`, async () => {
      stack.setVariable(variable, "1");
      const { status, output } = await stack.up();
      stack.setVariable(variable, undefined);
      assert.notEqual(status, 0, output);
      assert.match(output, words);
      assert.doesNotMatch(output, /DEPLOY_FAILED|non-zero exit code|unhandled/);
    });
  }

  it("goes on with what is missing in the next one, which ends without such words", async () => {
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.match(output, /command:local:Command second created/);
    assert.doesNotMatch(output, /DEPLOY_FAILED/);
  });
});
