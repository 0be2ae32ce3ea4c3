import { nameOf } from "./objects";
import { isMap, type ValueMap } from "../values";

/** A type of objects, from a Pulumi type token `kubernetes:<group>/<version>:<Kind>`. */
export interface Kind {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** The kind of a URN's type. Throws for what is not an object of the API (charts, directories of YAML). */
export function kindOfUrn(urn: string): Kind {
  const token = urn.split("::")[2]?.split("$").at(-1) ?? "";
  const [, group = "", version = "", kind = ""] = /^kubernetes:([^/:]+)\/([^/:]+):([^:]+)$/.exec(token) ?? [];
  if (kind === "" || unsupportedGroups.has(group))
    throw new Error(`resource type "${token}" is not supported by the sandbox's stand-in plugin`);
  if (kind.endsWith("Patch"))
    throw new Error(
      `resource type "${token}": patches of objects that somebody else made are not supported by the sandbox's stand-in plugin`,
    );
  return { group: group === "core" ? "" : group, version, kind };
}

const unsupportedGroups: ReadonlySet<string> = new Set(["helm.sh", "yaml", "kustomize"]);

/** `v1`, `apps/v1`. */
export function apiVersionOf({ group, version }: Kind): string {
  return group === "" ? version : `${group}/${version}`;
}

/** Whether this is the kind, in any version. */
export function isKind(kind: Kind, group: string, name: string): boolean {
  return kind.group === group && kind.kind === name;
}

/** `apps/v1/Deployment "name"` for messages. */
export function describe(kind: Kind, object: ValueMap): string {
  return `${apiVersionOf(kind)}/${kind.kind} "${nameOf(object)}"`;
}

/** Built-in kinds without a namespace, for when no server can be asked. */
export const clusterScoped: ReadonlySet<string> = new Set([
  "APIService",
  "CSIDriver",
  "CSINode",
  "CertificateSigningRequest",
  "ClusterRole",
  "ClusterRoleBinding",
  "CustomResourceDefinition",
  "FlowSchema",
  "IngressClass",
  "MutatingWebhookConfiguration",
  "Namespace",
  "Node",
  "PersistentVolume",
  "PriorityClass",
  "PriorityLevelConfiguration",
  "RuntimeClass",
  "StorageClass",
  "ValidatingAdmissionPolicy",
  "ValidatingAdmissionPolicyBinding",
  "ValidatingWebhookConfiguration",
  "VolumeAttachment",
]);

/** Whether a Secret or ConfigMap is marked as one that never changes. */
export function isImmutable(object: ValueMap): boolean {
  return isMap(object) && object["immutable"] === true;
}
