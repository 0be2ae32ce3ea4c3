import * as path from "node:path";
import { objectLabel, outerRights } from "../containers/docker";
import { networkName, registrySocket } from "../containers/network";
import { clusterAddress, loadBalancerAddress, nodeAddress } from "../digitalocean/cluster-machines";
import { apiPort, clusterDirectory, clusterLabel, containerName, diskName, loadBalancerPorts } from "./names";

/** Docker's arguments for a cluster: one container with the control plane and the node. */
export function runArguments(
  { id, node, slot }: { readonly id: string; readonly node: string; readonly slot: number },
  image: string,
): string[] {
  const published = [
    `${clusterAddress(slot)}:${apiPort}:${apiPort}`,
    ...loadBalancerPorts.map((port) => `${loadBalancerAddress(slot)}:${port}:${port}`),
  ].flatMap((mapping) => ["--publish", mapping]);
  const directory = clusterDirectory(id);
  return [
    ...["run", "--detach", "--name", containerName(id), "--hostname", node],
    ...["--label", objectLabel, "--label", `${clusterLabel}=${id}`],
    ...["--network", networkName, "--ip", nodeAddress(slot), ...published],
    ...outerRights,
    // The pods' groups lie below the container's: they go with it, and two clusters do not take each other's for orphans.
    ...["--cgroupns", "private"],
    ...["--tmpfs", "/run:exec,mode=0755", "--tmpfs", "/tmp:exec,mode=1777"],
    ...[
      "--volume",
      `${diskName(id)}:/node/disk`,
      "--volume",
      `${directory}:/node/machine:ro`,
      "--volume",
      `${directory}/out:/node/out`,
    ],
    ...["--volume", `${path.dirname(registrySocket)}:/node/host:ro`],
    ...["--log-opt", "max-size=10m", "--restart", "on-failure"],
    image,
  ];
}
