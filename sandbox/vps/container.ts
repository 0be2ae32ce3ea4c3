import * as path from "node:path";
import { objectLabel, outerRights } from "../containers/docker";
import { networkName, registrySocket } from "../containers/network";
import { privateAddress, publicAddress, reservedAddress } from "../digitalocean/machines";
import { containerName, diskName, machineDirectory, machineLabel, volumesName } from "./names";

/** What is published on both of the machine's addresses. */
export const publishedPorts = [22, 80, 443] as const;

/** Docker's arguments for a machine: systemd as its first process, and an engine of its own inside. */
export function runArguments(
  { id, name, slot }: { readonly id: number; readonly name: string; readonly slot: number },
  image: string,
  cgroupVersion: "1" | "2",
): string[] {
  const published = [publicAddress(slot), reservedAddress(slot)].flatMap((address) =>
    publishedPorts.flatMap((port) => ["--publish", `${address}:${port}:${port}`]),
  );
  return [
    ...["run", "--detach", "--name", containerName(id), "--hostname", name],
    ...["--label", objectLabel, "--label", `${machineLabel}=${id}`],
    ...["--network", networkName, "--ip", privateAddress(slot), ...published],
    ...outerRights,
    ...(cgroupVersion === "1"
      ? ["--cgroupns", "host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]
      : ["--cgroupns", "private"]),
    // Docker would forbid to execute what lies there.
    ...["--tmpfs", "/run:exec,mode=0755", "--tmpfs", "/tmp:exec,mode=1777", "--env", "container=docker"],
    ...["--volume", `${diskName(id)}:/vps/disk`, "--volume", `${volumesName()}:/vps/volumes`],
    ...[
      "--volume",
      `${machineDirectory(id)}:/vps/machine:ro`,
      "--volume",
      `${path.dirname(registrySocket)}:/vps/host:ro`,
    ],
    // `reboot` typed on the machine ends its first process with a signal; what Docker is told to stop stays off all the same.
    ...["--restart", "on-failure"],
    image,
  ];
}
