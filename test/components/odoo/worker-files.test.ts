import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { workerConfig } from "../../../components/kubernetes/objects/upgrade-job";
import { readWorker } from "../../../components/odoo/worker-files";

const root = path.resolve(__dirname, "../../..");

describe("the files of the worker", () => {
  const { files } = readWorker(root);

  it("hold what worker and guard must agree on as the image has it", () => {
    for (const name of ["fence.py", "ready.py"])
      assert.equal(files[`odoo_ship/${name}`], fs.readFileSync(path.join(root, "images/odoo", name), "utf8"));
  });

  it("are a worker in a Job's pod, where they come by keys without folders", () => {
    const { data, files: paths } = workerConfig(files);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "worker-"));
    try {
      for (const [key, file] of Object.entries(paths)) {
        fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
        fs.writeFileSync(path.join(folder, file), data[key] ?? "");
      }
      const all = Object.values(paths).filter(
        (file) => /\/(hosts\/)?[a-z]\w*\.py$/.test(file) && !/(in_odoo|smoke)\.py$/.test(file),
      );
      const modules = all.map((file) => file.replace("odoo_ship/", "").replace(".py", "").replace("/", "."));
      assert.ok(modules.includes("hosts.kubernetes_locks") && modules.includes("service"));
      const load = `import sys, importlib; sys.path.insert(0, ${JSON.stringify(path.join(folder, "odoo_ship"))}); [importlib.import_module(m) for m in ${JSON.stringify(modules)}]`;
      for (const args of [
        ["-I", "-B", "-c", load],
        ["-B", path.join(folder, "odoo_ship"), "--help"],
      ]) {
        const { status, stderr } = spawnSync("python3", args, { encoding: "utf8" });
        assert.equal(status, 0, stderr);
      }
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
});
