import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { TestStack } from "../../sandbox/test/helpers/test-stack";

const manifest = (text: string) => `{"name": "x", "version": "1.0.0", "license": "LGPL-3", "depends": ["base"]${text}}`;

describe("an update that cannot succeed, on the real engine", () => {
  const running = new RunningServers();
  const silent = new RunningServers();
  let stack: TestStack;
  /** Of an API that never answers: a minute of waiting, in which the others run. */
  let unanswered: Promise<string>;

  before(async () => {
    await silent.start();
    silent.servers.api.faults.add({ what: "api-timeout" });
    unanswered = newStack(silent.servers).then((waiting) => refused(waiting, silent).finally(() => waiting.remove()));
    // Whoever waits for it hears of it.
    unanswered.catch(() => undefined);
    await running.start();
    await running.createRegistry();
  });
  after(async () => {
    await unanswered.catch(() => undefined);
    await Promise.all([running.remove(), silent.remove()]);
  });
  beforeEach(async () => {
    stack = await newStack(running.servers);
  });
  afterEach(() => {
    running.servers.api.faults.clear();
    stack.remove();
  });

  async function newStack(
    servers: Pick<typeof running.servers, "apiUrl" | "token" | "registryAddress">,
  ): Promise<TestStack> {
    const made = new TestStack(servers);
    made.write("addons/good/__manifest__.py", manifest(""));
    made.write("addons/good/__init__.py", "");
    await made.init("vault");
    return made;
  }

  async function refused(updated = stack, servers = running): Promise<string> {
    const before = servers.changes;
    const { status, output } = await updated.up();
    assert.notEqual(status, 0, output);
    assert.equal(servers.changes, before, "something was written");
    assert.ok(!updated.storedText().includes("docker:index/image:Image"), "a resource was declared");
    return output;
  }

  it("tells every bad addon in one message, and touches nothing", async () => {
    stack.write("addons/sold/__manifest__.py", manifest("").replace("LGPL-3", "OEEL-1"));
    stack.write("addons/sold/__init__.py", "");
    stack.write("addons/broken/__manifest__.py", "{'name': ");
    stack.write("addons/broken/__init__.py", "");
    stack.write("addons/typo/__manifest__.py", manifest("").replace("{", "{'data': ['a.xml'],"));
    stack.write("addons/typo/__init__.py", "");
    stack.write("addons/typo/a.xml", "<odoo>");
    stack.write("more/good/__manifest__.py", manifest(""));
    stack.write("more/good/__init__.py", "");
    stack.config["image:addons"] = ["addons", "more"];
    const output = await refused();
    for (const part of [
      "ENTERPRISE_MODULE",
      "addons/sold",
      "addons/broken/__manifest__.py",
      "addons/typo/a.xml:1",
      "more/good",
    ]) {
      assert.ok(output.includes(part), `${part} is not in:\n${output}`);
    }
    assert.ok(!/\n +at /.test(output), `a stack trace is in:\n${output}`);
  });

  it("names every wrong setting at once", async () => {
    stack.config["image:postgresqlClient"] = 3;
    stack.config["registry:teir"] = "basic";
    const output = await refused();
    assert.match(output, /SETTINGS_INVALID: the configuration of this stack has 2 problems/);
  });

  it("says that DigitalOcean refuses the token", async () => {
    const { apiUrl, registryAddress } = running.servers;
    const other = await newStack({ apiUrl, registryAddress, token: "planted-wrong-token" });
    try {
      const { status, output } = await other.up();
      assert.notEqual(status, 0);
      assert.match(output, /REGISTRY_AUTH_FAILURE: DigitalOcean refuses the API token/);
      assert.ok(!output.includes("planted-wrong-token"));
    } finally {
      other.remove();
    }
  });

  it("refuses a shallow clone, whose last commit would be any commit", async () => {
    stack.commit("first");
    stack.write("addons/good/__init__.py", "# changed\n");
    stack.commit("second");
    const shallow = path.join(stack.directory, "shallow");
    execFileSync("git", ["clone", "-q", "--depth", "1", `file://${stack.project}`, shallow], { stdio: "pipe" });
    fs.rmSync(path.join(stack.project, ".git"), { recursive: true });
    fs.cpSync(path.join(shallow, ".git"), path.join(stack.project, ".git"), { recursive: true });
    assert.match(await refused(), /GIT_HISTORY_MISSING/);
  });

  it("tells a full registry before it builds", async () => {
    running.servers.api.faults.add({ what: "registry-quota" });
    assert.match(await refused(), /QUOTA_EXCEEDED: the registry is full/);
  });

  it("takes over a registry that a killed update has made, and then needs no change", async () => {
    const digest = await running.push("team/odoo", "v1");
    Object.assign(stack.config, { "registry:region": "fra1", "image:digest": digest });
    const first = await stack.up();
    assert.equal(first.status, 0, first.output);
    const second = await stack.up("--expect-no-changes");
    assert.equal(second.status, 0, second.output);
  });

  it("adopts no registry that is not there", async () => {
    stack.config["registry:ownership"] = "adopt";
    stack.config["registry:repository"] = "nobody/odoo";
    assert.match(await refused(), /REGISTRY_NOT_FOUND/);
  });

  it("does not wait for ever for an API that never answers", async () => {
    assert.match(await unanswered, /NETWORK_TIMEOUT/);
  });
});
