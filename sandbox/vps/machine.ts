import * as fs from "node:fs";
import * as path from "node:path";
import { paths } from "../config";
import type { MachineOrder, MachineVolume } from "../digitalocean/machines";
import { ensureBuilt } from "../images/build";
import { ask, run, until } from "../process";
import { once, type Progress } from "../tools/cache";
import { runArguments } from "./container";
import { readVolumes, volumeWords, writeFirewall, writeOrder, writeVolumes } from "./files";
import {
  containerName,
  dataLabel,
  diskName,
  machineDirectory,
  machineLabel,
  networkName,
  networkRange,
  registrySocket,
  volumesName,
} from "./names";

const second = 1000;
/** The first start copies the system to the machine's disk; a later one takes a second. */
const bootMs = 120 * second;
/** As long as systemd and Docker need to end what runs; then the power goes. */
const shutdownSeconds = 30;

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
  const state = await containerState(order.id);
  if (state !== undefined && state !== "created") return powerOnMachine(order.id);
  // One that was created and never ran: its start failed, perhaps for a port that was taken.
  if (state === "created") await removeContainer(order.id);
  const image = await ensureVpsImage(once((message) => console.log(`droplet ${order.id}: ${message}`)));
  await ensureNetwork();
  for (const volume of [diskName(order.id), volumesName()]) {
    const labels = ["--label", "odoo.sandbox.data=1", "--label", `${dataLabel}=${paths.state}`];
    await docker(["volume", "create", ...labels, volume], `making the Docker volume ${volume}`);
  }
  fs.mkdirSync(path.dirname(registrySocket), { recursive: true, mode: 0o700 });
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
  const stop = ["stop", "--time", String(shutdownSeconds), containerName(id)];
  await docker(stop, `stopping the machine of droplet ${id}`, (shutdownSeconds + 30) * second);
}

/** All machines that run, at once: what their databases hold in memory is written before `down` removes them. */
export async function stopMachines(progress: Progress): Promise<void> {
  const machines = await listMachines();
  const running = machines.filter(({ state }) => state === "running").map(({ container }) => container);
  if (running.length === 0) return;
  progress(`stopping ${running.join(", ")}`);
  const stop = ["stop", "--time", String(shutdownSeconds), ...running];
  await docker(stop, "stopping the machines", (running.length * shutdownSeconds + 30) * second);
}

/** What there is of machines, of every checkout. */
export async function listMachines(): Promise<readonly { readonly id: number; readonly container: string; readonly state: string }[]> {
  const format = `{{.Label "${machineLabel}"}} {{.Names}} {{.State}}`;
  const lines = await docker(["ps", "--all", "--filter", `label=${machineLabel}`, "--format", format], "listing the machines");
  return lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [id = "", container = "", state = ""] = line.split(" ");
      return { id: Number(id), container, state };
    })
    .sort((one, other) => one.id - other.id);
}

/** Starts a machine that is off; one that runs goes on. */
export async function powerOnMachine(id: number): Promise<void> {
  await docker(["start", containerName(id)], `starting the machine of droplet ${id}`);
  await waitForBoot(id);
}

/** Removes a machine with its disk, also when there is none any more. Volumes stay. */
export async function removeMachine(id: number): Promise<void> {
  await removeContainer(id);
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
  const args = ["run", "--rm", "--label", "odoo.sandbox=1", "--network", "none", ...mount, "--entrypoint", "/vps/volume", image];
  await docker([...args, "delete", volume.id], `removing the volume ${volume.name}`);
}

/** `undefined`: there is no such machine. */
export async function machineStatus(id: number): Promise<"active" | "off" | undefined> {
  const state = await containerState(id);
  if (state === undefined) return undefined;
  return state === "running" || state === "restarting" ? "active" : "off";
}

/** Docker's word for it. A question that gets no answer is an error, and not "there is none". */
async function containerState(id: number): Promise<string | undefined> {
  const filter = ["--filter", `name=^/${containerName(id)}$`];
  const state = await docker(["ps", "--all", ...filter, "--format", "{{.State}}"], `looking for the machine of droplet ${id}`);
  return state === "" ? undefined : state;
}

async function removeContainer(id: number): Promise<void> {
  // Docker says "no such container" in an exit code on some versions and not on others.
  if ((await containerState(id)) === undefined) return;
  await docker(["rm", "--force", "--volumes", containerName(id)], `removing the machine of droplet ${id}`);
}

/** The network of all machines and clusters: several may be made at once, and Docker lists a network later than it refuses a second one. */
export function ensureNetwork(): Promise<void> {
  return (network ??= makeNetwork().finally(() => (network = undefined)));
}

let network: Promise<void> | undefined;

async function makeNetwork(): Promise<void> {
  const found = await docker(["network", "ls", "--quiet", "--filter", `name=^${networkName}$`], "looking for the machines' network");
  if (found !== "") return;
  const args = ["network", "create", "--label", "odoo.sandbox=1", "--subnet", networkRange, networkName];
  await docker(args, "making the machines' network");
}

/** Until systemd has begun. What answers on the machine, and when, is for those to find out who log in. */
async function waitForBoot(id: number): Promise<void> {
  const booting = async (): Promise<boolean> =>
    (await ask("docker", ["exec", containerName(id), "test", "-e", "/run/vps/booting"], {
      what: "waiting for the machine to boot",
      limitMs: 10 * second,
    })) !== undefined;
  if (await until(booting, bootMs, 200)) return;
  const logs = await ask("docker", ["logs", "--tail", "20", containerName(id)], { what: "reading its output", limitMs: 10 * second });
  await powerOffMachine(id);
  const said = `${logs?.stdout ?? ""}${logs?.stderr ?? ""}`.trim();
  throw new Error(`the machine of droplet ${id} does not boot:\n${said === "" ? "it says nothing" : said}`);
}

async function exec(id: number, command: readonly string[], what: string): Promise<void> {
  await docker(["exec", containerName(id), ...command], `${what} of droplet ${id}`);
}

async function docker(args: readonly string[], what: string, limitMs = 60 * second): Promise<string> {
  return (await run("docker", args, { what, limitMs })).stdout.trim();
}
