import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { python } from "../support/python";

const script = path.resolve(__dirname, "..", "..", "images", "odoo", "reload.py");
const limitMs = 300_000;

/** Says each start, and ends well on SIGTERM, as Odoo does. */
const program = `
import os, signal, sys, time
def end(*_):
    print("ended", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("started", flush=True)
while True:
    time.sleep(0.1)
`;

describe("the reloader of the development Compose file", () => {
  let directory: string;
  let child: ChildProcess;
  let output: string;

  beforeEach(async () => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), "reload-"));
    write("one/__init__.py", "");
    output = "";
    child = spawn(python, [script, directory, "--", python, "-c", program], {
      // A group of its own, so that what it has started ends with it.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (data: Buffer) => (output += data.toString()));
    }
    await until(() => count("started") === 1);
  });
  afterEach(() => {
    try {
      process.kill(-(child.pid ?? Number.NaN), "SIGKILL");
    } catch {
      // Nothing is left of it.
    }
    fs.rmSync(directory, { recursive: true });
  });

  const write = (file: string, text: string) => {
    fs.mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
    fs.writeFileSync(path.join(directory, file), text);
  };
  const count = (word: string) => output.split(word).length - 1;
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  async function until(done: () => boolean): Promise<void> {
    const end = Date.now() + limitMs;
    while (!done()) {
      assert.ok(Date.now() < end, output);
      await pause(50);
    }
  }

  it("starts the command anew for a changed, a new and a removed Python file, and says for which", async () => {
    write("one/__init__.py", "a = 1\n");
    await until(() => count("started") === 2);
    assert.match(output, /ended\n/);
    assert.match(output, /reload: .*one\/__init__\.py changed: starting anew/);
    write("two/models/new.py", "b = 1\n");
    await until(() => count("started") === 3);
    fs.rmSync(path.join(directory, "two"), { recursive: true });
    await until(() => count("started") === 4);
  });

  it("starts it once for many files", async () => {
    const many = fs.mkdtempSync(path.join(os.tmpdir(), "reload-many-"));
    for (let index = 0; index < 50; index++) {
      fs.writeFileSync(path.join(many, `file_${index}.py`), "");
    }
    fs.renameSync(many, path.join(directory, "many"));
    await until(() => count("started") === 2);
    await pause(2500);
    assert.equal(count("started"), 2, output);
    assert.match(output, /and 49 more files changed/);
  });

  it("lets it run for anything else, and for what Python leaves behind", async () => {
    for (const file of ["one/view.xml", "one/__pycache__/x.py", ".git/hook.py"]) {
      write(file, "<odoo/>");
    }
    await pause(2500);
    assert.equal(count("started"), 1, output);
  });

  it("goes on with the old code while a file cannot be compiled, and starts anew once it can", async () => {
    write("one/models.py", "def half(:\n");
    await until(() => /goes on with the old code: .*models\.py:1: SyntaxError/.test(output));
    assert.equal(count("started"), 1);
    write("one/models.py", "def whole(): pass\n");
    await until(() => count("started") === 2);
  });

  it("ends the command when it is told to end", async () => {
    const ended = new Promise((resolve) => child.on("exit", resolve));
    child.kill("SIGTERM");
    assert.equal(await ended, 0);
    assert.equal(count("ended"), 1, output);
  });

  it("has the command's exit status, and asks for both of its arguments", () => {
    const run = (...args: string[]) =>
      spawnSync(python, [script, ...args], { encoding: "utf8", timeout: limitMs }).status;
    assert.equal(run(directory, "--", "sh", "-c", "exit 7"), 7);
    assert.equal(run(directory, "--", "sh", "-c", "kill -KILL $$"), 137);
    assert.equal(run(directory), 1);
    assert.equal(run("--", "true"), 1);
  });
});
