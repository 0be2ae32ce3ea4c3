import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { contentHash, contextFiles } from "../../components/image/context";

const root = path.resolve(__dirname, "..", "..");
const imageDirectory = path.join(root, "images/odoo");

describe("the files of the image", () => {
  const files = (directory: string) => contextFiles({ root: directory, modules: [], addons: [], ocaAddons: [], caFile: "" });
  const targets = files(root).map((file) => file.target);

  it("are all in the build context: what the Dockerfile copies, and what these import from each other", () => {
    const copied = [...fs.readFileSync(path.join(imageDirectory, "Dockerfile"), "utf8").matchAll(/^COPY (?!--from)(.*) \S+$/gm)]
      .flatMap(([, words]) => (words ?? "").split(" "))
      .filter((word) => /^[\w-]+\.\w+$/.test(word));
    const own = fs.readdirSync(imageDirectory).filter((name) => name.endsWith(".py"));
    const imported = targets
      .filter((name) => name.endsWith(".py"))
      .flatMap((name) => [...fs.readFileSync(path.join(imageDirectory, name), "utf8").matchAll(/^(?:from|import) (\w+)/gm)])
      .map(([, module]) => `${module ?? ""}.py`)
      .filter((name) => own.includes(name));
    assert.ok(copied.includes("entrypoint.py") && imported.includes("release_marker.py"), "the search finds what is there");
    assert.deepEqual(
      [...copied, ...imported].filter((name) => !targets.includes(name)),
      [],
    );
  });

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
