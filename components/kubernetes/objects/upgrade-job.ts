import type { input as k8s } from "@pulumi/kubernetes/types";
import type * as pulumi from "@pulumi/pulumi";
import { strToU8, zipSync } from "fflate";

import {
  databaseConfigMounts,
  databaseEnvironment,
  podEnvironment,
  odooMounts,
  type OdooPodsArgs,
  odooVolumes,
  paths,
  secretKeys,
} from "./odoo-container";
import { users } from "../../odoo/users";
import { filestoreLabel, labels, type Metadata, names } from "./names";
import {
  account,
  besideFilestore,
  containerSecurity,
  podSecurity,
  resources,
  scratch,
  secretFiles,
  variables,
} from "./pods";
import { verifierContainers, verifierVolumes } from "./verifiers";

/** Arguments of a pod with the worker. */
export interface WorkerArgs extends Pick<
  OdooPodsArgs,
  | "image"
  | "digest"
  | "version"
  | "odoo"
  | "postgres"
  | "size"
  | "filestoreAccess"
  | "secrets"
  | "databaseConfig"
  | "verifier"
> {
  /** ConfigMap with the worker's program. */
  readonly worker: pulumi.Input<string>;
  /** Secret with the admin's password, and its key there. */
  readonly admin: { readonly secret: pulumi.Input<string>; readonly key: string };
  /** Secret with the first password of a new database's administrator. It may be gone once there is a database. */
  readonly firstLogin: pulumi.Input<string>;
  /** Whether a nightly dump leaves the cluster. */
  readonly dumps: boolean;
  /** Place where an operator finds why PostgreSQL does not answer. */
  readonly databaseStory: string;
}

export interface UpgradeJobArgs extends WorkerArgs {
  /** Id of the request. Another request is another Job; the same one runs once. */
  readonly id: pulumi.Input<string>;
  /** Secret with request.json. It owns the Job, which is deleted with it. */
  readonly request: { readonly name: pulumi.Input<string>; readonly uid: pulumi.Input<string> };
  readonly upgradeSeconds: number;
  readonly readySeconds: number;
}

const workerDirectory = "/opt/odoo-ship";
/** Archive of the worker's package, which Python runs as it is. */
const archive = "odoo_ship.zip";
/** Program of the container beside the worker. */
const taskAgent = "task_agent.py";
/** Command of the worker in its pod. */
export const workerProgram = ["python3", "-B", `${workerDirectory}/${archive}`];
const requestDirectory = "/run/request";
/** Folder of the worker's secrets. The container of the release's programs has none of them. */
const workerSecrets = `${paths.secrets}/odoo-ship`;
/** Folder through which that container gets its orders: worker/odoo_ship/task_agent.py. */
const taskDirectory = "/run/odoo-ship-tasks";
/** The worker itself reads, compares and streams. Programs that need memory run beside it. */
export const workerSize = { memoryMiB: 512, cpus: 1, requestedMiB: 64, requestedCpus: 0.05 } as const;
/**
 * Seconds that a release takes beside its two upgrades and its start: the end of another release, the pull, the copy of
 * the data, the drain, and the rollback.
 */
const besidesSeconds = 2400;
/** Seconds for the rollback, once the worker's time is over. The next worker waits longer: YIELD_SECONDS in worker/. */
const graceSeconds = 300;
/**
 * Exit statuses after which the next pod goes on: the worker was ended from outside (a signal, its memory), or could
 * not roll back yet.
 */
const goesOn = [3, 134, 135, 137, 139, 143];

/** Returns how long a release may take as a whole: the rehearsal's upgrade, the real one, and a start that is tried. */
export function deadlineSeconds({
  upgradeSeconds,
  readySeconds,
}: Pick<UpgradeJobArgs, "upgradeSeconds" | "readySeconds">): number {
  return 2 * upgradeSeconds + 2 * readySeconds + besidesSeconds;
}

/**
 * Renders the Job of one release: the worker in the release's own image, with its fence, its restore points and its
 * deadlines. It has no token, and no way to Kubernetes' API.
 *
 * A Job's spec cannot be changed, and a failed Job stays failed. So the request's id is its name, and a failed one is
 * replaced. A Job that is done is kept: if it were deleted it would run again.
 */
export function upgradeJob(
  args: UpgradeJobArgs,
): Omit<k8s.batch.v1.Job, "metadata"> & { metadata: Metadata; spec: k8s.batch.v1.JobSpec } {
  const deadline = deadlineSeconds(args);
  const affinity = besideFilestore(args.filestoreAccess);
  // As PID 1 the worker and Odoo would hear no signal, and nobody would reap their children.
  const worker = workerContainer(args, ["tini", "--", ...workerProgram, "job", `${requestDirectory}/request.json`]);
  return {
    metadata: {
      name: join(args.id),
      labels: labels("upgrade", args.version),
      // A killed update leaves its Job. The next update that asks for something else deletes the Secret, and Kubernetes
      // deletes what it owns.
      ownerReferences: [{ apiVersion: "v1", kind: "Secret", ...args.request }],
      annotations: {
        "pulumi.com/replaceUnready": "true",
        // This is longer than the Job's own deadline, so that its end is seen, with the reason.
        "pulumi.com/timeoutSeconds": String(deadline + graceSeconds + 180),
      },
    },
    spec: {
      completions: 1,
      parallelism: 1,
      activeDeadlineSeconds: deadline,
      // One failure is the release's own, and ends the Job: Pulumi sees it at once. A drained node does not count.
      backoffLimit: 0,
      podFailurePolicy: {
        rules: [
          { action: "Ignore", onExitCodes: { containerName: "odoo-ship", operator: "In", values: goesOn } },
          { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
        ],
      },
      template: {
        metadata: {
          labels: { ...labels("upgrade", args.version), ...filestoreLabel },
          annotations: { "cluster-autoscaler.kubernetes.io/safe-to-evict": "false" },
        },
        spec: {
          ...account(names.upgrade),
          ...(affinity && { affinity }),
          restartPolicy: "Never",
          securityContext: podSecurity(users.odoo),
          terminationGracePeriodSeconds: graceSeconds,
          // This container runs beside the worker for as long as it does. So a module's code meets neither the worker's
          // passwords nor the restore points.
          initContainers: [
            ...verifierContainers(args.verifier),
            {
              name: "odoo-task",
              image: args.image,
              restartPolicy: "Always",
              command: [
                "tini",
                "--",
                "python3",
                "-I",
                "-B",
                `${workerDirectory}/${taskAgent}`,
                `${taskDirectory}/socket`,
              ],
              env: variables({
                ...withoutPassword(podEnvironment(args, args.size.task)),
                // Odoo changes the database here before the release's marker is written into it.
                ODOO_RELEASE_TASK: 1,
                PYTHONUNBUFFERED: 1,
              }),
              resources: resources(args.size.task),
              securityContext: containerSecurity(),
              volumeMounts: [
                ...odooMounts(args),
                { name: "worker", mountPath: workerDirectory, readOnly: true },
                { name: "tasks", mountPath: taskDirectory },
              ],
            },
          ],
          containers: [
            {
              ...worker,
              resources: resources(workerSize),
              securityContext: containerSecurity(),
              // The worker writes its last words there. If it cannot, the end of its log says why.
              terminationMessagePolicy: "FallbackToLogsOnError",
              volumeMounts: [
                ...worker.volumeMounts,
                { name: "tasks", mountPath: taskDirectory },
                { name: "request", mountPath: requestDirectory, readOnly: true },
              ],
            },
          ],
          volumes: [
            // Nobody uploads to it.
            ...odooVolumes(args, 0, [{ secret: args.secrets.master, key: secretKeys.master }]),
            secretFiles("worker-secrets", [
              { secret: args.admin.secret, key: args.admin.key, path: "admin-password" },
              { secret: args.secrets.database, key: secretKeys.database, path: "odoo-password" },
              { secret: args.firstLogin, key: secretKeys.firstLogin, path: "first-password", optional: true },
            ]),
            scratch("worker-tmp", "64Mi"),
            scratch("tasks", "1Mi"),
            workerFiles(args),
            { name: "request", secret: { secretName: args.request.name, defaultMode: 0o440 } },
            ...verifierVolumes(args.verifier),
          ],
        },
      },
    },
  };
}

/** Renders what every container of the worker has: its command, where PostgreSQL is, and its files. */
export function workerContainer(
  args: WorkerArgs,
  command: string[],
): Pick<k8s.core.v1.Container, "image" | "command" | "env"> & {
  readonly name: string;
  readonly volumeMounts: readonly k8s.core.v1.VolumeMount[];
} {
  return {
    name: "odoo-ship",
    image: args.image,
    command,
    env: [
      ...variables({
        ...databaseEnvironment(args),
        ODOO_SHIP_HOST: "kubernetes",
        ODOO_SHIP_STATE: `${paths.data}/odoo-ship`,
        ODOO_SHIP_ADMIN: args.postgres.admin,
        ODOO_SHIP_DATABASE_STORY: args.databaseStory,
        ...(args.dumps ? { ODOO_SHIP_DUMPS: 1 } : {}),
        PYTHONUNBUFFERED: 1,
      }),
      // The worker names it in the commands of its remedies.
      { name: "ODOO_SHIP_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
      // All pods of one Job share it, and no other Job has it.
      {
        name: "ODOO_SHIP_JOB",
        valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/controller-uid']" } },
      },
    ],
    volumeMounts: [
      { name: "filestore", mountPath: paths.data },
      { name: "worker-tmp", mountPath: "/tmp" },
      { name: "worker-secrets", mountPath: workerSecrets, readOnly: true },
      ...databaseConfigMounts(args),
      { name: "worker", mountPath: workerDirectory, readOnly: true },
    ],
  };
}

/** Renders the volume with the worker's program. */
export function workerFiles({ worker }: WorkerArgs): k8s.core.v1.Volume {
  return { name: "worker", configMap: { name: worker } };
}

/** Leaves role and password out: the worker gives them to each program that it starts. */
function withoutPassword(environment: ReturnType<typeof podEnvironment>): ReturnType<typeof podEnvironment> {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => name !== "DB_PASSWORD_FILE" && name !== "DB_USER"),
  );
}

/** What a cluster has of the worker: the content of a ConfigMap. */
export interface WorkerConfig {
  readonly data: Readonly<Record<string, string>>;
  readonly binaryData: Readonly<Record<string, string>>;
}

/**
 * Renders the worker's package as one archive: the engine, the SDK and the plugin pass, compare and keep all of it in
 * each update, and what is small costs less. What belongs to a host is left out. The same files give the same archive
 * on every computer: Node's own compression would not.
 */
export function workerConfig(files: Readonly<Record<string, string>>): WorkerConfig {
  const folder = "odoo_ship/";
  const program = Object.entries(files)
    .filter(([path]) => path.startsWith(folder))
    .map(([path, text]) => [path.slice(folder.length), strToU8(text)] as const)
    .sort(([one], [other]) => (one < other ? -1 : 1));
  // The earliest date that an archive can have, which has no time zone.
  const packed = zipSync(Object.fromEntries(program), { level: 9, mtime: new Date(1980, 0, 1) });
  return {
    data: { [taskAgent]: files[`${folder}${taskAgent}`] ?? "" },
    binaryData: { [archive]: Buffer.from(packed).toString("base64") },
  };
}

function join(id: pulumi.Input<string>): pulumi.Input<string> {
  return typeof id === "string"
    ? `${names.upgrade}-${id}`
    : (id as pulumi.Output<string>).apply((text) => `${names.upgrade}-${text}`);
}
