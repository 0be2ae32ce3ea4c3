import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { compliant } from "../fixtures/addons/module";
import { GitServer } from "../support/git-server";
import { python } from "../support/python";

const script = path.resolve(__dirname, "..", "..", "images", "odoo", "repositories.py");

describe("the repositories of a build", () => {
  const server = new GitServer();
  let folder: string;
  before(() => server.start());
  after(() => {
    server.stop();
  });
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "fetched-"));
  });
  afterEach(() => {
    fs.rmSync(folder, { recursive: true });
  });

  function run(...args: readonly string[]) {
    const env = { ...process.env, GIT_SSL_CAINFO: server.authority };
    return spawnSync(python, ["-B", script, ...args], { cwd: folder, encoding: "utf8", env });
  }

  function fetch(...repositories: readonly { name: string; url: string; commit: string }[]) {
    fs.writeFileSync(path.join(folder, "repositories.json"), JSON.stringify(repositories));
    return run("fetch", "repositories.json", "fetched");
  }

  /** Files below a folder, sorted. */
  const files = (below: string) =>
    fs
      .readdirSync(path.join(folder, below), { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => path.relative(path.join(folder, below), path.join(entry.parentPath, entry.name)))
      .sort();

  it("are folders, if there are none", () => {
    const done = fetch();
    assert.deepEqual([done.status, done.stderr], [0, ""]);
    assert.deepEqual(fs.readdirSync(path.join(folder, "fetched")).sort(), ["addons", "requirements"]);
  });

  it("are at their commit, not at what the branch is by now, with the requirements of each module", () => {
    const commit = server.commit("tools", {
      "requirements.txt": "xlsxwriter\n",
      "one/__manifest__.py": "{}",
      "one/requirements.txt": "qrcode\n",
      "docs/requirements.txt": "sphinx\n",
    });
    server.commit("tools", { "two/__manifest__.py": "{}" });
    const other = server.commit("web", { "three/__manifest__.py": "{}" });
    const done = fetch(
      { name: "tools", url: server.url("tools"), commit },
      { name: "web", url: server.url("web"), commit: other },
    );
    assert.deepEqual([done.status, done.stderr], [0, ""]);
    assert.deepEqual(files("fetched/addons/tools"), [
      "docs/requirements.txt",
      "one/__manifest__.py",
      "one/requirements.txt",
      "requirements.txt",
    ]);
    assert.deepEqual(files("fetched/addons/web"), ["three/__manifest__.py"]);
    assert.deepEqual(files("fetched/requirements"), ["tools--one.txt", "tools.txt"]);
  });

  it("end the build in Git's words when a commit or a repository is not there", () => {
    server.commit("tools", { "one/__manifest__.py": "{}" });
    const commit = "0".repeat(39) + "1";
    const absent = fetch({ name: "tools", url: server.url("tools"), commit });
    assert.equal(absent.status, 1);
    assert.match(
      absent.stderr,
      new RegExp(`^BUILD_FAILURE: the repository tools cannot be fetched at ${commit}: .+\n$`),
    );
    fs.rmSync(path.join(folder, "fetched"), { recursive: true });
    assert.match(fetch({ name: "a", url: server.url("nobody"), commit }).stderr, /^BUILD_FAILURE: .* a .*not found/);
  });

  it("end the build where a login is wanted, which a build has not: the message names a way that works", () => {
    const done = fetch({ name: "secret", url: server.url("private/secret"), commit: "0".repeat(40) });
    assert.equal(done.status, 1);
    assert.match(
      done.stderr,
      /^REPOS_INVALID: the repository secret .*Username.*; a build has no login: .*submodule.*\n$/,
    );
  });

  it("are fetched at https only", () => {
    const commit = server.commit("tools", { "one/__manifest__.py": "{}" });
    const plain = server.url("tools").replace("https", "http");
    assert.match(fetch({ name: "a", url: plain, commit }).stderr, /BUILD_FAILURE: .*transport 'http' not allowed/);
  });

  describe("after the check", () => {
    const litter = ["__pycache__/a.cpython-312.pyc", "a.pyc", "a.py~", "node_modules/a.js"].map(
      (name) => `one/${name}`,
    );
    function take(...modules: readonly string[]) {
      const report = { modules: modules.map((at) => ({ name: path.basename(at), path: path.join(folder, at) })) };
      fs.writeFileSync(path.join(folder, "report.json"), JSON.stringify(report));
      return run("take", "report.json", path.join(folder, "fetched"), "taken");
    }

    function write(at: string, content: string | Buffer = "x") {
      fs.mkdirSync(path.dirname(path.join(folder, at)), { recursive: true });
      fs.writeFileSync(path.join(folder, at), content);
    }

    it("give the modules that it has, without hidden files and what Python would run in a source's place", () => {
      for (const [name, content] of Object.entries(compliant)) write(`fetched/tools/one/${name}`, content);
      for (const more of ["one/.env", "one/static/.cache/a", "two/__manifest__.py", ...litter])
        write(`fetched/tools/${more}`);
      fs.symlinkSync("__manifest__.py", path.join(folder, "fetched/tools/one/link.py"));
      write("own/three/__manifest__.py");
      assert.deepEqual([take("fetched/tools/one", "own/three").status], [0]);
      assert.deepEqual(files("taken"), [...Object.keys(compliant), "link.py"].map((name) => `one/${name}`).sort());
      assert.ok(!fs.lstatSync(path.join(folder, "taken/one/link.py")).isSymbolicLink());
    });

    it("give none with a link to a folder", () => {
      write("fetched/tools/one/__manifest__.py");
      fs.symlinkSync(".", path.join(folder, "fetched/tools/one/again"));
      const done = take("fetched/tools/one");
      assert.equal(done.status, 1);
      assert.match(done.stderr, /^BUILD_FAILURE: .*one\/again is a link to a folder/);
    });
  });
});
