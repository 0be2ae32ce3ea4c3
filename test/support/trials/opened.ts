import assert from "node:assert/strict";

import { sample } from "../sample";
import { ClusterTrial } from "./cluster-trial";

let opened: Promise<ClusterTrial> | undefined;

/** The one cluster of a process, installed and populated at the first call. */
export function openTrial(): Promise<ClusterTrial> {
  return (opened ??= open());
}

/**
 * Installs it by updates that are killed, one phase further each time: whoever begins with a bad connection ends with
 * the same installation.
 */
async function open(): Promise<ClusterTrial> {
  const trial = await ClusterTrial.create();
  for (const phase of sample(phases, ["Job \\S*-upgrade"])) {
    const { output } = await trial.stack.endedUpdate(new RegExp(`${phase} creating`), "SIGKILL");
    await trial.stack.unlock();
    console.log(`      killed at ${phase}: ${String(output.split("\n").length)} lines`);
  }
  const { status, output } = await trial.update();
  assert.equal(status, 0, output);
  await trial.populate();
  assert.equal((await trial.clusters()).length, 1);
  return trial;
}

const phases = [
  "KubernetesCluster \\S+",
  "Namespace \\S+",
  "StatefulSet \\S+",
  "Job \\S*-upgrade",
  "Deployment \\S*-web",
  "Deployment \\S*-cron",
] as const;

/** What a test calls that has destroyed it. */
export async function closeTrial(): Promise<void> {
  const trial = await opened;
  opened = undefined;
  trial?.remove();
}

// At the end of the process, whichever files it ran: a cluster that stands by takes its part of the machine. One that
// could not be opened was told already.
after(async () => {
  const trial = await opened?.catch(() => undefined);
  if (trial === undefined) return;
  const { status, output } = await trial.destroy();
  assert.equal(status, 0, output);
  await closeTrial();
});
