import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { command } from "../../plugins/command/provider";
import { ProviderServer } from "../../plugins/provider-server";
import { isSecret, reveal, secret, unknown } from "../../plugins/values";
import { PluginClient, urnOf } from "../helpers/plugin-client";

const urn = urnOf("command:local:Command", "cmd");

describe("The stand-in for local.Command", () => {
  let server: ProviderServer;
  let plugin: PluginClient;
  beforeEach(async () => {
    server = new ProviderServer(command(), "1.2.1");
    plugin = new PluginClient(await server.listen());
    await plugin.configure({});
  });
  afterEach(() => {
    plugin.close();
    server.close();
  });

  it("runs the command with its environment, standard input and directory, and cuts one line's end", async () => {
    const { id, state } = await plugin.create(urn, {
      create: 'cat; echo "$X in $PWD"; echo warned >&2',
      environment: { X: "x" },
      stdin: "typed\n",
      dir: "/",
    });
    assert.match(id, /^cmd[0-9a-f]{8}$/);
    assert.equal(state["stdout"], "typed\nx in /");
    assert.equal(state["stderr"], "warned");
  });

  it("tells exit status, command and output of a failure, without the secrets in it", async () => {
    const create = plugin.create(urn, {
      create: "echo $KEY; echo why >&2; exit 7",
      environment: { KEY: secret("hunter22") },
    });
    await assert.rejects(create, (error: Error) => {
      assert.match(error.message, /creating Command "cmd": exit status 7: running "echo \$KEY; echo why >&2; exit 7":/);
      assert.match(error.message, /\[secret\]/);
      assert.match(error.message, /why/);
      assert.doesNotMatch(error.message, /hunter22/);
      return true;
    });
  });

  it("marks the output as secret as soon as any input is one", async () => {
    const { state } = await plugin.create(urn, { create: "echo a", environment: { KEY: secret("hunter22") } });
    assert.ok(isSecret(state["stdout"]));
    assert.equal(reveal(state["stdout"] ?? null), "a");
    const plain = await plugin.create(urn, { create: "echo a" });
    assert.equal(plain.state["stdout"], "a");
  });

  it("does nothing in a preview, and calls its output unknown", async () => {
    const { state } = await plugin.create(urn, { create: "exit 1" }, true);
    assert.equal(state["stdout"], unknown);
    assert.equal(state["create"], "exit 1");
    const updated = await plugin.update(urn, "id", { stdout: "old" }, {}, { create: "exit 1" }, true);
    assert.equal(updated["stdout"], unknown);
  });

  it("hands the previous output to update and delete", async () => {
    const inputs = {
      create: "true",
      update: "echo after $PULUMI_COMMAND_STDOUT",
      delete: 'test "$PULUMI_COMMAND_STDERR" = before',
    };
    const state = await plugin.update(urn, "id", { stdout: "one" }, {}, inputs);
    assert.equal(state["stdout"], "after one");
    await plugin.delete(urn, "id", { ...inputs, stderr: "before" }, inputs);
    await assert.rejects(
      plugin.delete(urn, "id", { ...inputs, stderr: "other" }, inputs),
      /deleting Command "cmd": exit status 1/,
    );
    const quiet = await plugin.update(urn, "id", { stdout: "one" }, {}, { ...inputs, addPreviousOutputInEnv: false });
    assert.equal(quiet["stdout"], "after");
  });

  it("replaces for a changed trigger, updates for a changed command, and sees no difference in a secret mark", async () => {
    const old = { create: "a", triggers: ["1"] };
    const replaced = await plugin.diff(urn, old, old, { create: "a", triggers: ["2"] });
    assert.deepEqual([replaced.changes, replaced.replacesList], [2, ["triggers"]]);
    const updated = await plugin.diff(urn, old, old, { create: "b", triggers: ["1"] });
    assert.deepEqual([updated.changes, updated.replacesList, updated.diffsList], [2, [], ["create"]]);
    const same = await plugin.diff(urn, old, old, { create: secret("a"), triggers: ["1"] });
    assert.equal(same.changes, 1);
  });

  it("refuses what it does not know or cannot do, by name", async () => {
    const { failures } = await plugin.check(urn, {
      craete: "x",
      create: 1,
      assetPaths: ["*"],
      environment: { A: true },
      logging: "loud",
    });
    assert.equal(failures.length, 5);
    const all = failures.join("\n");
    assert.match(all, /unknown property "craete"; known here: .*create/);
    assert.match(all, /"create" must be a string, but is "number"/);
    assert.match(all, /"assetPaths" is not supported/);
    assert.match(all, /"environment.A" must be a string/);
    assert.match(all, /"logging" must be one of stdout/);
    const other = await plugin.check(urnOf("command:remote:Command", "r"), {});
    assert.match(
      other.failures[0] ?? "",
      /"command:remote:Command" is not supported .*; supported: command:local:Command/,
    );
  });

  it("passes unknown and secret inputs through Check", async () => {
    const { inputs, failures } = await plugin.check(urn, {
      create: unknown,
      environment: { A: secret("b") },
      triggers: unknown,
    });
    assert.deepEqual(failures, []);
    assert.equal(inputs["create"], unknown);
    assert.deepEqual(inputs["environment"], { A: secret("b") });
  });

  it("ends a command's shell on Cancel, waits for what that has started, and starts nothing after it", async () => {
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "command-")), "pid");
    const running = plugin.create(urn, {
      create: `sh -c 'echo $$ > ${file}.new; mv ${file}.new ${file}; exec sleep 3600' & wait`,
    });
    let ended = false;
    const outcome = assert.rejects(running, /cancelled/).finally(() => (ended = true));
    while (!fs.existsSync(file)) await delay(50);
    await plugin.cancel();
    await assert.rejects(plugin.create(urn, { create: "true" }), /cancelled/);
    assert.ok(!ended);
    process.kill(Number(fs.readFileSync(file, "utf8")));
    await outcome;
    fs.rmSync(path.dirname(file), { recursive: true });
  });
});
