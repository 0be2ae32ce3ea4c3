import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as path from "node:path";

import { names } from "../../../components/vps/names";

const worker = path.join(__dirname, "../../../worker/odoo_ship");

describe("The names on a host", () => {
  it("are those that its worker knows", () => {
    const program = `import sys, json
sys.path.insert(0, sys.argv[1])
import egress, files, project
from hosts import compose_services
print(json.dumps([str(files.PROJECT), compose_services.CONTAINERS, sorted(project.VOLUMES), egress.PROXY]))`;
    // The image brings it to the worker's folder.
    const environment = { ...process.env, PYTHONPATH: path.join(__dirname, "../../../images/odoo") };
    const known = JSON.parse(
      execFileSync("python3", ["-B", "-c", program, worker], { encoding: "utf8", env: environment }),
    ) as unknown;
    const { folder, containers, volumes } = names;
    assert.deepEqual(known, [folder, containers, Object.values(volumes).sort(), containers.proxy]);
  });
});
