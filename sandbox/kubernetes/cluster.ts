import * as fs from "node:fs";
import * as path from "node:path";
import { makeDataVolume } from "../containers/data";
import { docker } from "../containers/docker";
import { ContainerKind, isUp, type Found } from "../containers/kind";
import { ensureNetwork, makeRegistryDirectory } from "../containers/network";
import {
  clusterEndpoint,
  type ClusterCredentials,
  type ClusterOrder,
  type PullLogin,
} from "../digitalocean/cluster-machines";
import { ensureBuilt, type Ingredient } from "../images/build";
import { ask } from "../process";
import { once, type Progress } from "../tools/cache";
import { kubernetesVersion, nodePrograms } from "../tools/kubernetes-binaries";
import { runArguments } from "./container";
import { readAuthority, readSlot, readToken, writeOrder } from "./files";
import { clusterDirectory, clusterLabel, containerName, diskName } from "./names";
import { integrationLabel, pullSecret } from "./pull-secret";

const second = 1000;
/** From nothing it takes ten seconds on two idle cores. */
const bootMs = 180 * second;

const containers = new ContainerKind<string>({
  many: "clusters",
  one: (id) => `the cluster ${id}`,
  label: clusterLabel,
  name: containerName,
  // As long as pods need to end.
  shutdownSeconds: 40,
});

/** The image of all nodes. */
export function ensureNodeImage(progress: Progress): Promise<string> {
  const vps = path.join(__dirname, "..", "images", "vps");
  // The disk of a node is made as a machine's is.
  const volume: Ingredient = { name: "volume", recipe: vps, make: () => Promise.resolve(path.join(vps, "volume")) };
  return ensureBuilt("kubernetes-node", kubernetesVersion, progress, ...nodePrograms, volume);
}

/**
 * Makes a cluster, or starts the one that is there, and waits until its node takes pods. It has one node, the first of the first pool, of
 * the version {@link kubernetesVersion}. Its disk outlives the container: made again after `down`, it is the same cluster with its pods
 * and volumes.
 */
export async function createCluster(order: ClusterOrder): Promise<void> {
  const node = writeOrder(order);
  const state = await containers.state(order.id);
  if (state === "paused") {
    await docker(["unpause", containerName(order.id)], `waking the cluster ${order.id}`);
  } else if (state !== undefined && state !== "created") {
    await docker(["start", containerName(order.id)], `starting the cluster ${order.id}`);
  } else {
    // One that was created and never ran: its start failed, perhaps for a port that was taken.
    if (state === "created") await containers.remove(order.id);
    await startContainer(order, node);
  }
  await waitUntilReady(order.id);
  await setRegistry(order.id, order.registry);
}

/** The registry that the cluster is integrated with; `undefined`: none. */
export async function setRegistry(id: string, registry: PullLogin | undefined): Promise<void> {
  const what = `the registry of the cluster ${id}`;
  const others = registry === undefined ? [] : ["--field-selector", `metadata.name!=${registry.secretName}`];
  await kubectl(
    id,
    ["--namespace", "kube-system", "delete", "secret", "--selector", integrationLabel, ...others],
    `removing ${what}`,
  );
  if (registry === undefined) return;
  const secret = JSON.stringify(pullSecret(registry, "kube-system"));
  await kubectl(id, ["apply", "--server-side", "--force-conflicts", "--filename", "-"], `setting ${what}`, secret);
}

/** `undefined`: there is no such cluster. */
export async function clusterStatus(id: string): Promise<"running" | "off" | undefined> {
  const state = await containers.state(id);
  if (state === undefined) return undefined;
  return isUp(state) ? "running" : "off";
}

/** Holds as long as the cluster has its disk, also while it is off. */
export function clusterCredentials(id: string): Promise<ClusterCredentials> {
  const [slot, ca, token] = [readSlot(id), readAuthority(id), readToken(id)];
  if (slot === undefined || ca === undefined || token === undefined) {
    return Promise.reject(new Error(`the cluster ${id} has not been started yet`));
  }
  return Promise.resolve({ server: clusterEndpoint(slot), ca, token });
}

/** Removes a cluster with its disk, also when there is none any more. */
export async function removeCluster(id: string): Promise<void> {
  await containers.remove(id);
  await docker(["volume", "rm", "--force", diskName(id)], `removing the disk of the cluster ${id}`);
  fs.rmSync(clusterDirectory(id), { recursive: true, force: true });
}

/** All clusters that run, at once: what databases in pods hold in memory is written before `down` removes them. */
export function stopClusters(progress: Progress): Promise<void> {
  return containers.stopAll(progress);
}

/** What there is of clusters, by their addresses; last, those of other checkouts. */
export async function listClusters(): Promise<readonly Found[]> {
  const slot = ({ id }: Found): number => readSlot(id) ?? Infinity;
  return [...(await containers.list())].sort((one, other) => slot(one) - slot(other) || one.id.localeCompare(other.id));
}

async function startContainer(order: ClusterOrder, node: string): Promise<void> {
  const image = await ensureNodeImage(once((message) => console.log(`cluster ${order.name}: ${message}`)));
  await ensureNetwork();
  await makeDataVolume(diskName(order.id), `making the disk of the cluster ${order.id}`);
  makeRegistryDirectory();
  await docker(runArguments({ id: order.id, node, slot: order.slot }, image), `starting the cluster ${order.id}`);
}

async function waitUntilReady(id: string): Promise<void> {
  const ready = await ask("docker", ["exec", containerName(id), "/node/wait-until-ready"], {
    what: "waiting for the cluster",
    limitMs: bootMs,
  });
  if (ready !== undefined) return;
  const tails = "tail -n 5 /var/log/node/*/current; kubectl get pods -A --request-timeout=5s";
  const lines = await containers.lastLines(id);
  const inside = await ask("docker", ["exec", containerName(id), "sh", "-c", tails], {
    what: "reading its logs",
    limitMs: 20 * second,
  });
  const said = [lines, inside?.stdout].filter((text) => text !== undefined && text !== "").join("\n");
  throw new Error(`the cluster ${id} does not start:\n${said}`);
}

function kubectl(id: string, args: readonly string[], what: string, input = ""): Promise<string> {
  const command = ["exec", "--interactive", containerName(id), "kubectl", ...args];
  return docker(command, what, { input });
}
