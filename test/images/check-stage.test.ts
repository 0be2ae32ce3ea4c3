import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { python } from "../support/python";

const dockerfile = fs.readFileSync(path.join(__dirname, "../../images/odoo/Dockerfile"), "utf8");

/** The stages by name: the one that each begins from, and its lines. */
const stages = new Map(
  [...dockerfile.matchAll(/^FROM (\S+) AS (\S+)\n([^]*?)(?=^FROM |(?![^]))/gm)].map(
    ([, from = "", name = "", text = ""]) => [name, { from, text }],
  ),
);

/** What a real build does with it, the end-to-end tests show. */
describe("the check of the image, before anything is pushed", () => {
  let folder: string;
  before(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), "check-stage-"))));
  after(() => fs.rmSync(folder, { recursive: true }));

  /** Runs the check's step with a Python that does not do what `fails` matches. */
  function step(fails: string): { status: number | null; stderr: string } {
    const [, script = ""] =
      /USER \$\{ODOO_UID\}:\$\{ODOO_GID\}\nRUN ([^]*?[^\\])\n/.exec(stages.get("check")?.text ?? "") ?? [];
    assert.match(script, /entrypoint\.py odoo --version/);
    fs.writeFileSync(
      path.join(folder, "python3"),
      `#!/bin/sh\ncase "$*" in *"${fails}"*) printf 'Traceback\\nImportError: no %s\\n' escape >&2; exit 1 ;; esac\n`,
      { mode: 0o755 },
    );
    const { status, stderr } = spawnSync("sh", ["-c", script.replaceAll("\\\n", "")], {
      encoding: "utf8",
      env: { PATH: `${folder}:${process.env["PATH"]}` },
    });
    return { status, stderr };
  }

  /** Puts a program in the place of a real one. */
  function stub(name: string, script: string): void {
    fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** Runs the step of a stage that has these words, by the shell that a build has. */
  function run(
    stage: string,
    words: string,
    env: Readonly<Record<string, string>>,
  ): { status: number | null; stderr: string } {
    const steps = [...(stages.get(stage)?.text ?? "").matchAll(/^RUN ([^]*?[^\\])\n/gm)].map(([, text = ""]) => text);
    const [found, ...others] = steps.filter((text) => text.includes(words));
    assert.ok(found !== undefined && others.length === 0, `${stage} has one step with ${words}`);
    const script = found
      .replaceAll("\\\n", "")
      .replaceAll(/--mount=\S+/g, "")
      .replaceAll(/(?<=cd )\/tmp/g, folder);
    const { status, stderr } = spawnSync("sh", ["-c", script], {
      encoding: "utf8",
      env: { PATH: `${folder}:${process.env["PATH"]}`, ...env },
    });
    return { status, stderr };
  }

  it("is of the very stage that runtime begins from, and runtime waits for it", () => {
    const [check, runtime] = [stages.get("check"), stages.get("runtime")];
    assert.ok(check && runtime);
    assert.deepEqual([check.from, runtime.from], ["startable", "startable"]);
    assert.match(runtime.text, /^COPY --from=check /m);
    assert.doesNotMatch(runtime.text, /ENTRYPOINT|entrypoint\.py|pip|apt-get/, "nothing that is not tried comes after");
  });

  it("mends modes that are wrong, changes no other file, and links each module", () => {
    const out = path.join(folder, "out");
    const place = path.join(out, "opt", "odoo", "extra-addons");
    for (const name of ["one", "two"]) fs.mkdirSync(path.join(place, name), { recursive: true });
    const files = { "one/right.py": 0o644, "one/run.sh": 0o755, "two/open.py": 0o666, "two/odd.sh": 0o2744 };
    for (const [name, mode] of Object.entries(files)) {
      fs.writeFileSync(path.join(place, name), "");
      fs.chmodSync(path.join(place, name), mode);
    }
    for (const name of ["", "one"]) fs.chmodSync(path.join(place, name), 0o755);
    fs.chmodSync(path.join(place, "two"), 0o1777);
    const right = ["one", "one/right.py", "one/run.sh"].map((name) => path.join(place, name));
    const changed = () => right.map((file) => fs.statSync(file, { bigint: true }).ctimeNs);
    const before = changed();
    const script = /^ +find \/out \\\( -type d [^]*?xargs .*$/m.exec(stages.get("check")?.text ?? "")?.[0] ?? "";
    assert.match(script, /ln -s/);
    // The links lead to where the image has the modules.
    const here = script.replaceAll("\\\n", "").replaceAll(/(?<= )\/out\b/g, out);
    const { status, stderr } = spawnSync("sh", ["-euc", here], { encoding: "utf8" });
    assert.deepEqual([status, stderr], [0, ""]);
    assert.deepEqual(changed(), before);
    const modes = [...Object.keys(files), "two"].map((name) => fs.statSync(path.join(place, name)).mode & 0o7777);
    assert.deepEqual(modes, [0o644, 0o755, 0o644, 0o755, 0o755]);
    const links = path.join(out, "mnt", "extra-addons");
    assert.deepEqual(fs.readdirSync(links).sort(), ["one", "two"]);
    assert.equal(fs.readlinkSync(path.join(links, "two")), "/opt/odoo/extra-addons/two");
  });

  it("lets an Odoo pass that starts", () => {
    assert.deepEqual(step("never"), { status: 0, stderr: "" });
  });

  it("ends the build if the entrypoint does not start Odoo", () => {
    const { status, stderr } = step("entrypoint.py odoo --version");
    assert.equal(status, 1);
    assert.equal(stderr, "ENTRYPOINT_ERROR: the image does not start Odoo: ImportError: no escape\n");
  });

  it("ends the build if Odoo cannot be imported, though it tells its version", () => {
    const { status, stderr } = step("odoo.addons.base");
    assert.equal(status, 1);
    assert.match(stderr, /^IMPORT_ERROR: Odoo cannot be imported, .*: ImportError: no escape\n$/);
  });

  describe("of its programs and packages", () => {
    afterEach(() => {
      for (const name of fs.readdirSync(folder)) fs.rmSync(path.join(folder, name), { recursive: true });
    });

    const base = (wkhtmltopdf: string) => {
      stub("dpkg", "echo amd64");
      stub("id", "echo 100");
      stub("odoo", "echo 'Odoo Server 19.0-20261101'");
      stub("wkhtmltopdf", `echo 'wkhtmltopdf ${wkhtmltopdf}'`);
      const wanted = { SERIES: "19.0", ODOO_UID: "100", ODOO_GID: "100", TARGETARCH: "amd64" };
      return run("check", "WKHTMLTOPDF_MISMATCH", { ...wanted, WKHTMLTOPDF_VERSION: "0.12.6.1" });
    };

    it("ends the build with another wkhtmltopdf than the setting names, and passes with that one", () => {
      const { status, stderr } = base("0.12.5");
      assert.equal(status, 1);
      assert.match(stderr, /^WKHTMLTOPDF_MISMATCH: .*: found '0\.12\.5', expected '0\.12\.6\.1'\n$/);
      assert.deepEqual(base("0.12.6.1 (with patched qt)"), { status: 0, stderr: "" });
    });

    it("ends the build where anthropic is configured and Python cannot import it", () => {
      const packages = (list: string) => run("python", "import anthropic", { PYTHON_PACKAGES: list });
      stub("python3", "exit 1");
      const { status, stderr } = packages("requests==2 anthropic==0.40.0");
      assert.equal(status, 1);
      assert.match(stderr, /^ANTHROPIC_SDK_MISSING: anthropic==0\.40\.0 is configured and cannot be imported\n$/);
      assert.deepEqual(packages("requests==2 anthropic-not==1").status, 1, "another package's name begins alike");
      assert.deepEqual(packages("requests==2"), { status: 0, stderr: "" });
      stub("python3", "exit 0");
      assert.deepEqual(packages("anthropic==0.40.0"), { status: 0, stderr: "" });
    });

    it("ends the build where installed packages do not agree with each other, unless the base's did not before", () => {
      const agree = (before: string, after: string) => {
        fs.mkdirSync(path.join(folder, "wheels"), { recursive: true });
        fs.writeFileSync(path.join(folder, "wheels", "one.whl"), "");
        // pip check fails where it says anything.
        stub(
          "python3",
          `case "$*" in *"pip install"*) touch ${folder}/installed; exit ;; esac
said='${before}'; [ ! -e ${folder}/installed ] || said='${after}'
[ -z "$said" ] || { echo "$said"; exit 1; }`,
        );
        return run("python", "pip check", {});
      };
      const { status, stderr } = agree("", "lxml 6 needs cssselect 2");
      assert.equal(status, 1);
      assert.match(stderr, /^PIP_DEPENDENCY_CONFLICT: lxml 6 needs cssselect 2;\n$/);
      fs.rmSync(path.join(folder, "installed"));
      assert.equal(agree("zeep 4 needs isodate", "zeep 4 needs isodate").status, 0);
    });

    it("knows pip's own words for requirements that cannot be had together, from those for one that is not there", () => {
      const wheels = path.join(folder, "wheels");
      fs.mkdirSync(wheels);
      wheel(wheels, "common", "1");
      wheel(wheels, "common", "2");
      wheel(wheels, "one", "1", "common==1");
      wheel(wheels, "other", "1", "common==2");
      const [, fail = ""] =
        /^( +fail\(\) \{ \\\n +code=BUILD_FAILURE[^]*?\}; \\\n)/m.exec(stages.get("builder")?.text ?? "") ?? [];
      const said = (...requirements: string[]) => {
        const args = ["-m", "pip", "download", "--no-index", "--find-links", wheels, "--dest", folder, ...requirements];
        const pip = spawnSync(python, args, { encoding: "utf8", cwd: folder });
        assert.notEqual(pip.status, 0);
        fs.writeFileSync(path.join(folder, "pip.log"), pip.stdout + pip.stderr);
        const script = `${fail.replaceAll("\\\n", "")} fail "Python requirements"`;
        return spawnSync("sh", ["-c", script], { encoding: "utf8", cwd: folder }).stderr;
      };
      assert.match(said("one", "other"), /^PIP_DEPENDENCY_CONFLICT: Python requirements: ERROR: /);
      assert.match(said("absent"), /^BUILD_FAILURE: Python requirements: ERROR: /);
    });
  });
});

/** Writes the smallest wheel that pip takes. */
function wheel(folder: string, name: string, version: string, requires?: string): void {
  const script = `import sys, zipfile
file, info, name, version, *requires = sys.argv[1:]
with zipfile.ZipFile(file, "w") as archive:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *map("Requires-Dist: {}".format, requires)]
    archive.writestr(f"{info}/METADATA", "\\n".join(lines) + "\\n")
    archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    archive.writestr(f"{info}/RECORD", "")`;
  const file = path.join(folder, `${name}-${version}-py3-none-any.whl`);
  const args = [file, `${name}-${version}.dist-info`, name, version, ...(requires === undefined ? [] : [requires])];
  const { status, stderr } = spawnSync(python, ["-c", script, ...args], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
}
