import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { checkAddons } from "../../../components/image/addons";
import { baseModules } from "../../../components/image/base-modules";
import { ShipError } from "../../../components/shared/errors";

const checker = path.join(__dirname, "..", "..", "..", "images", "odoo");
const image = `registry.example.com/odoo@sha256:${"1".repeat(64)}`;
const other = `registry.example.com/odoo@sha256:${"2".repeat(64)}`;

describe("the modules of the base image", () => {
  let root: string;
  let modules: string[];
  let here: boolean;
  const previous = process.env["PATH"];

  /** A Docker that has the image, and notes each thing that it is asked. */
  function docker(): void {
    const script = `#!/bin/sh
echo "$1" >> '${root}/asked'
[ "$1" = run ] || exit ${here ? 0 : 1}
echo '${modules.join("\n")}'
`;
    fs.writeFileSync(path.join(root, "bin", "docker"), script, { mode: 0o755 });
  }
  const asked = () =>
    fs.existsSync(path.join(root, "asked")) ? fs.readFileSync(path.join(root, "asked"), "utf8").trim().split("\n") : [];
  const namesIn = (folder: string | undefined) => fs.readdirSync(path.join(root, folder ?? "none")).sort();

  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "base-modules-"));
    fs.mkdirSync(path.join(root, "bin"));
    fs.cpSync(checker, path.join(root, "images", "odoo"), { recursive: true });
    process.env["PATH"] = `${path.join(root, "bin")}${path.delimiter}${previous}`;
    modules = ["base", "sale"];
    here = true;
    docker();
  });
  afterEach(() => {
    process.env["PATH"] = previous;
    fs.rmSync(root, { recursive: true, force: true });
  });

  it("are asked for once, and known without Docker from then on", async () => {
    const first = await baseModules(root, image);
    assert.deepEqual(namesIn(first), ["base", "sale"]);
    assert.deepEqual(asked(), ["image", "run"]);
    assert.equal(await baseModules(root, image), first);
    assert.deepEqual(asked(), ["image", "run"]);
  });

  it("are another image's own", async () => {
    await baseModules(root, image);
    modules = ["base", "purchase"];
    docker();
    assert.deepEqual(namesIn(await baseModules(root, other)), ["base", "purchase"]);
    assert.deepEqual(namesIn(await baseModules(root, image)), ["base", "sale"]);
  });

  it("are asked for again when the way to ask has changed", async () => {
    await baseModules(root, image);
    fs.appendFileSync(path.join(root, "images", "odoo", "addons_files.py"), "# changed\n");
    await baseModules(root, image);
    assert.deepEqual(asked(), ["image", "run", "image", "run"]);
  });

  for (const [what, spoil] of [
    ["one is missing", (folder: string) => fs.rmSync(path.join(folder, "sale"))],
    ["there is one more", (folder: string) => fs.symlinkSync("../module", path.join(folder, "account"))],
    ["the manifest is gone", (folder: string) => fs.rmSync(path.join(folder, "..", "module"), { recursive: true })],
  ] as const) {
    it(`are asked for again when ${what} of those that were kept`, async () => {
      const folder = (await baseModules(root, image)) ?? "none";
      spoil(path.join(root, folder));
      assert.deepEqual(namesIn(await baseModules(root, image)), ["base", "sale"]);
      assert.equal(asked().length, 4);
    });
  }

  it("are unknown, and nothing is pulled, where Docker does not have the image", async () => {
    here = false;
    docker();
    assert.equal(await baseModules(root, image), undefined);
    assert.deepEqual(asked(), ["image"]);
  });

  it("are left to the check where nothing can be kept", async () => {
    fs.writeFileSync(path.join(root, ".build"), "");
    assert.equal(await baseModules(root, image), image);
  });

  it("are found by several updates at once", async () => {
    const found = await Promise.all([1, 2, 3, 4].map(() => baseModules(root, image)));
    for (const one of found) assert.deepEqual(namesIn(one), ["base", "sale"]);
    assert.deepEqual(
      fs.readdirSync(path.join(root, ".build", "base-modules")).filter((name) => name.endsWith(".partial")),
      [],
    );
  });

  it("let the check find a dependency that is nowhere, as the image itself does", async () => {
    const addon = path.join(root, "addons", "good");
    fs.mkdirSync(addon, { recursive: true });
    fs.writeFileSync(path.join(addon, "__init__.py"), "");
    const manifest = (depends: string) =>
      fs.writeFileSync(
        path.join(addon, "__manifest__.py"),
        `{"name": "Good", "version": "18.0.1.0.0", "license": "LGPL-3", "depends": ["${depends}"], "installable": True}\n`,
      );
    const check = () =>
      checkAddons(root, {
        directories: ["addons"],
        optional: [],
        packages: [],
        series: "18.0",
        required: [],
        base: image,
      });
    manifest("sale");
    assert.deepEqual(
      (await check()).modules.map(({ name }) => name),
      ["good"],
    );
    manifest("purchase");
    await assert.rejects(check(), (error) => error instanceof ShipError && error.code === "MISSING_ADDONS");
  });
});
