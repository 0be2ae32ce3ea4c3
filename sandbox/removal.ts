import * as fs from "node:fs";
import { paths } from "./config";
import { dataLabel } from "./containers/data";
import { objectLabel } from "./containers/docker";
import { stopDatabases } from "./databases/database";
import { hasDatabases } from "./databases/names";
import { stopClusters } from "./kubernetes/cluster";
import { hasClusters } from "./kubernetes/names";
import { orphans } from "./orphans";
import { ask, endGroup, run } from "./process";
import { stopServers } from "./servers-control";
import type { Progress } from "./tools/cache";
import { dockerAnswers, ensureDocker, stopDocker } from "./tools/docker-engine";
import { stopMachines } from "./vps/machine";
import { hasDisks } from "./vps/names";

/** Ends what runs that were killed have left behind: builds, or an update that still goes on. */
export async function endOrphans(progress: Progress): Promise<void> {
  for (const orphan of orphans()) {
    progress(`ending what a killed run has left: ${orphan.what} (process ${orphan.pid})`);
    // Pulumi saves its state on the interrupt; a shorter grace could lose a resource that it has just made.
    await endGroup(orphan.pid, 30_000);
    orphan.forget();
  }
}

/** Stops and removes everything of the sandbox that runs; its state, the disks of its machines and clusters and the caches stay. */
export async function takeDown(progress: Progress): Promise<void> {
  await endRun(progress);
  if (await stopDocker(progress)) progress("Docker engine stopped");
}

/** {@link takeDown}, then the state goes too, with the disks of its machines and clusters: the next start is a first one, but for the caches. */
export async function reset(progress: Progress): Promise<void> {
  await endRun(progress);
  // An engine that `down` has stopped is started again for them.
  if (hasDisks() || hasClusters() || hasDatabases()) {
    await ensureDocker(progress);
    await removeKind(volumes, `${dataLabel}=${paths.state}`, progress);
  }
  if (await stopDocker(progress)) progress("Docker engine stopped");
  fs.rmSync(paths.state, { recursive: true, force: true });
  progress(`${paths.state} removed`);
}

async function endRun(progress: Progress): Promise<void> {
  await endOrphans(progress);
  if (await stopServers()) progress("API and registry stopped");
  if (!(await dockerAnswers())) return;
  await Promise.all([stopMachines(progress), stopClusters(progress)]);
  // Last: what runs on machines and clusters writes to them until it ends.
  await stopDatabases(progress);
  for (const kind of [containers, networks, volumes]) await removeKind(kind, objectLabel, progress);
}

interface Kind {
  readonly name: string;
  readonly list: readonly string[];
  readonly remove: readonly string[];
}

const containers: Kind = {
  name: "container",
  list: ["ps", "--all", "--quiet"],
  remove: ["rm", "--force", "--volumes"],
};
const networks: Kind = { name: "network", list: ["network", "ls", "--quiet"], remove: ["network", "rm"] };
const volumes: Kind = { name: "volume", list: ["volume", "ls", "--quiet"], remove: ["volume", "rm", "--force"] };

async function removeKind({ name, list, remove }: Kind, label: string, progress: Progress): Promise<void> {
  const found = await ask("docker", [...list, "--filter", `label=${label}`], {
    what: `listing each ${name}`,
    limitMs: 30_000,
  });
  const ids = (found?.stdout ?? "").split("\n").filter((id) => id !== "");
  if (ids.length === 0) return;
  await run("docker", [...remove, ...ids], { what: `removing each ${name}`, limitMs: 120_000 });
  progress(`${ids.length} ${name}${ids.length === 1 ? "" : "s"} removed`);
}
