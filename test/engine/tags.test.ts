import assert from "node:assert/strict";

import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import type { TestStack } from "../../sandbox/test/helpers/test-stack";
import { type AdoptedHost, adoptedHost } from "../support/adopted-host";

interface State {
  deployment: {
    resources: {
      urn: string;
      inputs?: Record<string, unknown>;
      outputs?: Record<string, unknown>;
      dependencies?: string[];
      propertyDependencies?: Record<string, string[]>;
    }[];
  };
}

describe("the tags of what serves, on the real engine", () => {
  const running = new RunningServers();
  let adopted: AdoptedHost;
  let host: AdoptedHost["host"];
  let stack: TestStack;
  let first: string;
  let second: string;

  before(async () => {
    adopted = await adoptedHost(running, "vault");
    ({ host, stack, digest: first } = adopted);
    second = await running.push("team/odoo", "v2");
  });
  after(() => adopted.remove());

  const latest = () => adopted.registry.digestOf("latest");

  async function deploy(digest: string, ...more: string[]): Promise<string> {
    stack.config["image:digest"] = digest;
    const { status, output } = await stack.up(...more);
    assert.equal(status, 0, output);
    return output;
  }

  it("move once the deployment has succeeded", async () => {
    await deploy(first);
    assert.deepEqual([host.live?.digest, await latest()], [first, first]);
    await deploy(first, "--expect-no-changes");
  });

  it("stay where they are when it fails", async () => {
    stack.config["image:digest"] = second;
    const error = { code: "HEALTH_CHECK_FAIL", summary: "it does not serve" };
    host.statuses = [{ request: { state: "failed", step: "tried", error }, live: null }];
    host.receive = { status: 1, stderr: "HEALTH_CHECK_FAIL: it does not serve\n" };
    const { status, output } = await stack.up();
    assert.notEqual(status, 0, output);
    assert.match(output, /HEALTH_CHECK_FAIL/);
    assert.equal(await latest(), first);
  });

  it("follow the next one that succeeds, and one back", async () => {
    host.statuses = [];
    host.receive = { status: 0, stdout: '{"request": "0123456789abcdef", "state": "queued"}\n' };
    await deploy(second);
    assert.equal(await latest(), second);
    await deploy(first);
    assert.equal(await latest(), first);
  });

  it("stay where they are when an update leaves the target out, and say so", async () => {
    const output = await deploy(second, "--exclude", "**::vps-odoo-release");
    assert.match(output, /latest stay where they are: vps /);
    assert.deepEqual([host.live?.digest, await latest()], [first, first]);
    await deploy(second);
    assert.deepEqual([host.live?.digest, await latest()], [second, second]);
    await deploy(second, "--expect-no-changes");
  });

  it("are set once more after a program that set all of them before the deployment, and the host is left alone", async () => {
    const old = JSON.parse(await stack.decrypted()) as State;
    const { resources } = old.deployment;
    const of = (name: string) => resources.find(({ urn }) => urn.endsWith(`::${name}`));
    const [tags, served] = [of("release-tags"), of("served-tags")];
    assert.ok(tags?.inputs && tags.outputs && served?.inputs);
    // As that program left them: one command with all tags, and a login that has ended.
    for (const properties of [tags.inputs, tags.outputs]) {
      const { RELEASE } = served.inputs["environment"] as { RELEASE: string };
      Object.assign(properties, {
        environment: { RELEASE, REGISTRY: "{}", REGISTRY_USERNAME: "u", REGISTRY_PASSWORD: "ended" },
        triggers: [second, '{"fixed":[],"moving":["latest"]}', 0],
      });
    }
    old.deployment.resources = resources.filter(({ urn }) => !/::served(-tags)?$/.test(urn));
    await stack.restore(JSON.stringify(old));

    const sent = host.requests.length;
    await deploy(second);
    assert.equal(host.requests.length, sent, "the host was sent nothing");
    assert.deepEqual(
      (JSON.parse(await stack.decrypted()) as State).deployment.resources.filter(({ urn }) => /release-tags/.test(urn))
        .length,
      1,
    );
    await deploy(second, "--expect-no-changes");
    assert.ok(!(await stack.decrypted()).includes("REGISTRY_PASSWORD"), "the login is in the state no more");
  });
});
