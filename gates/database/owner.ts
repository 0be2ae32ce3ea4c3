import { docker } from "../docker";

/** Who has made a container or a volume: one gate of one stack, of which never two run at a time. */
export interface Owner {
  /** `project/stack` */
  readonly stack: string;
  readonly gate: string;
}

const minuteMs = 60_000;

/** Flags that mark a container or a volume as the owner's. */
export function markOf(owner: Owner): string[] {
  return ["--label", mark(owner)];
}

/** Removes every container and volume of the owner, those of a run that was killed included. */
export async function removeAll(owner: Owner): Promise<void> {
  const filter = ["--quiet", "--filter", `label=${mark(owner)}`];
  const containers = words(await docker(["ps", "--all", ...filter], minuteMs));
  if (containers.length > 0) await docker(["rm", "--force", "--volumes", ...containers], 5 * minuteMs);
  const volumes = words(await docker(["volume", "ls", ...filter], minuteMs));
  if (volumes.length > 0) await docker(["volume", "rm", ...volumes], 5 * minuteMs);
}

/** Calls between two of these: nothing of an earlier run is met, and nothing is left behind. */
export async function tidied<T>(owner: Owner, call: () => Promise<T>): Promise<T> {
  await removeAll(owner);
  try {
    return await call();
  } finally {
    await removeAll(owner);
  }
}

function mark({ stack, gate }: Owner): string {
  return `odoo-ship.gate=${stack}/${gate}`;
}

function words({ stdout }: { stdout: string }): string[] {
  return stdout.split(/\s+/).filter((word) => word !== "");
}
