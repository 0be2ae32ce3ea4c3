import { isMap, sameValue, type Value, type ValueMap } from "../values";
import { listAt, textAt, type KubeObject } from "./objects";

/**
 * Whose fields become Pulumi's at an update: those of its own first creation (a plain POST, under this name) and of kubectl.
 * So what somebody changed by hand is put back without a conflict; fields of controllers and subresources stay theirs.
 */
const takenOver: readonly { readonly prefix: string; readonly operation: string }[] = [
  { prefix: "kubectl", operation: "Apply" },
  { prefix: "kubectl", operation: "Update" },
  { prefix: "before-first-apply", operation: "Update" },
  { prefix: "pulumi-kubernetes", operation: "Update" },
  { prefix: "pulumi-resource-kubernetes", operation: "Update" },
];

/** The entries of managedFields with those managers merged into one; `undefined` when there is nothing to change. */
export function takeOver(live: KubeObject, manager: string): readonly ValueMap[] | undefined {
  const entries = listAt(live, "metadata", "managedFields");
  const isOwn = (entry: ValueMap): boolean =>
    entry["manager"] === manager && entry["operation"] === "Apply" && textAt(entry, "subresource") === "";
  const taken = entries.filter((entry) => !isOwn(entry) && isTaken(entry));
  if (taken.length === 0) return undefined;
  const [first = {}, ...more] = [...entries.filter(isOwn), ...taken];
  const merged = more.reduce(
    (fields: ValueMap, entry) => union(fields, mapOf(entry["fieldsV1"])),
    mapOf(first["fieldsV1"]),
  );
  const rest = entries.filter((entry) => !isOwn(entry) && !isTaken(entry));
  return [...rest, { ...first, manager, operation: "Apply", fieldsV1: merged }];
}

/** Whether a field belongs to somebody beside Pulumi, and not to Pulumi: one that the program ignores is left alone then. */
export function belongsToOthers(live: KubeObject, manager: string, path: readonly string[]): boolean {
  const entries = listAt(live, "metadata", "managedFields").filter((entry) => hasField(mapOf(entry["fieldsV1"]), path));
  return entries.length > 0 && entries.every((entry) => entry["manager"] !== manager);
}

/** Whether Pulumi made the object by a plain POST, and has not applied anything since. */
export function hasCreator(live: KubeObject): boolean {
  return listAt(live, "metadata", "managedFields").some(
    (entry) =>
      entry["operation"] === "Update" &&
      ["pulumi-kubernetes", "pulumi-resource-kubernetes"].includes(textAt(entry, "manager")),
  );
}

function isTaken(entry: ValueMap): boolean {
  if (textAt(entry, "subresource") !== "") return false;
  return takenOver.some(
    ({ prefix, operation }) => entry["operation"] === operation && textAt(entry, "manager").startsWith(prefix),
  );
}

function hasField(fields: ValueMap, path: readonly string[]): boolean {
  const [first, ...rest] = path;
  if (first === undefined) return true;
  const found = fields[`f:${first}`];
  return isMap(found) && hasField(found, rest);
}

// A field set is a tree; "." says that a node itself is in the set when it has children, and an empty node always is.
function union(one: ValueMap, other: ValueMap): ValueMap {
  if (sameValue(one, other)) return one;
  if (isBare(one)) return { ".": {}, ...other };
  if (isBare(other)) return { ".": {}, ...one };
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return Object.fromEntries(
    keys.map((key): [string, Value] => {
      const [left, right] = [one[key], other[key]];
      return [key, isMap(left) && isMap(right) ? union(left, right) : (left ?? right ?? {})];
    }),
  );
}

function isBare(node: ValueMap): boolean {
  return Object.keys(node).length === 0;
}

function mapOf(value: Value | undefined): ValueMap {
  return isMap(value) ? value : {};
}
