import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

const root = path.resolve(__dirname, "..", "..");

describe("the list of Enterprise modules", () => {
  const lines = fs.readFileSync(path.join(root, "images/odoo/enterprise-modules.txt"), "utf8").trimEnd().split("\n");
  const names = lines.filter((line) => !line.startsWith("#"));

  it("is sorted, without doubles, and holds names only", () => {
    assert.deepEqual(names, [...new Set(names)].sort());
    assert.ok(names.length > 700);
    assert.deepEqual(
      names.filter((name) => !/^[a-z0-9_]+$/.test(name)),
      [],
    );
  });

  it("has the modules that people ask for, and none of Community's that resemble them", () => {
    for (const name of [
      "account_accountant",
      "web_enterprise",
      "web_studio",
      "documents",
      "sign",
      "helpdesk",
      "planning",
    ]) {
      assert.ok(names.includes(name), name);
    }
    // That no module of a real Odoo Community is in it needs Odoo, and is not proven here.
    for (const name of [
      "base",
      "web",
      "account",
      "spreadsheet_dashboard",
      "hr_work_entry",
      "mrp_subcontracting",
      "iot_base",
      "sale_commission",
    ]) {
      assert.ok(!names.includes(name), name);
    }
  });
});
