import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { stringify } from "yaml";

import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { TestStack } from "../../sandbox/test/helpers/test-stack";
import { PaperVps } from "../support/paper-vps";

const root = path.join(__dirname, "..", "..");

/**
 * What a new team does first, up to the preview. It names a digest in staging, too: that the image is built is shown
 * elsewhere, and takes Docker.
 */
describe("the stacks of a new team, on the real engine", () => {
  const running = new RunningServers();
  const host = new PaperVps();
  let stack: TestStack;

  /** Types `npm run init` with these answers. */
  function fill(answers: object): void {
    stack.write("answers.yaml", stringify(answers));
    const args = ["--import", "tsx", "init/init.ts", "--answers", "answers.yaml", "--yes"];
    execFileSync(process.execPath, args, { cwd: stack.project, stdio: "pipe" });
  }

  before(async () => {
    await running.start();
    await running.api("POST", "/v2/registry", { name: "acme", subscription_tier_slug: "basic", region: "fra1" });
    // Production takes releases alone.
    const digest = await running.push("acme/odoo", "sha-0123456789ab-00000001");
    stack = new TestStack(running.servers);
    stack.setVariable("VPS_SSH_PRIVATE_KEY", host.user.privateKey);
    for (const name of ["Pulumi.staging.yaml", "Pulumi.prod.yaml", "init"]) {
      fs.cpSync(path.join(root, name), path.join(stack.project, name), { recursive: true });
    }
    fill({
      registry: "digitalocean",
      registryHost: running.servers.registryAddress,
      repository: "acme/odoo",
      target: "vps",
      domain: "erp.acme.io",
      stagingDomain: "staging.acme.io",
      email: "it@acme.io",
      region: "fra1",
      size: "s-4vcpu-8gb",
      stagingSize: "s-2vcpu-4gb",
      from: ["198.51.100.7/32"],
    });
    for (const name of ["staging", "prod"]) {
      const file = path.join(stack.project, `Pulumi.${name}.yaml`);
      fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace('image:digest: ""', `image:digest: ${digest}`));
      const { status, output } = await stack.pulumi("stack", "init", name, "--non-interactive");
      assert.equal(status, 0, output);
    }
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
    fill({
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
