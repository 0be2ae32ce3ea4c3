import type { input as k8s } from "@pulumi/kubernetes/types";
import type * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../../../settings";
import { odooEnvironment } from "../../odoo/environment";
import { users } from "../../odoo/users";
import { temporaryMiB } from "../../odoo/sizing";
import type { ClusterSize, OdooPodSize } from "./sizes";
import { filestoreLabel, labels, names, odooPorts, selector, type Unplaced } from "./names";
import {
  account,
  besideFilestore,
  containerSecurity,
  mountsOf,
  podSecurity,
  resources,
  scratch,
  type SecretFile,
  secretFiles,
  spread,
  variables,
} from "./pods";
import { channelBinding, type Postgres } from "./postgres-access";

/** Arguments of Odoo's pods. */
export interface OdooPodsArgs {
  /** `repository@sha256:…` */
  readonly image: pulumi.Input<string>;
  /** `sha256:…` */
  readonly digest: pulumi.Input<string>;
  /** Names the release in labels: at most 63 characters. */
  readonly version: pulumi.Input<string>;
  readonly odoo: Settings["odoo"];
  readonly postgres: PostgresInput;
  readonly size: ClusterSize;
  readonly replicas: number;
  /** 0: the number of pods stays as it is. */
  readonly replicasMax: number;
  /** Percent of the requested processors. */
  readonly replicasCpu: number;
  /** Largest request that the edge accepts. */
  readonly bodyMegabytes: number;
  readonly filestoreAccess: "ReadWriteOnce" | "ReadWriteMany";
  readonly readySeconds: number;
  readonly secrets: OdooSecretNames;
  /** ConfigMap with odoo.conf and the authority of a managed PostgreSQL; undefined inside of the namespace. */
  readonly databaseConfig: pulumi.Input<string> | undefined;
}

export type PostgresInput = { readonly [K in keyof Postgres]: pulumi.Input<Postgres[K]> };

/** Names of the Secrets that Odoo's pods read. */
export interface OdooSecretNames {
  readonly database: pulumi.Input<string>;
  readonly master: pulumi.Input<string>;
}

/** Files in containers. */
export const paths = {
  filestore: "/var/lib/odoo",
  /** The whole volume, in the Job of a release only. */
  data: "/data",
  /** The part of the volume that Odoo has. */
  filestorePart: "odoo",
  secrets: "/run/secrets",
  databaseConfig: "/etc/odoo",
  databaseCa: "/etc/odoo/database-ca.pem",
} as const;

export const secretKeys = {
  database: "odoo-db-password",
  master: "odoo-master-password",
  admin: "postgres-password",
  firstLogin: "first-password",
} as const;

/**
 * Seconds of a pod's end: the guard serves on until the pod's address is forgotten, then lets requests end; what is
 * left is killed.
 */
const drain = { forgotten: 5, requests: 60, rest: 25 } as const;

/** Renders the Deployment of the pods that answer requests. */
export function webDeployment(args: OdooPodsArgs): Unplaced<k8s.apps.v1.Deployment> {
  const several = args.replicas > 1 || args.replicasMax > 1;
  return {
    metadata: { name: names.web, labels: labels("web", args.version), annotations: waited(progressSeconds(args.readySeconds)) },
    spec: {
      // Otherwise each update would undo the autoscaler's number.
      ...(args.replicasMax === 0 ? { replicas: args.replicas } : {}),
      revisionHistoryLimit: 5,
      progressDeadlineSeconds: progressSeconds(args.readySeconds),
      // A pod ends when another one answers in its place.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: selector("web") },
      template: {
        metadata: { labels: { ...labels("web", args.version), ...filestoreLabel } },
        spec: {
          ...odooPod(args, args.size.web),
          ...(several ? { topologySpreadConstraints: spread(selector("web")) } : {}),
        },
      },
    },
  };
}

/**
 * Renders the Deployment of scheduled jobs: one pod at a time.
 *
 * If a release closed the door, or the pod does not start, Pulumi waits for the new pod. In a rolling release the old
 * pod may still be ready while it ends, and the wait may be over before the new one runs.
 */
export function cronDeployment(args: OdooPodsArgs): Unplaced<k8s.apps.v1.Deployment> {
  return {
    metadata: { name: names.cron, labels: labels("cron", args.version), annotations: waited(progressSeconds(args.readySeconds)) },
    spec: {
      replicas: 1,
      revisionHistoryLimit: 5,
      progressDeadlineSeconds: progressSeconds(args.readySeconds),
      strategy: { type: "Recreate" },
      selector: { matchLabels: selector("cron") },
      template: {
        metadata: { labels: { ...labels("cron", args.version), ...filestoreLabel } },
        spec: odooPod(args, args.size.cron),
      },
    },
  };
}

/** Annotates how long Pulumi waits. That is longer than Kubernetes does, which then tells the reason. */
export function waited(seconds: number): Record<string, string> {
  return { "pulumi.com/timeoutSeconds": String(seconds + 60) };
}

/** A first start pulls the image, and attaches volumes. */
export function progressSeconds(readySeconds: number): number {
  return readySeconds + 480;
}

function odooPod(args: OdooPodsArgs, size: OdooPodSize): k8s.core.v1.PodSpec {
  const affinity = besideFilestore(args.filestoreAccess);
  return {
    ...account(names.web),
    ...(affinity && { affinity }),
    securityContext: podSecurity(users.odoo),
    terminationGracePeriodSeconds: drain.forgotten + drain.requests + drain.rest,
    containers: [
      {
        name: "odoo",
        image: args.image,
        env: variables({
          ...podEnvironment(args, size),
          ODOO_GUARD: 1,
          ODOO_GUARD_DRAIN_SECONDS: drain.forgotten,
          ODOO_GUARD_GRACE_SECONDS: drain.requests,
        }),
        ports: [
          { name: "http", containerPort: odooPorts.http },
          { name: "websocket", containerPort: odooPorts.websocket },
        ],
        resources: resources(size),
        securityContext: containerSecurity(),
        // The guard answers for Odoo: a pod that is fenced for an upgrade is alive, and not ready.
        startupProbe: guardProbe("live", { periodSeconds: 5, failureThreshold: Math.ceil(args.readySeconds / 5) + 6 }),
        // Odoo itself ends a request after two minutes, so a pod that is busy with a few of those does not hang.
        livenessProbe: guardProbe("live", { periodSeconds: 20, failureThreshold: 9 }),
        // One failure is enough: the guard says it seconds before it stops Odoo.
        readinessProbe: guardProbe("ready", { periodSeconds: 5, failureThreshold: 1 }),
        volumeMounts: odooMounts(args),
      },
    ],
    volumes: odooVolumes(args, args.bodyMegabytes),
  };
}

function guardProbe(question: "live" | "ready", rhythm: { periodSeconds: number; failureThreshold: number }): k8s.core.v1.Probe {
  return { exec: { command: ["python3", "/opt/odoo/guard.py", question] }, timeoutSeconds: 10, ...rhythm };
}

/** Variables of Odoo in a pod of this size. */
export function podEnvironment(
  args: Pick<OdooPodsArgs, "digest" | "odoo" | "postgres" | "databaseConfig">,
  size: OdooPodSize,
): Record<string, pulumi.Input<string> | number> {
  return odooEnvironment<pulumi.Input<string>>({
    digest: args.digest,
    odoo: args.odoo,
    connection: databaseEnvironment(args),
    user: args.postgres.user,
    passwordFiles: { role: `${paths.secrets}/${secretKeys.database}`, master: `${paths.secrets}/${secretKeys.master}` },
    processes: size,
  });
}

/**
 * Variables that say where PostgreSQL is and, by libpq's own names, how it is known. The sslmode in odoo.conf decides
 * whether the authority's file counts.
 */
export function databaseEnvironment(
  args: Pick<OdooPodsArgs, "postgres" | "databaseConfig">,
): Record<"DB_HOST" | "DB_PORT", pulumi.Input<string>> & Partial<Record<"PGSSLROOTCERT" | "PGCHANNELBINDING", string>> {
  return {
    DB_HOST: args.postgres.host,
    DB_PORT: port(args.postgres.port),
    ...(args.databaseConfig === undefined ? channelBinding : { PGSSLROOTCERT: paths.databaseCa }),
  };
}

function port(value: pulumi.Input<number>): pulumi.Input<string> {
  return typeof value === "number" ? String(value) : (value as pulumi.Output<number>).apply(String);
}

export function odooMounts({ databaseConfig }: Pick<OdooPodsArgs, "databaseConfig">): k8s.core.v1.VolumeMount[] {
  return [
    { name: "filestore", mountPath: paths.filestore, subPath: paths.filestorePart },
    // Odoo loads modules from there before those of the image. What an intruder leaves there must not outlive a pod.
    { name: "addons", mountPath: `${paths.filestore}/addons` },
    ...mountsOf({ tmp: "/tmp", run: "/run" }),
    { name: "secrets", mountPath: paths.secrets, readOnly: true },
    ...databaseConfigMounts({ databaseConfig }),
  ];
}

export function databaseConfigMounts({ databaseConfig }: Pick<OdooPodsArgs, "databaseConfig">): k8s.core.v1.VolumeMount[] {
  return databaseConfig === undefined
    ? []
    : mountsOf({ "database-config": paths.databaseConfig }).map((mount) => ({ ...mount, readOnly: true }));
}

export function odooVolumes(
  { secrets, databaseConfig }: Pick<OdooPodsArgs, "secrets" | "databaseConfig">,
  bodyMegabytes: number,
  files: readonly SecretFile[] = [
    { secret: secrets.database, key: secretKeys.database },
    { secret: secrets.master, key: secretKeys.master },
  ],
): k8s.core.v1.Volume[] {
  return [
    { name: "filestore", persistentVolumeClaim: { claimName: names.filestore } },
    // An upload is kept in /tmp while it comes in.
    scratch("tmp", `${temporaryMiB(bodyMegabytes)}Mi`),
    scratch("run", "16Mi"),
    scratch("addons", "1Mi"),
    secretFiles("secrets", files),
    ...(databaseConfig === undefined ? [] : [{ name: "database-config", configMap: { name: databaseConfig } }]),
  ];
}

/** Odoo's configuration beside its variables, for a managed PostgreSQL. */
export function databaseConfig(certificate: pulumi.Input<string>): Record<string, pulumi.Input<string>> {
  return {
    "odoo.conf": "[options]\n; Everything else comes from the environment and the image's defaults.\ndb_sslmode = verify-full\n",
    "database-ca.pem": certificate,
  };
}

/** Renders the Service that the edge reaches, inside of the namespace only. */
export function webService(): Unplaced<k8s.core.v1.Service> {
  return {
    metadata: { name: names.web, labels: labels("web") },
    spec: {
      type: "ClusterIP",
      selector: selector("web"),
      ports: [
        { name: "http", port: odooPorts.http, targetPort: "http" },
        { name: "websocket", port: odooPorts.websocket, targetPort: "websocket" },
      ],
    },
  };
}

/**
 * Renders a budget: draining a node ends one pod at a time. With a single replica there is no budget, since it would
 * keep the node from being drained at all.
 */
export function disruptionBudget(part: "web" | "edge"): Unplaced<k8s.policy.v1.PodDisruptionBudget> {
  return {
    metadata: { name: names[part], labels: labels(part) },
    // A pod that serves nobody does not keep its node from being drained.
    spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: "AlwaysAllow", selector: { matchLabels: selector(part) } },
  };
}

/** Renders the autoscaler, which adds pods under load. */
export function autoscaler({
  replicas,
  replicasMax,
  replicasCpu,
}: Pick<OdooPodsArgs, "replicas" | "replicasMax" | "replicasCpu">): Unplaced<k8s.autoscaling.v2.HorizontalPodAutoscaler> {
  return {
    metadata: { name: names.web, labels: labels("web") },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: names.web },
      minReplicas: replicas,
      maxReplicas: replicasMax,
      metrics: [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: replicasCpu } } }],
    },
  };
}
