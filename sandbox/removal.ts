import * as fs from "node:fs";
import { paths } from "./config";
import { orphans } from "./orphans";
import { ask, endGroup, run } from "./process";
import { stopServers } from "./servers-control";
import type { Progress } from "./tools/cache";
import { dockerAnswers, stopDocker } from "./tools/docker-engine";

/** Containers, networks and volumes of the sandbox carry this label. */
export const objectLabel = "odoo.sandbox=1";

/** Ends what runs that were killed have left behind: builds, or an update that still goes on. */
export async function endOrphans(progress: Progress): Promise<void> {
  for (const orphan of orphans()) {
    progress(`ending what a killed run has left: ${orphan.what} (process ${orphan.pid})`);
    // Pulumi saves its state on the interrupt; a shorter grace could lose a resource that it has just made.
    await endGroup(orphan.pid, 30_000);
    orphan.forget();
  }
}

/** Stops and removes everything of the sandbox that runs; its state and the caches stay. */
export async function takeDown(progress: Progress): Promise<void> {
  await endOrphans(progress);
  if (await stopServers()) progress("API and registry stopped");
  if (await dockerAnswers()) await removeDockerObjects(progress);
  if (await stopDocker(progress)) progress("Docker engine stopped");
}

/** {@link takeDown}, then the state goes too: the next start is a first one, but for the caches. */
export async function reset(progress: Progress): Promise<void> {
  await takeDown(progress);
  fs.rmSync(paths.state, { recursive: true, force: true });
  progress(`${paths.state} removed`);
}

async function removeDockerObjects(progress: Progress): Promise<void> {
  const kinds = [
    { name: "container", list: ["ps", "--all", "--quiet"], remove: ["rm", "--force", "--volumes"] },
    { name: "network", list: ["network", "ls", "--quiet"], remove: ["network", "rm"] },
    { name: "volume", list: ["volume", "ls", "--quiet"], remove: ["volume", "rm", "--force"] },
  ];
  for (const { name, list, remove } of kinds) {
    const found = await ask("docker", [...list, "--filter", `label=${objectLabel}`], { what: `listing each ${name}`, limitMs: 30_000 });
    const ids = (found?.stdout ?? "").split("\n").filter((id) => id !== "");
    if (ids.length === 0) continue;
    await run("docker", [...remove, ...ids], { what: `removing each ${name}`, limitMs: 120_000 });
    progress(`${ids.length} ${name}${ids.length === 1 ? "" : "s"} removed`);
  }
}
