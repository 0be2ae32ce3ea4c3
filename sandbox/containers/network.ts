import * as fs from "node:fs";
import * as path from "node:path";
import { containerPrefix, networkRange, paths } from "../config";
import { docker, objectLabel } from "./docker";

/** The network of all machines, clusters and databases. */
export const networkName = `${containerPrefix}-vps`;
/** Machines and nodes have its directory mounted, so that the socket may come and go. */
export const registrySocket = path.join(paths.state, "vps", "host", "registry.sock");

/** Makes the directory of {@link registrySocket}: Docker would make one that belongs to root. */
export function makeRegistryDirectory(): void {
  fs.mkdirSync(path.dirname(registrySocket), { recursive: true, mode: 0o700 });
}

/** Several may be made at once, and Docker lists a network later than it refuses a second one. */
export function ensureNetwork(): Promise<void> {
  return (network ??= makeNetwork().finally(() => (network = undefined)));
}

let network: Promise<void> | undefined;

async function makeNetwork(): Promise<void> {
  const found = await docker(
    ["network", "ls", "--quiet", "--filter", `name=^${networkName}$`],
    "looking for the machines' network",
  );
  if (found !== "") return;
  const args = ["network", "create", "--label", objectLabel, "--subnet", networkRange, networkName];
  await docker(args, "making the machines' network");
}
