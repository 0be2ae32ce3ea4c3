import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as path from "node:path";

import { paperMachines } from "../../sandbox/digitalocean/machines";
import { readToolPaths } from "../../sandbox/environment";
import { sshKeyPair } from "../../sandbox/support/ssh-key";
import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { TestStack } from "../../sandbox/test/helpers/test-stack";
import { policyPack } from "../../sandbox/tools/engine";

const root = path.join(__dirname, "..", "..");

/** Not shown: the official language host itself. The sandbox's may be too old for packs, and has a script for them. */
describe("the policy pack, on the real engine", () => {
  const running = new RunningServers(undefined, { actionMs: 0, machines: paperMachines() });
  let stack: TestStack;
  let pack: string;

  before(async () => {
    await running.start();
    await running.createRegistry();
    pack = policyPack(readToolPaths().languageHost);
    stack = new TestStack(running.servers, {
      "registry:ownership": "adopt",
      "image:digest": await running.push("team/odoo", "v1"),
      "vps:mode": "create",
      "vps:domain": "erp.example.com",
      "vps:region": "fra1",
      "vps:size": "s-2vcpu-4gb",
      "vps:sshFrom": ["127.0.0.0/8"],
    });
    stack.setVariable("VPS_SSH_PRIVATE_KEY", sshKeyPair().privateKey);
    await stack.init("vault");
  });
  after(async () => {
    stack?.remove();
    await running.remove();
  });

  it("has nothing against the stack as it is meant", async () => {
    const { status, output } = await stack.preview("--policy-pack", pack);
    assert.equal(status, 0, output);
    assert.match(output, /odoo-ship/);
    assert.match(output, /digitalocean:index\/droplet:Droplet/);
  });

  it("refuses a host without protection in the preview of an update, and touches nothing", async () => {
    const before = running.changes;
    const { config } = stack;
    stack.config = { ...config, "vps:allowDestroy": true };
    const { status, output } = await stack.pulumi(
      ...["up", "--yes", "--non-interactive", "--color", "never", "--policy-pack", pack],
    );
    stack.config = config;
    assert.notEqual(status, 0, output);
    for (const part of [
      "unprotected-data",
      "it is not protected",
      "the books are gone",
      "vps:allowDestroy",
      "docs/policy.md",
    ]) {
      assert.ok(output.includes(part), `${part} is not in:\n${output}`);
    }
    assert.equal(running.changes, before, "something was made");
    assert.ok(!stack.storedText().includes("digitalocean:index/droplet:Droplet"), "a resource is in the state");
  });

  it("tells a secret in plain from one that is kept, and says neither", async () => {
    stack.write(
      "index.ts",
      `import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
const later = new command.local.Command("later", { create: "true" }).stdout;
new command.local.Command("leak", { create: "true", environment: { DB_PASSWORD: "planted-value" } });
new command.local.Command("kept", { create: "true", environment: { DB_PASSWORD: pulumi.secret("planted-value") } });
new command.local.Command("unknown", { create: "true", environment: { DB_PASSWORD: later } });
new command.local.Command("deploys", { create: "true", environment: { IMAGE: "team/odoo:latest", MORE: later } });
`,
    );
    const { status, output } = await stack.pulumi(
      ...["up", "--yes", "--non-interactive", "--color", "never", "--policy-pack", pack],
    );
    assert.notEqual(status, 0, output);
    assert.match(output, /environment\.DB_PASSWORD is in plain/);
    assert.match(output, /environment\.IMAGE: team\/odoo:latest/);
    assert.equal(output.match(/is in plain/g)?.length, 1, output);
    assert.ok(!output.includes("can't run policy"), output);
    assert.ok(!stack.storedText().includes("command:local:Command::"), "a resource is in the state");
  });

  it("starts by the SDK's program that the official language host starts, in the project's folder", async () => {
    const program = path.join(root, "node_modules", "@pulumi", "pulumi", "cmd", "run-plugin");
    const child = spawn(process.execPath, [program, path.join(root, "policy"), "127.0.0.1:1"], {
      cwd: root,
      env: { ...process.env, PULUMI_NODEJS_TYPESCRIPT: "false" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const [port] = (await Promise.race([once(child.stdout, "data"), once(child, "close")])) as [unknown];
      assert.match(String(port), /^\d+\n$/);
    } finally {
      child.kill("SIGKILL");
    }
  });
});
