import { paths } from "../config";
import { docker } from "./docker";

/** On what outlives `down`. Its value is the state directory that the data belongs to: `reset` removes those of its checkout. */
export const dataLabel = "odoo.sandbox.data-of";

/** Makes a Docker volume that outlives its container, unless it is there. */
export async function makeDataVolume(name: string, what: string): Promise<void> {
  await docker(
    ["volume", "create", "--label", "odoo.sandbox.data=1", "--label", `${dataLabel}=${paths.state}`, name],
    what,
  );
}
