import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { mock } from "node:test";

import { workerConfig } from "../../../components/kubernetes/objects/upgrade-job";
import { readWorker } from "../../../components/odoo/worker-files";

const root = path.resolve(__dirname, "../../..");

describe("the files of the worker", () => {
  const { files } = readWorker(root);

  it("hold what worker and guard must agree on as the image has it", () => {
    for (const name of ["fence.py", "ready.py", "sockets.py"])
      assert.equal(files[`odoo_ship/${name}`], fs.readFileSync(path.join(root, "images/odoo", name), "utf8"));
  });

  it("are a worker in a Job's pod, where they come as one archive, and the agent beside it", () => {
    const { data, binaryData } = workerConfig(files);
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "worker-"));
    try {
      const archive = path.join(folder, "odoo_ship.zip");
      fs.writeFileSync(archive, Buffer.from(binaryData["odoo_ship.zip"] ?? "", "base64"));
      fs.writeFileSync(path.join(folder, "task_agent.py"), data["task_agent.py"] ?? "");
      // Those two run where Odoo's code is.
      const modules = Object.keys(files).flatMap((file) => {
        const name = /^odoo_ship\/((hosts\/)?[a-z]\w*)\.py$/.exec(file)?.[1];
        return name === undefined || ["in_odoo", "smoke"].includes(name) ? [] : [name.replace("/", ".")];
      });
      assert.ok(modules.includes("hosts.kubernetes_locks") && modules.includes("service"));
      const load = `import sys, importlib; sys.path.insert(0, ${JSON.stringify(archive)}); [importlib.import_module(m) for m in ${JSON.stringify(modules)}]`;
      for (const args of [
        ["-I", "-B", "-c", load],
        ["-B", archive, "--help"],
        ["-I", "-B", "-c", `import runpy; runpy.run_path(${JSON.stringify(path.join(folder, "task_agent.py"))})`],
      ]) {
        const { status, stderr } = spawnSync("python3", args, { encoding: "utf8" });
        assert.equal(status, 0, stderr);
      }
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  it("are the same archive in whatever order they are read, on whatever day and in whatever time zone", () => {
    const packed = (given: Readonly<Record<string, string>>) => workerConfig(given).binaryData["odoo_ship.zip"];
    const usual = packed(files);
    const zone = process.env["TZ"];
    mock.timers.enable({ apis: ["Date"], now: new Date("2031-07-08T09:10:11Z") });
    try {
      process.env["TZ"] = "Pacific/Auckland";
      assert.equal(packed(Object.fromEntries(Object.entries(files).reverse())), usual);
    } finally {
      mock.timers.reset();
      if (zone === undefined) delete process.env["TZ"];
      else process.env["TZ"] = zone;
    }
    assert.equal(packed({ ...files, "systemd/odoo-ship.service": "" }), usual);
    assert.notEqual(packed({ ...files, "odoo_ship/words.py": "" }), usual);
  });
});
