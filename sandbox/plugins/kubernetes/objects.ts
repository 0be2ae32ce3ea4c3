import { isMap, type Value, type ValueMap } from "../values";

/** A Kubernetes object as its API speaks it. */
export type KubeObject = ValueMap;

/** The value at a path; `undefined` where the path ends early. */
export function at(value: Value | undefined, ...path: readonly (string | number)[]): Value | undefined {
  let current = value;
  for (const step of path) {
    if (Array.isArray(current)) current = (current as readonly Value[])[Number(step)];
    else current = isMap(current) ? current[step] : undefined;
  }
  return current;
}

/** The text at a path, or "". */
export function textAt(value: Value | undefined, ...path: readonly (string | number)[]): string {
  const found = at(value, ...path);
  return typeof found === "string" ? found : "";
}

/** The number at a path; `undefined` when there is none. */
export function numberAt(value: Value | undefined, ...path: readonly (string | number)[]): number | undefined {
  const found = at(value, ...path);
  return typeof found === "number" ? found : undefined;
}

/** The objects of a list at a path; empty where there is none. */
export function listAt(value: Value | undefined, ...path: readonly (string | number)[]): readonly ValueMap[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? (found as readonly Value[]).filter((item) => isMap(item)) : [];
}

export const nameOf = (object: KubeObject): string => textAt(object, "metadata", "name");
export const namespaceOf = (object: KubeObject): string => textAt(object, "metadata", "namespace");
export const annotation = (object: KubeObject, key: string): string => textAt(object, "metadata", "annotations", key);
export const isTrue = (object: KubeObject, key: string): boolean => annotation(object, key) === "true";

/** `namespace/name`, or the name of what has no namespace: Pulumi's id of the object. */
export function idOf(object: KubeObject): string {
  return [namespaceOf(object), nameOf(object)].filter((part) => part !== "").join("/");
}

/** The namespace and name of an {@link idOf}. */
export function fromId(id: string): { readonly namespace: string; readonly name: string } {
  const [first = "", second] = id.split("/");
  return second === undefined ? { namespace: "", name: first } : { namespace: first, name: second };
}

/** The object with these entries of its metadata set; `undefined` takes one away. */
export function withMetadata(object: KubeObject, changes: Readonly<Record<string, Value | undefined>>): KubeObject {
  const before = object["metadata"];
  if (before !== undefined && !isMap(before)) return object;
  const entries = Object.entries({ ...before, ...changes }).filter(
    (entry): entry is [string, Value] => entry[1] !== undefined,
  );
  return { ...object, metadata: Object.fromEntries(entries) };
}

/** The object without some of its entries. */
export function without(object: ValueMap, ...names: readonly string[]): ValueMap {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

/** The condition of a status by its type. */
export function condition(object: KubeObject, type: string): ValueMap | undefined {
  return listAt(object, "status", "conditions").find((item) => item["type"] === type);
}

/** Whether the object belongs to the owner by its owner references. */
export function isOwnedBy(object: KubeObject, owner: KubeObject): boolean {
  const uid = textAt(owner, "metadata", "uid");
  return uid !== "" && listAt(object, "metadata", "ownerReferences").some((reference) => reference["uid"] === uid);
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
