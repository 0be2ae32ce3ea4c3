import type { input as k8s } from "@pulumi/kubernetes/types";

import { secretKeys } from "./odoo-container";
import { users } from "../../odoo/users";
import { general, labels, names, type Unplaced } from "./names";
import { waited } from "./odoo-pods";
import { account, containerSecurity, podSecurity, resources, secretFiles, variables } from "./pods";
import { dataMount, type PostgresArgs } from "./postgres";
import { channelBinding } from "./postgres-access";
import { fitsServer } from "./postgres-data";

/** A first pull of the image is the longest part. */
const limitSeconds = 900;
const size = { memoryMiB: 128, cpus: 0.5, requestedMiB: 32, requestedCpus: 0.05 } as const;
const secrets = "/run/secrets";

/**
 * Renders the Job that runs an image of PostgreSQL once, before the server's pod is replaced by one of that image. If
 * it does not fit the data, or no node can pull it, the update ends while the server of the earlier image runs on.
 *
 * Its pod counts as the release's for the network: it reaches PostgreSQL. A Job's spec cannot be changed, so the image
 * is in its name.
 */
export function postgresFitsJob({ image, secret }: Omit<PostgresArgs, "size">): Unplaced<k8s.batch.v1.Job> {
  return {
    metadata: {
      name: `${names.database}-fits-${image.slice(image.indexOf("@sha256:") + "@sha256:".length).slice(0, 12)}`,
      labels: { ...general },
      annotations: { "pulumi.com/replaceUnready": "true", ...waited(limitSeconds) },
    },
    spec: {
      activeDeadlineSeconds: limitSeconds,
      // What does not fit does not fit the next time either. A drained node does not count.
      backoffLimit: 0,
      podFailurePolicy: {
        rules: [{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] }],
      },
      template: {
        metadata: { labels: labels("upgrade") },
        spec: {
          ...account(names.database),
          restartPolicy: "Never",
          securityContext: podSecurity(users.postgres),
          terminationGracePeriodSeconds: 5,
          containers: [
            {
              name: "fits",
              image,
              command: ["sh", "-c", fitsServer(dataMount, names.database, `${secrets}/${secretKeys.admin}`)],
              env: variables({ PGSSLMODE: "require", ...channelBinding }),
              resources: resources(size),
              securityContext: containerSecurity(),
              // Pulumi shows the end of a container: here, why the image does not fit.
              terminationMessagePolicy: "FallbackToLogsOnError",
              volumeMounts: [{ name: "secrets", mountPath: secrets, readOnly: true }],
            },
          ],
          volumes: [secretFiles("secrets", [{ secret, key: secretKeys.admin }])],
        },
      },
    },
  };
}
