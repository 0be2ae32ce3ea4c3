import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

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
});
