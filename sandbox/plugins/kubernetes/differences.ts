import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { isMap, isUnknown, type Value, type ValueMap } from "../values";
import { sameQuantity } from "./quantity";

type Path = readonly (string | number)[];

/** One changed place. */
export interface Difference {
  readonly path: Path;
  readonly kind: "add" | "delete" | "update";
}

/** Where the new inputs differ from what is there. */
export function differences(old: ValueMap, now: ValueMap): readonly Difference[] {
  return compareMaps([], old, now);
}

function compare(path: Path, old: Value | undefined, now: Value | undefined): readonly Difference[] {
  if (old === undefined || old === null) return now === undefined || now === null ? [] : [{ path, kind: "add" }];
  if (now === undefined || now === null) return [{ path, kind: "delete" }];
  if (isUnknown(now)) return [{ path, kind: "update" }];
  if (isMap(old) && isMap(now)) return compareMaps(path, old, now);
  if (Array.isArray(old) && Array.isArray(now))
    return compareLists(path, old as readonly Value[], now as readonly Value[]);
  return old === now || sameQuantity(path, old, now) ? [] : [{ path, kind: "update" }];
}

function compareMaps(path: Path, old: ValueMap, now: ValueMap): readonly Difference[] {
  const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])];
  return keys.flatMap((key) => compare([...path, key], old[key], now[key]));
}

function compareLists(path: Path, old: readonly Value[], now: readonly Value[]): readonly Difference[] {
  return Array.from({ length: Math.max(old.length, now.length) }, (_, index) =>
    compare([...path, index], old[index], now[index]),
  ).flat();
}

/** A path as the engine writes it: `metadata.annotations["a.b/c"]`, `spec.containers[0]`. */
export function pathText(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      if (/[."[\]]/.test(step)) return `["${step.replaceAll('"', '\\"')}"]`;
      return index === 0 ? step : `.${step}`;
    })
    .join("");
}

/** Whether a path is one that the program ignores, or inside of one. */
export function isIgnored(path: Path, ignored: readonly string[]): boolean {
  const text = pathText(path);
  return ignored.some((item) => text === item || text.startsWith(`${item}.`) || text.startsWith(`${item}[`));
}

/** The engine's word for a difference. */
export function differenceKind({ kind }: Difference, replaces: boolean): rpc.PropertyDiff.Kind {
  const { ADD, ADD_REPLACE, DELETE, DELETE_REPLACE, UPDATE, UPDATE_REPLACE } = rpc.PropertyDiff.Kind;
  if (kind === "add") return replaces ? ADD_REPLACE : ADD;
  if (kind === "delete") return replaces ? DELETE_REPLACE : DELETE;
  return replaces ? UPDATE_REPLACE : UPDATE;
}
