import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { contentHash, contextFiles } from "../../components/image/context";

const root = path.resolve(__dirname, "..", "..");
const imageDirectory = path.join(root, "images/odoo");

describe("the files of the image", () => {
  const files = (directory: string) =>
    contextFiles({ root: directory, modules: [], addons: [], ocaAddons: [], caFile: "" });
  const targets = files(root).map((file) => file.target);

  const own = fs.readdirSync(imageDirectory).filter((name) => name.endsWith(".py"));
  /** Files of the image that one of its programs imports. */
  const imports = (name: string) =>
    [...fs.readFileSync(path.join(imageDirectory, name), "utf8").matchAll(/^(?:from|import) (\w+)/gm)]
      .map(([, module]) => `${module ?? ""}.py`)
      .filter((module) => own.includes(module));

  it("are all in the build context: what the Dockerfile copies, and what these import from each other", () => {
    const copied = [
      ...fs.readFileSync(path.join(imageDirectory, "Dockerfile"), "utf8").matchAll(/^COPY (?!--from)(.*) \S+$/gm),
    ]
      .flatMap(([, words]) => (words ?? "").split(" "))
      .filter((word) => /^[\w-]+\.\w+$/.test(word));
    const imported = targets.filter((name) => name.endsWith(".py")).flatMap((name) => imports(name));
    assert.ok(
      copied.includes("entrypoint.py") && imported.includes("release_marker.py"),
      "the search finds what is there",
    );
    assert.deepEqual(
      [...copied, ...imported].filter((name) => !targets.includes(name)),
      [],
    );
  });

  /** Programs in /opt/odoo by the stage of a Dockerfile, with those of the stage that it begins from. */
  const programs = (dockerfile: string) => {
    const stages = new Map<string, string[]>();
    const [, ...parts] = fs.readFileSync(path.join(imageDirectory, dockerfile), "utf8").split(/^FROM /m);
    for (const stage of parts) {
      const [, base = "", name = "last"] = /^(\S+)(?: AS (\w+))?$/m.exec(stage) ?? [];
      const lines = [...stage.matchAll(/^COPY (?!--from)(.*) \/opt\/odoo\/$/gm)];
      const words = lines.flatMap(([, all = ""]) => all.split(" "));
      const copied = (file: string) => words.some((word) => new RegExp(`^${word.replace("*", "\\w*")}$`).test(file));
      stages.set(name, [...(stages.get(base) ?? []), ...own.filter(copied)]);
    }
    return stages;
  };

  for (const dockerfile of ["Dockerfile", "Dockerfile.baseline"]) {
    it(`have beside them what they import, in each stage of ${dockerfile}`, () => {
      const stages = [...programs(dockerfile)].filter(([, copied]) => copied.includes("entrypoint.py"));
      assert.ok(stages.length > 0, "the search finds what is there");
      for (const [stage, copied] of stages) {
        const missing = copied.flatMap((name) => imports(name)).filter((name) => !copied.includes(name));
        assert.deepEqual(missing, [], stage);
      }
    });
  }

  it("change the content hash, each of them", () => {
    const copy = fs.mkdtempSync(path.join(os.tmpdir(), "image-context-"));
    fs.cpSync(imageDirectory, path.join(copy, "images/odoo"), { recursive: true });
    const before = contentHash(files(copy), {});
    for (const target of targets) {
      const file = path.join(copy, "images/odoo", target);
      const text = fs.readFileSync(file);
      fs.appendFileSync(file, "\n");
      assert.notEqual(contentHash(files(copy), {}), before, target);
      fs.writeFileSync(file, text);
    }
    assert.equal(contentHash(files(copy), {}), before);
    fs.rmSync(copy, { recursive: true });
  });
});
