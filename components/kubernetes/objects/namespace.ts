import type { input as k8s } from "@pulumi/kubernetes/types";
import type * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../../../settings";
import { general, type Metadata, names, type Unplaced } from "./names";

/** The namespace refuses a pod that is not *restricted*; the version of the standard is the cluster's. */
export function namespace(name: string): Unplaced<k8s.core.v1.Namespace> {
  const standard = ["enforce", "audit", "warn"].map((mode) => [`pod-security.kubernetes.io/${mode}`, "restricted"]);
  return { metadata: { name, labels: { ...general, ...(Object.fromEntries(standard) as Record<string, string>) } } };
}

/** Metadata of an object in the namespace. The object is the stack's: an update undoes what others changed in it. */
export function within(namespace: pulumi.Input<string>, metadata: Metadata): k8s.meta.v1.ObjectMeta {
  return { ...metadata, namespace, annotations: { ...metadata.annotations, "pulumi.com/patchForce": "true" } };
}

/** Names of the service accounts. None has a token, and each pulls with the same secrets. */
export function accounts(managedDatabase: boolean): string[] {
  return [names.web, names.upgrade, names.edge, ...(managedDatabase ? [] : [names.database])];
}

export function serviceAccount(
  name: string,
  pullSecrets: readonly pulumi.Input<string>[],
): Unplaced<k8s.core.v1.ServiceAccount> {
  return {
    metadata: { name, labels: { ...general } },
    automountServiceAccountToken: false,
    imagePullSecrets: pullSecrets.map((secret) => ({ name: secret })),
  };
}

/** Size and class of a volume. */
export interface Storage {
  readonly gibibytes: number;
  readonly storageClass: string;
  readonly access: "ReadWriteOnce" | "ReadWriteMany";
}

/** Returns the filestore's size and class: a shared file system has its own class. */
export function filestoreStorage(
  doks: Pick<Settings["doks"], "filestoreGiB" | "filestoreAccess" | "storageClass" | "blockStorageClass">,
): Storage {
  const storageClass = doks.storageClass === "" ? doks.blockStorageClass : doks.storageClass;
  return { gibibytes: doks.filestoreGiB, storageClass, access: doks.filestoreAccess };
}

/** A volume that outlives its pods. */
export function volumeClaim(
  name: string,
  { gibibytes, storageClass, access }: Storage,
): Unplaced<k8s.core.v1.PersistentVolumeClaim> {
  return {
    metadata: { name, labels: { ...general } },
    spec: {
      accessModes: [access],
      storageClassName: storageClass,
      resources: { requests: { storage: `${gibibytes}Gi` } },
    },
  };
}

/** A volume keeps its storage class: another one would replace it, with everything on it. */
export const keepsClass = { ignoreChanges: ["spec.storageClassName"] };

/** Login to a registry, as a Secret of the type kubernetes.io/dockerconfigjson holds it. */
export function pullSecret(login: { server: string; username: string; password: string }): Record<string, string> {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const auths = { [login.server]: { auth: base64(`${login.username}:${login.password}`) } };
  return { ".dockerconfigjson": base64(JSON.stringify({ auths })) };
}
