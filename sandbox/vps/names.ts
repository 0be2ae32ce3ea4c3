import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { containerPrefix, paths } from "../config";

/** All that machines need of this checkout: what they read at their start, by machine, and the way to the registry. */
export const vpsState = path.join(paths.state, "vps");
/** Machines have its directory mounted, so that the socket may come and go. */
export const registrySocket = path.join(vpsState, "host", "registry.sock");

/** On a machine's container; its value is the droplet's id. */
export const machineLabel = "odoo.sandbox.vps";
/** On what outlives `down`: disks of machines and volumes. Its value is the state directory that they belong to. */
export const dataLabel = "odoo.sandbox.data-of";

export const networkName = `${containerPrefix}-vps`;
export const networkRange = "198.18.77.0/24";

/** The machine's container. */
export function containerName(id: number): string {
  return `${containerPrefix}-vps-${id}`;
}

/** Where the machine reads what it is, see images/vps/init. */
export function machineDirectory(id: number): string {
  return path.join(vpsState, String(id));
}

/** The Docker volume that holds the machine's disk. */
export function diskName(id: number): string {
  return `${containerPrefix}-vps-${id}-disk-${instance()}`;
}

/** The Docker volume that holds DigitalOcean's Volumes: one for all, so that a Volume can move from one machine to another. */
export function volumesName(): string {
  return `${containerPrefix}-vps-volumes-${instance()}`;
}

const instanceFile = path.join(vpsState, "instance");

/** Whether this checkout may have disks of machines. */
export function hasDisks(): boolean {
  return fs.existsSync(instanceFile);
}

/** Tells this state from an earlier one in the same place: droplets' ids begin again, and must not find old disks. */
function instance(): string {
  if (!hasDisks()) {
    fs.mkdirSync(vpsState, { recursive: true, mode: 0o700 });
    fs.writeFileSync(`${instanceFile}.${process.pid}`, randomBytes(4).toString("hex"));
    fs.renameSync(`${instanceFile}.${process.pid}`, instanceFile);
  }
  return fs.readFileSync(instanceFile, "utf8");
}
