import * as fs from "node:fs";
import * as path from "node:path";
import { paths } from "../config";
import { untilReleased, withLock } from "../lock";

/**
 * Says what is happening, in a few words, and how much of it is done, from 0 to 1, where that is known. The same words
 * again are not printed again.
 * @param how `found`: that much was there before; `waits`: until the next word another step is at work for this one
 */
export type Progress = (message: string, done?: number, how?: "found" | "waits") => void;

/** For a log: each word once, and nothing of how much is done. */
export function once(say: (line: string) => void): Progress {
  const told = new Set<string>();
  return (message) => {
    if (!told.has(message)) say(message);
    told.add(message);
  };
}

/** The progress of a part: what is done of it lies between `from` and `to` of the whole. */
export function part(progress: Progress, from: number, to: number): Progress {
  return (message, done, how) => progress(message, done === undefined ? undefined : from + (to - from) * done, how);
}

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
  const onWait = (holder: number): void => progress(`process ${holder} is preparing ${tool}; waiting for it`);
  return withLock(`${target}.lock`, untilReleased, onWait, async () => {
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
