import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { containerPrefix, paths } from "../config";
import { writeFileAtomically } from "../support/atomic-file";

/** What machines read at their start, by machine. */
const vpsState = path.join(paths.state, "vps");

/** On a machine's container; its value is the droplet's id. */
export const machineLabel = "odoo.sandbox.vps";

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
    writeFileAtomically(instanceFile, randomBytes(4).toString("hex"));
  }
  return fs.readFileSync(instanceFile, "utf8");
}
