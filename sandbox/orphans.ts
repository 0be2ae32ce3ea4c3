import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { paths } from "./config";

/** A process, told apart from a later one that got the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly started: string;
}

interface Tracked {
  readonly child: ProcessIdentity;
  readonly parent: ProcessIdentity;
  readonly what: string;
}

const directory = path.join(paths.state, "processes");

/** The identity of a living process; `undefined` when there is none (a zombie counts as none). */
export function identify(pid: number): ProcessIdentity | undefined {
  const started = startOf(pid);
  return started === undefined ? undefined : { pid, started };
}

/** Whether exactly this process still lives. */
export function alive(identity: ProcessIdentity): boolean {
  return startOf(identity.pid) === identity.started;
}

/**
 * Notes a child on disk, so that the next run finds it if this process is killed before it can end the child.
 * Returns the function that takes the note away.
 */
export function trackChild(pid: number, what: string): () => void {
  const child = identify(pid);
  const parent = identify(process.pid);
  if (child === undefined || parent === undefined) return () => undefined;
  const file = path.join(directory, `${pid}.json`);
  const note: Tracked = { child, parent, what };
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  fs.writeFileSync(file, JSON.stringify(note), { mode: 0o600 });
  return () => fs.rmSync(file, { force: true });
}

/** Children of runs that were killed; their notes are removed when `forget` is called. */
export function orphans(): { readonly pid: number; readonly what: string; forget(): void }[] {
  if (!fs.existsSync(directory)) return [];
  const found = [];
  for (const name of fs.readdirSync(directory)) {
    const file = path.join(directory, name);
    const note = readNote(file);
    if (note !== undefined && alive(note.parent)) continue;
    if (note === undefined || !alive(note.child)) fs.rmSync(file, { force: true });
    else found.push({ pid: note.child.pid, what: note.what, forget: () => fs.rmSync(file, { force: true }) });
  }
  return found;
}

function readNote(file: string): Tracked | undefined {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8")) as Tracked;
  } catch {
    // A note cut off by a kill names no process.
    return undefined;
  }
}

function startOf(pid: number): string | undefined {
  if (process.platform !== "linux") return startByPs(pid);
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name may hold spaces and brackets: fields are counted after its last bracket.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function startByPs(pid: number): string | undefined {
  try {
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}
