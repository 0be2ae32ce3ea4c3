import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";

import { compilerMemory } from "../tools/go";

const root = path.resolve(__dirname, "..", "..");
const execute = promisify(execFile);

/**
 * Runs a script that imports the sandbox's tools, with its own state and cache: the directories are read when the modules are
 * loaded. The public network is not used: every probe is recorded as failed before.
 */
class Machine {
  readonly home = fs.mkdtempSync(path.join(os.tmpdir(), "sandbox-tools-"));
  readonly state = path.join(this.home, "state");
  readonly cache = path.join(this.home, "cache");
  readonly bin = path.join(this.home, "bin");

  constructor() {
    for (const directory of [this.state, this.cache, this.bin]) fs.mkdirSync(directory);
    fs.writeFileSync(
      path.join(this.state, "offline.json"),
      JSON.stringify({ "https://get.pulumi.com/install.sh": Date.now() }),
    );
  }

  program(directory: string, name: string, body: string): string {
    fs.mkdirSync(directory, { recursive: true });
    const file = path.join(directory, name);
    fs.writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    return file;
  }

  /** The JSON that the body answers. */
  async run(imports: string, body: string, environment: NodeJS.ProcessEnv = {}): Promise<unknown> {
    const file = path.join(this.home, "script.ts");
    fs.writeFileSync(file, `${imports.replaceAll("~", `${root}/sandbox`)}\nvoid (async () => { ${body} })();\n`);
    const { stdout } = await execute(process.execPath, ["--import", "tsx", file], {
      cwd: root,
      timeout: 300_000,
      env: { ...process.env, SANDBOX_STATE_DIR: this.state, SANDBOX_CACHE_DIR: this.cache, ...environment },
    });
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "null");
  }

  remove(): void {
    fs.rmSync(this.home, { recursive: true, force: true });
  }
}

describe("The sandbox's tools", () => {
  let machine: Machine;
  beforeEach(() => (machine = new Machine()));
  afterEach(() => machine.remove());

  it("are made once, and nothing stays of a run that failed or was killed half-way", async () => {
    fs.mkdirSync(path.join(machine.cache, "tool", "v1.partial"), { recursive: true });
    fs.writeFileSync(path.join(machine.cache, "tool", "v1.partial", "half"), "");
    const answer = await machine.run(
      `import { cached } from "~/tools/cache"; import * as fs from "node:fs"; import * as path from "node:path";`,
      `let fills = 0;
       const fill = async (directory: string) => { fills += 1; fs.writeFileSync(path.join(directory, "whole"), ""); };
       const failed = await cached("tool", "v0", () => undefined, async () => { throw new Error("no"); }).catch((e: Error) => e.message);
       const first = await cached("tool", "v1", () => undefined, fill);
       const second = await cached("tool", "v1", () => undefined, fill);
       console.log(JSON.stringify({ failed, fills, same: first === second, files: fs.readdirSync(first), all: fs.readdirSync(path.dirname(first)) }));`,
    );
    assert.deepEqual(answer, { failed: "no", fills: 1, same: true, files: ["whole"], all: ["v1"] });
  });

  it("take the official Pulumi from PATH when it is new enough, and its language host from beside it", async () => {
    const old = path.join(machine.home, "old");
    const ask = `const engine = await ensureEngine(() => undefined); console.log(JSON.stringify([engine, await ensureLanguageHost(engine, () => undefined), engineKind(engine)]));`;
    const imports = `import { ensureEngine, ensureLanguageHost, engineKind } from "~/tools/engine";`;
    const engine = machine.program(machine.bin, "pulumi", "echo v3.265.0");
    const host = machine.program(machine.bin, "pulumi-language-nodejs", "exit 0");
    const withPath = (directory: string): NodeJS.ProcessEnv => ({ PATH: `${directory}:${process.env["PATH"] ?? ""}` });
    assert.deepEqual(await machine.run(imports, ask, withPath(machine.bin)), [engine, host, "official"]);

    machine.program(old, "pulumi", "echo v3.199.9");
    const built = machine.program(path.join(machine.cache, "pulumi", "v3.250.0"), "pulumi", "echo v3.250.0");
    const name = "pulumi-language-nodejs";
    machine.program(path.join(machine.cache, name, "v3.65.0"), name, 'echo "given $@"');
    const launcher = path.join(machine.state, "bin", name);
    assert.deepEqual(await machine.run(imports, ask, { PATH: `${old}:/usr/bin:/bin` }), [built, launcher, "built"]);
    // The options of the project that it is started in come as arguments.
    const given = async (project: string) => {
      fs.writeFileSync(path.join(machine.home, "Pulumi.yaml"), project);
      return (await execute(launcher, ["127.0.0.1:1"], { cwd: machine.home })).stdout;
    };
    assert.equal(await given("runtime: nodejs\n"), "given 127.0.0.1:1\n");
    assert.equal(await given("runtime:\n  options:\n    typescript: false\n"), "given -typescript=false 127.0.0.1:1\n");
  });

  it("for images are built in Go's own image where there is no compiler, and say so where there is none either", async () => {
    fs.writeFileSync(path.join(machine.state, "ca.crt"), "");
    const imports = `import { inContainer, goBuild } from "~/tools/go"; import * as path from "node:path";`;
    const line = await machine.run(imports, `console.log(JSON.stringify(inContainer("golang", "/made/tool")));`);
    const { command, args, directory } = line as { command: string; args: string[]; directory: string };
    assert.deepEqual([command, directory, ...args.slice(-2)], ["docker", "/tool", "golang", "go"]);
    assert.match(args.join(" "), / --user \d+:\d+ --volume \/made\/tool:\/tool --workdir \/tool\/source /);
    const closed = { "https://docker.io/v2/": Date.now() };
    fs.writeFileSync(path.join(machine.state, "offline.json"), JSON.stringify(closed));
    const body = `const tool = { name: "coredns", packagePath: ".", version: "v0", forImage: true };
      const error = await goBuild(tool, path.join("${machine.home}", "built"), () => undefined).catch((e: unknown) => e) as { code: string };
      console.log(JSON.stringify(error.code));`;
    assert.equal(await machine.run(imports, body, { PATH: machine.bin }), "TOOL_MISSING");
  });

  it("are compiled one after the other, and tell how far each is by its packages; what was compiled before counts as done", async () => {
    machine.program(
      machine.bin,
      "go",
      `case "$1" in list) for i in $(seq 40); do printf "true\\tnew/$i\\t/none\\ta.go\\nfalse\\told/$i\\t/none\\n"; done; exit ;; esac
       mkdir ${machine.home}/compiling || exit 9
       for i in $(seq 40); do echo new/$i >&2; done; sleep 0.2
       rmdir ${machine.home}/compiling; echo "$@ GOGC=$GOGC" >> ${machine.home}/calls`,
    );
    const body = `const told = [] as unknown[];
      const progress = (message: string, done?: number) => void (done !== undefined && told.push([message, Math.round(done * 100)]));
      const tool = (name: string) => ({ name, source: "${machine.bin}", packagePath: ".", version: "v1", stamp: "main.X=1" });
      await goBuild(tool("one"), "${machine.home}/one", progress);
      await Promise.all(["two", "three"].map((name) => goBuild(tool(name), path.join("${machine.home}", name), () => undefined)));
      console.log(JSON.stringify(told));`;
    const imports = `import { goBuild } from "~/tools/go"; import * as path from "node:path";`;
    const environment = { PATH: `${machine.bin}:${process.env["PATH"] ?? ""}` };
    const words = "compiling one v1";
    const told = (await machine.run(imports, body, environment)) as [string, number][];
    // The last ones that were begun are not done yet, as many as there are cores; and the link comes after them.
    const end = Math.round((95 * (80 - Math.min(40, os.availableParallelism()))) / 80);
    assert.deepEqual([told[0], told.at(-1), told.length], [[words, 48], [words, end], 41]);
    const calls = fs.readFileSync(path.join(machine.home, "calls"), "utf8").trim().split("\n");
    assert.equal(calls.length, 3);
    assert.match(calls[0] ?? "", /^build -v .*-trimpath .*-ldflags -s -w -X main\.X=1 -o \S+\/one\/one \. GOGC=/);
    assert.ok(
      calls.every((call) => call.endsWith(` GOGC=${compilerMemory(os.totalmem()).GOGC ?? ""}`)),
      calls.join("\n"),
    );
  });

  it("are compiled with less garbage collection where there is memory for it", () => {
    assert.deepEqual(
      [4, 8, 24].map((gigabytes) => compilerMemory(gigabytes * 1e9).GOGC),
      [undefined, "400", "400"],
    );
  });

  it("say what to install when a tool can be neither found, downloaded nor built", async () => {
    const answer = await machine.run(
      `import { ensureEngine } from "~/tools/engine";`,
      `const error = await ensureEngine(() => undefined).catch((e: unknown) => e) as { code: string; message: string };
       console.log(JSON.stringify([error.code, /https:\\/\\/go.dev\\/dl/.test(error.message)]));`,
      { PATH: machine.bin },
    );
    assert.deepEqual(answer, ["TOOL_MISSING", true]);
  });

  describe("as plugins", () => {
    const imports = `import { ensurePlugins } from "~/tools/plugins"; import { pulumiHome } from "~/tools/plugins"; import * as fs from "node:fs"; import * as path from "node:path";`;
    const ask = `const kinds = await ensurePlugins("/bin/false", () => undefined).catch((e: { code: string }) => e.code);
      const directory = path.join(pulumiHome, "plugins");
      console.log(JSON.stringify({ kinds, names: fs.readdirSync(directory).sort() }));`;
    const version = (name: string): string =>
      (
        JSON.parse(fs.readFileSync(path.join(root, "node_modules/@pulumi", name, "package.json"), "utf8")) as {
          version: string;
        }
      ).version;
    const packages = ["command", "digitalocean", "docker", "kubernetes"];
    const standIns = Object.fromEntries(packages.map((name) => [name, "stand-in"]));
    const names = packages.map((name) => `resource-${name}-v${version(name)}`);

    it("are stand-ins under the versions of the npm packages where nothing can be downloaded", async () => {
      assert.deepEqual(await machine.run(imports, ask), { kinds: standIns, names });
    });

    it("come from SANDBOX_PLUGIN_DIR where it has them, and go back to stand-ins without it", async () => {
      machine.program(machine.bin, "pulumi-resource-docker", "exit 0");
      const mirrored = await machine.run(imports, ask, { SANDBOX_PLUGIN_DIR: machine.bin });
      assert.deepEqual(mirrored, { kinds: { ...standIns, docker: "mirror" }, names });
      const file = path.join(
        machine.state,
        "pulumi-home/plugins",
        `resource-docker-v${version("docker")}`,
        "pulumi-resource-docker",
      );
      assert.equal(fs.realpathSync(file), fs.realpathSync(path.join(machine.bin, "pulumi-resource-docker")));
      const forced = await machine.run(imports, ask, { SANDBOX_PLUGIN_DIR: machine.bin, SANDBOX_PLUGINS: "stand-in" });
      assert.deepEqual(forced, { kinds: standIns, names });
    });

    it("are never stand-ins with SANDBOX_PLUGINS=official, and a wrong value is refused", async () => {
      assert.deepEqual(await machine.run(imports, ask, { SANDBOX_PLUGINS: "official" }), {
        kinds: "TOOL_MISSING",
        names: [],
      });
      fs.mkdirSync(path.join(machine.state, "pulumi-home", "plugins"), { recursive: true });
      assert.deepEqual(await machine.run(imports, ask, { SANDBOX_PLUGINS: "some" }), {
        kinds: "SETTINGS_INVALID",
        names: [],
      });
    });
  });
});
