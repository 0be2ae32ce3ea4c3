import { run } from "../process";

/** Containers, networks and volumes of the sandbox carry this label; `down` removes them. What holds data has another. */
export const objectLabel = "odoo.sandbox=1";
/** The same, where name and value are told apart. */
export const [objectLabelName = "", objectLabelValue = ""] = objectLabel.split("=");

/** Runs docker, and answers what it prints. */
export async function docker(
  args: readonly string[],
  what: string,
  { limitMs = 60_000, input }: { readonly limitMs?: number; readonly input?: string } = {},
): Promise<string> {
  return (await run("docker", args, { what, limitMs, ...(input !== undefined && { input }) })).stdout.trim();
}

/** The rights of a container with an engine or a node of its own inside. */
export const outerRights: readonly string[] = [
  // Not --privileged: that wants CAP_SYS_RESOURCE, which not every machine may give, and shows the outer machine's devices.
  ...["--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE", "--device-cgroup-rule", "a *:* rwm"],
  ...["seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined", "label=disable"].flatMap((option) => [
    "--security-opt",
    option,
  ]),
];
