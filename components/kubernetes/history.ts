import { setTimeout as sleep } from "node:timers/promises";

import { type Asked, reportOf, type TargetReport, unread } from "../odoo/history";
import type { Answer } from "../shared/ask";
import { ShipError } from "../shared/errors";
import { type Kubectl, withKubectl } from "./kubectl";
import { names } from "./objects/names";

const target = "cluster";
const template = `${names.operator}-releases`;
/** Until the container of the Job's pod has started: a node may have to pull its image. */
const startMs = 3 * 60_000;
const pauseMs = 1000;

/**
 * Asks the cluster for the releases that it has run: by a Job of the worker's template, as an operator would, which
 * only reads and is removed. Undefined for `doks:mode` none.
 */
export async function clusterHistory(asked: Asked): Promise<TargetReport | undefined> {
  const { root, settings } = asked;
  if (settings.doks.mode === "none") {
    return undefined;
  }
  try {
    const report = await withKubectl(root, settings, answerOf);
    return report ?? unread(target, "the account has no such cluster yet: `pulumi up` makes it");
  } catch (error) {
    if (!(error instanceof ShipError)) throw error;
    return unread(target, `${error.code}: ${error.failure.summary}: ${error.failure.found}`);
  }
}

/** Has the template's Job answer, and removes it. */
export async function answerOf(kubectl: Kubectl): Promise<TargetReport> {
  const job = `${template}-${Date.now()}-${process.pid}`;
  const made = await kubectl("create", "job", job, `--from=cronjob/${template}`);
  if (made.status !== 0) {
    return unread(target, reasonOf(made));
  }
  const told = await logsOf(kubectl, job);
  await kubectl("delete", "job", job, "--wait=false");
  return reportOf(target, told.stdout, `its Job ${job} did not answer: ${reasonOf(told)}`);
}

/** kubectl waits for the Job's pod by itself, and not for the container in it. */
async function logsOf(kubectl: Kubectl, job: string): Promise<Answer> {
  const end = Date.now() + startMs;
  for (;;) {
    const told = await kubectl("logs", "-f", "--pod-running-timeout=3m", `job/${job}`);
    const starts = told.status !== 0 && /is waiting to start/.test(told.stderr);
    if (!starts || Date.now() > end) {
      return told;
    }
    await sleep(pauseMs);
  }
}

function reasonOf({ stdout, stderr, problem }: Answer): string {
  if (/cronjobs.*"?not found/i.test(stderr)) {
    return `it has no ${template} yet: the next \`pulumi up\` brings it`;
  }
  if (problem?.includes("ENOENT") === true) {
    return "kubectl is not installed on this machine, and asks the cluster";
  }
  return (stderr.trim() || stdout.trim() || (problem ?? "no words")).split("\n").slice(-3).join("; ");
}
