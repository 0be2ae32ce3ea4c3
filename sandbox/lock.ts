import * as fs from "node:fs";
import * as path from "node:path";
import { ShipError } from "../components/shared/errors";
import { alive, identify, type ProcessIdentity } from "./orphans";
import { sleep } from "./process";

/** For {@link withLock}: whoever holds the lock ends by itself, when it is done or stuck. */
export const untilReleased = Number.POSITIVE_INFINITY;

/**
 * Takes a lock file for this process. The lock of a dead process is taken over.
 * @param what that is in use, for the message
 * @returns the function that releases it
 * @throws ShipError SANDBOX_BUSY when another process holds it.
 */
export function takeLock(file: string, what: string): () => void {
  const holder = take(file);
  if (holder !== undefined) {
    throw new ShipError({
      code: "SANDBOX_BUSY",
      summary: `${what} is in use by another process.`,
      found: `process ${holder.pid} holds ${file}`,
      expected: "one process at a time",
      remedy: `use the running one, or end it first: \`npm run sandbox -- down\` (or \`kill ${holder.pid}\`)`,
    });
  }
  return () => fs.rmSync(file, { force: true });
}

/**
 * Runs `body` while this process alone holds `file`; another that holds it is waited for. The lock of a dead process is taken over.
 * @throws ShipError SANDBOX_BUSY when another run holds it for longer than `limitMs`.
 */
export async function withLock<T>(
  file: string,
  limitMs: number,
  onWait: (holder: number) => void,
  body: () => Promise<T>,
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const holder = take(file);
    if (holder === undefined) break;
    if (Date.now() > end) {
      throw new ShipError({
        code: "SANDBOX_BUSY",
        summary: `another run holds ${file}`,
        found: `process ${holder.pid} has held it for over ${Math.round(limitMs / 1000)} s`,
        expected: "that the other run ends",
        remedy: "wait for it or end it, then run again",
      });
    }
    onWait(holder.pid);
    await sleep(500);
  }
  try {
    return await body();
  } finally {
    fs.rmSync(file, { force: true });
  }
}

/** The living process that has the lock, or `undefined` when this one has it now. */
function take(file: string): ProcessIdentity | undefined {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  while (!link(file)) {
    const text = read(file);
    if (text === undefined) continue;
    const holder = parse(text);
    if (holder !== undefined && alive(holder)) return holder;
    breakStale(file, text);
  }
  return undefined;
}

/** A lock appears with its content or not at all: link() does not overwrite. */
function link(file: string): boolean {
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

/** `undefined`: its holder has released it meanwhile. */
function read(file: string): string | undefined {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** `undefined`: what stands there names no process, as after a power cut. */
function parse(text: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(text) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

/** Moves the dead process's lock away; if another run was quicker and the moved lock is its new one, that goes back. */
function breakStale(file: string, stale: string): void {
  const aside = `${file}.stale.${process.pid}`;
  try {
    fs.renameSync(file, aside);
  } catch (error) {
    if (isCode(error, "ENOENT")) return;
    throw error;
  }
  if (read(aside) === stale) fs.rmSync(aside, { force: true });
  else fs.renameSync(aside, file);
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
