import type { ValueMap } from "../values";
import type { ClusterSettings } from "./cluster";
import { isImmutable, isKind, type Kind } from "./kinds";

type Path = readonly (string | number)[];

const identity = ["metadata.name", "metadata.namespace"];

const pod = [
  "affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC hostNetwork hostPID hostname",
  "imagePullSecrets nodeName nodeSelector overhead preemptionPolicy priority priorityClassName readinessGates restartPolicy",
  "runtimeClassName schedulerName securityContext serviceAccount serviceAccountName shareProcessNamespace subdomain",
  "terminationGracePeriodSeconds volumes containers initContainers",
]
  .join(" ")
  .split(" ")
  .map((field) => `spec.${field}`);

const roleBinding = ["roleRef"];

/** Fields that Kubernetes does not let change, so that the object is replaced: the official plugin's list, by group and kind. */
const fields: Readonly<Record<string, readonly string[]>> = {
  "apps/DaemonSet": ["spec.selector"],
  "apps/Deployment": ["spec.selector"],
  "apps/StatefulSet": [
    "spec.podManagementPolicy",
    "spec.revisionHistoryLimit",
    "spec.selector",
    "spec.serviceName",
    "spec.volumeClaimTemplates",
  ],
  "batch/Job": ["spec.completions", "spec.parallelism", "spec.selector", "spec.template"],
  "rbac.authorization.k8s.io/ClusterRoleBinding": roleBinding,
  "rbac.authorization.k8s.io/RoleBinding": roleBinding,
  "storage.k8s.io/StorageClass": ["parameters", "provisioner"],
  "/PersistentVolume": ["spec.csi", "spec.hostPath", "spec.local", "spec.nfs"],
  "/PersistentVolumeClaim": ["spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"],
  "/Pod": pod,
  "/ResourceQuota": ["spec.scopes"],
  "/Secret": ["type"],
  "/Service": ["spec.clusterIP"],
};

/** Whether a change at a path replaces an object of the kind. Data of ConfigMaps and Secrets does, so that a new name rolls the pods. */
export function replaces(kind: Kind, inputs: ValueMap, settings: ClusterSettings): (path: Path) => boolean {
  const found = [...identity, ...(fields[`${kind.group}/${kind.kind}`] ?? [])];
  if (isKind(kind, "", "Secret") && (!settings.enableSecretMutable || isImmutable(inputs)))
    found.push("data", "stringData");
  if (isKind(kind, "", "ConfigMap") && (!settings.enableConfigMapMutable || isImmutable(inputs)))
    found.push("data", "binaryData");
  const patterns = found.map((field) => field.split("."));
  return (path) =>
    patterns.some((pattern) => pattern.every((step, index) => index >= path.length || path[index] === step));
}
