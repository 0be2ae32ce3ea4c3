import * as fs from "node:fs";
import * as path from "node:path";

/**
 * Replaces a file so that a reader, also one after a crash or `kill -9`, sees the old text or the new one, never a part.
 * Blocking on purpose: two writers in one process cannot interleave. Each process writes beside it by a name of its own. Mode 0600 by default, as these files hold credentials.
 */
export function writeFileAtomically(file: string, text: string, mode = 0o600): void {
  const temporary = `${file}.${process.pid}.tmp`;
  const descriptor = fs.openSync(temporary, "w", mode);
  try {
    fs.writeSync(descriptor, text);
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
  fs.renameSync(temporary, file);
  const directory = fs.openSync(path.dirname(file), "r");
  try {
    fs.fsyncSync(directory);
  } finally {
    fs.closeSync(directory);
  }
}
