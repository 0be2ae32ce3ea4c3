import assert from "node:assert/strict";
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { installStandIns } from "../../plugins/install";
import { PluginClient, urnOf } from "../helpers/plugin-client";

describe("The installed stand-in plugins", () => {
  let home: string;
  let executables: readonly string[];
  const leftover: number[] = [];
  before(() => {
    home = fs.mkdtempSync(path.join(os.tmpdir(), "plugins home-"));
    executables = installStandIns(home);
  });
  after(() => {
    // Only a failed test leaves processes; they would keep this one from ending.
    for (const pid of leftover.filter(isAlive)) process.kill(pid, "SIGKILL");
    fs.rmSync(home, { recursive: true });
  });

  it("have the versions that the npm packages name, where the engine looks for them", () => {
    const expected = ["command", "digitalocean", "docker", "kubernetes"].map((name) => {
      const file = path.resolve("node_modules/@pulumi", name, "package.json");
      const { version } = JSON.parse(fs.readFileSync(file, "utf8")) as { version: string };
      return path.join(home, "plugins", `resource-${name}-v${version}`, `pulumi-resource-${name}`);
    });
    assert.deepEqual(executables, expected);
  });

  it("stay as they are when installed again", () => {
    const times = (): readonly number[] => executables.map((file) => fs.statSync(file).mtimeMs);
    const before = times();
    installStandIns(home);
    assert.deepEqual(times(), before);
  });

  for (const name of ["command", "digitalocean", "docker", "kubernetes"]) {
    it(`start from any directory, answer and end on the engine's signal: ${name}`, async () => {
      const { child, port } = await start(name);
      const plugin = new PluginClient(port);
      const executable = executables.find((file) => file.endsWith(`-${name}`)) ?? "";
      assert.equal(`v${await plugin.version()}`, /v[\d.]+(?=\/)/.exec(executable)?.[0]);
      plugin.close();
      child.kill("SIGINT");
      assert.deepEqual(await once(child, "exit"), [0, null]);
    });
  }

  it("give commands the environment without their own additions", async () => {
    const { child, port } = await start("command");
    const plugin = new PluginClient(port);
    const { state } = await plugin.create(urnOf("command:local:Command", "env"), { create: "env" });
    plugin.close();
    child.kill("SIGINT");
    await once(child, "exit");
    assert.match(String(state["stdout"]), /^PATH=/m);
    assert.doesNotMatch(String(state["stdout"]), /NODE_COMPILE_CACHE/);
  });

  it("end with an engine that was killed, and their commands with them", async () => {
    const executable = executables.find((file) => file.endsWith("-command")) ?? "";
    // The shell stands for the engine: the plugin is its child.
    const engine = spawn("/bin/sh", ["-c", '"$0" & echo "pid $!"; wait', executable], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    let output = "";
    engine.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const read = async (pattern: RegExp): Promise<number> => {
      for (;;) {
        const found = pattern.exec(output)?.[1];
        if (found !== undefined) return Number(found);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const pid = await read(/^pid (\d+)$/m);
    const plugin = new PluginClient(await read(/^(\d+)$/m));
    const file = path.join(home, "child");
    const running = plugin.create(urnOf("command:local:Command", "long"), {
      create: `echo $$ > '${file}'; exec sleep 3600`,
    });
    const outcome = assert.rejects(running);
    while (!fs.existsSync(file) || fs.readFileSync(file, "utf8") === "")
      await new Promise((resolve) => setTimeout(resolve, 20));
    engine.kill("SIGKILL");
    leftover.push(pid, Number(fs.readFileSync(file, "utf8")));
    await outcome;
    plugin.close();
    const deadline = Date.now() + 300_000;
    for (const id of [pid, Number(fs.readFileSync(file, "utf8"))]) {
      while (isAlive(id)) {
        assert.ok(Date.now() < deadline, `process ${id} still runs`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  });

  async function start(name: string): Promise<{ child: ChildProcessWithoutNullStreams; port: number }> {
    const executable = executables.find((file) => file.endsWith(`-${name}`)) ?? "";
    const child = spawn(executable, ["--logtostderr", "-v=9", "127.0.0.1:1"], { cwd: "/" });
    const [chunk] = (await once(child.stdout, "data")) as [Buffer];
    return { child, port: Number(chunk.toString()) };
  }
});

/** Whether a process runs; a zombie that nobody has waited for does not. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
