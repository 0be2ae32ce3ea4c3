import type { input as k8s } from "@pulumi/kubernetes/types";
import type * as pulumi from "@pulumi/pulumi";

import { labels, names, type Unplaced } from "./names";
import { type WorkerArgs, workerProgram } from "./upgrade-job";
import { workerPod } from "./worker-pod";

/** Folder of the dump's settings in its pod, and of nobody else's. */
const settingsFolder = "/run/secrets/dump";
export const dumpFile = "dump.json";

/** A dump that failed, most often since a release was under way or the other side was away, is tried again. */
const again = { pauseSeconds: 900, times: 12 } as const;
/** Before the next night's. */
const limitSeconds = 20 * 3600;

/**
 * Renders the nightly dump of database and attachments to a host outside. Its pod alone has the key that may write
 * there, and its pod alone reaches that host.
 * @param secret Secret with the file `dump.json`
 */
export function dumpJob(args: WorkerArgs, secret: pulumi.Input<string>): Unplaced<k8s.batch.v1.CronJob> {
  const line = `${workerProgram.join(" ")} dump --scheduled || { s=$?; sleep ${again.pauseSeconds}; exit $s; }`;
  return {
    metadata: { name: `${names.operator}-dump`, labels: labels("dump") },
    spec: {
      schedule: "30 2 * * *",
      timeZone: "Etc/UTC",
      concurrencyPolicy: "Forbid",
      // Later on the same day, if the control plane was away.
      startingDeadlineSeconds: limitSeconds,
      successfulJobsHistoryLimit: 1,
      failedJobsHistoryLimit: 2,
      jobTemplate: {
        spec: {
          backoffLimit: again.times,
          activeDeadlineSeconds: limitSeconds,
          template: workerPod(args, {
            part: "dump",
            line,
            // Links of the attachments, for as long as they are sent.
            changes: true,
            env: [{ name: "ODOO_SHIP_DUMP", value: `${settingsFolder}/${dumpFile}` }],
            mounts: [{ name: "dump", mountPath: settingsFolder, readOnly: true }],
            volumes: [{ name: "dump", secret: { secretName: secret, defaultMode: 0o440 } }],
          }),
        },
      },
    },
  };
}
