import { z } from "zod";

import type { Settings } from "../../settings";
import { jsonLine } from "../shared/json-line";
import { printable } from "../shared/printable";

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const moment = z.string().regex(/^[\dTZ:-]+$/);
const moduleNames = z.array(z.string().regex(/^\w+$/));

/** Answer of `odoo-ship releases` on a host and in a cluster, as worker/odoo_ship/history.py makes it. */
const historySchema = z.object({
  /** Release that users reach; null before the first install. `restored`: the point whose data it went back to. */
  live: z.object({ digest, since: moment, restored: z.string().nullable() }).nullable(),
  /** Digests that the data have gone through, the live one last. */
  lineage: z.array(digest),
  /** Modules that the database has installed. */
  installed: moduleNames,
  /** Why PostgreSQL was not asked, so that this is what was noted; empty if it was. */
  problem: z.string(),
  /** Releases that were live, each digest once, newest first. */
  releases: z.array(
    z.object({
      digest,
      since: moment,
      left: moment.nullable(),
      /** Digest that it came after. */
      before: digest.nullable(),
      /** Seconds for which it kept users out; null if it did not, or if that was not noted. */
      door: z.number().nullable(),
      /** Installed modules whose content of then may not run on the data of now. */
      changed: moduleNames,
      /** Modules that were installed since. */
      added: moduleNames,
    }),
  ),
  /** Restore points, newest first; `digest` is that of the release whose data it has. */
  points: z.array(
    z.object({
      id: z.string().regex(/^\d{8}t\d{6}z$/),
      digest,
      at: moment,
      bytes: z.number(),
      /** Since the point was taken. */
      minutes: z.number(),
      /** Rows that were written since; null if that is not known. */
      rows: z.number().nullable(),
    }),
  ),
});
export type TargetHistory = Readonly<z.output<typeof historySchema>>;

/** What a target tells of its releases, or why it tells nothing. */
export interface TargetReport {
  /** Short name of the target, for messages. */
  readonly target: string;
  /** Undefined if it could not be read. */
  readonly history: TargetHistory | undefined;
  /** What could not be read, in words; empty if all was. */
  readonly problem: string;
}

/** Facts with which a target is asked. */
export interface Asked {
  /** The project's folder. */
  readonly root: string;
  readonly settings: Settings;
  /** Outputs of the stack's last update, without secrets. */
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** Reads the releases of a target; undefined if the stack has no such target. It never throws for one that is down. */
export type HistoryReader = (asked: Asked) => Promise<TargetReport | undefined>;

/** Judges what a worker printed; `told` says what it was where it is no answer. */
export function reportOf(target: string, stdout: string, told: string): TargetReport {
  let answer: unknown;
  try {
    answer = JSON.parse(jsonLine(stdout));
  } catch {
    return unread(target, told);
  }
  const { success, data, error } = historySchema.safeParse(answer);
  if (success) {
    return { target, history: data, problem: printable(data.problem) };
  }
  const where = error.issues.map((issue) => issue.path.join(".")).join(", ");
  return unread(target, `its worker answers in another form (${where})`);
}

/** Report of a target that could not be read. */
export function unread(target: string, problem: string): TargetReport {
  return { target, history: undefined, problem: printable(problem) };
}
