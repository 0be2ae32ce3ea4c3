import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { mock } from "node:test";

import fc from "fast-check";

import type { AddonModule } from "../../../components/image/addons";
import { revisionOf } from "../../../components/shared/git";
import {
  bakedModules,
  contentHash,
  contextFiles,
  inputPathspecs,
  writeContext,
} from "../../../components/image/context";

const images = path.join(__dirname, "..", "..", "..", "images", "odoo");
const modules = [
  { name: "one", path: "addons/one", version: "1.0" },
  { name: "two", path: "oca/two", version: "2.0" },
];

describe("the inputs of an image", () => {
  let root: string;
  const write = (file: string, text: string) => {
    fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    fs.writeFileSync(path.join(root, file), text);
  };
  const files = () => contextFiles({ root, modules, addons: ["addons"], ocaAddons: ["oca"], caFile: "" });
  const hash = (args: Record<string, string> = { A: "1" }) => contentHash(files(), args);
  const git = (...args: string[]) => execFileSync("git", ["-C", root, ...args], { stdio: "pipe" });
  const revision = () => revisionOf(root, inputPathspecs(["addons", "oca"]), ["addons", "oca"], {});
  const commit = (message: string) => {
    git("add", "-A");
    git("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", message);
  };

  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "image-inputs-"));
    fs.cpSync(images, path.join(root, "images", "odoo"), { recursive: true });
    write("addons/one/__manifest__.py", "{}");
    write("addons/one/models/a.py", "a = 1");
    write("addons/one/requirements.txt", "x==1");
    write("oca/two/__manifest__.py", "{}");
    write("README.md", "text");
    git("init", "-q", "-b", "main");
    commit("first");
  });
  afterEach(() => fs.rmSync(root, { recursive: true }));

  it("have the team's own odoo.conf in the place of the program's", () => {
    const text = () => {
      const [file] = files().filter(({ target }) => target === "odoo.conf");
      return typeof file?.source === "string" ? fs.readFileSync(file.source, "utf8") : undefined;
    };
    assert.match(text() ?? "", /Baked into the image/);
    const before = hash();
    write("deploy/odoo.conf", "[options]\nlimit_time_real = 600\n");
    assert.equal(text(), "[options]\nlimit_time_real = 600\n");
    assert.notEqual(hash(), before);
    assert.equal(revision().dirty, true);
  });

  it("put each module where the Dockerfile expects it, with its requirements", () => {
    const targets = files().map((file) => file.target);
    for (const target of [
      "Dockerfile",
      "entrypoint.py",
      "extra-addons/one/models/a.py",
      "oca-addons/two/__manifest__.py",
      "requirements/addons--one.txt",
    ]) {
      assert.ok(targets.includes(target), `${target} is not among ${targets.join(" ")}`);
    }
  });

  it("do not change with a file that is not among them, nor with what editors and Python leave behind", () => {
    const before = hash();
    write("README.md", "changed");
    write("addons/README.md", "new");
    write("addons/one/__pycache__/a.cpython-312.pyc", "x");
    write("addons/one/models/.a.py.swp", "x");
    write("addons/one/models/a.py~", "x");
    write("addons/one/.env", "planted");
    assert.equal(hash(), before);
  });

  it("leave out what Git ignores, where secrets are kept, but not a module that is ignored as a whole", () => {
    write(".gitignore", "*.pem\noca/\n");
    const before = hash();
    write("addons/one/planted.pem", "planted");
    assert.equal(hash(), before);
    assert.ok(files().some((file) => file.target === "oca-addons/two/__manifest__.py"));
    assert.ok(!files().some((file) => file.target.includes("planted")));
  });

  it("refuse a link to a folder, which may have no end", () => {
    fs.symlinkSync(".", path.join(root, "addons/one/loop"));
    assert.throws(files, /ADDON_INVALID: a module contains a link to a folder/);
  });

  it("refuse a link out of the addons directory, also of a module that is not installable", () => {
    write("secret.txt", "planted");
    write("addons/one/__manifest__.py", "{'name': 'One', 'installable': False}");
    fs.mkdirSync(path.join(root, "addons/one/static"));
    fs.symlinkSync(path.join(root, "secret.txt"), path.join(root, "addons/one/static/key.txt"));
    assert.throws(files, /ADDON_INVALID: a module contains a link that leaves the addons directory/);
  });

  it("do not change with a date, a umask or a checkout elsewhere", () => {
    const before = hash();
    fs.utimesSync(path.join(root, "addons/one/models/a.py"), 1, 1);
    fs.chmodSync(path.join(root, "addons/one/models/a.py"), 0o600);
    assert.equal(hash(), before);
  });

  it("change with a module's content, a name, an executable bit and a build argument", () => {
    const seen = new Set([hash(), hash({ A: "2" }), hash({ B: "1" })]);
    write("addons/one/models/a.py", "a = 2");
    seen.add(hash());
    fs.renameSync(path.join(root, "addons/one/models/a.py"), path.join(root, "addons/one/models/b.py"));
    seen.add(hash());
    fs.chmodSync(path.join(root, "addons/one/models/b.py"), 0o755);
    seen.add(hash());
    assert.equal(seen.size, 6);
  });

  it("give each module a hash of its own", () => {
    const before = bakedModules(files(), modules);
    write("oca/two/__manifest__.py", "{'name': 'x'}");
    const after = bakedModules(files(), modules);
    assert.equal(after["one"]?.hash, before["one"]?.hash);
    assert.notEqual(after["two"]?.hash, before["two"]?.hash);
    assert.equal(after["one"]?.version, "1.0");
  });

  it("hash build arguments whatever their order", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (args) => {
        const reversed = Object.fromEntries(Object.entries(args).reverse());
        assert.equal(contentHash([], args), contentHash([], reversed));
      }),
    );
  });

  const context = (created = "2026-01-02T03:04:05Z") => path.join(root, writeContext(root, "odoo", files(), created));

  it("become a context with dates by their content and normal modes, and nothing of the one before", () => {
    fs.writeFileSync(path.join(context(), "stray"), "x");
    const directory = context();
    assert.ok(!fs.existsSync(path.join(directory, "stray")));
    for (const entry of ["Dockerfile", "extra-addons/one", "extra-addons/one/models/a.py", "ca", "."]) {
      const stat = fs.statSync(path.join(directory, entry));
      if (stat.isDirectory()) assert.equal(stat.mtime.toISOString(), "2026-01-02T03:04:05.000Z", entry);
      assert.equal(stat.mode & 0o777, stat.isDirectory() ? 0o755 : 0o644, entry);
    }
    assert.deepEqual(fs.readdirSync(path.join(root, ".build")), ["odoo"]);
    assert.deepEqual(fs.readdirSync(path.join(root, ".build", "odoo")), [path.basename(directory)]);
  });

  it("have a context of their own, which a preview of changed files leaves to the update that builds from it", () => {
    const directory = context();
    const { ino } = fs.statSync(path.join(directory, "Dockerfile"));
    assert.equal(context(), directory);
    assert.equal(fs.statSync(path.join(directory, "Dockerfile")).ino, ino);
    write("addons/one/models/a.py", "a = 2");
    const other = context();
    assert.notEqual(other, directory);
    const baked = (folder: string) => fs.readFileSync(path.join(folder, "extra-addons/one/models/a.py"), "utf8");
    assert.deepEqual([baked(directory), baked(other)], ["a = 1", "a = 2"]);
  });

  it("keep no context for more than a day", () => {
    const directory = context();
    const later = Date.now() + 2 * 86_400_000;
    const now = mock.method(Date, "now", () => later);
    write("addons/one/models/a.py", "a = 2");
    const other = context();
    now.mock.restore();
    assert.ok(!fs.existsSync(directory));
    assert.ok(fs.existsSync(other));
  });

  it("have another date for another content of the same size, and the same for the same", () => {
    const dated = (text: string, created?: string) => {
      write("addons/one/models/a.py", text);
      return fs.statSync(path.join(context(created), "extra-addons/one/models/a.py")).mtimeMs;
    };
    const [four, five] = [dated("a = 4\n"), dated("a = 5\n")];
    assert.notEqual(four, five);
    assert.equal(dated("a = 4\n"), four);
    assert.ok(Math.max(four, five) <= Date.parse("2026-01-02T03:04:05Z"));
    assert.ok(dated("a = 4\n", "1970-01-01T00:00:00Z") >= 0);
  });

  it("have the revision of the last commit that touched them", () => {
    const before = revision();
    assert.match(before.id, /^[0-9a-f]{40}$/);
    write("README.md", "changed");
    write("addons/README.md", "not a module");
    write("images/odoo/Dockerfile.baseline", "# not ours");
    assert.deepEqual(revision(), before);
    commit("touch what is no input");
    write("addons/one/.DS_Store", "x");
    assert.deepEqual(revision(), before);
    write("addons/one/models/a.py", "a = 2");
    assert.equal(revision().id, `${before.id}-dirty`);
    commit("touch an addon");
    assert.match(revision().id, /^[0-9a-f]{40}$/);
    assert.notEqual(revision().id, before.id);
  });

  /** A repository with one module, elsewhere. */
  const repository = () => {
    const other = `${root}-other`;
    fs.mkdirSync(path.join(other, "three"), { recursive: true });
    fs.writeFileSync(path.join(other, "three", "__manifest__.py"), "{}");
    const inside = (...args: string[]) => execFileSync("git", ["-C", other, ...args], { stdio: "pipe" });
    inside("init", "-q", "-b", "main");
    inside("add", "-A");
    inside("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "first");
    return other;
  };

  it("are told as they are in a submodule: by its commit, and as dirty with an edit that nobody committed", () => {
    const other = repository();
    git("-c", "protocol.file.allow=always", "submodule", "add", "-q", other, "oca/server-tools");
    const at = () => revisionOf(root, inputPathspecs(["oca/server-tools"]), ["oca/server-tools"], {});
    commit("a submodule");
    const before = at();
    assert.match(before.id, /^[0-9a-f]{40}$/);
    assert.equal(before.id, git("rev-parse", "HEAD").toString().trim());
    write("oca/server-tools/three/__manifest__.py", "{'name': 'edited'}");
    assert.ok(at().dirty);
    fs.rmSync(other, { recursive: true });
  });

  it("are told as dirty in a repository of their own that Git does not see, when that one is", () => {
    const other = repository();
    fs.cpSync(other, path.join(root, "fetched"), { recursive: true });
    write(".gitignore", "fetched/\n");
    commit("a fetched repository is ignored");
    const at = () => revisionOf(root, inputPathspecs(["addons", "fetched"]), ["addons", "fetched"], {});
    assert.ok(!at().dirty);
    write("fetched/three/__manifest__.py", "{'name': 'edited'}");
    assert.ok(at().dirty);
    fs.rmSync(other, { recursive: true });
  });

  it("are not guessed where Git refuses to answer, or is missing: what it ignores would reach the image", () => {
    write(".gitignore", "credentials.json\n");
    write("addons/one/credentials.json", "planted");
    const { PATH: searched } = process.env;
    try {
      process.env["GIT_TEST_ASSUME_DIFFERENT_OWNER"] = "1";
      for (const look of [files, revision]) assert.throws(look, /GIT_REFUSED[^]*dubious ownership[^]*safe\.directory/);
      delete process.env["GIT_TEST_ASSUME_DIFFERENT_OWNER"];
      process.env["PATH"] = "/nowhere";
      for (const look of [files, revision]) assert.throws(look, /TOOL_MISSING[^]*no program git/);
    } finally {
      process.env["PATH"] = searched;
      delete process.env["GIT_TEST_ASSUME_DIFFERENT_OWNER"];
    }
  });

  it("cost one question to Git for a folder, however many modules are in it, and one for a module that it hides", () => {
    const bin = fs.mkdtempSync(path.join(os.tmpdir(), "counting-git-"));
    const { PATH: searched = "" } = process.env;
    const questions = (...more: AddonModule[]) => {
      fs.writeFileSync(path.join(bin, "asked"), "");
      contextFiles({ root, modules: [...modules, ...more], addons: ["addons"], ocaAddons: ["oca"], caFile: "" });
      return fs.readFileSync(path.join(bin, "asked"), "utf8").length;
    };
    const module = (folder: string): AddonModule => {
      write(`${folder}/__manifest__.py`, "{}");
      return { name: path.basename(folder), path: folder, version: "1.0" };
    };
    try {
      const counting = `#!/bin/sh\nprintf . >> '${bin}/asked'\nPATH='${searched}' exec git "$@"\n`;
      fs.writeFileSync(path.join(bin, "git"), counting, { mode: 0o755 });
      process.env["PATH"] = `${bin}:${searched}`;
      assert.equal(questions(), 2);
      assert.equal(questions(...["three", "four", "five"].map((name) => module(`addons/${name}`))), 2);
      write(".gitignore", "addons/hidden/\n");
      assert.equal(questions(module("addons/hidden")), 3);
    } finally {
      process.env["PATH"] = searched;
      fs.rmSync(bin, { recursive: true });
    }
  });

  it("have the version tags of their commit and of the one that is checked out", () => {
    git("tag", "v1.2.3");
    write("README.md", "changed");
    commit("release notes");
    git("tag", "v1.3.0");
    git("tag", "not-a-version");
    assert.deepEqual(revision().versionTags, ["v1.2.3", "v1.3.0"]);
    assert.equal(revision().branch, "main");
  });

  it("have no revision that could be wrong: a shallow clone is refused, and a folder without Git says unknown", () => {
    const clone = `${root}-clone`;
    execFileSync("git", ["clone", "-q", "--depth", "1", `file://${root}`, clone], { stdio: "pipe" });
    assert.throws(() => revisionOf(clone, ["addons"], [], {}), /GIT_HISTORY_MISSING/);
    fs.rmSync(clone, { recursive: true });
    fs.rmSync(path.join(root, ".git"), { recursive: true });
    assert.equal(revision().id, "unknown");
  });
});
