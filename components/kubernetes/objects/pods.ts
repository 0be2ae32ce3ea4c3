import type { input as k8s } from "@pulumi/kubernetes/types";
import type * as pulumi from "@pulumi/pulumi";

import type { PodResources } from "./sizes";
import { filestoreLabel } from "./names";

/** Users that the containers run as. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** Security context that the *restricted* Pod Security Standard asks of a pod. Volumes belong to the user's group. */
export function podSecurity({ uid, gid }: User): k8s.core.v1.PodSecurityContext {
  return {
    runAsNonRoot: true,
    runAsUser: uid,
    runAsGroup: gid,
    fsGroup: gid,
    // Otherwise a filestore of many files would take minutes at each start.
    fsGroupChangePolicy: "OnRootMismatch",
    seccompProfile: { type: "RuntimeDefault" },
  };
}

/** Security context that the standard asks of a container, with a root file system that nobody writes. */
export function containerSecurity(capabilities: readonly string[] = []): k8s.core.v1.SecurityContext {
  return {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"], ...(capabilities.length === 0 ? {} : { add: [...capabilities] }) },
  };
}

export function resources(size: PodResources): k8s.core.v1.ResourceRequirements {
  return {
    requests: { cpu: cpu(size.requestedCpus), memory: `${size.requestedMiB}Mi` },
    limits: { cpu: cpu(size.cpus), memory: `${size.memoryMiB}Mi` },
  };
}

/** Writes processors as the API server does, so that its answer is what was sent. */
function cpu(cpus: number): string {
  return Number.isInteger(cpus) ? String(cpus) : `${Math.round(cpus * 1000)}m`;
}

/**
 * Renders a directory in memory. A full one is "no space left", while a directory on the node's disk that exceeds its
 * limit evicts the pod. Kubernetes cannot mount it noexec.
 */
export function scratch(name: string, size: string): k8s.core.v1.Volume {
  return { name, emptyDir: { medium: "Memory", sizeLimit: size } };
}

export function mountsOf(places: Readonly<Record<string, string>>): k8s.core.v1.VolumeMount[] {
  return Object.entries(places).map(([name, mountPath]) => ({ name, mountPath }));
}

/** A key of a Secret as a file. */
export interface SecretFile {
  readonly secret: pulumi.Input<string>;
  readonly key: string;
  /** Below the volume's directory; the key by default. */
  readonly path?: string;
  /** Whether the pod starts without it, too. @default false */
  readonly optional?: boolean;
}

/** Files of several Secrets in one directory, each readable by the pod's group only. */
export function secretFiles(name: string, files: readonly SecretFile[]): k8s.core.v1.Volume {
  const sources = files.map(({ secret, key, path = key, optional }) => ({
    secret: { name: secret, items: [{ key, path }], ...(optional === true && { optional }) },
  }));
  return { name, projected: { defaultMode: 0o440, sources } };
}

/**
 * Keeps pods with the filestore on one node. A ReadWriteOnce volume is attached to one node, and on any other a pod
 * would wait for ever. The first pod may go anywhere, since it matches its own rule.
 */
export function besideFilestore(access: "ReadWriteOnce" | "ReadWriteMany"): k8s.core.v1.Affinity | undefined {
  return access === "ReadWriteMany" ? undefined : sameNode(filestoreLabel);
}

export function sameNode(labels: Readonly<Record<string, string>>): k8s.core.v1.Affinity {
  return {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { labelSelector: { matchLabels: { ...labels } }, topologyKey: "kubernetes.io/hostname" },
      ],
    },
  };
}

/** Keeps replicas apart where that is possible; each rollout is counted by itself. */
export function spread(labels: Readonly<Record<string, string>>): k8s.core.v1.TopologySpreadConstraint[] {
  return [
    {
      maxSkew: 1,
      topologyKey: "kubernetes.io/hostname",
      whenUnsatisfiable: "ScheduleAnyway",
      labelSelector: { matchLabels: { ...labels } },
      matchLabelKeys: ["pod-template-hash"],
    },
  ];
}

/** Fields that all our pods have: an account without a token, and no variables that describe other Services. */
export function account(
  serviceAccountName: string,
): Pick<k8s.core.v1.PodSpec, "serviceAccountName" | "automountServiceAccountToken" | "enableServiceLinks"> {
  return { serviceAccountName, automountServiceAccountToken: false, enableServiceLinks: false };
}

/** Variables of a container, in a fixed order. */
export function variables(values: Readonly<Record<string, pulumi.Input<string> | number>>): k8s.core.v1.EnvVar[] {
  return Object.entries(values).map(([name, value]) => ({
    name,
    value: typeof value === "number" ? String(value) : value,
  }));
}
