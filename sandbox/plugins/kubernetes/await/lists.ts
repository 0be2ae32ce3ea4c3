import { isMap, type ValueMap } from "../../values";
import { at, isOwnedBy, listAt, namespaceOf, type KubeObject } from "../objects";
import type { Looking } from "./rule";

/** Objects of the same namespace: pods, replicasets, events. */
export async function listBeside(
  object: KubeObject,
  path: "/api/v1" | "/apis/apps/v1",
  plural: string,
  looking: Looking,
  query: Record<string, string> = {},
): Promise<readonly KubeObject[]> {
  const answer = await looking.client.request("GET", `${path}/namespaces/${namespaceOf(object)}/${plural}`, {
    query,
    signal: looking.signal,
  });
  return listAt(answer, "items");
}

/** The pods that an owner made, by its label selector. */
export async function podsOf(owner: KubeObject, looking: Looking): Promise<readonly KubeObject[]> {
  const pods = await listBeside(owner, "/api/v1", "pods", looking, selectorQuery(at(owner, "spec", "selector")));
  return pods.filter((pod) => isOwnedBy(pod, owner));
}

/** A label selector as a query; expressions are left out, as owner references are looked at too. */
export function selectorQuery(selector: unknown): Record<string, string> {
  const labels = isMap(selector as ValueMap) ? (selector as ValueMap)["matchLabels"] : undefined;
  if (!isMap(labels) || Object.keys(labels).length === 0) return {};
  return {
    labelSelector: Object.entries(labels)
      .map(([key, value]) => `${key}=${String(value)}`)
      .join(","),
  };
}
