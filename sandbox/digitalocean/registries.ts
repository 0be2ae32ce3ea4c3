import { z } from "zod";
import { conflict, notFound, preconditionFailed, unprocessable } from "./errors";
import { registryRegions, requireEligible, subscribe, subscription } from "./registry-subscription";
import { repositoriesOf, storageUsage } from "./registry-usage";
import type { Call, Context, Reply, Route } from "./router";
import type { State } from "./state";

export type Registry = State["registries"][number];

const name = z
  .string({ error: "is required" })
  .regex(
    /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/,
    "must be 1 to 63 lowercase letters, digits or hyphens, begin with a letter and end with a letter or digit",
  );
const createBody = z.object({
  name,
  subscription_tier_slug: z.string().optional(),
  region: z.enum(registryRegions, { error: `must be one of ${registryRegions.join(", ")}` }).optional(),
});

/** Container registries: `/v2/registries/{name}`, and the older `/v2/registry` for an account's only one. */
export function registryRoutes(context: Context): readonly Route[] {
  const { store } = context;
  return [
    { method: "GET", path: "/v2/registries", handle: () => list(context) },
    { method: "POST", path: "/v2/registries", handle: (call) => create(context, call) },
    { method: "POST", path: "/v2/registries/validate-name", handle: (call) => validateName(store.state, call) },
    {
      method: "GET",
      path: "/v2/registries/:name",
      handle: async (call) => ({
        status: 200,
        body: { registry: await describe(context, findRegistry(store.state, call.param("name"))) },
      }),
    },
    {
      method: "DELETE",
      path: "/v2/registries/:name",
      handle: (call) => remove(context, findRegistry(store.state, call.param("name"))),
    },

    {
      method: "GET",
      path: "/v2/registry",
      handle: async () => {
        const registry = await describe(context, onlyRegistry(store.state));
        return { status: 200, body: { registry: { ...registry, subscription: subscription(store.state) } } };
      },
    },
    { method: "POST", path: "/v2/registry", handle: (call) => create(context, call) },
    { method: "DELETE", path: "/v2/registry", handle: () => remove(context, onlyRegistry(store.state)) },
    { method: "POST", path: "/v2/registry/validate-name", handle: (call) => validateName(store.state, call) },
  ];
}

/** A registry by name, or 404. */
export function findRegistry(state: Readonly<State>, wanted: string): Registry {
  const found = state.registries.find((registry) => registry.name === wanted);
  if (found === undefined) {
    throw notFound("registry not found");
  }
  return found;
}

/** The account's only registry: 404 when there is none, 412 when there are several. */
export function onlyRegistry(state: Readonly<State>): Registry {
  const [first, second] = state.registries;
  if (second !== undefined) {
    throw preconditionFailed(
      "This API is not supported if you have created multiple registries. Please use '/v2/registries/{registry_name}' instead.",
    );
  }
  if (first === undefined) {
    throw notFound("registry not found");
  }
  return first;
}

async function describe(context: Context, registry: Registry) {
  return {
    ...registry,
    storage_usage_bytes: await storageUsage(context, registry.name),
    storage_usage_bytes_updated_at: new Date().toISOString(),
  };
}

async function list(context: Context): Promise<Reply> {
  const registries = await Promise.all(context.store.state.registries.map((registry) => describe(context, registry)));
  const total = registries.reduce((bytes, registry) => bytes + registry.storage_usage_bytes, 0);
  return { status: 200, body: { registries, total_storage_usage_bytes: total } };
}

async function create(context: Context, call: Call): Promise<Reply> {
  const wanted = call.body(createBody);
  const { state } = context.store;
  refuseTaken(state, wanted.name);
  const tier = wanted.subscription_tier_slug ?? state.subscription?.tier;
  if (tier === undefined) {
    throw unprocessable("subscription_tier_slug is required");
  }
  await requireEligible(context, tier, state.registries.length + 1);
  const registry: Registry = {
    name: wanted.name,
    region: wanted.region ?? "nyc3",
    created_at: new Date().toISOString(),
  };
  context.store.update((draft) => {
    // Checked again: another request may have come in between.
    refuseTaken(draft, wanted.name);
    draft.registries.push(registry);
    if (draft.subscription?.tier !== tier) {
      subscribe(draft, tier);
    }
  });
  const described = await describe(context, registry);
  const legacy = call.url.pathname === "/v2/registry";
  return {
    status: 201,
    body: { registry: legacy ? { ...described, subscription: subscription(context.store.state) } : described },
  };
}

/** Images go first: a crash in between leaves a registry that can be deleted again. */
async function remove(context: Context, registry: Registry): Promise<Reply> {
  for (const repository of await repositoriesOf(context, registry.name)) {
    await context.contents.deleteRepository(`${registry.name}/${repository}`);
  }
  context.store.update((draft) => {
    draft.registries = draft.registries.filter((other) => other.name !== registry.name);
    draft.credentials = Object.fromEntries(
      Object.entries(draft.credentials).filter(([, credential]) => credential.registry !== registry.name),
    );
    draft.garbageCollections = draft.garbageCollections.filter(
      (collection) => collection.registry_name !== registry.name,
    );
    if (draft.registries.length === 0) {
      delete draft.subscription;
    }
  });
  return { status: 204 };
}

function validateName(state: Readonly<State>, call: Call): Reply {
  refuseTaken(state, call.body(z.object({ name })).name);
  return { status: 204 };
}

function refuseTaken(state: Readonly<State>, wanted: string): void {
  if (state.registries.some((registry) => registry.name === wanted)) {
    throw conflict("registry name already exists");
  }
}
