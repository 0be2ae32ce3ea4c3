import assert from "node:assert/strict";
import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import type { TestStack } from "../../sandbox/test/helpers/test-stack";
import { PaperVps } from "../support/paper-vps";
import { fill, setInFile, teamStackNames, teamStacks } from "../support/team-stacks";

/**
 * What a new team does first, up to the preview. It names a digest in staging, too: that the image is built is shown
 * elsewhere, and takes Docker.
 */
describe("the stacks of a new team, on the real engine", () => {
  const running = new RunningServers();
  const host = new PaperVps();
  let stack: TestStack;

  before(async () => {
    await running.start();
    // Production takes releases alone.
    const digest = await running.push("acme/odoo", "sha-0123456789ab-00000001");
    stack = await teamStacks(running, host.user.privateKey);
    for (const name of teamStackNames) await setInFile(stack, name, { "image:digest": digest });
  });
  after(async () => {
    stack?.remove();
    await running.remove();
  });

  for (const [name, droplet] of [
    ["staging", "s-2vcpu-4gb"],
    ["prod", "s-4vcpu-8gb"],
  ] as const) {
    it(`of which ${name} has a preview without an error, and with the machine that was asked for`, async () => {
      const { status, output } = await stack.preview("--stack", name);
      assert.equal(status, 0, output);
      assert.match(output, new RegExp(`droplet:Droplet[^]*size *: "${droplet}"`));
      assert.match(output, /198\.51\.100\.7\/32/);
    });
  }

  it("of which prod has one with a cluster, once the team has answered otherwise", async () => {
    const registryHost = running.servers.registryAddress;
    fill(stack, {
      registryHost,
      target: "doks",
      kubernetesVersion: "1.34.3-do.0",
      domain: "erp.acme.io",
      region: "fra1",
      size: "s-4vcpu-8gb",
      stagingSize: "s-4vcpu-8gb",
      stagingDomain: "staging.acme.io",
      from: ["198.51.100.7/32"],
    });
    const { status, output } = await stack.preview("--stack", "prod");
    assert.equal(status, 0, output);
    assert.match(output, /kubernetesCluster:KubernetesCluster/);
    assert.doesNotMatch(output, /droplet:Droplet/);
  });
});
