import type { input as k8s } from "@pulumi/kubernetes/types";

import { users } from "../../odoo/users";
import { filestoreLabel, labels, names, type Part } from "./names";
import { account, besideFilestore, containerSecurity, podSecurity, resources, scratch, secretFiles } from "./pods";
import { verifierContainers, verifierVolumes } from "./verifiers";
import { workerContainer, type WorkerArgs, workerFiles, workerSize } from "./upgrade-job";

/** Options of a pod in which the worker alone runs, without programs of the release. */
export interface WorkerPodOptions {
  /** Purpose, by which network policies know it. */
  readonly part: Part;
  /** Line of a shell that it runs. */
  readonly line: string;
  /** Whether it may write on the attachments' volume. */
  readonly changes: boolean;
  readonly env?: readonly k8s.core.v1.EnvVar[];
  readonly mounts?: readonly k8s.core.v1.VolumeMount[];
  readonly volumes?: readonly k8s.core.v1.Volume[];
}

/** Renders the template of such a pod. It runs once. */
export function workerPod(
  args: WorkerArgs,
  { part, line, changes, env = [], mounts = [], volumes = [] }: WorkerPodOptions,
): k8s.core.v1.PodTemplateSpec {
  const affinity = besideFilestore(args.filestoreAccess);
  const container = workerContainer(args, ["tini", "--", "sh", "-c", line]);
  return {
    metadata: { labels: { ...labels(part, args.version), ...filestoreLabel } },
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
          env: [...(container.env as k8s.core.v1.EnvVar[]), ...env],
          resources: resources(workerSize),
          securityContext: containerSecurity(),
          volumeMounts: [
            ...container.volumeMounts.map((mount) =>
              mount.name === "filestore" ? { ...mount, readOnly: !changes } : mount,
            ),
            ...mounts,
          ],
        },
      ],
      volumes: [
        { name: "filestore", persistentVolumeClaim: { claimName: names.filestore } },
        secretFiles("worker-secrets", [{ secret: args.admin.secret, key: args.admin.key, path: "admin-password" }]),
        scratch("worker-tmp", "64Mi"),
        workerFiles(args),
        ...(args.databaseConfig === undefined
          ? []
          : [{ name: "database-config", configMap: { name: args.databaseConfig } }]),
        ...verifierVolumes(args.verifier),
        ...volumes,
      ],
    },
  };
}
