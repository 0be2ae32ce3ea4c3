import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import * as pulumi from "@pulumi/pulumi";

import { sizeOfSlug } from "../shared/size-slug";
import type { ClusterSize } from "./objects/sizes";
import type { Settings } from "../../settings";
import type { DigitalOceanAccess } from "../shared/digitalocean-api";
import { everywhere } from "../shared/egress";
import { ShipError } from "../shared/errors";
import { postgresImage, readImagesRecord, verifierImage } from "../odoo/companion-images";
import { readWorker } from "../odoo/worker-files";
import { clusterById, clusterNamed, type FoundCluster, networkRange, offeredVersions } from "./cluster-api";
import { clusterCredentials } from "./cluster-credentials";
import { judgeVersion } from "./cluster-version";
import type { ClusterAddress } from "./kubeconfig";
import { names } from "./objects/names";
import { clusterSize } from "./size";
import { type WorkerConfig, workerConfig } from "./objects/upgrade-job";

/** Plan of an update for its cluster, decided by reading alone, before any resource is declared, in previews too. */
export interface ClusterPlan {
  /** PostgreSQL's image, `repository@sha256:…`. */
  readonly postgres: string;
  /** The image that verifies signatures, `repository@sha256:…`; undefined where releases are not signed. */
  readonly verifier: string | undefined;
  readonly size: ClusterSize;
  /** The release worker's program, as a ConfigMap holds it. */
  readonly worker: WorkerConfig;
  /**
   * Id of the created cluster, if there is one of its name already: the stack's own, or one that a killed update began
   * and never noted.
   */
  readonly existing: string | undefined;
  /** The cluster that is adopted by its id. */
  readonly adopted:
    (ClusterAddress & Pick<FoundCluster, "region"> & { readonly vpc: string; readonly vpcRange: string }) | undefined;
  readonly pull: PullWay;
  readonly warnings: readonly string[];
}

/**
 * Login of the cluster's nodes at the registry.
 * - `integrated`: DigitalOcean keeps a secret of this name in each namespace, and renews it.
 * - `given`: somebody else keeps one.
 * - `brought`: each update brings one. It ends with the registry's pull credentials.
 */
export interface PullWay {
  readonly way: "integrated" | "given" | "brought";
  readonly secret: string;
}

/**
 * Looks at images, sizes, the worker and the cluster, and refuses what can be refused. It changes nothing.
 * @returns undefined for `doks:mode` none
 * @throws ShipError CLUSTER_NOT_FOUND, CLUSTER_BROKEN, KUBERNETES_VERSION_REFUSED, HOST_TOO_SMALL, DATABASE_TOO_SMALL,
 *   API_AUTH_FAILURE, SETTINGS_INVALID
 */
export async function planCluster(
  root: string,
  settings: Settings,
  now = new Date(),
): Promise<ClusterPlan | undefined> {
  const { doks, digitalocean } = settings;
  if (doks.mode === "none") {
    return undefined;
  }
  const images = readImagesRecord(root, doks.imagesRecord, "doks:imagesRecord");
  const postgres = postgresImage(images);
  const verifier = verifierImage(images, "doks:imagesRecord", settings.gates.signing !== "none");
  const size = clusterSize(doks);
  const worker = workerConfig(readWorker(root).files);
  const access = digitalocean.token && { apiUrl: digitalocean.apiUrl, token: digitalocean.token };
  let existing: FoundCluster | undefined;
  if (doks.mode === "create" && access !== undefined) {
    const [running, offered] = await Promise.all([settledCluster(access, doks.name), offeredVersions(access)]);
    judgeVersion(doks.version, running?.version, offered);
    existing = running;
  }
  const found =
    doks.mode === "adopt" && doks.clusterId !== "" && access !== undefined ? await adopt(access, doks) : undefined;
  const pull = pullWay(settings, found?.cluster);
  return {
    postgres,
    verifier,
    size,
    worker,
    existing: existing?.id,
    adopted: found && {
      ...found.address,
      region: found.cluster.region,
      vpc: found.cluster.vpc_uuid,
      vpcRange: found.range,
    },
    pull,
    warnings: [
      ...(doks.mode === "create" ? [...tightNodes(size, doks), ...openApi(doks)] : []),
      ...endOfPulls(pull, settings.registry, now),
      ...(settings.backup.destination === "" ? [noDump] : []),
      ...(doks.firstLogin === "kept" ? [firstLoginKept] : []),
    ],
  };
}

/**
 * Returns the cluster of that name once it is made: a killed update may have left one that DigitalOcean is still
 * making.
 */
async function settledCluster(access: DigitalOceanAccess, name: string): Promise<FoundCluster | undefined> {
  const end = Date.now() + provisioning.limitMs;
  for (;;) {
    const found = await clusterNamed(access, name);
    const { state, message } = found?.status ?? { state: "none", message: "" };
    if (state !== "provisioning" && state !== "error") {
      return found;
    }
    if (state === "error" || Date.now() >= end) {
      throw new ShipError({
        code: "CLUSTER_BROKEN",
        summary: `the cluster ${name} is not usable`,
        found: `DigitalOcean says ${state} of ${found?.id ?? ""}${message === "" ? "" : `: ${message}`}`,
        expected: "a cluster that runs",
        remedy:
          `look at it: doctl kubernetes cluster get ${name}. If it never ran, take it away (doctl kubernetes ` +
          `cluster delete ${name}), ` +
          "then run the same command again; if it holds your data, ask DigitalOcean first",
      });
    }
    await pulumi.log.info(`waiting for the cluster ${name}, which DigitalOcean is still making`);
    await sleep(provisioning.pauseMs);
  }
}
const provisioning = { limitMs: 20 * 60_000, pauseMs: 15_000 };

/**
 * Names the kubeconfig's cluster for the provider: the same cluster must not look like another one when its kubeconfig
 * is renewed.
 */
export function clusterIdentifier(kubeconfig: string): string {
  const server = /"?server"?:\s*"?([^\s",]+)/.exec(kubeconfig)?.[1];
  if (server === undefined) {
    throw new ShipError({
      code: "SETTINGS_INVALID",
      summary: "doks:kubeconfig is no kubeconfig",
      found: "a text without a line `server: …`",
      expected: "the whole text of a kubeconfig with one cluster and its credentials",
      remedy: "kubectl config view --raw --minify --flatten | pulumi config set --secret doks:kubeconfig",
    });
  }
  return createHash("sha256").update(server).digest("hex").slice(0, 16);
}

const noDump =
  "backup:destination is empty: no dump leaves the cluster. Restore points are on its own volumes, and what is lost " +
  "with them is lost for good. Set it to an SSH destination: docs/backup.md.";

const firstLoginKept =
  `the administrator's first password stays in the Secret ${names.firstLogin} and in the stack's state: log in ` +
  "with it, change it in Odoo, then " +
  "pulumi config set doks:firstLogin gone, and the next update takes it out of both.";

/** `range`: of the network that a managed database is in; empty where none is. */
async function adopt(
  access: DigitalOceanAccess,
  { clusterId: id, databaseMode }: Settings["doks"],
): Promise<{ cluster: FoundCluster; address: ClusterAddress; range: string }> {
  // Ask for the shortest token: only the address beside it is wanted.
  const [cluster, credentials] = await Promise.all([clusterById(access, id), clusterCredentials(access, id, 300)]);
  if (cluster === undefined || credentials === undefined) {
    throw new ShipError({
      code: "CLUSTER_NOT_FOUND",
      summary: "the cluster to adopt does not exist",
      found: `no DigitalOcean cluster ${id} in this account`,
      expected: "a cluster of the account that the API token belongs to",
      remedy: "doctl kubernetes cluster list, then: pulumi config set doks:clusterId <id>",
    });
  }
  const range = databaseMode === "managed" ? await networkRange(access, cluster.vpc_uuid) : "";
  if (range === undefined) {
    throw new ShipError({
      code: "CLUSTER_NOT_FOUND",
      summary: "the network of the cluster to adopt does not exist",
      found: `no DigitalOcean network ${cluster.vpc_uuid} in this account`,
      expected:
        "the network that cluster and managed database are in: Odoo may reach the database there, and nowhere else",
      remedy: `doctl kubernetes cluster get ${id} and doctl vpcs list show which network it is in`,
    });
  }
  return {
    cluster,
    address: { id, server: credentials.server, certificateAuthority: credentials.certificate_authority_data },
    range,
  };
}

function pullWay({ doks, registry }: Settings, found: FoundCluster | undefined): PullWay {
  if (doks.imagePullSecret !== "") {
    return { way: "given", secret: doks.imagePullSecret };
  }
  const [name = ""] = registry.repository.split("/");
  if (registry.kind === "digitalocean" && (doks.mode === "create" || found?.registry_enabled === true)) {
    // The secret has the registry's name:
    // https://docs.digitalocean.com/products/container-registry/how-to/use-registry-docker-kubernetes/
    return { way: "integrated", secret: name };
  }
  return { way: "brought", secret: "odoo-registry" };
}

/**
 * Warns of the earliest day on which the credentials can end: the month's first update makes them
 * (components/registry/image-registry.ts).
 */
function endOfPulls({ way }: PullWay, registry: Settings["registry"], now: Date): string[] {
  if (way !== "brought" || registry.kind !== "digitalocean") {
    return [];
  }
  const end = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1 + registry.pullDays))
    .toISOString()
    .slice(0, 10);
  return [
    `the cluster's credentials for the registry are renewed by updates only, and may end on ${end} (\`pulumi ` +
      "stack output pullCredentialsExpire` has the hour): " +
      "after that a pod that moves to a node without its image stays in ImagePullBackOff. Run an update before then; " +
      "on a cluster of DigitalOcean's, `doctl kubernetes cluster registry add <cluster>` ends this.",
  ];
}

/** Warns if everybody may reach the API of a created cluster. An adopted cluster is its owner's to close. */
function openApi({ apiFrom }: Settings["doks"]): string[] {
  const open = everywhere(apiFrom);
  return apiFrom.length > 0 && open.length === 0
    ? []
    : [
        `doks:apiFrom ${apiFrom.length === 0 ? "is empty" : `has ${open.join(" and ")}`}: ` +
          "everybody on the Internet may try to use the cluster's API. " +
          "Name your office's and your CI runner's addresses.",
      ];
}

/** Memory that DigitalOcean leaves to pods, by the node's memory, in GiB. */
const allocatable: readonly [node: number, pods: number][] = [
  [2, 1],
  [4, 2.5],
  [8, 6],
  [16, 13],
  [32, 28],
];
/** Processors that DigitalOcean's own pods ask for on each node, roughly. */
const systemCpus = 0.7;

/**
 * Warns if a rollout may find no room. With the filestore on one node, all that mounts it needs room there at once:
 * both pods of Odoo, cron, and a release. This is an estimate of what is free, so it refuses nothing.
 */
function tightNodes({ web, cron, task }: ClusterSize, doks: Settings["doks"]): string[] {
  const node = sizeOfSlug(doks.nodeSize);
  if (node === undefined || doks.filestoreAccess === "ReadWriteMany") {
    return [];
  }
  const gibibytes = node.memoryMiB / 1024;
  const forPods = allocatable.filter(([size]) => size <= gibibytes).at(-1)?.[1] ?? 0;
  const cpus = 2 * web.requestedCpus + cron.requestedCpus + task.requestedCpus;
  const memory = (2 * web.requestedMiB + cron.requestedMiB + task.requestedMiB) / 1024;
  return cpus <= node.cpus - systemCpus && memory <= forPods
    ? []
    : [
        `doks:nodeSize ${doks.nodeSize} is tight: a rollout asks one node for ${cpus.toFixed(1)} processors and ` +
          `${memory.toFixed(1)} GiB, and may wait for room. ` +
          "Take larger nodes, or lower doks:odooCpus and doks:odooMemoryMiB.",
      ];
}
