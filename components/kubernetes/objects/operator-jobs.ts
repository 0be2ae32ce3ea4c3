import type { input as k8s } from "@pulumi/kubernetes/types";

import { users } from "../../odoo/users";
import { filestoreLabel, general, labels, names, type Unplaced } from "./names";
import { account, besideFilestore, containerSecurity, podSecurity, resources, scratch, secretFiles } from "./pods";
import { verifierContainers, verifierVolumes } from "./verifiers";
import { workerContainer, type WorkerArgs, workerFiles, workerProgram, workerSize } from "./upgrade-job";

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
  const { line, changes } = commands[command];
  const affinity = besideFilestore(args.filestoreAccess);
  const container = workerContainer(args, ["tini", "--", "sh", "-c", line]);
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
          template: {
            metadata: { labels: { ...labels("upgrade", args.version), ...filestoreLabel } },
            spec: {
              ...account(names.upgrade),
              ...(affinity && { affinity }),
              restartPolicy: "Never",
              securityContext: podSecurity(users.odoo),
              terminationGracePeriodSeconds: 30,
              ...(args.verifier && { initContainers: verifierContainers(args.verifier) }),
              containers: [
                {
                  ...container,
                  resources: resources(workerSize),
                  securityContext: containerSecurity(),
                  volumeMounts: container.volumeMounts.map((mount) =>
                    mount.name === "filestore" ? { ...mount, readOnly: !changes } : mount,
                  ),
                },
              ],
              volumes: [
                { name: "filestore", persistentVolumeClaim: { claimName: names.filestore } },
                secretFiles("worker-secrets", [
                  { secret: args.admin.secret, key: args.admin.key, path: "admin-password" },
                ]),
                scratch("worker-tmp", "64Mi"),
                workerFiles(args),
                ...(args.databaseConfig === undefined
                  ? []
                  : [{ name: "database-config", configMap: { name: args.databaseConfig } }]),
                ...verifierVolumes(args.verifier),
              ],
            },
          },
        },
      },
    },
  };
}
