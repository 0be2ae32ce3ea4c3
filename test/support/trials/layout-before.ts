import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import type { HostRequest } from "../../../components/vps/request";
import { readWorker, type WorkerFiles } from "../../../components/odoo/worker-files";

/**
 * The worker that kept restore points in Odoo's own volume and looked into its tables as PostgreSQL's superuser: hosts that it has set up are migrated
 * by the next release.
 */
export function workerBefore(): WorkerFiles {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "worker-before-"));
  try {
    const archive = path.join(__dirname, "..", "..", "fixtures", "worker-of-the-first-layout.tar.gz");
    const { status, stderr } = spawnSync("tar", ["-C", folder, "-xzf", archive], { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    // It had in itself what is shared with the image today, and asks for no such file.
    fs.mkdirSync(path.join(folder, "images", "odoo"), { recursive: true });
    for (const name of ["fence.py", "ready.py", "sockets.py"])
      fs.writeFileSync(path.join(folder, "images", "odoo", name), "");
    return readWorker(folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** As the program of that time asked: a release's one-off containers used Odoo's own login, and Odoo's modules had no file system in memory. */
export function requestBefore(request: HostRequest): HostRequest {
  const before = (text: string) =>
    text
      .replaceAll("odoo-tasks-password", "odoo-db-password")
      .replaceAll("odoo_tasks", "odoo")
      .replaceAll(/^ +- \/var\/lib\/odoo\/addons:.*\n/gm, "");
  const files = Object.fromEntries(
    Object.entries(request.files).map(([name, text]) => [name, name.endsWith(".yml") ? before(text) : text]),
  );
  // Another request than the one of today for the same release.
  const id = request.id.split("").reverse().join("");
  return {
    ...request,
    id,
    files,
    secrets: request.secrets.filter(({ file }) => !file.endsWith("odoo-tasks-password")),
  };
}
