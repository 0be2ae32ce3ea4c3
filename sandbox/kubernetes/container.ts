import * as path from "node:path";
import { networkName, registrySocket } from "../vps/names";
import {
  apiAddressOf,
  apiPort,
  clusterDirectory,
  clusterLabel,
  containerName,
  diskName,
  loadBalancerAddress,
  loadBalancerPorts,
  nodeAddress,
} from "./names";

/** Docker's arguments for a cluster: one container with the control plane and the node. */
export function runArguments(
  { id, node, slot }: { readonly id: string; readonly node: string; readonly slot: number },
  image: string,
): string[] {
  const published = [
    `${apiAddressOf(slot)}:${apiPort}:${apiPort}`,
    ...loadBalancerPorts.map((port) => `${loadBalancerAddress(slot)}:${port}:${port}`),
  ].flatMap((mapping) => ["--publish", mapping]);
  const directory = clusterDirectory(id);
  return [
    ...["run", "--detach", "--name", containerName(id), "--hostname", node],
    ...["--label", "odoo.sandbox=1", "--label", `${clusterLabel}=${id}`],
    ...["--network", networkName, "--ip", nodeAddress(slot), ...published],
    // Not --privileged: that wants CAP_SYS_RESOURCE, which not every machine may give, and shows the outer machine's devices.
    ...["--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE", "--device-cgroup-rule", "a *:* rwm"],
    ...["seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined", "label=disable"].flatMap((option) => [
      "--security-opt",
      option,
    ]),
    // The pods' groups lie below the container's: they go with it, and two clusters do not take each other's for orphans.
    ...["--cgroupns", "private"],
    ...["--tmpfs", "/run:exec,mode=0755", "--tmpfs", "/tmp:exec,mode=1777"],
    ...["--volume", `${diskName(id)}:/node/disk`, "--volume", `${directory}:/node/machine:ro`, "--volume", `${directory}/out:/node/out`],
    ...["--volume", `${path.dirname(registrySocket)}:/node/host:ro`],
    ...["--log-opt", "max-size=10m", "--restart", "on-failure"],
    image,
  ];
}
