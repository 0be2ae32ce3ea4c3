import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { ShipError } from "../components/errors";
import { apiAddress, paths, registryAddress, registryBackendPort } from "./config";
import { readServers } from "./servers-control";

const neededBytes = 10e9;

/**
 * What would make a run fail late: too little disk, taken ports.
 * @throws ShipError DISK_SPACE_LOW, PORT_TAKEN.
 */
export async function preflight(): Promise<void> {
  const { bavail, bsize } = fs.statfsSync(paths.root);
  if (bavail * bsize < neededBytes) {
    throw new ShipError({
      code: "DISK_SPACE_LOW",
      summary: "too little disk space for base images and a build",
      found: `${gigabytes(bavail * bsize)} free at ${paths.root}`,
      expected: `${gigabytes(neededBytes)} free`,
      remedy: "free some: `docker system df` and `docker system prune` show and remove what Docker keeps",
    });
  }
  if (readServers() !== undefined) return;
  const addresses = [registryAddress, apiAddress, `127.0.0.1:${registryBackendPort}`];
  const taken: string[] = [];
  for (const address of addresses) if (!(await isFree(address))) taken.push(address);
  if (taken.length > 0) {
    throw new ShipError({
      code: "PORT_TAKEN",
      summary: "the sandbox's ports are in use",
      found: `something else listens on ${taken.join(", ")}`,
      expected: "free ports",
      remedy: "end what listens there; if it is another checkout's sandbox: `npm run sandbox -- down` in that one",
    });
  }
}

/**
 * Writes `.sandbox/ca.crt`, which image builds trust in addition: the certificate authorities that this machine's owner has added
 * (SANDBOX_CA_FILE, else those in /usr/local/share/ca-certificates, else NODE_EXTRA_CA_CERTS), or nothing.
 */
export function writeCaFile(): void {
  const files = caFiles();
  const content = files.map((file) => fs.readFileSync(file, "utf8").trimEnd() + "\n").join("");
  fs.mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  fs.writeFileSync(path.join(paths.state, "ca.crt"), content);
}

function caFiles(): readonly string[] {
  const named = process.env["SANDBOX_CA_FILE"] ?? "";
  if (named !== "") return [named];
  const local = "/usr/local/share/ca-certificates";
  const names = fs.existsSync(local) ? fs.readdirSync(local, { recursive: true, encoding: "utf8" }) : [];
  const added = names.filter((name) => name.endsWith(".crt")).sort();
  if (added.length > 0) return added.map((name) => path.join(local, name));
  const extra = process.env["NODE_EXTRA_CA_CERTS"] ?? "";
  return extra === "" ? [] : [extra];
}

function isFree(address: string): Promise<boolean> {
  const { hostname, port } = new URL(`http://${address}`);
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(false));
    server.listen(Number(port), hostname, () => server.close(() => resolve(true)));
  });
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
