import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import fc from "fast-check";

import type { Files } from "../fixtures/addons/module";
import { writeManyModules } from "../support/many-modules";
import { python } from "../support/python";
import { AddonsCheck, checkScript } from "./addons-check-process";

/** Contents of each kind, right and wrong, some of which only count beside another file. */
const contents: Readonly<Record<string, readonly (string | Buffer | undefined)[]>> = {
  "__init__.py": [
    "from . import models\n",
    "from . import models, nowhere\n",
    "from .models import a\n",
    "",
    "x = (\n",
  ],
  "models/__init__.py": [
    "from . import a\n",
    "from . import b as a\n",
    "a = 1\nreturn a\n",
    "from .a import *\n",
    "def __getattr__(name): ...\n",
    undefined,
  ],
  "models/a.py": ["x = 1\n", "from . import c\n", "print 'old'\n", "import odoo.addons.good.models.d\n", undefined],
  "migrations/1.0/pre-a.py": ["def migrate(cr, version): ...\n", "def migrate(\n", undefined],
  "views/views.xml": [
    "<odoo/>",
    "<odoo>",
    '<!DOCTYPE a [<!ENTITY b "c">]><odoo>&b;</odoo>',
    Buffer.from("<o>\xfc</o>", "latin1"),
  ],
  "security/ir.model.access.csv": ["id,name\n", "", "\ufeffid\n", Buffer.from("\xfc", "latin1")],
};

describe("what the addon check keeps of files that were fine", () => {
  let addons: AddonsCheck;
  beforeEach(() => (addons = new AddonsCheck()));
  afterEach(() => addons.remove());

  const usual = ["--json", "--base", "odoo", "addons"];
  const run = (...more: string[]) => {
    const { status, stdout, stderr } = addons.run(...more, ...usual);
    return { status, stdout, stderr };
  };
  const cached = () => run("--cache", ".build/check");
  const kept = () => fs.readdirSync(path.join(addons.folder, ".build", "check"));
  const put = (files: Readonly<Record<string, string | Buffer | undefined>>) => {
    fs.rmSync(path.join(addons.folder, "addons"), { recursive: true, force: true });
    addons.good(
      "good",
      Object.fromEntries(Object.entries(files).filter(([, content]) => content !== undefined)) as Files,
    );
    for (const [file, content] of Object.entries(files)) {
      if (content === undefined) fs.rmSync(path.join(addons.folder, "addons", "good", file), { force: true });
    }
  };
  /** The check as it is, without the parsers: whatever is to be parsed is an error. */
  const withoutParsers = () => {
    const program =
      "import sys; sys.path.insert(0, sys.argv.pop(1)); import addons_check, addons_facts\n" +
      "def parse(*_): raise AssertionError('parsed')\n" +
      "addons_facts.problem = addons_facts.parsed = parse\n" +
      "sys.exit(addons_check.main(sys.argv[1:]))";
    const args = ["-B", "-c", program, path.dirname(checkScript), "--cache", ".build/check", ...usual];
    return spawnSync(python, args, { cwd: addons.folder, encoding: "utf8" });
  };

  it("never makes another verdict than a fresh look, whatever came before and whatever has changed since", () => {
    const columns = Object.entries(contents).map(([file, of]) => [file, fc.constantFrom(...of)] as const);
    const trees = [firstOf(0), firstOf(1), ...fc.sample(fc.record(Object.fromEntries(columns)), 60)];
    for (const [index, files] of trees.entries()) {
      put(files);
      fs.mkdirSync(path.join(addons.folder, `tree-${index}`));
      fs.renameSync(path.join(addons.folder, "addons"), path.join(addons.folder, `tree-${index}`, "addons"));
    }
    // One process for all: each tree is judged as it is, with what those before it have left, and once more.
    const program = `import contextlib, io, json, os, sys; sys.path.insert(0, sys.argv[1]); import addons_check
def judged(*more):
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), "utf-8")) as text:
        status = addons_check.main([*more, "--json", "--base", "../odoo", "addons"])
        text.seek(0)
        return [status, json.loads(text.read())]
def of(tree):
    os.chdir(f"{root}/tree-{tree}")
    return [judged(), judged("--cache", f"{root}/cache"), judged("--cache", f"{root}/cache")]
root = os.getcwd()
print(json.dumps([of(tree) for tree in range(int(sys.argv[2]))]))`;
    const args = ["-B", "-c", program, path.dirname(checkScript), String(trees.length)];
    const { stdout, stderr } = spawnSync(python, args, { cwd: addons.folder, encoding: "utf8" });
    assert.equal(stderr, "");
    const judged = JSON.parse(stdout) as [status: number, report: unknown][][];
    assert.equal(judged.length, trees.length);
    for (const [index, [fresh, ...others]] of judged.entries()) {
      assert.deepEqual(others, [fresh, fresh], JSON.stringify(trees[index]));
    }
    assert.equal(new Set(judged.map(([fresh]) => fresh?.[0])).size, 2, "trees with and without errors");
  });

  it("spares the parsing of every file that did not change, and of none that did", () => {
    writeManyModules(path.join(addons.folder, "addons"), 20);
    const first = cached();
    assert.equal(first.status, 0, first.stdout);
    const again = withoutParsers();
    assert.equal(again.stdout, first.stdout, again.stderr);
    fs.appendFileSync(path.join(addons.folder, "addons", "team_7", "models", "part_1.py"), "\n# More.\n");
    assert.match(withoutParsers().stderr, /AssertionError: parsed/);
  });

  it("is no more than what this run has seen, of a few versions of the check", () => {
    put(firstOf(0));
    cached();
    const size = () => Object.keys(JSON.parse(read().split("\n")[1] ?? "") as object).length;
    const read = () => fs.readFileSync(path.join(addons.folder, ".build", "check", kept()[0] ?? ""), "utf8");
    const before = size();
    put({ ...firstOf(0), "models/a.py": undefined, "models/__init__.py": "" });
    cached();
    assert.equal(size(), before - 1);
    for (let version = 0; version < 9; version += 1) {
      const file = path.join(addons.folder, ".build", "check", `${version}.json`);
      fs.writeFileSync(file, "");
      fs.utimesSync(file, version, version);
    }
    put(firstOf(0));
    cached();
    assert.equal(kept().length, 4);
  });

  it("is not believed once it is damaged, and not missed where nothing can be written", () => {
    put(firstOf(0));
    const fresh = run();
    assert.deepEqual(cached(), fresh);
    const file = path.join(addons.folder, ".build", "check", kept()[0] ?? "");
    const whole = fs.readFileSync(file, "utf8");
    for (const damaged of [
      "",
      whole.slice(0, -20),
      whole.replace("models", "nowhere"),
      "[]",
      `${"0".repeat(64)}\n{}`,
    ]) {
      fs.writeFileSync(file, damaged);
      assert.deepEqual(cached(), fresh, damaged.slice(0, 80));
      assert.equal(fs.readFileSync(file, "utf8"), whole);
    }
    fs.rmSync(path.join(addons.folder, ".build"), { recursive: true });
    fs.writeFileSync(path.join(addons.folder, ".build"), "a file in the folder's place");
    assert.deepEqual(cached(), fresh);
  });

  it("lets nothing into an image: the checks inside of builds keep and read none of it", () => {
    const images = path.dirname(checkScript);
    for (const file of ["Dockerfile", "plain_context.py"]) {
      const text = fs.readFileSync(path.join(images, file), "utf8");
      assert.match(text, /addons_check\.py/);
      assert.doesNotMatch(text, /--cache/);
    }
  });
});

function firstOf(index: number): Record<string, string | Buffer | undefined> {
  return Object.fromEntries(Object.entries(contents).map(([file, of]) => [file, of[index]]));
}
