import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { forkOf } from "../../preview/git";
import { readTree } from "../../preview/tree";
import { treePage } from "../../preview/tree-page";
import { smallRepository } from "../support/small-repository";

describe("a preview by Git alone", () => {
  let root: string;
  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "preview-tree-"));
    git("init", "-q", "-b", "main");
    write("addons/sale_extra/__manifest__.py", '{"name": "Sale", "version": "18.0.1.0.0"}\n');
    write("addons/sale_extra/models.py", '"""One word."""\n');
    write("addons/requirements.txt", "# why\nnum2words==0.5.13\n");
    write(
      "images/odoo/base-image.json",
      JSON.stringify({ reference: "odoo", tag: "18.0", digest: `sha256:${"a".repeat(64)}` }),
    );
    write(
      "Pulumi.staging.yaml",
      'config:\n  image:addons: ["addons"]\n  vps:size: s-2vcpu-4gb\n  registry:password:\n    secure: one\n',
    );
    write("docs/page.md", "text\n");
    commit();
    git("checkout", "-q", "-b", "work");
  });
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

  const { git, write, commit } = smallRepository(() => root);
  const page = async () => {
    commit();
    return treePage(await readTree(root, await forkOf(root, "main")));
  };

  it("tells one word in an addon's docstring by the hash of its files", async () => {
    write("addons/sale_extra/models.py", '"""Another word."""\n');
    const text = await page();
    assert.match(text, /`sale_extra 18\.0\.1\.0\.0` same version, content `[0-9a-f]{8}` → `[0-9a-f]{8}`/);
    assert.match(
      text,
      /another image, and a release that starts Odoo anew \(1 of its files: `addons\/sale_extra\/models.py`\)/,
    );
    assert.match(text, /Schema and rollback:\*\* moves where/);
  });

  it("says that nothing restarts where nothing of the image changes", async () => {
    write("docs/page.md", "another text\n");
    const text = await page();
    assert.match(text, /nothing that goes into the image changes: \*\*nothing restarts\*\*/);
    assert.doesNotMatch(text, /Modules|Schema/);
    assert.match(text, /\*not checked\*/);
  });

  it("names packages, base image and settings, and no value of a secret", async () => {
    write("addons/requirements.txt", "num2words==0.5.14\nphonenumbers==8.13.50\n");
    write(
      "images/odoo/base-image.json",
      JSON.stringify({ reference: "odoo", tag: "18.0", digest: `sha256:${"b".repeat(64)}` }),
    );
    write(
      "Pulumi.staging.yaml",
      'config:\n  image:addons: ["addons"]\n  vps:size: s-4vcpu-8gb\n  registry:password: planted-in-plain\n  odoo:options: dop_v1_0123456789abcdef\n',
    );
    const text = await page();
    assert.match(text, /new `addons\/requirements.txt: num2words==0\.5\.14`, new .*phonenumbers.*, without .*0\.5\.13/);
    assert.match(text, /Base image:\*\* `odoo:18\.0 sha256:a{12}` → `odoo:18\.0 sha256:b{12}`/);
    assert.match(text, /`Pulumi\.staging\.yaml vps:size` `s-2vcpu-4gb` → `s-4vcpu-8gb`/);
    assert.match(text, /`Pulumi\.staging\.yaml registry:password`/);
    assert.doesNotMatch(text, /planted-in-plain|dop_v1_|secure/);
    assert.ok((text.split("<details>")[0] ?? "").split("\n").length < 25);
  });

  it("tells a module that is new and one that is gone, and looks at the branch's own commits alone", async () => {
    fs.rmSync(path.join(root, "addons", "sale_extra"), { recursive: true });
    write("addons/other/__manifest__.py", '{"name": "Other"}\n');
    commit();
    git("checkout", "-q", "main");
    write("addons/elsewhere/__manifest__.py", "{}\n");
    commit();
    git("checkout", "-q", "work");
    const text = treePage(await readTree(root, await forkOf(root, "main")));
    assert.match(text, /`other of no version` is new, `sale_extra 18\.0\.1\.0\.0` is gone/);
    assert.doesNotMatch(text, /elsewhere/);
  });

  it("refuses a name that Git does not know, or that looks like an option", async () => {
    await assert.rejects(forkOf(root, "nowhere"), /SETTINGS_INVALID[^]*--base nowhere/);
    await assert.rejects(forkOf(root, "--output=x"), /SETTINGS_INVALID/);
  });
});
