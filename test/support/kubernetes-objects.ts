import type { input as k8s } from "@pulumi/kubernetes/types";

import { dumpJob } from "../../components/kubernetes/objects/dump-job";
import { databaseConfig, type OdooPodsArgs } from "../../components/kubernetes/objects/odoo-container";
import { probePort } from "../../components/odoo/probe-port";
import { spoolMegabytes } from "../../components/proxy/site";
import type { ClusterSize } from "../../components/kubernetes/objects/sizes";
import { clusterSize } from "../../components/kubernetes/size";
import { edgeDeployment, edgeFiles, edgeService } from "../../components/kubernetes/objects/edge";
import {
  accounts,
  filestoreStorage,
  namespace,
  serviceAccount,
  volumeClaim,
} from "../../components/kubernetes/objects/namespace";
import { networkPolicies, refusalPolicy } from "../../components/kubernetes/objects/network-policies";
import {
  autoscaler,
  cronDeployment,
  disruptionBudget,
  webDeployment,
  webService,
} from "../../components/kubernetes/objects/odoo-pods";
import { postgresService, postgresStatefulSet } from "../../components/kubernetes/objects/postgres";
import { postgresFitsJob } from "../../components/kubernetes/objects/postgres-fits";
import { operatorCommands, operatorJob } from "../../components/kubernetes/objects/operator-jobs";
import type { VerifierArgs } from "../../components/kubernetes/objects/verifiers";
import { upgradeJob, type WorkerArgs } from "../../components/kubernetes/objects/upgrade-job";
import { readSettings, type Settings } from "../../settings";

export const digestOf = (letter: string) => `sha256:${letter.repeat(64)}`;
/** Address of Odoo's Service. */
export const odooAddress = "10.245.3.4";
const postgresImage = `docker.io/library/postgres@${digestOf("b")}`;

/** Settings of a created cluster, with the changes. */
export function doksSettings(changes: Readonly<Record<string, string>> = {}): Settings {
  return readSettings({
    config: {
      "odoo:environment": "staging",
      "odoo:modules": '["sale"]',
      "registry:kind": "digitalocean",
      "registry:repository": "team/odoo",
      "doks:mode": "create",
      "doks:domain": "erp.example.com",
      "doks:region": "fra1",
      "doks:version": "1.34.1-do.0",
      "doks:nodeSize": "s-4vcpu-8gb",
      ...changes,
    },
    secretKeys: new Set(["doks:tlsKey", "doks:kubeconfig", "odoo:secretOptions", "backup:privateKey"]),
    environment: { DIGITALOCEAN_TOKEN: "planted" },
  });
}

/** What several replicas need. */
export const shared = { "doks:replicas": "3", "doks:filestoreAccess": "ReadWriteMany", "doks:storageClass": "nfs" };

/** A rendered object: what all kinds have. */
export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly spec?: unknown;
  readonly data?: Record<string, string>;
}

/**
 * Every object of the namespace as plain data, in the order in which a person would read them.
 * @param fromBefore whether the image's guard answers probes by a program alone
 */
export function render(
  changes: Readonly<Record<string, string>> = {},
  verifier?: VerifierArgs,
  fromBefore = false,
): { objects: Rendered[]; size: ClusterSize } {
  const { doks, odoo, release, backup } = doksSettings(changes);
  const size = clusterSize(doks);
  const managed = doks.databaseMode === "managed";
  const pods: OdooPodsArgs = {
    image: `registry.digitalocean.com/team/odoo@${digestOf("a")}`,
    digest: digestOf("a"),
    version: "a".repeat(12),
    odoo,
    postgres: managed
      ? { host: "private-db.example.com", port: 25060, admin: "doadmin", user: "odoo", sslmode: "verify-full", managed }
      : { host: "odoo-db", port: 5432, admin: "postgres", user: "odoo", sslmode: "require", managed },
    size,
    bodyMegabytes: doks.bodyMegabytes,
    verifier,
    replicas: doks.replicas,
    replicasMax: doks.replicasMax,
    replicasCpu: doks.replicasCpu,
    filestoreAccess: doks.filestoreAccess,
    readySeconds: release.readySeconds,
    probePort: fromBefore ? undefined : probePort,
    secrets: {
      database: "odoo-db-1",
      master: "odoo-master-1",
      options: odoo.secretOptions && "odoo-options-1",
    },
    databaseConfig: managed ? "odoo-database-1" : undefined,
  };
  const files = doks.tls === "files";
  const several = doks.replicas > 1 || doks.replicasMax > 1;
  const inPods: WorkerArgs = {
    ...pods,
    worker: "odoo-worker-1",
    admin: { secret: "odoo-admin-1", key: "postgres-password" },
    firstLogin: "odoo-first-login",
    dumps: backup.destination !== "",
    databaseStory: "kubectl -n odoo logs statefulset/odoo-db",
  };
  const objects: [apiVersion: string, kind: string, object: object][] = [
    ["v1", "Namespace", namespace(doks.namespace)],
    ...accounts(managed).map((name): [string, string, object] => [
      "v1",
      "ServiceAccount",
      serviceAccount(name, ["team"]),
    ]),
    ...networkPolicies({
      egress: doks.egress,
      tasks: release.egress,
      acmeServer: doks.tls === "acme" ? doks.acmeServer : undefined,
      dumps: backup.destination,
      managed: managed ? { port: 25060, range: "10.114.0.0/20" } : undefined,
    }).map((policy): [string, string, object] => ["networking.k8s.io/v1", "NetworkPolicy", policy]),
    ["networking.k8s.io/v1", "NetworkPolicy", refusalPolicy([odooAddress])],
    ["v1", "PersistentVolumeClaim", volumeClaim("odoo-filestore", filestoreStorage(doks))],
    ...(size.db
      ? ([
          ["batch/v1", "Job", postgresFitsJob({ image: postgresImage, secret: "odoo-admin-1" })],
          [
            "apps/v1",
            "StatefulSet",
            postgresStatefulSet({
              image: postgresImage,
              size: size.db,
              secret: "odoo-admin-1",
            }),
          ],
          ["v1", "Service", postgresService()],
        ] as [string, string, object][])
      : ([["v1", "ConfigMap", { metadata: { name: "odoo-database-1" }, data: databaseConfig("<certificate>") }]] as [
          string,
          string,
          object,
        ][])),
    [
      "batch/v1",
      "Job",
      upgradeJob({
        ...inPods,
        id: "0123456789abcdef",
        request: { name: "odoo-request-1", uid: "0a1b2c3d-0000-4000-8000-000000000001" },
        readySeconds: release.readySeconds,
        upgradeSeconds: release.upgradeMinutes * 60,
      }),
    ],
    ...operatorCommands.map((one): [string, string, object] => ["batch/v1", "CronJob", operatorJob(one, inPods)]),
    ...(inPods.dumps ? [["batch/v1", "CronJob", dumpJob(inPods, "odoo-dump-1")] as [string, string, object]] : []),
    ["apps/v1", "Deployment", webDeployment(pods)],
    ["v1", "Service", webService()],
    ...(several ? [["policy/v1", "PodDisruptionBudget", disruptionBudget("web")] as [string, string, object]] : []),
    ...(doks.replicasMax > 0
      ? [["autoscaling/v2", "HorizontalPodAutoscaler", autoscaler(doks)] as [string, string, object]]
      : []),
    ["apps/v1", "Deployment", cronDeployment(pods)],
    ["v1", "ConfigMap", { metadata: { name: "odoo-edge-1" }, data: edgeFiles(doks) }],
    [
      "apps/v1",
      "Deployment",
      edgeDeployment({
        image: `docker.io/library/caddy@${digestOf("c")}`,
        size: size.edge,
        spoolMegabytes: spoolMegabytes(doks),
        tls: doks.tls,
        config: "odoo-edge-1",
        tlsKey: files ? "odoo-tls-1" : undefined,
      }),
    ],
    ["v1", "Service", edgeService()],
    ...(files ? [["policy/v1", "PodDisruptionBudget", disruptionBudget("edge")] as [string, string, object]] : []),
  ];
  // Nothing in it is an Output here, and what is undefined is not there.
  const plain = objects.map(
    ([apiVersion, kind, object]) => JSON.parse(JSON.stringify({ apiVersion, kind, ...object })) as Rendered,
  );
  return { objects: plain, size };
}

/** A pod's spec as plain data. */
export interface PlainPod {
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: boolean;
  readonly enableServiceLinks: boolean;
  readonly restartPolicy?: string;
  readonly terminationGracePeriodSeconds: number;
  readonly affinity?: k8s.core.v1.Affinity;
  readonly topologySpreadConstraints?: unknown[];
  readonly securityContext: Record<string, unknown>;
  readonly containers: readonly PlainContainer[];
  readonly initContainers?: readonly PlainContainer[];
  readonly volumes: readonly Record<string, unknown>[];
}

export interface PlainContainer {
  readonly name: string;
  readonly image: string;
  readonly restartPolicy?: string;
  readonly command?: string[];
  readonly args?: string[];
  readonly env: readonly { name: string; value?: string }[];
  readonly resources: { limits: Record<string, string>; requests: Record<string, string> };
  readonly securityContext: Record<string, unknown> & { capabilities: { drop: string[]; add?: string[] } };
  readonly volumeMounts: readonly { name: string; mountPath: string; subPath?: string; readOnly?: boolean }[];
  readonly startupProbe?: Record<string, unknown>;
  readonly livenessProbe?: Record<string, unknown>;
  readonly readinessProbe?: Record<string, unknown>;
}

interface Template {
  readonly spec: PlainPod;
  readonly metadata: { readonly labels: Record<string, string> };
}

/** Every pod template, by `Kind/name` of what makes it. */
export function podsOf(objects: readonly Rendered[]): Map<string, { pod: PlainPod; labels: Record<string, string> }> {
  const templates = objects.flatMap(({ kind, metadata, spec }) => {
    const { template, jobTemplate } = (spec ?? {}) as {
      template?: Template;
      jobTemplate?: { spec: { template: Template } };
    };
    const found = template ?? jobTemplate?.spec.template;
    return found === undefined
      ? []
      : [[`${kind}/${metadata.name ?? ""}`, { pod: found.spec, labels: found.metadata.labels }] as const];
  });
  return new Map(templates);
}
