import { z } from "zod";
import { notFound, preconditionFailed, unprocessable } from "./errors";
import { repositoriesOf, storageUsage } from "./registry-usage";
import type { Context, Route } from "./router";
import type { State } from "./state";

/** Regions that hold registries. */
export const registryRegions = ["nyc3", "sfo2", "sfo3", "ams3", "sgp1", "fra1", "blr1", "syd1"];

/** Figures of the public API description; `registries` is from DigitalOcean's page on limits. 0 repositories: unlimited. */
const tiers = [
  tier("Starter", { repositories: 1, bytes: 524_288_000, overage: false, cents: 0, registries: 1 }),
  tier("Basic", { repositories: 5, bytes: 5_368_709_120, overage: true, cents: 500, registries: 1 }),
  tier("Professional", { repositories: 0, bytes: 107_374_182_400, overage: true, cents: 2000, registries: 10 }),
];
type Tier = (typeof tiers)[number];

function tier(
  name: string,
  limits: { repositories: number; bytes: number; overage: boolean; cents: number; registries: number },
) {
  return {
    registries: limits.registries,
    description: {
      name,
      slug: name.toLowerCase(),
      included_repositories: limits.repositories,
      included_storage_bytes: limits.bytes,
      allow_storage_overage: limits.overage,
      included_bandwidth_bytes: limits.bytes,
      monthly_price_in_cents: limits.cents,
      ...(limits.overage && { storage_overage_price_in_cents: 2 }),
    },
  };
}

/** Options and subscription, the same under both prefixes. */
export function subscriptionRoutes(context: Context): readonly Route[] {
  const { store } = context;
  return ["/v2/registry", "/v2/registries"].flatMap((prefix): readonly Route[] => [
    {
      method: "GET",
      path: `${prefix}/options`,
      handle: async () => ({ status: 200, body: { options: await options(context) } }),
    },
    {
      method: "GET",
      path: `${prefix}/subscription`,
      handle: () => ({ status: 200, body: { subscription: subscription(store.state) } }),
    },
    {
      method: "POST",
      path: `${prefix}/subscription`,
      handle: async (call) => {
        const { tier_slug } = call.body(z.object({ tier_slug: z.string() }));
        await requireEligible(context, tier_slug, store.state.registries.length);
        store.update((draft) => subscribe(draft, tier_slug));
        return { status: 200, body: { subscription: subscription(store.state) } };
      },
    },
  ]);
}

/** The subscription as the API shows it; 404 before the first registry. */
export function subscription(state: Readonly<State>): unknown {
  if (state.subscription === undefined) {
    throw notFound("subscription not found");
  }
  const { created_at, updated_at } = state.subscription;
  return { tier: findTier(state.subscription.tier).description, created_at, updated_at };
}

/** Sets the tier; the subscription keeps the time of its start. */
export function subscribe(state: State, slug: string): void {
  const now = new Date().toISOString();
  state.subscription = { tier: slug, created_at: state.subscription?.created_at ?? now, updated_at: now };
}

/** 422 for an unknown tier, 412 when the account holds more than the tier allows. */
export async function requireEligible(context: Context, slug: string, registries: number): Promise<void> {
  const reasons = await ineligibility(context, findTier(slug), registries);
  if (reasons.length > 0) {
    throw preconditionFailed(`registry is not eligible for tier because: [${reasons.join(" ")}]`);
  }
}

/** Why a push to this repository is refused, in the words of DigitalOcean's registry; `undefined` when it may go on. */
export async function pushRefusal(context: Context, repository: string): Promise<string | undefined> {
  const { state } = context.store;
  // All registries share one storage here: a push to any of them could lose blobs that no manifest names yet.
  if (state.garbageCollections.some(({ status }) => isActive(status))) {
    return "registry is in read-only mode while a garbage collection runs";
  }
  const [registry = "", ...rest] = repository.split("/");
  if (state.subscription === undefined || !state.registries.some(({ name }) => name === registry)) {
    return undefined;
  }
  const { included_repositories, included_storage_bytes, allow_storage_overage } = findTier(
    state.subscription.tier,
  ).description;
  const names = await repositoriesOf(context, registry);
  if (included_repositories > 0 && names.length >= included_repositories && !names.includes(rest.join("/"))) {
    return `registry contains ${names.length} repositories, limit is ${included_repositories}`;
  }
  if (!allow_storage_overage && (await storageUsage(context, registry)) >= included_storage_bytes) {
    return "storage quota exceeded";
  }
  return undefined;
}

/** Whether a garbage collection is under way. */
export function isActive(status: State["garbageCollections"][number]["status"]): boolean {
  return !["failed", "succeeded", "cancelled"].includes(status);
}

function findTier(slug: string): Tier {
  const found = tiers.find(({ description }) => description.slug === slug);
  if (found === undefined) {
    throw unprocessable(`invalid subscription tier "${slug}"`);
  }
  return found;
}

async function ineligibility(context: Context, wanted: Tier, registries: number): Promise<readonly string[]> {
  const names = context.store.state.registries.map(({ name }) => name);
  const repositories = (await Promise.all(names.map((name) => repositoriesOf(context, name)))).flat().length;
  const bytes = (await Promise.all(names.map((name) => storageUsage(context, name)))).reduce((a, b) => a + b, 0);
  const { included_repositories, included_storage_bytes, allow_storage_overage } = wanted.description;
  return [
    ...(registries > wanted.registries ? ["OverRegistryLimit"] : []),
    ...(included_repositories > 0 && repositories > included_repositories ? ["OverRepositoryLimit"] : []),
    ...(!allow_storage_overage && bytes > included_storage_bytes ? ["OverStorageLimit"] : []),
  ];
}

async function options(context: Context): Promise<unknown> {
  const registries = context.store.state.registries.length;
  const shown = tiers.map(async (offer) => {
    const reasons = await ineligibility(context, offer, registries);
    return {
      ...offer.description,
      eligible: reasons.length === 0,
      ...(reasons.length > 0 && { eligibility_reasons: reasons }),
    };
  });
  return { available_regions: registryRegions, subscription_tiers: await Promise.all(shown) };
}
