import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { bakedModules, contextFiles } from "../../../components/image/context";
import { python } from "../../support/python";

const root = path.join(__dirname, "..", "..", "..");
const commit = "c".repeat(40);
const modules = [
  { name: "one", path: "addons/one", version: "1.0" },
  { name: "two", path: "oca/two", version: "2.0" },
];

describe("the Dockerfile at the root", () => {
  const text = fs.readFileSync(path.join(root, "Dockerfile"), "utf8");

  it("is what the image's own Dockerfile and the stack that builds make of it", () => {
    const { status, stderr } = spawnSync("node", ["--import", "tsx", "scripts/docs.mjs", "--check"], {
      cwd: root,
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
  });

  it("names its base by digest, and copies nothing of the project but what was laid out", () => {
    assert.match(text, /^ARG BASE_IMAGE="[^"@]+@sha256:[0-9a-f]{64}"$/m);
    const copied = [...text.matchAll(/^COPY .*$/gm)].map(([line]) => line);
    assert.ok(copied.length > 5);
    assert.deepEqual(
      copied.filter((line) => !/--from=(files|check) /.test(line)),
      [],
    );
    const mounted = [...text.matchAll(/--mount=type=bind\S*/g)].map(([mount]) => mount);
    assert.deepEqual(
      mounted.filter((mount) => !/from=(files|builder|fetched)/.test(mount)),
      ["--mount=type=bind,target=/project"],
    );
  });

  it("sees neither state, secrets nor history: they are not among what .dockerignore lets in", () => {
    const [, ...rules] = fs.readFileSync(path.join(root, ".dockerignore"), "utf8").trimEnd().split("\n");
    assert.equal(rules[0], "*");
    const letIn = rules.filter((rule) => rule.startsWith("!"));
    assert.deepEqual(letIn, ["!images/odoo", "!deploy/odoo.conf", "!addons", "!**/.gitignore"]);
    assert.ok(rules.indexOf("**/.*") > rules.indexOf("!addons"));
  });
});

/** A project with two modules, and with what must not reach an image beside them. */
describe("what a plain build lays out", () => {
  let project: string;
  let target: string;
  const write = (file: string, content: string) => {
    fs.mkdirSync(path.dirname(path.join(project, file)), { recursive: true });
    fs.writeFileSync(path.join(project, file), content);
  };
  const sources = () =>
    contextFiles({ root: project, modules, addons: ["addons"], ocaAddons: ["oca"], caFile: "ca.crt" });
  const layOut = () =>
    spawnSync(
      python,
      [
        ...["-B", "images/odoo/plain_context.py", target, "18.0", "--addons", "addons", "--oca", "oca"],
        ...["--require", "one", "two", "--ca", "ca.crt"],
        ...["--repository", `web=https://git.example.com/web.git@${commit}`],
      ],
      { cwd: project, encoding: "utf8" },
    );

  beforeEach(() => {
    project = fs.mkdtempSync(path.join(os.tmpdir(), "plain-build-"));
    target = path.join(project, "laid-out");
    fs.cpSync(path.join(root, "images", "odoo"), path.join(project, "images", "odoo"), { recursive: true });
    write("addons/one/__manifest__.py", "{'name': 'One', 'version': '1.0', 'license': 'LGPL-3', 'installable': True}");
    write("addons/one/__init__.py", "");
    write("addons/one/static/Ünï.txt", "x");
    write("addons/one/static/ｚ.txt", "x");
    write("addons/one/static/😀.txt", "x");
    write("addons/one/run.sh", "#!/bin/sh");
    fs.chmodSync(path.join(project, "addons/one/run.sh"), 0o755);
    write("addons/one/requirements.txt", "x==1");
    write("addons/requirements.txt", "y==1");
    write("addons/README.md", "no module");
    write("oca/two/__manifest__.py", "{'name': 'Two', 'version': '2.0', 'license': 'AGPL-3', 'installable': True}");
    write("oca/two/__init__.py", "");
    write("ca.crt", "a certificate");
    write("deploy/odoo.conf", "[options]\n");
    write(".gitignore", "*.pem\noca/\n");
    for (const file of [".env", "key.pem", "__pycache__/x.pyc", "models/a.py~"]) write(`addons/one/${file}`, "planted");
    execFileSync("git", ["init", "-q"], { cwd: project });
  });
  afterEach(() => fs.rmSync(project, { recursive: true }));

  it("is what the program sends: the same files, the same list of modules with the same hashes", () => {
    const { status, stderr } = layOut();
    assert.equal(status, 0, stderr);
    const files = sources();
    assert.ok(files.some((file) => file.target === "extra-addons/one/static/😀.txt"));
    for (const file of files) {
      const laid = path.join(target, file.target);
      assert.ok(fs.existsSync(laid), file.target);
      assert.deepEqual(fs.readFileSync(laid), fs.readFileSync(file.source as string), file.target);
      assert.equal((fs.statSync(laid).mode & 0o111) !== 0, file.executable, file.target);
    }
    const ofModules = (names: readonly string[]) =>
      names.filter((name) => /^(extra-|oca-|requirements|ca\/)/.test(name));
    const there = fs.readdirSync(target, { recursive: true, encoding: "utf8" });
    const laid = there.filter((name) => fs.statSync(path.join(target, name)).isFile());
    assert.deepEqual(ofModules(laid).sort(), ofModules(files.map((file) => file.target)).sort());
    assert.equal(
      fs.readFileSync(path.join(target, "modules.json"), "utf8"),
      JSON.stringify(bakedModules(files, modules)),
    );
    assert.equal(
      fs.readFileSync(path.join(target, "repositories.json"), "utf8"),
      JSON.stringify([{ name: "web", url: "https://git.example.com/web.git", commit }]),
    );
  });

  it("is nothing while a module is wrong, with the same words as before a build", () => {
    write("addons/one/__manifest__.py", "{'name': ");
    const { status, stderr } = layOut();
    assert.equal(status, 1);
    assert.match(stderr, /^ADDON_INVALID: addons\/one\/__manifest__\.py: /);
  });

  it("follows no link to a folder", () => {
    fs.symlinkSync(".", path.join(project, "addons/one/loop"));
    const { status, stderr } = layOut();
    assert.equal(status, 1);
    assert.match(stderr, /ADDON_INVALID: addons\/one\/loop: a module contains a link to a folder/);
  });
});
