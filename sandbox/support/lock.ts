import * as fs from "node:fs";
import * as path from "node:path";
import { z } from "zod";
import { ShipError } from "../../components/shared/errors";
import { alive, identify } from "../orphans";

const holderSchema = z.object({ pid: z.int(), started: z.string() });

/**
 * Takes a lock file for this process; answers the function that releases it. A lock of a dead process is taken over; one of
 * a living process is a `SANDBOX_BUSY` that names it.
 */
export function takeLock(file: string, what: string): () => void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const own = `${file}.${process.pid}`;
  fs.writeFileSync(own, JSON.stringify(identify(process.pid)));
  try {
    // A hard link appears with its content at once: a half-written lock cannot exist.
    while (!tryLink(own, file)) {
      const holder = readHolder(file);
      if (holder !== undefined && alive(holder)) {
        throw busy(what, holder.pid, file);
      }
      fs.rmSync(file, { force: true });
    }
  } finally {
    fs.rmSync(own, { force: true });
  }
  return () => fs.rmSync(file, { force: true });
}

function tryLink(from: string, to: string): boolean {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") {
      return false;
    }
    throw error;
  }
}

function readHolder(file: string): z.infer<typeof holderSchema> | undefined {
  try {
    return holderSchema.parse(JSON.parse(fs.readFileSync(file, "utf8")));
  } catch {
    return undefined;
  }
}

function busy(what: string, pid: number, file: string): ShipError {
  return new ShipError({
    code: "SANDBOX_BUSY",
    summary: `${what} is in use by another process.`,
    found: `process ${pid} holds ${file}`,
    expected: "one process at a time",
    remedy: `use the running one, or end it first: \`npm run sandbox -- down\` (or \`kill ${pid}\`)`,
  });
}
