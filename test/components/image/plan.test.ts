import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { planBuild } from "../../../components/image/plan";
import { compliant, manifest } from "../../fixtures/addons/module";

const images = path.resolve(__dirname, "..", "..", "..", "images");
const [first, second] = ["1".repeat(40), "2".repeat(40)];

describe("the plan of a build", () => {
  let root: string;
  const previous = process.env["PATH"];
  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "plan-"));
    fs.cpSync(images, path.join(root, "images"), { recursive: true });
    // A Docker that has the base image, with these modules.
    fs.mkdirSync(path.join(root, "bin"));
    fs.writeFileSync(path.join(root, "bin", "docker"), "#!/bin/sh\nprintf 'base\\nsale\\n'\n", { mode: 0o755 });
    process.env["PATH"] = `${path.join(root, "bin")}${path.delimiter}${previous}`;
    for (const [name, content] of Object.entries(compliant)) write(`addons/own/${name}`, content);
    write("addons/own/__manifest__.py", manifest({ depends: '["base", "fetched"]' }));
  });
  afterEach(() => {
    process.env["PATH"] = previous;
    fs.rmSync(root, { recursive: true });
  });

  function write(file: string, content: string | Buffer): void {
    fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    fs.writeFileSync(path.join(root, file), content);
  }

  function plan(repos: string, installed: readonly string[] = []) {
    const settings = { addons: ["addons"], ocaAddons: [], repos, modules: [], pythonPackages: [], systemPackages: [] };
    const base = { baseRecord: "images/odoo/base-image.json", caFile: "", locales: [], postgresqlClient: 15 };
    const rest = {
      digest: "",
      flavour: "delta",
      wkhtmltopdf: "",
      epoch: "1",
      platform: "linux/amd64",
      source: "",
    } as const;
    return planBuild(root, { ...settings, ...base, ...rest }, installed);
  }

  function repos(commit: string, comment = ""): void {
    write("repos.yaml", `${comment}./tools:\n  remotes: {oca: "https://git.test/tools"}\n  merges: [oca ${commit}]\n`);
  }

  it("refuses a dependency that is nowhere, but leaves it to the build when repositories are fetched there", async () => {
    await assert.rejects(plan(""), /MISSING_ADDONS[^]*depends on fetched, which is nowhere/);
    repos(first);
    const { context, warnings, args } = await plan("repos.yaml", ["another_one"]);
    assert.deepEqual(warnings, []);
    assert.match(args["MODULES_REQUIRED"] ?? "", /\banother_one$/, "the build looks for what a database is to have");
    assert.deepEqual(JSON.parse(fs.readFileSync(path.join(root, context, "repositories.json"), "utf8")), [
      { name: "tools", url: "https://git.test/tools", commit: first },
    ]);
  });

  it("names another content with another commit, and with nothing else that is written in the file", async () => {
    repos(first);
    const before = (await plan("repos.yaml")).contentHash;
    repos(first, "# of today\n");
    assert.equal((await plan("repos.yaml")).contentHash, before);
    repos(second);
    assert.notEqual((await plan("repos.yaml")).contentHash, before);
  });
});
