import { randomUUID } from "node:crypto";
import { z } from "zod";
import { conflict, notFound } from "./errors";
import { page } from "./pages";
import { findRegistry } from "./registries";
import { isActive } from "./registry-subscription";
import { repositoriesOf } from "./registry-usage";
import type { Call, Context, Reply, Route } from "./router";
import type { GarbageCollection, Store } from "./state";

const startBody = z.object({
  type: z
    .enum(["untagged manifests only", "unreferenced blobs only", "untagged manifests and unreferenced blobs"])
    .default("unreferenced blobs only"),
});

/** Garbage collections of a registry. Pushes are refused while one runs, as DigitalOcean does. */
export function garbageCollectionRoutes(context: Context): readonly Route[] {
  const { store } = context;
  const running = new Map<string, AbortController>();
  failInterrupted(store);
  const active = (registry: string): GarbageCollection | undefined =>
    store.state.garbageCollections.find((one) => one.registry_name === registry && isActive(one.status));

  const start = (call: Call): Reply => {
    const registry = findRegistry(store.state, call.param("name")).name;
    const { type } = call.body(startBody);
    if (active(registry) !== undefined) {
      throw conflict("a garbage collection is already running for this registry");
    }
    const now = new Date().toISOString();
    const counts = { blobs_deleted: 0, freed_bytes: 0 };
    const collection: GarbageCollection = {
      uuid: randomUUID(),
      registry_name: registry,
      status: "requested",
      type,
      created_at: now,
      updated_at: now,
      ...counts,
    };
    store.update((draft) => draft.garbageCollections.unshift(collection));
    const cancel = new AbortController();
    running.set(collection.uuid, cancel);
    void collect(context, collection, cancel.signal).finally(() => running.delete(collection.uuid));
    return { status: 201, body: { garbage_collection: collection } };
  };

  return ["/v2/registry/:name", "/v2/registries/:name"].flatMap((prefix): readonly Route[] => [
    { method: "POST", path: `${prefix}/garbage-collection`, handle: start },
    {
      method: "GET",
      path: `${prefix}/garbage-collection`,
      handle: (call) => {
        const found = active(findRegistry(store.state, call.param("name")).name);
        if (found === undefined) {
          throw notFound("no active garbage collection found");
        }
        return { status: 200, body: { garbage_collection: found } };
      },
    },
    {
      method: "GET",
      path: `${prefix}/garbage-collections`,
      handle: (call) => {
        const registry = findRegistry(store.state, call.param("name")).name;
        return page(
          call,
          "garbage_collections",
          store.state.garbageCollections.filter((one) => one.registry_name === registry),
        );
      },
    },
    {
      method: "PUT",
      path: `${prefix}/garbage-collection/:uuid`,
      handle: (call) => {
        const found = active(findRegistry(store.state, call.param("name")).name);
        if (found?.uuid !== call.param("uuid")) {
          throw notFound("no active garbage collection found");
        }
        if (call.body(z.object({ cancel: z.boolean() })).cancel) {
          change(store, found.uuid, { status: "cancelling" });
          running.get(found.uuid)?.abort();
        }
        return {
          status: 200,
          body: { garbage_collection: store.state.garbageCollections.find(({ uuid }) => uuid === found.uuid) },
        };
      },
    },
  ]);
}

async function collect(context: Context, collection: GarbageCollection, signal: AbortSignal): Promise<void> {
  const { store } = context;
  const { uuid, type, registry_name } = collection;
  try {
    change(store, uuid, { status: "scanning manifests" });
    if (type !== "unreferenced blobs only") {
      await deleteUntagged(context, registry_name, signal);
    }
    if (type !== "untagged manifests only") {
      change(store, uuid, { status: "deleting unreferenced blobs" });
      const { count, bytes } = await context.contents.deleteUnreferencedBlobs(signal);
      change(store, uuid, { blobs_deleted: count, freed_bytes: bytes });
    }
    signal.throwIfAborted();
    change(store, uuid, { status: "succeeded" });
  } catch {
    change(store, uuid, { status: signal.aborted ? "cancelled" : "failed" });
  }
}

/** A manifest that a tagged index lists has no tag of its own, and is needed. */
async function deleteUntagged(context: Context, registry: string, signal: AbortSignal): Promise<void> {
  for (const name of await repositoriesOf(context, registry)) {
    const repository = `${registry}/${name}`;
    const manifests = await context.contents.manifests(repository);
    const needed = new Set(manifests.filter(({ tags }) => tags.length > 0).flatMap(({ children }) => children));
    for (const { digest } of manifests.filter((one) => one.tags.length === 0 && !needed.has(one.digest))) {
      signal.throwIfAborted();
      await context.contents.deleteManifest(repository, digest);
    }
  }
}

function change(store: Store, uuid: string, values: Partial<GarbageCollection>): void {
  store.update((draft) => {
    const found = draft.garbageCollections.find((one) => one.uuid === uuid);
    // Gone with its registry when that was deleted meanwhile.
    if (found !== undefined) {
      Object.assign(found, values, { updated_at: new Date().toISOString() });
    }
  });
}

/** One that a stopped server left under way would keep the registry read-only for ever. */
function failInterrupted(store: Store): void {
  if (store.state.garbageCollections.some(({ status }) => isActive(status))) {
    store.update((draft) => {
      draft.garbageCollections.filter(({ status }) => isActive(status)).forEach((one) => (one.status = "failed"));
    });
  }
}
