import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { compliant, manifest } from "../fixtures/addons/module";
import { AddonsCheck, found } from "./addons-check-process";

/** Addons as teams have them, beside those that break one rule: test/images/addons-check.test.ts. */
describe("addons that people bring", () => {
  let addons: AddonsCheck;
  beforeEach(() => {
    addons = new AddonsCheck();
  });
  afterEach(() => addons.remove());

  const bom = "\ufeff";
  const crlf = (text: string) => `# coding: latin-1\n${text}# the end\n`.replaceAll("\n", "\r\n");
  const external = (value: string) => manifest({ external_dependencies: value });

  it("may begin Python and XML with a byte order mark, but not a manifest or a CSV file: as in Odoo", () => {
    addons.read("python", "models/a.py", `${bom}x = 1\n`);
    addons.read("xml", "views/a.xml", `${bom}<?xml version="1.0"?><odoo/>`);
    found(addons.check());
    addons.read("rights", "security/a.csv", `${bom}id,name\na,b\n`);
    addons.good("whole", { "__manifest__.py": bom + manifest() });
    const report = addons.check();
    found(
      report,
      ["ADDON_INVALID", "error", "addons/rights/security/a.csv:1", /byte order mark.*first column/],
      ["ADDON_INVALID", "error", "addons/whole/__manifest__.py:1", /manifest begins with a byte order mark/],
    );
    assert.match(report.findings[1]?.remedy ?? "", /without BOM/);
  });

  it("may have what Odoo never reads in any text and for any Python", () => {
    addons.good("good", {
      "static/description/index.html": Buffer.from("<p>\xfcber uns</p>", "latin1"),
      "static/lib/names.csv": Buffer.from("\xfc;\xe4\n", "latin1"),
      "tools/import.py": "print 'Python 2'\nexec 'x = 1'\n",
      "README.rst": Buffer.from("\xfc", "latin1"),
    });
    found(addons.check());
  });

  it("may be a repository of which a link picks one module: the message names a way that works", () => {
    addons.write("oca/server-auth/wanted", compliant);
    addons.write("oca/server-auth/other", { ...compliant, "__manifest__.py": manifest({ depends: '["nowhere"]' }) });
    fs.mkdirSync(path.join(addons.folder, "picked"));
    fs.symlinkSync("../oca/server-auth/wanted", path.join(addons.folder, "picked/wanted"));
    const report = addons.check("--optional", "picked", "--require", "wanted", "./addons");
    const link = report.findings.find((finding) => finding.path === "picked/wanted");
    assert.match(
      `${link?.message}; ${link?.remedy}`,
      /link that leaves the directory;.*repository itself in image:oca/,
    );
    addons.good("own");
    found(addons.check("--optional", "oca/server-auth", "--require", "wanted", "./addons"));
  });

  const empty = { license: "None", depends: "[]", demo: "False", auto_install: "None", external_dependencies: "[]" };
  const taken: readonly (readonly [what: string, text: string])[] = [
    ["with the line ends of Windows, an encoding of its own and a comment behind it", crlf(manifest())],
    ["with a tuple or a set of dependencies", manifest({ depends: '("base", "sale")' })],
    ["with a set of dependencies", manifest({ depends: '{"base", "sale"}' })],
    ["with None where Odoo takes nothing", manifest(empty)],
    ["with texts that Python joins by itself", manifest({ summary: '"one" " two"' })],
    [
      "with patterns of assets, also of what is not there",
      manifest({ assets: '{"web.assets_backend": ["good/static/**/*"]}' }),
    ],
    [
      "with external dependencies of any kind that pip knows",
      manifest({ external_dependencies: '{"python": ("a>=1,<2", "b[c]")}' }),
    ],
    ["with a file of SQL, and an old one of JavaScript", manifest({ data: '["a.sql", "b.JS", "views/views.xml"]' })],
  ];
  for (const [what, text] of taken) {
    it(`may have a manifest ${what}`, () => {
      addons.good("good", { "__manifest__.py": text, "a.sql": "SELECT 1;\n", "b.JS": "" });
      const report = addons.check();
      found({ ...report, findings: report.findings.filter(({ message }) => !message.includes("no `license`")) });
      assert.ok(report.modules[0]?.installable);
    });
  }

  const refused: readonly (readonly [what: string, text: string, line: number | null, words: RegExp])[] = [
    ["an f-string", manifest({ name: 'f"{1}"' }), null, /no plain literal/],
    ["a computed value", manifest({ sequence: "10 + 1" }), null, /no plain literal/],
    ["a translation", manifest({ name: '_("Good")' }), null, /no plain literal/],
    ["an assignment", `manifest = ${manifest()}`, 1, /not valid Python/],
    ["a docstring before it", `"""Good"""\n${manifest()}`, 2, /not valid Python/],
    ["a version of no text at all", manifest({ version: '""' }), 3, /no version/],
    ["a version without a point", manifest({ version: '"1"' }), 3, /no version/],
    ["the series and one number, which is too little before 19.0", manifest({ version: '"18.0.1"' }), 3, /no version/],
    ["one text in the place of a list of packages", external('{"python": "lxml"}'), 8, /no list of texts for `python`/],
    ["None as the list of programs", external('{"bin": None}'), 8, /no list of texts for `bin`/],
    ["a data file of a kind that Odoo does not load", manifest({ data: '["a.yml"]' }), 7, /no file of that kind/],
    ["a missing file in a list of old", manifest({ update_xml: '["gone.xml"]' }), 8, /no file of the module/],
    ["a data file in other case", manifest({ data: '["views/Views.xml"]' }), 7, /no file of the module/],
    ["a data file by its place on the disk", manifest({ data: '["/views/views.xml"]' }), 7, /no file of the module/],
  ];
  for (const [what, text, line, words] of refused) {
    it(`may not have a manifest with ${what}`, () => {
      addons.good("bad", { "__manifest__.py": text, "a.yml": "" });
      const place = `addons/bad/__manifest__.py${line === null ? "" : `:${line}`}`;
      found(addons.check(), ["ADDON_INVALID", "error", place, words]);
    });
  }

  it("may have nothing for dependencies, and base as a trigger, since 19.0: they depend on it then", () => {
    for (const [name, depends, line] of [
      ["none", "None", 6],
      ["trigger", "[]", 8],
    ] as const) {
      addons.good(name, { "__manifest__.py": manifest({ depends, auto_install: '["base"]', version: '"1.0"' }) });
      found(addons.check("--series", "19.0", "addons"));
      const place = `addons/${name}/__manifest__.py:${line}`;
      const report = addons.check();
      assert.deepEqual(
        report.findings.slice(0, 1).map((finding) => [finding.severity, `${finding.path}:${finding.line}`]),
        [["error", place]],
      );
      fs.rmSync(path.join(addons.folder, "addons", name), { recursive: true });
    }
  });

  it("may be of another series by version, in each way to write one, and are not installed then", () => {
    for (const [name, version] of Object.entries({
      old: "18.0.1.0",
      short: "1.0.0.0",
      near: "19.05.1",
      own: "19.0.1",
    })) {
      addons.good(name, { "__manifest__.py": manifest({ version: `"${version}"` }) });
    }
    const report = addons.check("--series", "19.0", "addons");
    const foreign = ["near", "old", "short"];
    const place = (name: string) => `addons/${name}/__manifest__.py:3`;
    found(report, ...foreign.map((name) => ["SERIES_MISMATCH", "warning", place(name), /not install/] as const));
    assert.deepEqual(
      report.modules.filter(({ installable }) => !installable).map(({ name }) => name),
      foreign,
    );
  });

  it("may say in words that they are not installable, which Odoo takes for a yes", () => {
    addons.good("good", { "__manifest__.py": manifest({ installable: '"False"' }) });
    const report = addons.check();
    found(report, ["ADDON_INVALID", "warning", "addons/good/__manifest__.py:8", /counts as True/]);
    assert.ok(report.modules[0]?.installable);
  });

  it("may have a name that is a word of Python, begins with a digit or has an accent, and no Python at all", () => {
    for (const name of ["class", "3d_models", "módulo"]) {
      addons.write(`addons/${name}`, { "__manifest__.py": manifest({ data: "[]" }) });
    }
    found(addons.check());
  });

  it("may lie deeper than Odoo looks, or be a picture alone: the message names what to do", () => {
    addons.good("own");
    addons.write("addons/a/b/c", compliant);
    addons.write("addons/picture/static/description", { "icon.png": "" });
    const report = addons.check();
    const warning = (name: string) => ["ADDON_INVALID", "warning", `addons/${name}`, /is no module/] as const;
    found(report, warning("a"), warning("picture"));
    assert.match(report.findings[0]?.remedy ?? "", /^name addons\/a\/b as an addons directory/);
    assert.match(report.findings[1]?.remedy ?? "", /^add the manifest/);
    found(addons.check("addons", "addons/a/b"), ...["a", "picture"].map(warning));
  });

  it("may not have the manifest of Odoo 9, which 18.0 still reads, and the image does not", () => {
    addons.good("own");
    const ancient = { "__openerp__.py": manifest(), "__init__.py": "" };
    addons.write("addons/ancient", ancient);
    found(addons.check(), ["ADDON_INVALID", "error", "addons/ancient", /__openerp__\.py/]);
    fs.rmSync(path.join(addons.folder, "addons/ancient"), { recursive: true });
    addons.good("own", { "__manifest__.py": manifest({ version: '"1.0"' }) });
    addons.write("oca/web/old", ancient);
    const warning = ["ADDON_INVALID", "warning", "oca/web/old", /would be left out/] as const;
    found(addons.check("--optional", "oca/web", "addons"), warning);
    addons.write("addons/ancient", ancient);
    found(addons.check("--series", "19.0", "addons"), [
      "ADDON_INVALID",
      "warning",
      "addons/ancient",
      /would be left out/,
    ]);
  });

  it("may be none, in a folder that Git keeps by a hidden file", () => {
    addons.write("addons", { ".gitkeep": "" });
    found(addons.check(), ["ADDON_INVALID", "warning", "addons", /no module/]);
  });

  it("may not lack a file that they import: it is one that Git ignores, or has another case", () => {
    addons.good("bad", {
      "__init__.py": "from . import models, Wizard\nfrom .controllers import main\n",
      "models/__init__.py": "from . import a, gone, built, VERSION\nfrom .a import anything\nVERSION = 1\n",
      "models/a.py":
        "from ..models import gone\nimport odoo.addons.bad.nowhere, odoo.addons.other\nfrom ..absent import x, y\n",
      "models/built.cpython-313-x86_64-linux-gnu.so": "",
      "wizard/__init__.py": "",
      "controllers/__init__.py": "try:\n    from . import main, perhaps\nexcept ImportError:\n    main = None\n",
    });
    const lacks = (place: string, name: string) =>
      ["ADDON_INVALID", "error", `addons/bad/${place}`, new RegExp(`imports ${name},`)] as const;
    found(
      addons.check(),
      lacks("__init__.py:1", "Wizard"),
      lacks("models/__init__.py:1", "models.gone"),
      lacks("models/a.py:1", "models.gone"),
      lacks("models/a.py:2", "nowhere"),
      lacks("models/a.py:3", "absent"),
    );
  });

  it("may make names that they import in ways that only Python knows", () => {
    addons.good("good", {
      "__init__.py":
        "from .star import anything\nfrom .lazy import thing\nfrom .made import other\nfrom .space import inner\n",
      "star/__init__.py": "from os.path import *\n",
      "lazy/__init__.py": "def __getattr__(name):\n    return name\n",
      "made/__init__.py": 'globals()["other"] = 1\n',
      "space/inner/__init__.py": "",
    });
    found(addons.check());
  });

  it("may not have an empty CSV file, of which Odoo wants the names of the columns", () => {
    addons.read("bad", "security/a.CSV", "");
    found(addons.check(), ["ADDON_INVALID", "error", "addons/bad/security/a.CSV", /is empty/]);
  });

  it("may be fonts and films of any size, which nobody reads", () => {
    addons.good("good");
    fs.mkdirSync(path.join(addons.folder, "addons/good/static"));
    fs.closeSync(fs.openSync(path.join(addons.folder, "addons/good/static/film.mp4"), "w"));
    fs.truncateSync(path.join(addons.folder, "addons/good/static/film.mp4"), 2 ** 34);
    found(addons.check());
  });

  it("may be one module of a repository, changed, beside the whole repository: their own is taken", () => {
    addons.good("tool", { "__manifest__.py": manifest({ version: '"18.0.1.0.1"' }) });
    addons.write("oca/server-tools/tool", compliant);
    addons.write("oca/server-tools/other", compliant);
    const report = addons.check("--optional", "oca/server-tools", "--require", "tool", "other", "./addons");
    found(report, ["ADDON_INVALID", "warning", "oca/server-tools/tool", /left out: addons\/tool/]);
    assert.deepEqual(
      report.modules.map(({ path: folder }) => folder),
      ["oca/server-tools/other", "addons/tool"],
    );
  });

  it("may need packages from an index with a login, of which nobody is told but that it is there", () => {
    addons.good("good", {
      "requirements.txt": "# https://u:hunter2@example.com\na @ git+https://hunter2@example.com/a\n",
    });
    const more = ["${TOKEN}@example.com/b", "example.com/c@1.0", "example.com/d#egg=d@e"].map(
      (url) => `https://${url}\n`,
    );
    addons.write("addons", {
      "requirements.txt": `${more.join("")}--extra-index-url https://u:hunter2@example.com/e\n`,
    });
    const report = addons.check();
    found(
      report,
      ["ADDON_INVALID", "warning", "addons/good/requirements.txt:2", /login in an address/],
      ["ADDON_INVALID", "warning", "addons/requirements.txt:4", /login in an address/],
    );
    assert.doesNotMatch(JSON.stringify(report), /hunter2/);
  });

  it("may be twice in two repositories, if nobody needs either", () => {
    addons.good("own");
    for (const folder of ["oca/one", "oca/two"]) addons.write(`${folder}/twin`, compliant);
    const both = ["--optional", "oca/one", "--optional", "oca/two"];
    found(addons.check(...both, "addons"), ["ADDON_INVALID", "warning", "oca/two/twin", /left out: oca\/one\/twin/]);
    assert.ok(addons.check(...both, "addons").modules.some(({ name }) => name === "twin"));
    const wanted = addons.check(...both, "--require", "twin", "./addons");
    found(wanted, ["ADDON_INVALID", "error", "oca/two/twin", /twice/]);
  });

  it("may be 1,500 modules, each of them named", () => {
    const names = Array.from({ length: 1500 }, (_, index) => `module_of_a_large_team_${index}`);
    for (const [index, name] of names.entries()) {
      const before = names[index - 1];
      const depends = JSON.stringify(before === undefined ? ["base"] : ["base", before]);
      addons.write(`addons/${name}`, { "__manifest__.py": manifest({ depends, data: "[]" }) });
    }
    const report = addons.check("--require", ...names, "--", "addons");
    found(report);
    assert.equal(report.modules.length, names.length);
  });
});
