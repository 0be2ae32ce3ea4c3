import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { python } from "../support/python";

// Runs modules.py beside a made-up base: a package `odoo` with modules in it. What the real base holds, the end-to-end tests show.

type Modules = Record<string, { version: string; hash: string }>;

const script = path.resolve(__dirname, "..", "..", "images", "odoo", "modules.py");

describe("the list of an image's modules", () => {
  let root: string;
  const addons = () => path.join(root, "python/odoo/addons");
  const write = (file: string, content: string) => {
    const target = path.resolve(root, file);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, content);
  };
  const module = (directory: string, name: string, manifest = "{'version': '1.2'}") =>
    write(`${directory}/${name}/__manifest__.py`, manifest);
  // Without -I here, so that the made-up base is found.
  const listed = (...args: string[]) =>
    execFileSync(python, ["-B", path.join(root, "image/modules.py"), ...args], {
      env: { PATH: process.env["PATH"], PYTHONPATH: path.join(root, "python") },
      stdio: "pipe",
      encoding: "utf8",
    });
  const base = () => JSON.parse(listed("--base")) as Modules;

  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "modules-"));
    fs.mkdirSync(path.join(root, "image"));
    fs.copyFileSync(script, path.join(root, "image/modules.py"));
    module(addons(), "base", "{'version': '1.3'}");
    module(addons(), "sale", "# a comment\n{'name': 'Sale'}");
    write(`${addons()}/sale/models/sale.py`, "a = 1\n");
  });
  afterEach(() => fs.rmSync(root, { recursive: true }));

  it("has every installable module of the base, with the manifest's version", () => {
    module(addons(), "retired", "{'installable': False}");
    write(`${addons()}/no_module/README`, "");
    const found = base();
    assert.deepEqual(Object.keys(found), ["base", "sale"]);
    assert.deepEqual([found["base"]?.version, found["sale"]?.version], ["1.3", "1.0"]);
    assert.match(found["base"]?.hash ?? "", /^[0-9a-f]{64}$/);
  });

  it("has the modules of a source checkout, beside the package, and of two with one name that of Odoo's earlier path", () => {
    const before = base();
    module(path.join(root, "python/addons"), "account");
    module(path.join(root, "python/addons"), "sale", "{'version': '9.9'}");
    assert.deepEqual(base(), { ...before, account: { ...base()["account"], version: "1.2" } });
  });

  it("hashes what can reach the database, by path and content", () => {
    const changes: readonly (readonly [string, string, boolean])[] = [
      ["models/sale.py", "a = 2\n", true],
      ["models/new.py", "", true],
      ["i18n/de.po", 'msgid "x"', true],
      ["data/static.xml", "<odoo/>", true],
      ["static/src/a.js", "1", false],
      ["tests/test_a.py", "1", false],
      ["models/__pycache__/sale.cpython-313.pyc", "1", false],
      ["models/sale.pyc", "1", false],
    ];
    for (const [file, content, counts] of changes) {
      const before = base();
      write(`${addons()}/sale/${file}`, content);
      const after = base();
      assert.equal(before["sale"]?.hash !== after["sale"]?.hash, counts, file);
      assert.deepEqual(before["base"], after["base"]);
    }
    const before = base();
    fs.renameSync(`${addons()}/sale/models/new.py`, `${addons()}/sale/models/renamed.py`);
    assert.notDeepEqual(base(), before, "a renamed file");
  });

  it("does not depend on dates and modes", () => {
    const before = base();
    fs.utimesSync(`${addons()}/sale/models/sale.py`, 1, 1);
    fs.chmodSync(`${addons()}/sale/models/sale.py`, 0o755);
    assert.deepEqual(base(), before);
  });

  it("fails on a base without the module base, so that no image is built from it", () => {
    fs.rmSync(`${addons()}/base`, { recursive: true });
    assert.throws(() => listed("--base"), /BASE_IMAGE_INVALID: no module `base` in /);
  });

  it("says what the baked configuration loads for the whole server, if anything", () => {
    const said = (content: string) => {
      write("odoo.conf", content);
      const program =
        "import json, pathlib, sys, modules; print(json.dumps(modules.server_wide(pathlib.Path(sys.argv[1]))))";
      const args = ["-B", "-c", program, path.join(root, "odoo.conf")];
      const env = { PATH: process.env["PATH"], PYTHONPATH: path.join(root, "image") };
      return JSON.parse(execFileSync(python, args, { env, encoding: "utf8" })) as unknown;
    };
    assert.equal(
      said("[options]\nserver_wide_modules = base,rpc,web,background_runner\n"),
      "base,rpc,web,background_runner",
    );
    for (const content of [
      "[options]\nworkers = 1\n",
      "",
      "no file of options",
      "[queue_job]\nserver_wide_modules = x",
    ]) {
      assert.equal(said(content), null, content);
    }
  });

  it("prints Odoo's and the release's modules, the release's own first, with versions as the database stores them", () => {
    write(
      "image/core-modules.json",
      JSON.stringify({ base: { version: "1.3", hash: "b" }, sale: { version: "19.0.1.2", hash: "s" } }),
    );
    const ours = {
      sale: { version: "2.0.0", hash: "ours" },
      own: { version: "19.0.1.0.0", hash: "o" },
      bare: { version: "", hash: "n" },
      series: { version: "19.0", hash: "v" },
    };
    write("image/release.json", JSON.stringify({ series: "19.0", modules: ours }));
    fs.rmSync(path.join(root, "python"), { recursive: true });
    assert.deepEqual(JSON.parse(listed()), {
      series: "19.0",
      modules: {
        bare: { version: "19.0.1.0", hash: "n" },
        base: { version: "19.0.1.3", hash: "b" },
        own: { version: "19.0.1.0.0", hash: "o" },
        series: { version: "19.0.19.0", hash: "v" },
        sale: { version: "19.0.2.0.0", hash: "ours" },
      },
      // This machine has no /etc/odoo/odoo.conf.
      serverWide: null,
    });
  });

  it("takes no other argument", () => {
    const { status, stderr } = spawnSync(python, ["-I", "-B", script, "--core"], { encoding: "utf8" });
    assert.equal(status, 1);
    assert.match(stderr, /^usage: /);
  });
});
