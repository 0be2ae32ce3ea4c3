import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

/** Calls with a folder that only this user can look into, and removes it. */
export async function inTemporaryFolder<T>(call: (folder: string) => Promise<T>): Promise<T> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "gate-"));
  try {
    return await call(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
