import type { input as k8s } from "@pulumi/kubernetes/types";
import type * as pulumi from "@pulumi/pulumi";

import { general, names } from "./names";

/** The namespace refuses a pod that is not *restricted*; the version of the standard is the cluster's. */
export function namespace(name: string): k8s.core.v1.Namespace & { metadata: { name: string; labels: Record<string, string> } } {
  const standard = ["enforce", "audit", "warn"].map((mode) => [`pod-security.kubernetes.io/${mode}`, "restricted"]);
  return { metadata: { name, labels: { ...general, ...(Object.fromEntries(standard) as Record<string, string>) } } };
}

/** Whoever runs something here, by name: nobody has a token, and each pulls with the same secrets. */
export function accounts(managedDatabase: boolean): string[] {
  return [names.web, names.upgrade, names.edge, ...(managedDatabase ? [] : [names.database])];
}

export function serviceAccount(
  name: string,
  pullSecrets: readonly pulumi.Input<string>[],
): k8s.core.v1.ServiceAccount & { metadata: { name: string } } {
  return {
    metadata: { name, labels: { ...general } },
    automountServiceAccountToken: false,
    imagePullSecrets: pullSecrets.map((secret) => ({ name: secret })),
  };
}

/** A volume that outlives its pods. */
export function volumeClaim(
  name: string,
  { gibibytes, storageClass, access }: { gibibytes: number; storageClass: string; access: "ReadWriteOnce" | "ReadWriteMany" },
): k8s.core.v1.PersistentVolumeClaim & { metadata: { name: string } } {
  return {
    metadata: { name, labels: { ...general } },
    spec: { accessModes: [access], storageClassName: storageClass, resources: { requests: { storage: `${gibibytes}Gi` } } },
  };
}

/** Login to a registry, as Kubernetes keeps it. */
export function pullSecret(login: { server: string; username: string; password: string }): {
  type: string;
  stringData: Record<string, string>;
} {
  const auth = Buffer.from(`${login.username}:${login.password}`).toString("base64");
  return {
    type: "kubernetes.io/dockerconfigjson",
    stringData: { ".dockerconfigjson": JSON.stringify({ auths: { [login.server]: { auth } } }) },
  };
}
