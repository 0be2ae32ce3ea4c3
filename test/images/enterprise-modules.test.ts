import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { supportedSeries } from "../../components/image/base-image";
import { python } from "../support/python";

const root = path.resolve(__dirname, "..", "..");
const script = path.join(root, "scripts", "enterprise_modules.py");

describe("the list of Enterprise modules", () => {
  const text = fs.readFileSync(path.join(root, "images/odoo/enterprise-modules.txt"), "utf8");
  const [source, lines] = split(text);
  const of = (series: string) =>
    lines
      .trimEnd()
      .split("\n")
      .filter((line) => line.split(" ").includes(series))
      .map((line) => line.split(" ")[0] ?? "");

  function split(list: string): [source: string, lines: string] {
    return [/^# source (.*), wheel [0-9a-f]{64}$/m.exec(list)?.[1] ?? "", list.replaceAll(/^#.*\n/gm, "")];
  }

  it("is what its script made of the version that the script names, and nobody wrote in it since", () => {
    const pinned = /^SOURCE = "(.*)==(.*)"$/m.exec(fs.readFileSync(script, "utf8"));
    assert.equal(source, `${pinned?.[1]} ${pinned?.[2]}`, "npm run -s enterprise-modules");
    const hash = createHash("sha256").update(lines).digest("hex");
    assert.ok(text.includes(`# lines ${hash}\n`), "written by hand: npm run -s enterprise-modules");
  });

  it("has names and series only, sorted, without doubles, and hundreds for each series that can be built", () => {
    const rows = lines.trimEnd().split("\n");
    assert.deepEqual(
      rows.filter((row) => !/^[a-z0-9_]+( \d\d\.0)+$/.test(row)),
      [],
    );
    const names = rows.map((row) => row.split(" ")[0] ?? "");
    assert.deepEqual(names, [...new Set(names)].sort());
    for (const series of supportedSeries) assert.ok(of(series).length > 400, series);
  });

  it("has the modules that people ask for, and none of Community's that resemble them", () => {
    const asked = ["account_accountant", "web_enterprise", "web_studio", "documents", "sign", "helpdesk", "planning"];
    // That no module of a real Odoo Community is in it needs Odoo: test/e2e/image/addons.test.ts.
    const community = ["base", "web", "account", "spreadsheet_dashboard", "hr_work_entry", "mrp_subcontracting"];
    for (const series of supportedSeries) {
      assert.deepEqual(
        asked.filter((name) => !of(series).includes(name)),
        [],
      );
      assert.deepEqual(
        community.filter((name) => of(series).includes(name)),
        [],
      );
    }
  });

  it("knows the series: what OCA had under a name before Odoo Enterprise took it is OCA's there", () => {
    assert.ok(!of("17.0").includes("sale_commission") && of("18.0").includes("sale_commission"));
    // Moved to Community.
    assert.ok(!of("17.0").includes("spreadsheet_dashboard_purchase_stock"));
  });

  describe("when it is made", () => {
    let folder: string;
    beforeEach(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), "enterprise-"));
    });
    afterEach(() => {
      fs.rmSync(folder, { recursive: true });
    });

    function make(lists: Readonly<Record<string, string>>) {
      const wheel = path.join(folder, "a.whl");
      const write =
        "import json, sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as z:\n" +
        "  for s, t in json.loads(sys.argv[2]).items(): z.writestr(f'manifestoo_core/core_addons/addons-{s}-e.txt', t)";
      execFileSync(python, ["-c", write, wheel, JSON.stringify(lists)]);
      return execFileSync(python, ["-B", script, wheel], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    }

    it("has each name once, with its series", () => {
      const made = make({ "16.0": "# of then\nb\na\n", "17.0": "b\n", "18.0": "b\n", "19.0": "c\n" });
      assert.equal(split(made)[1], "a 16.0\nb 16.0 17.0 18.0\nc 19.0\n");
    });

    it("is refused from a package of another form", () => {
      assert.throws(() => make({ "16.0": "a\n", "17.0": "[b]\n" }), /no list of names for 17\.0/);
    });
  });
});
