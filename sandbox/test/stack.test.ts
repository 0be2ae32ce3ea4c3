import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { removeCutNotes } from "../stack";

describe("the sandbox's stack, after a kill", () => {
  it("loses the notes beside its files that were cut short, and nothing else", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "state-"));
    try {
      const files = { "meta.yaml.attrs": "", "stacks/odoo/s.json": "", "stacks/odoo/s.json.bak.attrs": "{}" };
      for (const [name, text] of Object.entries({ ...files, "stacks/odoo/s.json.attrs": "" })) {
        fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
        fs.writeFileSync(path.join(folder, name), text);
      }
      removeCutNotes(folder);
      removeCutNotes(path.join(folder, "none"));
      const left = fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.\w+$/.test(name));
      assert.deepEqual(left.sort(), ["stacks/odoo/s.json", "stacks/odoo/s.json.bak.attrs"]);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
});
