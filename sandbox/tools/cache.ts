import * as fs from "node:fs";
import * as path from "node:path";
import { paths } from "../config";
import { withLock } from "../lock";

/** Says what is happening, in a few words. */
export type Progress = (message: string) => void;

const buildLimitMs = 30 * 60_000;

/**
 * A tool's directory in the cache. `fill` makes it once, in a temporary directory that is renamed when it is complete, so that a
 * killed run leaves nothing that looks like a tool; two runs do not build at once.
 * @returns `<cache>/<tool>/<version>`.
 */
export async function cached(
  tool: string,
  version: string,
  progress: Progress,
  fill: (directory: string) => Promise<void>,
): Promise<string> {
  const target = path.join(paths.cache, tool, version);
  if (fs.existsSync(target)) return target;
  let told = false;
  const onWait = (holder: number) => {
    if (!told) progress(`process ${holder} is preparing ${tool}; waiting for it`);
    told = true;
  };
  return withLock(`${target}.lock`, buildLimitMs, onWait, async () => {
    if (fs.existsSync(target)) return target;
    const temporary = `${target}.partial`;
    fs.rmSync(temporary, { recursive: true, force: true });
    fs.mkdirSync(temporary, { recursive: true });
    try {
      await fill(temporary);
      fs.renameSync(temporary, target);
    } finally {
      fs.rmSync(temporary, { recursive: true, force: true });
    }
    return target;
  });
}

/** The first executable of that name on PATH, leaving out directories under `except`. */
export function onPath(name: string, except: readonly string[] = []): string | undefined {
  for (const directory of (process.env["PATH"] ?? "").split(path.delimiter)) {
    if (directory === "" || except.some((prefix) => path.resolve(directory).startsWith(prefix))) continue;
    const file = path.join(directory, name);
    try {
      fs.accessSync(file, fs.constants.X_OK);
      if (fs.statSync(file).isFile()) return file;
    } catch {
      // Not here: the next directory.
    }
  }
  return undefined;
}
