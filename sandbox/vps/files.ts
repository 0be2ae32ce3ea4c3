import * as fs from "node:fs";
import * as path from "node:path";
import { type MachineOrder, type MachineVolume } from "../digitalocean/machines";
import { writeFileAtomically } from "../support/atomic-file";
import { machineDirectory } from "./names";

/** As a Droplet with 4 GB of memory has it. The disk is a sparse file. */
const diskGiB = 80;

/** What the machine reads at its start. Its firewall is {@link writeFirewall}'s. */
export function writeOrder({ id, userData, authorizedKeys, volumes }: MachineOrder): void {
  if (userData !== "" && !userData.startsWith("#!")) {
    throw new Error(
      `the sandbox's machines take user data that is a script; this begins with ${userData.slice(0, 40)}`,
    );
  }
  write(id, "disk", `${diskGiB}\n`);
  write(id, "user-data", userData);
  write(id, "authorized-keys", authorizedKeys.map((key) => `${key.trim()}\n`).join(""));
  writeVolumes(id, volumes);
}

/** Which Volumes are attached at the next start. */
export function writeVolumes(id: number, volumes: readonly MachineVolume[]): void {
  write(id, "volumes", volumes.map((volume) => `${volumeWords(volume).join(" ")}\n`).join(""));
}

/** The Volumes that {@link writeVolumes} has written. */
export function readVolumes(id: number): MachineVolume[] {
  const file = path.join(machineDirectory(id), "volumes");
  const lines = fs.existsSync(file) ? fs.readFileSync(file, "utf8").trim().split("\n") : [];
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const [volume = "", name = "", size = ""] = line.split(" ");
      return { id: volume, name, sizeGiB: Number(size) };
    });
}

/** A Volume for the script in the machine: it comes unformatted, as one that was made without a file system. */
export function volumeWords({ id, name, sizeGiB }: MachineVolume): string[] {
  for (const word of [id, name]) {
    if (!/^[A-Za-z0-9][A-Za-z0-9-]*$/.test(word))
      throw new Error(`a volume cannot have the id or name ${JSON.stringify(word)}`);
  }
  return [id, name, String(sizeGiB), "none"];
}

/** Which TCP ports take new connections from the next start on; `undefined`: all ports. */
export function writeFirewall(id: number, ports: readonly number[] | undefined): void {
  if (ports === undefined) fs.rmSync(path.join(machineDirectory(id), "firewall"), { force: true });
  else
    write(
      id,
      "firewall",
      portRanges(ports)
        .map((range) => `tcp ${range}\n`)
        .join(""),
    );
}

/** `[22, 80, 81, 82]` as `["22", "80:82"]`: one rule each, also of a firewall that opens thousands. */
export function portRanges(ports: readonly number[]): string[] {
  const ranges: { first: number; last: number }[] = [];
  for (const port of [...ports].sort((one, other) => one - other)) {
    const range = ranges.at(-1);
    if (range !== undefined && port <= range.last + 1) range.last = port;
    else ranges.push({ first: port, last: port });
  }
  return ranges.map(({ first, last }) => (first === last ? String(first) : `${first}:${last}`));
}

function write(id: number, name: string, content: string): void {
  fs.mkdirSync(machineDirectory(id), { recursive: true, mode: 0o700 });
  writeFileAtomically(path.join(machineDirectory(id), name), content);
}
