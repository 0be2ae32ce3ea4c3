import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { readToolPaths } from "../../sandbox/environment";
import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { TestStack } from "../../sandbox/test/helpers/test-stack";
import { policyPack } from "../../sandbox/tools/engine";

/** A stack without a target: what becomes of targets is shown by previews that were recorded. */
describe("the preview of a pull request, on the real engine", () => {
  const running = new RunningServers();
  let stack: TestStack;
  let first: string;
  let second: string;

  before(async () => {
    await running.start();
    await running.createRegistry();
    first = await running.push("team/odoo", "v1");
    second = await running.push("team/odoo", "v2");
    stack = new TestStack(running.servers, { "registry:ownership": "adopt", "image:digest": first });
    await stack.init("vault");
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
  });
  after(async () => {
    stack.remove();
    await running.remove();
  });

  const run = (...args: string[]) => stack.command("preview/main.ts", args);
  const file = (name: string) => path.join(stack.project, name);

  it("says nothing of a stack that stays as it is, and compares with what was saved", async () => {
    const saved = await run("--save", "base.json");
    assert.equal(saved.status, 0, saved.output);
    const { status, output } = await run("--base", "base.json");
    assert.equal(status, 0, output);
    assert.match(output, /\*\*nothing restarts\*\*/);
  });

  it("names the digests of two releases, and changes nothing", async () => {
    stack.config["image:digest"] = second;
    const { status, output } = await run("--base", "base.json", "--to", "page.md");
    assert.equal(status, 0, output);
    const page = fs.readFileSync(file("page.md"), "utf8");
    assert.ok(page.includes(`\`${first.slice(0, 19)}\` → \`${second.slice(0, 19)}\``), page);
    assert.match(page, /\*\*Restarts:\*\* nothing: this stack has no target/);
    assert.equal((await stack.outputs())["imageDigest"], first);
  });

  it("has no secret in it, nor in what it saves", async () => {
    const all = fs.readFileSync(file("base.json"), "utf8") + fs.readFileSync(file("page.md"), "utf8");
    assert.ok(all.includes("registry:repository"), "the search finds what is there");
    for (const secret of [running.servers.token, "planted-passphrase", "dor_v1_", "dop_v1_", stack.directory]) {
      assert.ok(!all.includes(secret), secret);
    }
  });

  it("tells what would break the rules, and nothing of the secret", async () => {
    const program = fs.readFileSync(file("index.ts"), "utf8");
    const leak = `new command.local.Command("leak", { create: "true", environment: { DB_PASSWORD: "planted-value" } });`;
    stack.write("index.ts", `import * as command from "@pulumi/command";\n${program}\n${leak}\n`);
    stack.setVariable("POLICY_PACK", policyPack(readToolPaths().languageHost));
    const { status, output } = await run("--base", "base.json");
    stack.setVariable("POLICY_PACK", "off");
    stack.write("index.ts", program);
    assert.equal(status, 0, output);
    assert.match(output, /would be refused:\*\*\n\n- `plain-secrets: leak: .*DB_PASSWORD/);
    assert.ok(!output.includes("planted-value"), output);
  });

  it("tells the error of an update that would be refused", async () => {
    stack.config["image:digest"] = `sha256:${"0".repeat(64)}`;
    const { status, output } = await run("--base", "base.json");
    assert.equal(status, 0, output);
    assert.match(output, /The update would be refused:[^]*IMAGE_NOT_FOUND[^]*remedy/);
  });
});
