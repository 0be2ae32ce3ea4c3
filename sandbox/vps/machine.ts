import * as fs from "node:fs";
import { makeDataVolume } from "../containers/data";
import { docker, objectLabel } from "../containers/docker";
import { ContainerKind, isUp, type Found } from "../containers/kind";
import { ensureNetwork, makeRegistryDirectory } from "../containers/network";
import type { MachineOrder, MachineVolume } from "../digitalocean/machines";
import { ensureBuilt } from "../images/build";
import { ask, until } from "../process";
import { once, type Progress } from "../tools/cache";
import { runArguments } from "./container";
import { readVolumes, volumeWords, writeFirewall, writeOrder, writeVolumes } from "./files";
import { containerName, diskName, machineDirectory, machineLabel, volumesName } from "./names";

const second = 1000;
/** The first start copies the system to the machine's disk; a later one takes a second. */
const bootMs = 120 * second;

const containers = new ContainerKind<number>({
  many: "machines",
  one: (id) => `the machine of droplet ${id}`,
  label: machineLabel,
  name: containerName,
  // As long as systemd and Docker need to end what runs.
  shutdownSeconds: 30,
});

/** The image of all machines. */
export function ensureVpsImage(progress: Progress): Promise<string> {
  return ensureBuilt("vps", "trixie", progress);
}

/**
 * Makes a machine, or starts the one that is there. Its disk outlives the container: made again after `down`, it is the same machine,
 * and the user data does not run another time.
 */
export async function createMachine(order: MachineOrder): Promise<void> {
  writeOrder(order);
  const state = await containers.state(order.id);
  if (state !== undefined && state !== "created") return powerOnMachine(order.id);
  // One that was created and never ran: its start failed, perhaps for a port that was taken.
  if (state === "created") await containers.remove(order.id);
  const image = await ensureVpsImage(once((message) => console.log(`droplet ${order.id}: ${message}`)));
  await ensureNetwork();
  for (const volume of [diskName(order.id), volumesName()]) {
    await makeDataVolume(volume, `making the Docker volume ${volume}`);
  }
  makeRegistryDirectory();
  const info = await docker(["info", "--format", "{{.CgroupVersion}}"], "asking Docker for its control groups");
  await docker(runArguments(order, image, info === "2" ? "2" : "1"), `starting the machine of droplet ${order.id}`);
  await waitForBoot(order.id);
}

/** Which TCP ports take new connections; `undefined`: all ports. Holds over a restart, too. */
export async function setFirewall(id: number, ports: number[] | undefined): Promise<void> {
  writeFirewall(id, ports);
  if ((await machineStatus(id)) === "active") await exec(id, ["/vps/firewall"], "setting the firewall");
}

/** Down in order, and up again. */
export async function rebootMachine(id: number): Promise<void> {
  await powerOffMachine(id);
  await powerOnMachine(id);
}

/** Lets the machine end what runs, at most for half a minute. */
export async function powerOffMachine(id: number): Promise<void> {
  await containers.stop(id);
}

/** All machines that run, at once: what their databases hold in memory is written before `down` removes them. */
export function stopMachines(progress: Progress): Promise<void> {
  return containers.stopAll(progress);
}

/** What there is of machines, of every checkout. */
export async function listMachines(): Promise<readonly (Omit<Found, "id"> & { readonly id: number })[]> {
  const found = await containers.list();
  return found.map(({ id, ...rest }) => ({ id: Number(id), ...rest })).sort((one, other) => one.id - other.id);
}

/** Starts a machine that is off; one that runs goes on. */
export async function powerOnMachine(id: number): Promise<void> {
  await docker(["start", containerName(id)], `starting the machine of droplet ${id}`);
  await waitForBoot(id);
}

/** Removes a machine with its disk, also when there is none any more. Volumes stay. */
export async function removeMachine(id: number): Promise<void> {
  await containers.remove(id);
  await docker(["volume", "rm", "--force", diskName(id)], `removing the disk of droplet ${id}`);
  fs.rmSync(machineDirectory(id), { recursive: true, force: true });
}

/** Attaches a Volume; one that is attached already takes the new size. */
export async function attachVolume(id: number, volume: MachineVolume): Promise<void> {
  writeVolumes(id, [...readVolumes(id).filter((other) => other.id !== volume.id), volume]);
  if ((await machineStatus(id)) === "active") {
    await exec(id, ["/vps/volume", "attach", ...volumeWords(volume)], `attaching the volume ${volume.name}`);
  }
}

/** Takes a Volume away, as one pulls out a disk: what is mounted from it is gone, what was written is written. */
export async function detachVolume(id: number, volume: MachineVolume): Promise<void> {
  writeVolumes(
    id,
    readVolumes(id).filter((other) => other.id !== volume.id),
  );
  if ((await machineStatus(id)) === "active") {
    await exec(id, ["/vps/volume", "detach", volume.id, volume.name], `detaching the volume ${volume.name}`);
  }
}

/** Takes a Volume's data away. */
export async function removeVolume(volume: MachineVolume): Promise<void> {
  const image = await ensureVpsImage(once(console.log));
  const mount = ["--volume", `${volumesName()}:/vps/volumes`];
  const args = [
    "run",
    "--rm",
    "--label",
    objectLabel,
    "--network",
    "none",
    ...mount,
    "--entrypoint",
    "/vps/volume",
    image,
  ];
  await docker([...args, "delete", volume.id], `removing the volume ${volume.name}`);
}

/** `undefined`: there is no such machine. */
export async function machineStatus(id: number): Promise<"active" | "off" | undefined> {
  const state = await containers.state(id);
  if (state === undefined) return undefined;
  return isUp(state) ? "active" : "off";
}

/** Until systemd has begun. What answers on the machine, and when, is for those to find out who log in. */
async function waitForBoot(id: number): Promise<void> {
  const booting = async (): Promise<boolean> =>
    (await ask("docker", ["exec", containerName(id), "test", "-e", "/run/vps/booting"], {
      what: "waiting for the machine to boot",
      limitMs: 10 * second,
    })) !== undefined;
  if (await until(booting, bootMs, 200)) return;
  const said = await containers.lastLines(id);
  await powerOffMachine(id);
  throw new Error(`the machine of droplet ${id} does not boot:\n${said === "" ? "it says nothing" : said}`);
}

async function exec(id: number, command: readonly string[], what: string): Promise<void> {
  await docker(["exec", containerName(id), ...command], `${what} of droplet ${id}`);
}
