import type { Failure } from "../schema";
import { texts } from "../schema";
import { isUnknown, type Value } from "../values";
import type { Api } from "./api";
import { without } from "./sets";

/** Refusals of tags, in the official provider's words. */
export function tagFailures(tags: Value | undefined, property = "tags"): readonly Failure[] {
  return texts(tags)
    .filter((tag) => !isUnknown(tag) && !/^[A-Za-z0-9:_-]{1,255}$/.test(tag))
    .map((tag) => ({
      property,
      reason: `"${property}": tags may contain lowercase letters, numbers, colons, dashes, and underscores; there is a limit of 255 characters per tag; got "${tag}"`,
    }));
}

/** Takes tags away and adds new ones, one by one as the official provider does. */
export async function changeTags(
  api: Api,
  resource: { readonly id: string; readonly type: "database" | "droplet" | "volume" },
  change: { readonly before: Value | undefined; readonly after: Value | undefined },
  signal: AbortSignal,
): Promise<void> {
  const resources = [{ resource_id: resource.id, resource_type: resource.type }];
  const path = (tag: Value): string => `/v2/tags/${encodeURIComponent(String(tag))}/resources`;
  for (const tag of without(change.before, change.after)) await api.request("DELETE", path(tag), signal, { resources });
  for (const tag of without(change.after, change.before)) {
    await api.request("POST", "/v2/tags", signal, { name: tag });
    await api.request("POST", path(tag), signal, { resources });
  }
}
