import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Value, ValueMap } from "../values";
import { ApiError, isReason } from "./client";
import { pathOf, type Cluster, type Reachable } from "./cluster";
import { NoMatchError } from "./discovery";
import type { Kind } from "./kinds";
import { at, isTrue, listAt, messageOf, nameOf, withMetadata, type KubeObject } from "./objects";
import { belongsToOthers, hasCreator, takeOver } from "./managed-fields";
import { isMap } from "../values";

/** Under this name a plain creation owns its fields, until the first server-side apply takes them over. */
const creator = "pulumi-kubernetes";

/** A write. */
export interface Write {
  readonly kind: Kind;
  readonly inputs: KubeObject;
  readonly fieldManager: string;
  /** Only asks the server what it would do. */
  readonly preview: boolean;
  readonly signal: AbortSignal;
  progress(line: string): void;
}

const retries = 5;

/**
 * Creates an object, by a POST that fails when it exists (or by an apply, with `upsertExistingObjects`). A namespace or kind
 * that is not there yet is waited for, up to half a minute.
 */
export async function createObject(cluster: Cluster, write: Write): Promise<KubeObject> {
  const { kind, inputs, preview, signal, progress } = write;
  const found = await cluster.get(signal);
  for (let attempt = 0; ; attempt += 1) {
    try {
      const path = await pathOf(found, kind, inputs, signal);
      if (cluster.settings.upsertExistingObjects)
        return await upsert(found, write, path, cluster.settings.enablePatchForce);
      const query = { fieldManager: creator, ...(preview && { dryRun: "All" }) };
      return await found.client.request("POST", path.slice(0, path.lastIndexOf("/")), { query, body: inputs, signal });
    } catch (error) {
      const passing = isReason(error, "NotFound") || error instanceof NoMatchError;
      if (!passing || preview || attempt >= retries) throw explain(error);
      progress(`Retry #${attempt}; creation failed: ${messageOf(error)}`);
      await delay(1000 * 2 ** attempt, undefined, { signal });
    }
  }
}

/** Applies the inputs to an object that exists. What kubectl changed becomes Pulumi's first, so that it is put back. */
export async function updateObject(
  cluster: Cluster,
  write: Write,
  live: KubeObject,
  ignored: readonly string[],
): Promise<KubeObject> {
  const { kind, fieldManager, preview, signal } = write;
  const found = await cluster.get(signal);
  const path = await pathOf(found, kind, withMetadata(write.inputs, { name: nameOf(live) }), signal);
  const entries = preview ? undefined : takeOver(live, fieldManager);
  const current = entries === undefined ? live : await replaceManagers(found, path, entries, signal);
  const inputs = ignored.reduce(
    (object, item) => withoutIgnored(object, current, fieldManager, item.split(".")),
    write.inputs,
  );
  return apply(found, { ...write, inputs }, path, current, cluster.settings.enablePatchForce);
}

/**
 * A preview of a replacement meets the object that will be gone by then. As in the official plugin, the server is asked under another name what it
 * would say.
 */
async function upsert(found: Reachable, write: Write, path: string, always: boolean): Promise<KubeObject> {
  try {
    return await apply(found, write, path, undefined, always);
  } catch (error) {
    if (!write.preview || !isReason(error, "Invalid") || !error.message.includes("field is immutable")) throw error;
    const name = `${nameOf(write.inputs).slice(0, 58)}${randomBytes(3).toString("hex").slice(1)}`;
    const inputs = withMetadata(write.inputs, { name });
    return apply(found, { ...write, inputs }, await pathOf(found, write.kind, inputs, write.signal), undefined, always);
  }
}

async function apply(
  { client }: Reachable,
  { inputs, fieldManager, preview, signal }: Write,
  path: string,
  live: KubeObject | undefined,
  always: boolean,
): Promise<KubeObject> {
  const force = always || isTrue(inputs, "pulumi.com/patchForce") || needsForce(live, preview);
  const query = { fieldManager, force: String(force), ...(preview && { dryRun: "All" }) };
  try {
    return await client.request("PATCH", path, {
      query,
      body: inputs,
      contentType: "application/apply-patch+yaml",
      signal,
    });
  } catch (error) {
    if (!isReason(error, "Conflict")) throw error;
    throw new Error(
      "server-side apply field conflict detected, see https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/" +
        "managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources for troubleshooting help\n" +
        `The resource managed by field manager "${fieldManager}" had an apply conflict: ${error.message}`,
      { cause: error },
    );
  }
}

// A preview takes nothing over; it must not report a conflict that the update will not have.
function needsForce(live: KubeObject | undefined, preview: boolean): boolean {
  if (live === undefined) return preview;
  return (preview && hasCreator(live)) || listAt(live, "metadata", "managedFields").length === 0;
}

async function replaceManagers(
  { client }: Reachable,
  path: string,
  entries: readonly Value[],
  signal: AbortSignal,
): Promise<KubeObject> {
  const body = [{ op: "replace", path: "/metadata/managedFields", value: entries }];
  return client.request("PATCH", path, { body, contentType: "application/json-patch+json", signal });
}

/** An ignored field that is somebody else's is not sent; one that is Pulumi's too is sent as it is. */
function withoutIgnored(
  inputs: KubeObject,
  live: KubeObject,
  fieldManager: string,
  path: readonly string[],
): KubeObject {
  if (belongsToOthers(live, fieldManager, path)) return withValue(inputs, path, undefined);
  const value = at(live, ...path);
  return value === undefined ? inputs : withValue(inputs, path, value);
}

function withValue(object: ValueMap, [first = "", ...rest]: readonly string[], value: Value | undefined): ValueMap {
  const below = object[first];
  const next = rest.length === 0 ? value : withValue(isMap(below) ? below : {}, rest, value);
  const others = Object.entries(object).filter(([key]) => key !== first);
  return Object.fromEntries(next === undefined ? others : [...others, [first, next]]);
}

function explain(error: unknown): unknown {
  if (!isReason(error, "AlreadyExists")) return error;
  return new ApiError(
    error.code,
    error.reason,
    `${error.message}\n\nThe resource already exists in the cluster. Adopt it by \`pulumi import\`, or set upsertExistingObjects on the provider.`,
    error.status,
  );
}
