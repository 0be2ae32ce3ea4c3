import assert from "node:assert/strict";
import * as path from "node:path";

import { readBaseImage } from "../../../components/image/base-image";
import { pinnedImage } from "../../../components/registry/image-record";
import record from "../../../components/odoo/odoo-options.json";
import { instead } from "../../../components/odoo/options";
import { baseRecord } from "../../../sandbox/images/base";
import { sandboxEnvironment } from "../../../sandbox/environment";
import { docker } from "../../support/odoo";

const list = `
import json
from odoo.tools import config
names = [name for name, option in config.options_index.items() if option.file_loadable]
print(json.dumps([names, list(config.aliases)]))`;

/** The record of options is of Odoo 19 and newer as Odoo itself tells; older ones keep no such index. */
describe("the record of Odoo's options", () => {
  it("has what the sandbox's Odoo reads from its file, and nothing else", () => {
    const run = ["run", "--rm", "--network", "none", "--entrypoint", "python3"];
    const image = pinnedImage(readBaseImage(process.cwd(), path.relative(process.cwd(), baseRecord)));
    const printed = docker(sandboxEnvironment(), ...run, image, "-c", list);
    const [odoo, aliases] = JSON.parse(printed.trim().split("\n").at(-1) ?? "") as [string[], string[]];
    const recorded = Object.values(record).flatMap((options) => Object.keys(options));
    const known = new Set([...odoo, ...aliases]);
    assert.deepEqual(
      odoo.filter((name) => !recorded.includes(name) && instead(name) === undefined),
      [],
      "neither recorded nor refused",
    );
    assert.deepEqual(
      recorded.filter((name) => !known.has(name)),
      [],
      "not Odoo's",
    );
  });
});
