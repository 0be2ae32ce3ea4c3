import { createHash } from "node:crypto";

import { ShipError } from "../../components/shared/errors";
import { docker } from "../docker";
import type { TrialDatabase } from "./trial-database";

/**
 * A database that is kept for later runs, as an image of its PostgreSQL with the data in it. Docker gives an image its
 * name when it is whole, so a kill leaves none or all of it. Whoever starts it writes into a layer of the container's
 * own: what an addon does there changes nothing that is kept.
 */
export interface Keepsake {
  /** Which ones belong together: of each kind the newest two are kept. */
  readonly kind: string;
  /** What decides about the content. */
  readonly of: readonly string[];
}

const minuteMs = 60_000;
/** Raised when what is put into one changes. */
const recipe = "1";
const most = 2;
const label = "odoo-ship.kept";

/** Name of the image. */
export function nameOf({ kind, of }: Keepsake): string {
  const key = createHash("sha256").update(JSON.stringify([recipe, kind, ...of]));
  return `odoo-ship-gates:${key.digest("hex").slice(0, 40)}`;
}

/** Whether it is there. */
export async function isKept(wanted: Keepsake): Promise<boolean> {
  return (await docker(["image", "inspect", "--format", "{{.Id}}", nameOf(wanted)], minuteMs)).status === 0;
}

/**
 * Stops a database and keeps it; of its kind, older ones go.
 * @throws ShipError DATABASE_CONNECTION_ERROR, DISK_SPACE_LOW
 */
export async function keep(database: TrialDatabase, wanted: Keepsake): Promise<void> {
  await database.stop();
  const change = ["--change", `LABEL ${label}=${wanted.kind}`];
  const { status, tail } = await docker(["commit", ...change, database.container, nameOf(wanted)], 10 * minuteMs);
  if (status !== 0) {
    throw new ShipError({
      code: "DISK_SPACE_LOW",
      summary: "a database for later gates cannot be kept",
      found: tail,
      expected: "room for some hundred megabytes where Docker keeps its images",
      remedy: "free some, for example by docker system prune, then run the update again",
    });
  }
  await prune(wanted.kind);
}

/** Removes one that does not start, so that it is made anew. */
export async function drop(wanted: Keepsake): Promise<void> {
  await docker(["image", "rm", nameOf(wanted)], minuteMs);
}

/** One that another run has just started from stays, and goes the next time. */
async function prune(kind: string): Promise<void> {
  const filter = ["--filter", `label=${label}=${kind}`, "--format", "{{.ID}}"];
  const { stdout } = await docker(["image", "ls", ...filter], minuteMs);
  const old = [...new Set(stdout.split(/\s+/).filter((id) => id !== ""))].slice(most);
  if (old.length > 0) await docker(["image", "rm", ...old], 5 * minuteMs);
}
