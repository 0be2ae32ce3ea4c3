import type { ProviderFunction, Resource } from "../resource";
import { text, type Properties } from "../schema";
import { isMap, type Value, type ValueMap } from "../values";
import type { Api } from "./api";
import { goTime } from "./times";

// The official provider answers this host whatever the API says.
const host = "registry.digitalocean.com";

const tiers: readonly string[] = ["starter", "basic", "professional"];

const outputs: Properties = {
  createdAt: { type: "string", required: true },
  endpoint: { type: "string", required: true },
  name: { type: "string", required: true },
  region: { type: "string", required: true },
  serverUrl: { type: "string", required: true },
  storageUsageBytes: { type: "integer", required: true },
  subscriptionTierSlug: { type: "string", required: true },
};

/** `digitalocean.ContainerRegistry`; the id is the name. */
export function containerRegistry(api: Api): Resource {
  return {
    token: "digitalocean:index/containerRegistry:ContainerRegistry",
    sdk: { file: "containerRegistry.d.ts", args: "ContainerRegistryArgs", result: "ContainerRegistry" },
    inputs: {
      name: { type: "string", replace: true },
      region: { type: "string", replace: true },
      subscriptionTierSlug: { type: "string", required: true },
    },
    outputs,
    autoName: "name",
    uniqueBy: "name",
    updateChanges: [],
    check: async ({ inputs }) => {
      const tier = text(inputs, "subscriptionTierSlug");
      if (tier === undefined || tiers.includes(tier)) return { failures: [], add: {} };
      const reason = `"subscriptionTierSlug" must be one of ${tiers.join(", ")}, but is "${tier}"`;
      return { failures: [{ property: "subscriptionTierSlug", reason }], add: {} };
    },
    async create({ inputs, signal }) {
      const { registry } = await api.request("POST", "/v2/registry", signal, {
        name: inputs["name"] ?? null,
        subscription_tier_slug: inputs["subscriptionTierSlug"] ?? null,
        ...(inputs["region"] !== undefined && { region: inputs["region"] }),
      });
      // From this answer and not from a second request: its failure would lose a registry that exists.
      return outcome(registry, inputs["subscriptionTierSlug"]);
    },
    read: ({ id, signal }) => find(api, id, signal),
    async update({ id, inputs, old, signal }) {
      if (inputs["subscriptionTierSlug"] !== old.inputs["subscriptionTierSlug"]) {
        await api.request("POST", "/v2/registries/subscription", signal, {
          tier_slug: inputs["subscriptionTierSlug"] ?? null,
        });
      }
      const found = await find(api, id, signal);
      if (found === undefined) throw new Error(`registry "${id}" does not exist any more`);
      return found.outputs;
    },
    async delete({ id, signal }) {
      await api.request("DELETE", registryPath(id), signal);
    },
  };
}

/** `digitalocean.getContainerRegistry`. */
export function getContainerRegistry(api: Api): ProviderFunction {
  return {
    token: "digitalocean:index/getContainerRegistry:getContainerRegistry",
    sdk: { file: "getContainerRegistry.d.ts", args: "GetContainerRegistryArgs", result: "GetContainerRegistryResult" },
    inputs: { name: { type: "string", required: true } },
    outputs: { ...outputs, id: { type: "string", required: true } },
    async invoke({ name }, signal) {
      const found = await find(api, String(name), signal);
      if (found === undefined) throw new Error(`container registry "${String(name)}" not found`);
      return { ...found.outputs, id: found.id };
    },
  };
}

/** Path of one registry in the API. */
export function registryPath(name: string): string {
  return `/v2/registries/${encodeURIComponent(name)}`;
}

async function find(api: Api, name: string, signal: AbortSignal) {
  const found = await api.find(registryPath(name), signal);
  if (found === undefined) return undefined;
  const { subscription } = await api.request("GET", "/v2/registries/subscription", signal);
  const tier = isMap(subscription) && isMap(subscription["tier"]) ? subscription["tier"]["slug"] : undefined;
  return outcome(found["registry"], tier);
}

function outcome(registry: Value | undefined, tier: Value | undefined): { id: string; outputs: ValueMap } {
  if (!isMap(registry) || typeof registry["name"] !== "string") throw new Error("the API's answer holds no registry");
  const { name, region, created_at, storage_usage_bytes } = registry;
  return {
    id: registry["name"],
    outputs: {
      name: name ?? null,
      region: region ?? "",
      endpoint: `${host}/${registry["name"]}`,
      serverUrl: host,
      createdAt: goTime(String(created_at)),
      storageUsageBytes: storage_usage_bytes ?? 0,
      subscriptionTierSlug: tier ?? "",
    },
  };
}
