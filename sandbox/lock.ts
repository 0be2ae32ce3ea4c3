import * as fs from "node:fs";
import * as path from "node:path";
import { ShipError } from "../components/errors";
import { alive, identify, type ProcessIdentity } from "./orphans";
import { sleep } from "./process";

/** For {@link withLock}: whoever holds the lock ends by itself, when it is done or stuck. */
export const untilReleased = Number.POSITIVE_INFINITY;

/**
 * Runs `body` while this process alone holds `file`. The lock of a dead process is taken over.
 * @throws ShipError SANDBOX_BUSY when another run holds it for longer than `limitMs`.
 */
export async function withLock<T>(file: string, limitMs: number, onWait: (holder: number) => void, body: () => Promise<T>): Promise<T> {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const end = Date.now() + limitMs;
  while (!take(file)) {
    const holder = read(file);
    if (holder !== undefined && !alive(holder)) {
      breakStale(file, holder);
      continue;
    }
    if (Date.now() > end) {
      throw new ShipError({
        code: "SANDBOX_BUSY",
        summary: `another run holds ${file}`,
        found: `process ${holder?.pid ?? "unknown"} has held it for over ${Math.round(limitMs / 1000)} s`,
        expected: "that the other run ends",
        remedy: "wait for it or end it, then run again",
      });
    }
    if (holder !== undefined) onWait(holder.pid);
    await sleep(500);
  }
  try {
    return await body();
  } finally {
    fs.rmSync(file, { force: true });
  }
}

/** A lock appears with its content or not at all: link() does not overwrite. */
function take(file: string): boolean {
  const mine = `${file}.${process.pid}`;
  fs.writeFileSync(mine, JSON.stringify(identify(process.pid)));
  try {
    fs.linkSync(mine, file);
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    fs.rmSync(mine, { force: true });
  }
}

function read(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8")) as ProcessIdentity;
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Moves the dead process's lock away; if another run was quicker and the moved lock is its new one, that goes back. */
function breakStale(file: string, stale: ProcessIdentity): void {
  const aside = `${file}.stale.${process.pid}`;
  try {
    fs.renameSync(file, aside);
  } catch (error) {
    if (isCode(error, "ENOENT")) return;
    throw error;
  }
  const moved = read(aside);
  if (moved !== undefined && (moved.pid !== stale.pid || moved.started !== stale.started)) fs.renameSync(aside, file);
  else fs.rmSync(aside, { force: true });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
