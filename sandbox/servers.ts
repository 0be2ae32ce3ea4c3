import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { z } from "zod";
import { ShipError } from "../components/shared/errors";
import { apiAddress, paths, registryAddress, registryBackendPort, userKubeconfig } from "./config";
import { registrySocket } from "./containers/network";
import * as databases from "./databases/database";
import type { ClusterMachines } from "./digitalocean/cluster-machines";
import type { DatabaseMachines } from "./digitalocean/database-machines";
import { withTokens } from "./digitalocean/kubernetes-client";
import type { Machines } from "./digitalocean/machines";
import { startDigitalOceanApi, type DigitalOceanApi } from "./digitalocean/server";
import * as clusters from "./kubernetes/cluster";
import { userCluster } from "./kubernetes/user-cluster";
import { takeLock } from "./lock";
import { startRegistryBackend, type RegistryBackend } from "./registry/backend";
import { startRegistryFront, type RegistryFront } from "./registry/front";
import { writeFileAtomically } from "./support/atomic-file";
import { once } from "./tools/cache";
import { ensureRegistryBinary } from "./tools/registry-binary";
import * as machines from "./vps/machine";

export interface ServersOptions {
  /** Everything that the servers keep lies here. */
  readonly stateDir: string;
  /** Path of the registry's executable. */
  readonly registryBinary: string;
  /** Ports; 0 takes any free one. @default 0 */
  readonly apiPort?: number;
  readonly registryPort?: number;
  readonly registryBackendPort?: number;
  /** A Unix socket that leads to the registry, too. @default none */
  readonly registrySocket?: string;
  /** What runs behind the API's droplets. @default nothing */
  readonly machines?: Machines;
  /** What runs behind the API's Kubernetes clusters. @default nothing */
  readonly clusters?: ClusterMachines;
  /** What runs behind the API's managed databases. @default nothing */
  readonly databases?: DatabaseMachines;
  /** How long an action on a droplet takes at least, in milliseconds. @default 300 */
  readonly actionMs?: number;
}

const secretsSchema = z.object({ token: z.string(), pushPassword: z.string(), pullPassword: z.string() });

/** `servers.json`: there while the servers run and answer, readable by its owner only. */
export const serversFileSchema = z.object({
  pid: z.int(),
  apiUrl: z.string(),
  registryUrl: z.string(),
  /** `host:port`, as image references begin. */
  registryAddress: z.string(),
  registryBackendUrl: z.string(),
  token: z.string(),
  push: z.object({ username: z.string(), password: z.string() }),
  pull: z.object({ username: z.string(), password: z.string() }),
});

export type ServersFile = z.infer<typeof serversFileSchema>;

export interface Servers extends ServersFile {
  readonly api: DigitalOceanApi;
  readonly front: RegistryFront;
  readonly backend: RegistryBackend;
  /** Ends all, the registry's process included, and removes `servers.json`. */
  close(): Promise<void>;
}

/** Starts registry, front and DigitalOcean API; secrets are made at the first start in a directory and kept there. */
export async function startServers(options: ServersOptions): Promise<Servers> {
  fs.mkdirSync(options.stateDir, { recursive: true, mode: 0o700 });
  const file = path.join(options.stateDir, "servers.json");
  const closers = [
    takeLock(path.join(options.stateDir, "servers.lock"), "The sandbox's server directory"),
  ] as (() => unknown)[];
  const close = async (): Promise<void> => {
    fs.rmSync(file, { force: true });
    for (let end = closers.pop(); end !== undefined; end = closers.pop()) {
      await end();
    }
  };
  try {
    // What a killed run has left does not mean "ready".
    fs.rmSync(file, { force: true });
    const secrets = loadSecrets(path.join(options.stateDir, "secrets.json"));
    const push = { username: "push", password: secrets.pushPassword };
    const pull = { username: "pull", password: secrets.pullPassword };

    const backend = await startRegistryBackend({
      port: options.registryBackendPort ?? 0,
      dataDir: path.join(options.stateDir, "registry"),
      binary: options.registryBinary,
    });
    closers.push(() => backend.close());
    const api = await startDigitalOceanApi({
      port: options.apiPort ?? 0,
      stateFile: path.join(options.stateDir, "digitalocean.json"),
      token: secrets.token,
      contents: backend.contents,
      ...(options.machines !== undefined && { machines: options.machines }),
      ...(options.clusters !== undefined && { clusters: options.clusters }),
      ...(options.databases !== undefined && { databases: options.databases }),
      ...(options.actionMs !== undefined && { actionMs: options.actionMs }),
    });
    closers.push(() => api.close());
    const front = await startRegistryFront({
      port: options.registryPort ?? 0,
      ...(options.registrySocket !== undefined && { socket: options.registrySocket }),
      backendUrl: backend.url,
      credentials: {
        apiToken: secrets.token,
        users: [
          { name: push.username, password: push.password, write: true },
          { name: pull.username, password: pull.password, write: false },
        ],
      },
      verifyMinted: (password) => api.verifyMinted(password),
      pushRefusal: (repository) => api.pushRefusal(repository),
      faults: api.faults,
      log: api.log,
    });
    closers.push(() => front.close());

    const facts: ServersFile = {
      pid: process.pid,
      apiUrl: api.url,
      registryUrl: front.url,
      registryAddress: front.address,
      registryBackendUrl: backend.url,
      token: secrets.token,
      push,
      pull,
    };
    writeFileAtomically(file, `${JSON.stringify(facts, undefined, 2)}\n`);
    return { ...facts, api, front, backend, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function loadSecrets(file: string): z.infer<typeof secretsSchema> {
  if (fs.existsSync(file)) {
    return secretsSchema.parse(JSON.parse(fs.readFileSync(file, "utf8")));
  }
  const secret = (): string => randomBytes(24).toString("hex");
  const secrets = {
    token: `dop_v1_${randomBytes(32).toString("hex")}`,
    pushPassword: secret(),
    pullPassword: secret(),
  };
  writeFileAtomically(file, `${JSON.stringify(secrets, undefined, 2)}\n`);
  return secrets;
}

/** The three servers of this checkout on their fixed addresses, in the foreground, until SIGTERM or SIGINT. */
async function main(): Promise<void> {
  // Listened for from the start: a signal before all are ready must not leave the registry's process behind.
  const stopped = new Promise<void>((resolve) => {
    (["SIGTERM", "SIGINT", "SIGHUP"] as const).forEach((signal) => process.once(signal, () => resolve()));
  });
  const servers = await startServers({
    stateDir: paths.state,
    registryBinary: await ensureRegistryBinary(once(console.log)),
    apiPort: portOf(apiAddress),
    registryPort: portOf(registryAddress),
    registryBackendPort,
    registrySocket,
    machines,
    clusters: userKubeconfig === undefined ? withTokens(clusters) : userCluster(userKubeconfig),
    databases,
  });
  console.log(`DigitalOcean API ${servers.apiUrl}, registry ${servers.registryUrl}`);
  await stopped;
  await servers.close();
}

function portOf(address: string): number {
  return Number(new URL(`http://${address}`).port);
}

if (require.main === module) {
  main().catch((error: unknown) => {
    console.error(error instanceof ShipError ? error.message : error);
    process.exitCode = 1;
  });
}
