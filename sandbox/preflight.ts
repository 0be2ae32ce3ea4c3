import * as fs from "node:fs";
import * as path from "node:path";
import { ShipError } from "../components/shared/errors";
import { apiAddress, paths, registryAddress, registryBackendPort } from "./config";
import { clusterAddress, loadBalancerAddress } from "./digitalocean/cluster-machines";
import { publicAddress, reservedAddress } from "./digitalocean/machines";
import { listClusters } from "./kubernetes/cluster";
import { apiPort, loadBalancerPorts } from "./kubernetes/names";
import { readServers } from "./servers-control";
import { isFree, troubleOf } from "./support/listen";
import { publishedPorts } from "./vps/container";
import { listMachines } from "./vps/machine";

const neededBytes = 15e9;

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
 * Whether the first VPS can have its addresses. Where machines exist, theirs are theirs. Wants a Docker engine.
 * @throws ShipError PORT_TAKEN, SANDBOX_FAILURE.
 */
export async function checkMachineAddresses(): Promise<void> {
  if ((await listMachines()).length > 0) return;
  const hosts = [publicAddress(0), reservedAddress(0)];
  await checkAddresses(
    "VPS",
    hosts,
    hosts.flatMap((host) => publishedPorts.map((port) => `${host}:${port}`)),
  );
}

/**
 * The same for the first cluster and its load balancer.
 * @throws ShipError PORT_TAKEN, SANDBOX_FAILURE.
 */
export async function checkClusterAddresses(): Promise<void> {
  if ((await listClusters()).length > 0) return;
  const [api, balancer] = [clusterAddress(0), loadBalancerAddress(0)];
  await checkAddresses(
    "Kubernetes cluster",
    [api, balancer],
    [`${api}:${apiPort}`, ...loadBalancerPorts.map((port) => `${balancer}:${port}`)],
  );
}

async function checkAddresses(whose: string, hosts: readonly string[], addresses: readonly string[]): Promise<void> {
  const troubles = new Map<string, string>();
  for (const address of addresses) {
    const trouble = await troubleOf(address);
    if (trouble !== undefined) troubles.set(address, trouble);
  }
  if ([...troubles.values()].includes("EADDRNOTAVAIL")) {
    throw new ShipError({
      code: "SANDBOX_FAILURE",
      summary: `this machine does not have the addresses of the sandbox's ${whose}`,
      found: `no ${hosts[0] ?? ""} on the loopback interface`,
      expected: "all of 127.0.0.0/8, as Linux has it",
      remedy: `on macOS: ${hosts.map((host) => `sudo ifconfig lo0 alias ${host} up`).join("; ")}`,
    });
  }
  const taken = [...troubles].filter(([, code]) => code === "EADDRINUSE").map(([address]) => address);
  if (taken.length > 0) {
    throw new ShipError({
      code: "PORT_TAKEN",
      summary: `the addresses of the sandbox's ${whose} are in use`,
      found: `something else listens on ${taken.join(", ")}, perhaps on all addresses of this machine`,
      expected: "these ports free on these addresses; others do not matter",
      remedy:
        "let what listens there (`ss -ltnp`) listen on its own address only, as sshd does with ListenAddress, or end it; then run again",
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

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
