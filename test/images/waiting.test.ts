import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { python } from "../support/python";
import { EntrypointProcess, imageDirectory, required } from "./entrypoint-process";

/** Each module of it writes down that it was loaded; PostgreSQL lets Odoo in once the last one was. */
const loaded = `
import os
with open(os.environ["LOADED"], "a") as file:
    file.write(__name__ + "\\n")
`;
const main = `
import json, sys
def main():
    ours = [name for name in ("entrypoint", "configuration", "command") if name in sys.modules]
    print("odoo:" + json.dumps({"argv": sys.argv, "ours": ours, "path": sys.path}))
`;
const driver = `
import sys
sys.path.insert(0, sys.argv[1])
import waiting
sys.path.remove(sys.argv[1])
sys.exit(waiting.main(sys.argv[2:]))
`;

describe("Odoo while its database does not let it in", () => {
  let entrypoint: EntrypointProcess;

  beforeEach(() => {
    entrypoint = new EntrypointProcess();
    for (const name of ["", "cli", "service", "addons", "addons/base", "addons/web"]) {
      const directory = path.join(entrypoint.root, "python/odoo", name);
      fs.mkdirSync(directory, { recursive: true });
      fs.writeFileSync(path.join(directory, "__init__.py"), name === "cli" ? main : loaded);
    }
    fs.writeFileSync(path.join(entrypoint.root, "python/odoo/service/server.py"), loaded);
  });
  afterEach(() => entrypoint.remove());

  function wait(variables: Readonly<Record<string, string>> = {}, ...words: string[]) {
    const { started } = entrypoint.run({ ...required, POSTGRESQL_DOWN: "1", ...variables });
    const log = path.join(entrypoint.root, "loaded");
    const { status, stdout, stderr } = spawnSync(python, ["-c", driver, imageDirectory, ...words], {
      env: { ...started?.env, LOADED: log, POSTGRESQL_DOWN: log, DB_WAIT_SECONDS: "0", ...variables },
      encoding: "utf8",
      timeout: 300_000,
    });
    const said = /^odoo:(.*)$/m.exec(stdout)?.[1];
    return {
      status,
      stderr,
      odoo: said === undefined ? undefined : (JSON.parse(said) as { argv: string[]; ours: string[]; path: string[] }),
      loaded: fs.existsSync(log) ? fs.readFileSync(log, "utf8").trim().split("\n") : [],
    };
  }

  it("is loaded before it is let in, and then begins as it would have", () => {
    const { status, odoo, loaded: names } = wait({}, "-u", "sale");
    assert.equal(status, 0);
    assert.deepEqual(odoo?.argv, [path.join(entrypoint.root, "bin/odoo"), "-u", "sale"]);
    for (const name of ["odoo.service.server", "odoo.addons.base", "odoo.addons.web"]) assert.ok(names.includes(name));
    assert.deepEqual(odoo.ours, [], "names that an addon may use");
    assert.ok(!odoo.path.includes(imageDirectory), "where an addon's import would find them");
  });

  it("leaves a module to the release that has one of the same name", () => {
    const place = path.join(entrypoint.root, "addons");
    fs.mkdirSync(path.join(place, "web"), { recursive: true });
    entrypoint.mount(`addons_path = ${place}`);
    const { odoo, loaded: names } = wait();
    assert.ok(odoo);
    assert.ok(names.includes("odoo.addons.base") && !names.includes("odoo.addons.web"));
  });

  it("does not begin on a database that a release is at", () => {
    const DATABASES = JSON.stringify({ odoo: [["upgrading", `sha256:${"a".repeat(64)}`, {}]] });
    const { status, stderr, odoo } = wait({ DATABASES });
    assert.equal(status, 78);
    assert.equal(odoo, undefined);
    assert.match(stderr, /^RELEASE_IN_PROGRESS: [^\n]+\n$/);
  });

  it("gives up in time, and says whom it waited for", () => {
    const { status, stderr, odoo } = wait({ POSTGRESQL_DOWN: "1" });
    assert.equal(status, 69);
    assert.equal(odoo, undefined);
    assert.match(stderr, /^DATABASE_CONNECTION_ERROR: PostgreSQL at db:5432 \(user odoo\) did not let Odoo in/m);
  });
});
