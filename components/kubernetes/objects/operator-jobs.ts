import type { input as k8s } from "@pulumi/kubernetes/types";

import { general, names, type Unplaced } from "./names";
import { type WorkerArgs, workerProgram } from "./upgrade-job";
import { workerPod } from "./worker-pod";

const program = workerProgram.join(" ");
/** Commands of an operator, and whether they change something. */
const commands = {
  // What is found is what was asked for, and no failure.
  look: { line: `${program} status && { ${program} doctor || true; }`, changes: false },
  // A program reads the one line that it prints.
  releases: { line: `exec ${program} releases`, changes: false },
  prune: { line: `exec ${program} prune`, changes: true },
} as const;
type OperatorCommand = keyof typeof commands;
export const operatorCommands = Object.keys(commands) as OperatorCommand[];

/** An hour in which an operator reads what it said. */
const keptSeconds = 3600;
const limitSeconds = 1800;

/**
 * Renders a CronJob that never runs by itself: a template from which an operator makes a Job with `kubectl create job
 * --from`. So the worker's commands need no pod that waits with the admin's password, and whoever may not make Jobs in
 * the namespace cannot give any. What only looks cannot write on the attachments' volume.
 *
 * Its pods count as the release's for the network: they reach PostgreSQL, and what `release:egress` names.
 */
export function operatorJob(command: OperatorCommand, args: WorkerArgs): Unplaced<k8s.batch.v1.CronJob> {
  return {
    metadata: { name: `${names.operator}-${command}`, labels: { ...general } },
    spec: {
      schedule: "0 0 1 1 *",
      suspend: true,
      concurrencyPolicy: "Forbid",
      jobTemplate: {
        spec: {
          backoffLimit: 0,
          activeDeadlineSeconds: limitSeconds,
          ttlSecondsAfterFinished: keptSeconds,
          template: workerPod(args, { part: "upgrade", ...commands[command] }),
        },
      },
    },
  };
}
