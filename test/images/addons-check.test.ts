import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import fc from "fast-check";

import { compliant, type Files, manifest, pythonLiteral, type Report } from "../fixtures/addons/module";
import { python } from "../support/python";
import { AddonsCheck, checkScript, found } from "./addons-check-process";

const root = path.resolve(__dirname, "..", "..");

describe("the addon check", () => {
  let addons: AddonsCheck;
  let folder: string;
  beforeEach(() => {
    addons = new AddonsCheck();
    folder = addons.folder;
  });
  afterEach(() => addons.remove());

  const write = (directory: string, files: Files) => addons.write(directory, files);
  const good = (name: string, changes?: Files) => addons.good(name, changes);
  const read = (name: string, file: string, content: string | Buffer) => addons.read(name, file, content);
  const run = (...args: readonly string[]) => addons.run(...args);
  const check = (...args: readonly string[]) => addons.check(...args);

  it("finds nothing in a compliant module and describes it", () => {
    good("good");
    const report = check();
    found(report);
    assert.deepEqual(report.modules, [
      {
        name: "good",
        path: "addons/good",
        version: "18.0.1.0.0",
        depends: ["base", "sale"],
        license: "LGPL-3",
        installable: true,
      },
    ]);
    assert.equal(report.series, "18.0");
  });

  it("finds no error in the addons that are shipped, on 18.0 and 19.0", () => {
    for (const series of ["18.0", "19.0"]) {
      write("odoo/base_setup", { "__manifest__.py": "{}" });
      found(check("--series", series, path.join(root, "addons")));
    }
  });

  const manifests: readonly (readonly [
    title: string,
    text: string,
    code: string,
    severity: string,
    line: number | null,
    words: RegExp,
  ])[] = [
    ["that is not valid Python", '{\n  "name": )\n}', "ADDON_INVALID", "error", 2, /not valid Python/],
    ["that is a list", "[]", "ADDON_INVALID", "error", 1, /is a list/],
    ["that calls a function", '{"name": str(1)}', "ADDON_INVALID", "error", null, /no plain literal/],
    [
      "with a license key unknown to Odoo",
      manifest({ license: '"Apache-2.0"' }),
      "ADDON_INVALID",
      "error",
      5,
      /Apache-2\.0/,
    ],
    ["with a text as depends", manifest({ depends: '"base"' }), "ADDON_INVALID", "error", 6, /`depends` is a str/],
    [
      "with a number in depends",
      manifest({ depends: '["base", 3]' }),
      "ADDON_INVALID",
      "error",
      6,
      /something else than texts/,
    ],
    ["with a number as version", manifest({ version: "18.0" }), "ADDON_INVALID", "error", 3, /`version` is a float/],
    [
      "with a version in words",
      manifest({ version: '"18.0.beta"' }),
      "ADDON_INVALID",
      "error",
      3,
      /no version that Odoo accepts/,
    ],
    [
      "that names a missing data file",
      manifest({ data: '[\n"views/views.xml",\n"gone.xml"]' }),
      "ADDON_INVALID",
      "error",
      9,
      /gone\.xml/,
    ],
    [
      "that names a data file outside",
      manifest({ data: '["../../odoo/sale/__manifest__.py"]' }),
      "ADDON_INVALID",
      "error",
      7,
      /no file of the module/,
    ],
    [
      "with a foreign auto_install",
      manifest({ auto_install: '["web"]' }),
      "ADDON_INVALID",
      "error",
      8,
      /not in `depends`/,
    ],
    ["without a license", manifest({ license: undefined }), "ADDON_INVALID", "warning", null, /no `license`/],
    [
      "of another series",
      manifest({ version: '"17.0.1.0.0"' }),
      "SERIES_MISMATCH",
      "warning",
      3,
      /not of series 18\.0/,
    ],
    ["with an Enterprise license", manifest({ license: '"OEEL-1"' }), "ENTERPRISE_MODULE", "error", 5, /OEEL-1/],
    [
      "that depends on an Enterprise module",
      manifest({ depends: '[\n"base",\n"account_accountant"]' }),
      "ENTERPRISE_MODULE",
      "error",
      8,
      /account_accountant/,
    ],
    [
      "that depends on what is nowhere",
      manifest({ depends: '["base", "nowhere"]' }),
      "MISSING_ADDONS",
      "error",
      6,
      /nowhere, which is nowhere/,
    ],
    [
      "nested deeper than Python can follow",
      `{"a": ${"[".repeat(150)}${"]".repeat(150)}${"-".repeat(90_000)}1}`,
      "ADDON_INVALID",
      "error",
      null,
      /./,
    ],
  ];
  for (const [title, text, code, severity, line, words] of manifests) {
    it(`reports a manifest ${title}`, () => {
      good("bad", { "__manifest__.py": text });
      const report = check();
      const place = report.findings[0]?.line;
      found(report, [code, severity, `addons/bad/__manifest__.py${place === null ? "" : `:${place}`}`, words]);
      if (line !== null) {
        assert.equal(place, line);
      }
    });
  }

  const sources: readonly (readonly [
    title: string,
    name: string,
    content: string | Buffer,
    line: number | null,
    words: RegExp,
  ])[] = [
    ["Python that does not parse", "models/a.py", "x = 1\ndef f(:\n", 2, /not valid for Python/],
    ["a return outside a function", "models/a.py", "return 1\n", 1, /outside function/],
    ["a null byte in Python", "models/a.py", "x = 1\0\n", null, /null byte/],
    ["Python in an undeclared encoding", "models/a.py", Buffer.from([0x22, 0xfc, 0x22]), null, /./],
    ["ill-formed XML", "views/b.xml", "<odoo>\n<a></b>\n</odoo>", 2, /mismatched tag/],
    ["a CSV file that is not UTF-8", "security/c.csv", Buffer.from("id\n\xfc\n", "latin1"), 2, /UTF-8/],
  ];
  for (const [title, name, content, line, words] of sources) {
    it(`reports ${title}`, () => {
      read("bad", name, content);
      const report = check();
      const place = line ?? report.findings[0]?.line ?? null;
      found(report, ["ADDON_INVALID", "error", `addons/bad/${name}${place === null ? "" : `:${place}`}`, words]);
    });
  }

  it("takes Python in a declared encoding, and XML with an entity, as Odoo does", () => {
    read("good", "models/a.py", Buffer.from('# coding: latin-1\nx = "\xfc"\n', "latin1"));
    read("other", "views/b.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>');
    found(check());
  });

  it("judges only what Odoo reads", () => {
    good("good", {
      "__init__.py": "from . import models\ntry:\n    from . import perhaps\nexcept ImportError:\n    pass\n",
      "models/__init__.py": "def later():\n    from . import lazy\n",
      "models/lazy.py": "print 1\n",
      "perhaps.py": "print 1\n",
      "tools/convert.py": "print 'Python 2'\n",
      "tests/__init__.py": "from . import test_a\n",
      "tests/test_a.py": "(",
      "tests/sample.xml": "<a>",
      "views/draft.xml": "<a>",
      "static/src/names.csv": Buffer.from("\xfc\n", "latin1"),
      "static/lib/old.py": "print 1\n",
      "migrations/8.0.1.0/post-a.py": "print 1\n",
      "migrations/18.0.1.1.0/helper.py": "print 1\n",
    });
    found(check());
  });

  it("follows imports as Python does, and no further than the module", () => {
    good("good", {
      "__init__.py": "from . import models\nimport odoo.addons.good.wizard.first, os\nfrom odoo.addons import good\n",
      "models/__init__.py": "from .deep import B\nfrom ..other import *\nfrom .... import outside\n",
      "models/deep/__init__.py": "from .leaf import A as B\n",
      "models/deep/leaf.py": "(",
      "other.py": "from odoo.addons.good.wizard import second\nfrom odoo.addons.goodness import x\n",
      "wizard/__init__.py": "",
      "wizard/first.py": "(",
      "wizard/second.py": "(",
    });
    found(
      check(),
      ["ADDON_INVALID", "error", "addons/good/models/deep/leaf.py:1", /./],
      ["ADDON_INVALID", "error", "addons/good/wizard/first.py:1", /./],
      ["ADDON_INVALID", "error", "addons/good/wizard/second.py:1", /./],
    );
  });

  it("warns of what only some installations meet: demo data, and an upgrade from an older version", () => {
    good("good", {
      "__manifest__.py": manifest({ demo: '["demo.xml"]' }),
      "demo.xml": "<a>",
      "migrations/18.0.1.1.0/post-a.py": "(",
      "migrations/1.2/pre-a.py": "(",
      "upgrades/0.0.0/end-a.py": "(",
    });
    found(
      check(),
      ["ADDON_INVALID", "warning", "addons/good/demo.xml:1", /XML/],
      ["ADDON_INVALID", "warning", "addons/good/migrations/1.2/pre-a.py:1", /Python/],
      ["ADDON_INVALID", "warning", "addons/good/migrations/18.0.1.1.0/post-a.py:1", /Python/],
      ["ADDON_INVALID", "warning", "addons/good/upgrades/0.0.0/end-a.py:1", /Python/],
    );
  });

  it("lets the image's Python judge what this one does not accept, and without that image says who will", () => {
    read("good", "models/a.py", "type = (\n");
    const docker = (image: number, answers: string) => {
      fs.mkdirSync(path.join(folder, "bin"), { recursive: true });
      const script = `#!/bin/sh\ncase $1 in image) exit ${image};; esac\ncat > asked\necho '${answers}'\n`;
      fs.writeFileSync(path.join(folder, "bin/docker"), script, { mode: 0o755 });
      const env = { ...process.env, PATH: `${path.join(folder, "bin")}:${process.env["PATH"]}` };
      const args = [checkScript, "--json", "--base", "odoo", "--python", "odoo@sha256:1", "addons"];
      const done = spawnSync(python, args, { cwd: folder, encoding: "utf8", env });
      return { ...(JSON.parse(done.stdout) as Report), status: done.status };
    };
    found(docker(0, "[null]"));
    const refused = /not valid for Python 3\.99/;
    const told = docker(0, '[[7, "is not valid for Python 3.99: no"]]');
    found(told, ["ADDON_INVALID", "error", "addons/good/models/a.py:7", refused]);
    assert.deepEqual(JSON.parse(fs.readFileSync(path.join(folder, "asked"), "utf8")), [
      ["addons/good/models/a.py", "type = (\n"],
    ]);
    found(docker(1, ""), ["ADDON_INVALID", "warning", "addons/good/models/a.py:1", /the build says/]);
  });

  it("takes a module without a version, and since 19.0 a number, but not the bare series", () => {
    good("bare", { "__manifest__.py": manifest({ version: undefined }) });
    good("number", { "__manifest__.py": manifest({ version: "1.5" }) });
    good("series", { "__manifest__.py": manifest({ version: '"19.0"' }) });
    found(check("--series", "19.0", "addons"), [
      "SERIES_MISMATCH",
      "warning",
      "addons/series/__manifest__.py:3",
      /not install/,
    ]);
  });

  it("says nothing of a repository's modules that nobody needs, once one of them is needed", () => {
    good("own", { "__manifest__.py": manifest({ depends: '["base", "wanted"]' }) });
    write("oca/web/wanted", { ...compliant, "__manifest__.py": manifest({ depends: '["base", "helper"]' }) });
    write("oca/web/helper", { ...compliant, "__manifest__.py": manifest({ license: '"unknown"' }) });
    write("oca/web/broken", { ...compliant, "__init__.py": "(" });
    write("oca/web/paid", { ...compliant, "__manifest__.py": manifest({ license: '"OEEL-1"' }) });
    write("oca/web/fine", compliant);
    const report = check("--optional", "oca/web", "addons");
    found(report, ["ADDON_INVALID", "error", "oca/web/helper/__manifest__.py:5", /unknown/]);
    assert.deepEqual(
      report.modules.map(({ name }) => name),
      ["fine", "helper", "own", "wanted"],
    );
    found(
      check("--optional", "oca/web", "--require", "broken", "./addons"),
      ["ADDON_INVALID", "error", "oca/web/broken/__init__.py:1", /Python/],
      ["ADDON_INVALID", "error", "oca/web/helper/__manifest__.py:5", /unknown/],
    );
  });

  it("only warns of them while none is, and leaves out what could not be used", () => {
    good("own");
    write("oca/web/broken", { ...compliant, "__init__.py": "(" });
    write("oca/web/fine", compliant);
    const report = check("--optional", "oca/web", "addons");
    found(report, ["ADDON_INVALID", "warning", "oca/web/broken/__init__.py:1", /Python/]);
    assert.deepEqual(
      report.modules.map(({ name }) => name),
      ["fine", "own"],
    );
  });

  it("takes a module that pip brings as there, by the names of OCA's packages", () => {
    good("ours", { "__manifest__.py": manifest({ depends: '["base", "queue_job"]' }) });
    assert.equal(check().findings[0]?.code, "MISSING_ADDONS");
    write("addons", { "requirements.txt": "# jobs\nodoo-addon-queue-job==19.0.2.4.0.1\n" });
    found(check("--require", "queue_job", "./addons"));
    fs.rmSync(path.join(folder, "addons/requirements.txt"));
    found(check("--package", "odoo-addon-queue_job==19.0.2.4.0.1", "addons"));
    write("addons/ours", { "requirements.txt": "https://example.com/odoo_addon_queue_job-19.0.2-py3-none-any.whl\n" });
    found(check());
  });

  it("leaves it to the build which modules a package brings that is named by its place", () => {
    good("ours", { "__manifest__.py": manifest({ depends: '["base", "jobs"]' }) });
    const [missing, place] = ["MISSING_ADDONS", "addons/ours/__manifest__.py:6"];
    for (const line of [
      "https://example.com/our_jobs-1.0-py3-none-any.whl",
      "jobs @ git+https://example.com/jobs@v1",
    ]) {
      write("addons", { "requirements.txt": `# ours\n${line}\n` });
      found(check(), [missing, "warning", place, /jobs/]);
      found(check("--in-image", "addons"), [missing, "error", place, /jobs/]);
    }
    write("addons", {
      "requirements.txt": "# https://example.com/a.whl\n--extra-index-url https://example.com\nlxml\n",
    });
    found(check(), [missing, "error", place, /jobs/]);
  });

  it("looks for external dependencies as Odoo does, where this Python is the image's", () => {
    const external = `{"python": ["no-such-package>=1", "json", "no-such; python_version < '3'"], "bin": ["sh", "no-such"]}`;
    good("reader", { "__manifest__.py": manifest({ external_dependencies: external }) });
    found(check());
    const place = "addons/reader/__manifest__.py:8";
    found(
      check("--in-image", "addons"),
      ["MISSING_ADDONS", "error", place, /package no-such-package>=1,/],
      ["MISSING_ADDONS", "error", place, /program no-such,/],
    );
  });

  it("looks into a repository within a directory when it is named, too", () => {
    good("own");
    write("addons/server-tools/tool", compliant);
    const report = check("addons", "addons/server-tools");
    found(report);
    assert.deepEqual(
      report.modules.map(({ name }) => name),
      ["own", "tool"],
    );
  });

  it("warns of a folder that is no module, and ignores hidden folders, docs, setup and loose files", () => {
    good("good");
    for (const name of ["stray", ".git", "docs", "setup", "__pycache__"]) {
      write(`addons/${name}`, { "file.txt": "" });
    }
    write("addons", { "requirements.txt": "" });
    found(check(), ["ADDON_INVALID", "warning", "addons/stray", /is no module/]);
  });

  it("tells a repository one level too high from a stray folder", () => {
    write("addons/repository/good", compliant);
    assert.match(check().findings[0]?.remedy ?? "", /addons directory of its own/);
  });

  it("reports a name that Odoo ignores, and a directory that is itself a module", () => {
    good("with-dash");
    good("bare");
    fs.rmSync(path.join(folder, "addons/bare/__init__.py"));
    found(
      check("addons", "addons/bare"),
      ["ADDON_INVALID", "error", "addons/bare", /is a module, not a directory/],
      ["ADDON_INVALID", "error", "addons/with-dash", /ignores/],
    );
  });

  it("reports one name in two directories, and one that hides a module of the base", () => {
    good("twin");
    good("sale", { "__manifest__.py": manifest({ depends: '["base"]' }) });
    write("more/twin", compliant);
    found(
      check("addons", "more"),
      ["ADDON_INVALID", "error", "more/twin", /twice, also as addons\/twin/],
      ["ADDON_INVALID", "warning", "addons/sale", /hides/],
    );
  });

  it("reports each dependency cycle once, also in a chain longer than Python's stack", () => {
    for (let index = 0; index < 1500; index += 1) {
      write(`addons/m${index}`, {
        "__init__.py": "",
        "__manifest__.py": manifest({ data: undefined, depends: `["m${index + 1}"]` }),
      });
    }
    write("addons/m1500", {
      "__init__.py": "",
      "__manifest__.py": manifest({ data: undefined, depends: '["m1499"]' }),
    });
    found(check(), ["ADDON_INVALID", "error", "addons/m1499/__manifest__.py:6", /m1499 → m1500 → m1499/]);
  });

  it("leaves a module that is not installable alone, but not the one that depends on it nor its license", () => {
    const old = { installable: "False", version: '"12.0.1.0.0"', depends: '["nowhere"]', license: '"OEEL-1"' };
    good("old", { "__manifest__.py": manifest(old), "models/a.py": "print 1\n" });
    good("user", { "__manifest__.py": manifest({ depends: '["old"]' }) });
    found(
      check(),
      ["ENTERPRISE_MODULE", "error", "addons/old/__manifest__.py:5", /OEEL-1/],
      ["MISSING_ADDONS", "error", "addons/user/__manifest__.py:6", /not installable/],
    );
  });

  it("believes the base: what Odoo has is never Enterprise", () => {
    good("good", { "__manifest__.py": manifest({ depends: '["knowledge"]' }) });
    assert.equal(check().findings[0]?.code, "ENTERPRISE_MODULE");
    write("odoo/knowledge", { "__manifest__.py": "{}" });
    found(check());
  });

  it("only warns of the name of an Enterprise module", () => {
    good("helpdesk");
    found(check(), ["ENTERPRISE_MODULE", "warning", "addons/helpdesk", /name/]);
  });

  it("only warns of it with a free license, too, and takes the names of the series alone", () => {
    good("sale_commission", { "__manifest__.py": manifest({ license: '"AGPL-3"', version: '"1.0"' }) });
    found(check("--series", "17.0", "addons"));
    found(check("--series", "18.0", "addons"), ["ENTERPRISE_MODULE", "warning", "addons/sale_commission", /name/]);
  });

  it("only warns of an unknown dependency while no base is given", () => {
    good("good", { "__manifest__.py": manifest({ depends: '["base", "sale", "nowhere"]' }) });
    const done = run("--json", "addons");
    const [finding, ...more] = (JSON.parse(done.stdout) as Report).findings;
    assert.deepEqual([done.status, more.length, finding?.code, finding?.severity], [0, 0, "MISSING_ADDONS", "warning"]);
    assert.match(finding?.message ?? "", /nowhere, sale/);
  });

  it("only warns of what may be in a place that it does not see, and says who does see it", () => {
    good("good", { "__manifest__.py": manifest({ depends: '["base", "elsewhere", "helpdesk"]' }) });
    const report = check("--elsewhere", "addons", "--require", "wanted");
    found(
      report,
      ["MISSING_ADDONS", "warning", "--require", /wanted is required/],
      ["ENTERPRISE_MODULE", "warning", "addons/good/__manifest__.py:6", /depends on helpdesk/],
      ["MISSING_ADDONS", "warning", "addons/good/__manifest__.py:6", /depends on elsewhere/],
    );
    assert.match(report.findings[0]?.remedy ?? "", /in the build/);
  });

  it("reports required modules that are absent, wherever --require stands", () => {
    good("good");
    const expected = ["MISSING_ADDONS", "error", "--require", /absent is required/] as const;
    found(check("addons", "--require", "good", "absent", "sale"), expected);
    found(check("--require", "good", "absent", "--", "addons"), expected);
    found(check("--require", "absent", "./addons"), expected);
    found(check("addons", "--require", "sign"), ["ENTERPRISE_MODULE", "error", "--require", /Enterprise/]);
  });

  it("reports symbolic links that leave the directory, and never reads what is no regular file", () => {
    good("good", { "models/__init__.py": "from . import pipe\n" });
    write("elsewhere", { "secret.py": "x = 1\n" });
    fs.symlinkSync("../elsewhere", path.join(folder, "addons/linked"));
    fs.symlinkSync("../../../elsewhere/secret.py", path.join(folder, "addons/good/models/secret.py"));
    fs.symlinkSync("__init__.py", path.join(folder, "addons/good/models/inside.py"));
    assert.equal(spawnSync("mkfifo", [path.join(folder, "addons/good/models/pipe.py")]).status, 0);
    found(
      check(),
      ["ADDON_INVALID", "error", "addons/good/models/pipe.py", /no regular file/],
      ["ADDON_INVALID", "error", "addons/good/models/secret.py", /leaves/],
      ["ADDON_INVALID", "error", "addons/linked", /leaves/],
    );
  });

  it("reports an absent directory as an error and an empty one as a warning", () => {
    fs.mkdirSync(path.join(folder, "addons"));
    found(
      check("addons", "absent"),
      ["ADDON_INVALID", "error", "absent", /cannot be read/],
      ["ADDON_INVALID", "warning", "addons", /no module/],
    );
  });

  it("gives everything at once, for people, with the counts in the last line and no control characters", () => {
    good("bad", {
      "__manifest__.py": manifest({ license: '"\\x1b[31mred"', depends: '["nowhere"]' }),
      "models/__init__.py": "from . import a\n",
      "models/a.py": "(",
    });
    const done = run("--base", "odoo", "addons");
    assert.equal(done.status, 1);
    assert.equal(done.stdout.trimEnd().split("\n").at(-1), "1 module, 3 errors, 0 warnings");
    assert.match(done.stdout, /^error ADDON_INVALID addons\/bad\/models\/a\.py:1\n {2}.*\n {2}remedy: /m);
    assert.ok(!done.stdout.includes("\x1b"));
  });

  it("exits with 2 when it is used wrongly", () => {
    assert.deepEqual(
      [[], ["--series", "18", "addons"], ["--base", "/absent", "addons"], ["--unknown"]].map(
        (args) => run(...args).status,
      ),
      [2, 2, 2, 2],
    );
  });

  it("names the missing tool when the base is an image and there is no docker", () => {
    const done = spawnSync(python, [checkScript, "--base", "odoo:18.0", "addons"], {
      cwd: folder,
      encoding: "utf8",
      env: { PATH: folder },
    });
    assert.equal(done.status, 2);
    assert.match(done.stderr, /TOOL_MISSING/);
  });

  it("never runs a manifest or a source", () => {
    const plant = (name: string) => `open(${JSON.stringify(path.join(folder, name))}, "w").close()`;
    good("bad", { "__manifest__.py": `{"name": ${plant("one")}}`, "__init__.py": `${plant("two")}\n` });
    assert.equal(check().status, 1);
    assert.deepEqual(fs.readdirSync(folder).sort(), ["addons", "odoo"]);
  });

  it("survives any manifest: exit 0 or 1 and a valid report", () => {
    const token = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      "(",
      ")",
      ":",
      ",",
      '"depends"',
      '"data"',
      '"version"',
      '"a"',
      "1e999",
      "None",
      "{}",
      "\n",
      "*",
      "-",
      "b'x'",
      "\\ud800",
      "#",
    );
    const literal = fc.dictionary(
      fc.constantFrom("name", "version", "depends", "data", "demo", "auto_install", "license", "x"),
      fc.jsonValue(),
    );
    const text = fc.oneof(
      fc.array(token).map((tokens) => tokens.join("")),
      fc.string({ unit: "binary" }),
      literal.map((value) => pythonLiteral(value)),
    );
    fc.assert(
      fc.property(fc.array(text, { minLength: 20, maxLength: 20 }), (texts) => {
        texts.forEach((content, index) => {
          write(`any/m${index}`, { "__init__.py": "", "__manifest__.py": content });
        });
        const report = check("any");
        assert.equal(report.modules.length, texts.length);
        assert.equal(report.status, report.findings.some((finding) => finding.severity === "error") ? 1 : 0);
      }),
      { numRuns: 25 },
    );
  });
});
