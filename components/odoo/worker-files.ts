import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

/** The release worker, as it is sent to a host. */
export interface WorkerFiles {
  /** Text of every file by its path below worker/. */
  readonly files: Readonly<Record<string, string>>;
  /** Python program that installs them: the only part that is an argument on the host. */
  readonly bootstrap: string;
  /** 12 hexadecimal digits that name all of it. */
  readonly hash: string;
}

const bootstrapFile = "bootstrap.py";
/** What the worker and the image's guard must agree on: one text each, which the image has, too. */
const shared = ["fence.py", "ready.py", "sockets.py"];
const kinds = new Set([".py", ".json", ".service", ".timer"]);

/** Reads worker/ of the project, and what it shares with the image. */
export function readWorker(root: string): WorkerFiles {
  const folder = path.join(root, "worker");
  const texts = fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((file) => file.split(path.sep).join("/"))
    .filter((file) => kinds.has(path.extname(file)))
    .map((file) => [file, path.join(folder, file)] as const)
    .concat(shared.map((name) => [`odoo_ship/${name}`, path.join(root, "images", "odoo", name)]))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([file, source]) => [file, fs.readFileSync(source, "utf8")] as const);
  const { [bootstrapFile]: bootstrap, ...files } = Object.fromEntries(texts);
  if (bootstrap === undefined) {
    throw new Error(`${folder} has no ${bootstrapFile}`);
  }
  return { files, bootstrap, hash: createHash("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, 12) };
}
