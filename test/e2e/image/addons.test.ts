import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { paths } from "../../../sandbox/config";
import { baseRecord } from "../../../sandbox/images/base";
import { readServers } from "../../../sandbox/servers-control";
import { type Files, manifest, type Report } from "../../fixtures/addons/module";
import { AddonsCheck } from "../../images/addons-check-process";
import { writeManyModules } from "../../support/many-modules";
import { runningSandbox } from "../../support/running-sandbox";
import { itWhole, sample } from "../../support/sample";
import { buildTree } from "../../support/tree-image";

const packages = fs.readFileSync(path.join(paths.root, "test", "fixtures", "oca-packages.txt"), "utf8");
const names = [...packages.matchAll(/^odoo-addon-(.*)==/gm)].map(([, name = ""]) => name.replaceAll("-", "_"));

/** SHA-256 of the wheel that PyPI has of XlsxWriter 3.2.0. */
const xlsxwriter = "ecfd5405b3e0e228219bcaf24c2ca0915e012ca9464a14048021d21a995d490e";

/** Runs the addon check in the image on what pip has put there for `names`, against the modules that the base alone has. */
const judgeInstalled = `
import json, os, subprocess, sys
import odoo.addons
series, core, names = sys.argv[1], set(json.loads(sys.argv[2])), sys.argv[3:]
os.mkdir("/tmp/installed")
for folder in odoo.addons.__path__:
    for name in os.listdir(folder):
        if name not in core and os.path.isfile(os.path.join(folder, name, "__manifest__.py")):
            subprocess.run(["cp", "-rL", os.path.join(folder, name), "/tmp/installed/"], check=True)
json.dump(sorted(core), open("/tmp/core.json", "w"))
done = subprocess.run([sys.executable, "-B", "/check/addons_check.py", "--json", "--in-image", "--series", series,
                       "--base", "/tmp/core.json", "--require", *names, "--", "/tmp/installed"], stdout=subprocess.PIPE)
print(done.stdout.decode())
`;

/** Values in a manifest, as Python, of which nobody knows by heart what Odoo makes of them. */
const oddValues: Readonly<Record<string, readonly string[]>> = {
  depends: ["()", "{'base'}", "None", "[]", "False"],
  version: [
    ...["''", "None", "'1'", "1", "1.0", "'1.0.0.0'", "'v1.0'", "'saas~19.1.1.0'", "'01.0'"],
    ...["'19.0'", "'19.0.1'", "'19.01'", "'19.05.1'", "'18.0.1'", "'18.0.1.0.0'", "'19.0.1.0.0.1'"],
  ],
  installable: ["'False'", "None", "0", "False"],
  auto_install: ["None", "'base'", "{'base'}", "''", "[]", "['web']", "set()"],
  license: ["None", "''"],
  external_dependencies: [
    ...["None", "[]", "{'python': 'lxml'}", "{'bin': 'sh'}", "{'python': None}", "{'python': [5]}", "{'deb': ['x']}"],
    ...["lxml>=1", "lxml>=99", "LXML", "lxml[html5]", "lxml=>1", "xml.dom", "dateutil.parser", "xml.nowhere"].map(
      (name) => `{"python": ("${name}",)}`,
    ),
    ...["json", "json>=1", "python-dateutil", "nowhere; python_version < '3'"].map((name) => `{"python": {"${name}"}}`),
  ],
  name: ["f'{1}'", "_('a')", "'a' + 'b'", "'a' 'b'"],
  sequence: ["1 + 1", "-1"],
};
const usual = { depends: "['base']", data: undefined, version: "'1.0'" };
const oddManifests = [
  ...Object.entries(oddValues).flatMap(([key, values]) => values.map((value) => manifest({ ...usual, [key]: value }))),
  manifest({ ...usual, installable: "False", version: "'nonsense'" }),
  manifest({ ...usual, depends: "None", auto_install: "['base']" }),
  ...["\ufeff", "  ", "\n  ", "# coding: latin-1\n", "\f"].map((before) => before + manifest(usual)),
  manifest(usual).replaceAll("\n", "\r"),
  ...["None", "", "manifest = {}", '"""A"""\n{}', "{**{}}", "{[]: 1}", "{}\0", "{};", "({})"],
];

/** Addons as teams bring them, on the working tree's image with the sandbox's base. */
describe("the image with addons that people bring", () => {
  const images: string[] = [];
  const base = JSON.parse(fs.readFileSync(baseRecord, "utf8")) as { series: string; reference: string; digest: string };
  const pinned = `${base.reference}@${base.digest}`;
  before(async () => {
    await runningSandbox();
  });
  after(() => {
    if (images.length > 0) spawnSync("docker", ["rmi", ...images], { stdio: "ignore" });
  });

  async function build(
    files: Files,
    modules: readonly string[] = [],
    ocaAddons: readonly string[] = [],
    prepare?: (project: string) => void,
  ): Promise<string> {
    const servers = readServers();
    assert.ok(servers !== undefined);
    const settings = { modules: [...modules], ocaAddons: [...ocaAddons] };
    const image = await buildTree(servers, "addons", settings, files, { prepare });
    images.push(image);
    return image;
  }

  function module(name: string, changes: Readonly<Record<string, string>> = {}, below = "addons"): Files {
    const text = manifest({ depends: '["base"]', version: '"1.0"', data: "[]", ...changes });
    return { [`${below}/${name}/__manifest__.py`]: text, [`${below}/${name}/__init__.py`]: "" };
  }

  /** Commits all that is in a folder of the project, which becomes a repository of its own. */
  function commit(folder: string, ...before: readonly string[][]): void {
    const git = (...args: readonly string[]) => {
      const person = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
      execFileSync("git", ["-C", folder, ...person, ...args], { stdio: "pipe" });
    };
    for (const args of [["init", "-q", "-b", "main"], ...before, ["add", "-A"], ["commit", "-qm", "all"]]) git(...args);
  }

  /** Runs Python in an image, with the checker's files at /check. */
  function inside(image: string, ...args: readonly string[]): string {
    const checker = `${path.join(paths.root, "images", "odoo")}:/check:ro`;
    const options = ["run", "--rm", "--network", "none", "--entrypoint", "python3", "-v", checker];
    return execFileSync("docker", [...options, image, "-B", ...args], { encoding: "utf8", maxBuffer: 1 << 26 });
  }

  it("has OCA's packages, and the addon check finds nothing in any of them", async function () {
    if (base.series !== "19.0") this.skip();
    const ours = module("ours", { depends: JSON.stringify(["base", ...names]) });
    const image = await build({ "addons/requirements.txt": packages, ...ours }, names);
    const core = Object.keys(JSON.parse(inside(pinned, "/check/modules.py", "--base")) as object);
    const told = inside(image, "-c", judgeInstalled, base.series, JSON.stringify(core), ...names);
    const report = JSON.parse(told) as Report;
    assert.deepEqual(report.findings, []);
    assert.ok(report.modules.length >= names.length);
  });

  it("has Odoo's own modules, and the addon check finds nothing in them that Odoo does not mind either", () => {
    const core = Object.keys(JSON.parse(inside(pinned, "/check/modules.py", "--base")) as object);
    const judged = sample(
      core,
      core.filter((name) => !name.startsWith("l10n_")),
    );
    const others = core.filter((name) => !judged.includes(name));
    const told = inside(pinned, "-c", judgeInstalled, base.series, JSON.stringify(others), ...judged);
    const report = JSON.parse(told) as Report;
    // Some say themselves that they are Enterprise's, and Debian leaves out some of the Python packages that others name.
    const known = /^has the license OEEL-1|^needs the Python package/;
    assert.deepEqual(
      report.findings.filter(({ message }) => !known.test(message)),
      [],
    );
    assert.ok(report.modules.length >= judged.length && judged.length > 100, String(report.modules.length));
  });

  it("has the wanted modules of OCA's repositories, a submodule and one in the addons, and what they lock", async () => {
    const [submodule, nested] = ["oca/server-auth", "addons/server-tools"];
    const locked = `xlsxwriter==3.2.0 --hash=sha256:${xlsxwriter}\n`;
    const files = {
      ".gitignore": `${nested}/\n`,
      ...module("own_module", { depends: '["wanted_module"]' }),
      ...module("wanted_module", {}, submodule),
      ...module("other_module", { depends: '["server_environment"]' }, submodule),
      [`${submodule}/wanted_module/requirements.txt`]: locked,
      [`${submodule}/.gitignore`]: "credentials.json\n",
      [`${submodule}/wanted_module/credentials.json`]: "planted",
      ...module("tool_module", {}, nested),
    };
    const wanted = ["own_module", "tool_module", "wanted_module"];
    const image = await build(files, wanted, [submodule, nested], (project) => {
      for (const folder of [submodule, nested]) commit(path.join(project, folder));
      commit(project, ["submodule", "add", "-q", "https://git.example.com/server-auth.git", submodule]);
    });
    const { modules } = JSON.parse(inside(image, "-I", "/opt/odoo/modules.py")) as { modules: Record<string, unknown> };
    assert.deepEqual(
      wanted.filter((name) => modules[name] === undefined),
      [],
    );
    assert.equal(modules["other_module"], undefined, "one that could not be used is left out");
    const below = "import glob; print(*glob.glob('/mnt/oca-addons/**', recursive=True))";
    const listed = inside(image, "-c", below).trim().split(" ");
    for (const name of ["tool_module", "wanted_module"]) {
      assert.ok(listed.includes(`/mnt/oca-addons/${name}/__manifest__.py`), listed.join(" "));
    }
    assert.deepEqual(
      listed.filter((file) => file.includes("credentials")),
      [],
      "what the submodule ignores",
    );
    assert.equal(inside(image, "-c", "import xlsxwriter; print(xlsxwriter.__version__)").trim(), "3.2.0");
    const label = ["inspect", "--format", '{{index .Config.Labels "org.opencontainers.image.revision"}}', image];
    assert.match(execFileSync("docker", label, { encoding: "utf8" }), /^[0-9a-f]{40}\n$/, "the repositories are clean");
  });

  itWhole("has 1500 modules, each with its hash", async () => {
    const count = 1500;
    const image = await build({}, [], [], (project) => writeManyModules(path.join(project, "addons"), count));
    const told = JSON.parse(inside(image, "-I", "/opt/odoo/modules.py")) as { modules: Record<string, unknown> };
    const label = ["inspect", "--format", '{{index .Config.Labels "io.odoo.modules"}}', image];
    const labelled = JSON.parse(execFileSync("docker", label, { encoding: "utf8", maxBuffer: 1 << 26 })) as object;
    for (const names of [Object.keys(told.modules), Object.keys(labelled)]) {
      assert.equal(names.filter((name) => name.startsWith("team_")).length, count);
    }
  });

  it("is not built with a requirement that breaks Odoo's own import, nor without what a manifest names", async () => {
    await assert.rejects(
      build({ ...module("ocr_client"), "addons/requirements.txt": "pyOpenSSL==20.0.1\n" }),
      /IMPORT_ERROR: Odoo cannot be imported/,
    );
    const external = `{"python": ["xlrd2"], "bin": ["pdftk"]}`;
    const view = { "addons/viewer/a.xml": "<odoo>\n  <records/>\n</odoo>\n" };
    await assert.rejects(
      build({ ...module("viewer", { data: '["a.xml"]' }), ...view }),
      /ADDON_INVALID: .*viewer\/a\.xml:\d+: does not fit Odoo's schema/,
    );
    await assert.rejects(
      build(module("sheet_reader", { external_dependencies: external })),
      /MISSING_ADDONS: .*sheet_reader.*: needs the Python package xlrd2.*[^]*needs the program pdftk/,
    );
  });

  it("is not built with a package that has another hash than the one that is locked", async () => {
    const locked = `xlsxwriter==3.2.0 --hash=sha256:${"0".repeat(64)}\n`;
    await assert.rejects(
      build({ ...module("locked"), "addons/requirements.txt": locked }),
      /BUILD_FAILURE: addons\.txt \(with hashes\): [^\n]*DO NOT MATCH THE HASHES/,
    );
  });

  it("takes and refuses the manifests that the addon check takes and refuses", function () {
    if (base.series !== "19.0") this.skip();
    const addons = new AddonsCheck();
    try {
      for (const [index, text] of oddManifests.entries()) {
        addons.write(`odd/odd_${index}`, { "__manifest__.py": text, "__init__.py": "" });
      }
      fs.chmodSync(addons.folder, 0o755);
      const mounts = Object.entries({
        "/odd": path.join(addons.folder, "odd"),
        "/check": path.join(paths.root, "images", "odoo"),
        "/fixtures": path.join(paths.root, "test", "fixtures", "addons"),
      }).flatMap(([place, folder]) => ["-v", `${folder}:${place}:ro`]);
      const options = ["run", "--rm", "--network", "none", "--entrypoint", "python3", ...mounts, pinned, "-B"];
      const script = ["/fixtures/judged_twice.py", base.series, "/check", "/odd"];
      const told = execFileSync("docker", [...options, ...script], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
      const said = Object.entries(JSON.parse(told) as Record<string, [odoo: string | null, check: string | null]>);
      assert.equal(said.length, oddManifests.length);
      assert.deepEqual(
        said
          .filter(([, [odoo, check]]) => (odoo === null) !== (check === null))
          .map(([name, verdicts]) => [oddManifests[Number(name.slice(4))], ...verdicts]),
        [],
      );
      const taken = said.filter(([, [odoo]]) => odoo === null).length;
      assert.ok(taken > 0 && taken < said.length);
    } finally {
      addons.remove();
    }
  });

  it("has no module that the list of Enterprise's modules names", () => {
    const list = fs.readFileSync(path.join(paths.root, "images", "odoo", "enterprise-modules.txt"), "utf8");
    const rows = list.split("\n").map((line) => line.split(" "));
    const enterprise = new Set(rows.filter((row) => row.includes(base.series)).map(([name]) => name));
    const core = Object.keys(JSON.parse(inside(pinned, "/check/modules.py", "--base")) as object);
    assert.ok(core.includes("base") && core.length > 100 && enterprise.size > 400);
    assert.deepEqual(
      core.filter((name) => enterprise.has(name)),
      [],
    );
  });

  it("has its Python asked by the check for what is new in it, and its modules are known to it", () => {
    const addons = new AddonsCheck();
    try {
      const version = inside(pinned, "-c", "import sys; print(*sys.version_info[:2])").trim().split(" ").map(Number);
      const isNew = version[0] === 3 && (version[1] ?? 0) >= 13;
      addons.read("newer", "models/a.py", "class Box[T = int]:\n    pass\n");
      addons.read("never", "models/a.py", "class (\n");
      for (const name of ["newer", "never"]) {
        addons.write(`addons/${name}`, { "__manifest__.py": manifest({ depends: '["sale"]', version: '"1.0"' }) });
      }
      const flags = ["--series", base.series, "--python", pinned, "--base", pinned];
      const done = addons.run("--json", ...flags, "addons");
      const report = JSON.parse(done.stdout) as Report;
      const errors = report.findings.filter(({ severity }) => severity === "error").map(({ path: file }) => file);
      const wrong = ["addons/never/models/a.py", ...(isNew ? [] : ["addons/newer/models/a.py"])];
      assert.deepEqual(errors, wrong);
    } finally {
      addons.remove();
    }
  });
});
