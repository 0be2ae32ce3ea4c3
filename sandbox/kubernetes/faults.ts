import { docker } from "../containers/docker";
import { containerName } from "./names";

const apiserver = "/run/services/kube-apiserver";
const kubelet = "/run/services/kubelet";

/** Takes the apiserver away; what runs in pods goes on. */
export async function stopApiserver(id: string): Promise<void> {
  await inside(id, ["sv", "down", apiserver], "stopping the apiserver");
  // It would first let everyone finish who watches something.
  await inside(id, ["sv", "kill", apiserver], "killing the apiserver");
}

/** Brings it back, and waits until it answers. */
export async function startApiserver(id: string): Promise<void> {
  await inside(id, ["sv", "up", apiserver], "starting the apiserver");
  await inside(
    id,
    ["sh", "-c", "until kubectl get --raw /readyz > /dev/null 2>&1; do sleep 0.2; done"],
    "waiting for the apiserver",
  );
}

/** The node is gone, and all that runs on it, while the apiserver answers. */
export async function loseNode(id: string): Promise<void> {
  const kill = "ctr -n k8s.io tasks list -q | xargs -rn1 ctr -n k8s.io tasks kill --signal SIGKILL";
  await inside(id, ["sh", "-c", `sv down ${kubelet} && sv kill ${kubelet} && ${kill}`], "taking the node away");
}

/** Ends {@link loseNode}. */
export async function regainNode(id: string): Promise<void> {
  await inside(id, ["sv", "up", kubelet], "bringing the node back");
}

/** The node hangs: nothing of it runs, and its addresses accept connections and say nothing. */
export async function pauseNode(id: string): Promise<void> {
  await docker(["pause", containerName(id)], "pausing the node");
}

/** Ends {@link pauseNode}. */
export async function unpauseNode(id: string): Promise<void> {
  await docker(["unpause", containerName(id)], "unpausing the node");
}

/** The node's power goes. `createCluster` brings it back. */
export async function killNode(id: string): Promise<void> {
  await docker(["kill", containerName(id)], "killing the node");
}

/** Fills the node's disk up to what it needs to tell so. It takes no space outside. */
export async function fillDisk(id: string): Promise<void> {
  const most =
    "fallocate --length $(($(stat --file-system --format '%a * %S' /var/lib/node) * 97 / 100)) /var/lib/node/filling";
  await inside(id, ["sh", "-c", most], "filling the disk");
}

/** Ends {@link fillDisk}. */
export async function emptyDisk(id: string): Promise<void> {
  await inside(id, ["rm", "--force", "/var/lib/node/filling"], "emptying the disk");
}

async function inside(id: string, command: readonly string[], what: string): Promise<void> {
  await docker(["exec", containerName(id), ...command], what);
}
