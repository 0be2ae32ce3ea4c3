import type { Failure, Properties } from "../schema";
import { isMap, sameValue, type Value, type ValueMap } from "../values";
import { asSet, list, part } from "./sets";
import { tagFailures } from "./tags";
import { goTime } from "./times";

/** The official provider finds a cluster's own pool by this tag, and keeps it to itself. */
export const defaultPoolTag = "terraform:default-node-pool";

const node = (required: boolean): Properties =>
  Object.fromEntries(
    ["createdAt", "dropletId", "id", "name", "status", "updatedAt"].map((name) => [
      name,
      { type: "string", ...(required && { required: true }) },
    ]),
  );
const taint: Properties = Object.fromEntries(
  ["effect", "key", "value"].map((name) => [name, { type: "string", required: true }]),
);

/** What a program may say of a pool, be it the cluster's own or another one. */
export const poolInputs: Properties = {
  autoScale: { type: "boolean", default: false },
  gpuPartitionMode: { type: "string", unsupported: "the sandbox has no GPUs" },
  labels: { type: { map: "string" } },
  maxNodes: { type: "integer" },
  minNodes: { type: "integer" },
  nodeCount: { type: "integer" },
  tags: { type: { array: "string" } },
  taints: { type: { array: { object: taint } } },
};

/** A list of nodes in inputs (nothing required) or outputs. */
export function nodesType(required: boolean) {
  return { array: { object: node(required) } };
}

/** Refusals of a pool's inputs, in the official provider's words where it has some. */
export function poolFailures(given: ValueMap, at = ""): readonly Failure[] {
  const failures: Failure[] = [...tagFailures(given["tags"], `${at}tags`)];
  for (const property of ["name", "size", "clusterId"]) {
    if (given[property] === "")
      failures.push({ property: at + property, reason: `"${at}${property}" must not be empty` });
  }
  for (const one of list(given["taints"])) {
    const effect = isMap(one) ? one["effect"] : undefined;
    if (typeof effect === "string" && !["NoSchedule", "PreferNoSchedule", "NoExecute"].includes(effect)) {
      failures.push({
        property: `${at}taints`,
        reason: `"${at}taints" effect must be NoSchedule, PreferNoSchedule or NoExecute, but is "${effect}"`,
      });
    }
  }
  return failures;
}

/** Whether a change of one of the pool's inputs matters. */
export function poolDiffers(name: string, old: Value | undefined, now: Value | undefined): boolean {
  if (name === "tags" || name === "taints") return asSet(old ?? []) !== asSet(now ?? []);
  if (name === "labels") return !sameValue(old ?? {}, now ?? {});
  if (name === "autoScale") return (old ?? false) !== (now ?? false);
  if (name === "minNodes" || name === "maxNodes") return (old ?? 0) !== (now ?? 0);
  return !sameValue(old, now);
}

/** Whether a cluster's own pool is to be another one than it was. */
export function ownPoolDiffers(old: Value | undefined, now: Value | undefined): boolean {
  const [before, after] = [isMap(old) ? old : {}, isMap(now) ? now : {}];
  return ["name", "size", ...Object.keys(poolInputs)].some((name) => {
    // What the pool has already is no change, whoever has brought it about; a count that is not said is the autoscaler's.
    if (name === "nodeCount" && (after[name] === undefined || after[name] === before["actualNodeCount"])) return false;
    return poolDiffers(name, before[name], after[name]);
  });
}

/** The request that makes a pool, as the official client sends it: without what is empty. */
export function poolRequest(given: ValueMap, moreTags: readonly string[] = []): ValueMap {
  const tags = [...list(given["tags"]), ...moreTags];
  const taints = list(given["taints"]);
  return {
    name: given["name"] ?? null,
    size: given["size"] ?? null,
    ...(tags.length > 0 && { tags }),
    ...(taints.length > 0 && { taints }),
    ...(given["labels"] !== undefined && { labels: given["labels"] }),
    ...(given["autoScale"] === true && { auto_scale: true }),
    ...numbers(given, false),
  };
}

/** The request that changes a pool. */
export function poolUpdate(given: ValueMap, moreTags: readonly string[] = []): ValueMap {
  const tags = [...list(given["tags"]), ...moreTags];
  return {
    name: given["name"] ?? null,
    ...(tags.length > 0 && { tags }),
    taints: list(given["taints"]),
    ...(given["labels"] !== undefined && { labels: given["labels"] }),
    auto_scale: given["autoScale"] === true,
    ...numbers(given, true),
  };
}

function numbers(given: ValueMap, bounds: boolean): ValueMap {
  const { nodeCount, minNodes = 0, maxNodes = 0 } = given;
  return {
    ...(nodeCount !== undefined && nodeCount !== 0 && { count: nodeCount }),
    ...((bounds || minNodes !== 0) && { min_nodes: minNodes }),
    ...((bounds || maxNodes !== 0) && { max_nodes: maxNodes }),
  };
}

/** A pool of an answer as the state holds it; its count only where the program says one. */
export function poolOutputs(answer: Value | undefined, withCount: boolean): ValueMap {
  const pool = part(answer, "node pool");
  return {
    name: pool["name"] ?? null,
    size: pool["size"] ?? null,
    actualNodeCount: pool["count"] ?? null,
    ...(withCount && { nodeCount: pool["count"] ?? null }),
    autoScale: pool["auto_scale"] === true,
    minNodes: pool["min_nodes"] ?? 0,
    maxNodes: pool["max_nodes"] ?? 0,
    tags: ownTags(pool["tags"]),
    labels: isMap(pool["labels"]) ? pool["labels"] : {},
    taints: list(pool["taints"]),
    nodes: list(pool["nodes"]).map((one) => {
      const { id, name, status, droplet_id, created_at, updated_at } = part(one, "node");
      return {
        id: id ?? "",
        name: name ?? "",
        status: part(status, "status of the node")["state"] ?? "",
        dropletId: droplet_id ?? "",
        createdAt: goTime(String(created_at)),
        updatedAt: goTime(String(updated_at)),
      };
    }),
  };
}

/** Tags without those that DigitalOcean or the provider have set. */
export function ownTags(tags: Value | undefined): readonly Value[] {
  return list(tags).filter((tag) => tag !== "k8s" && !/^(k8s|terraform):/.test(String(tag)));
}
