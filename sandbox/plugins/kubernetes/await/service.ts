import { listAt, nameOf, namespaceOf, at, textAt, type KubeObject } from "../objects";
import { ready, type Looking, type Rule } from "./rule";
import { isMap } from "../../values";

/** How long endpoints must stay as they are: the official plugin's ten seconds. */
const settledMs = 10_000;

/** When the endpoints of the services that are waited for changed last, by version. */
const changes = new WeakMap<Looking, { readonly version: string; readonly since: number }>();

/**
 * A Service is ready when no pod behind it is unready, and that for ten seconds; one of type LoadBalancer needs an address.
 * Without a selector, without an address of its own, or with an external name there are no pods to wait for.
 */
export const service: Rule = {
  group: "",
  kind: "Service",
  onRead: true,
  async look(live, looking) {
    const isBalancer = textAt(live, "spec", "type") === "LoadBalancer";
    const hasAddress = !isBalancer || listAt(live, "status", "loadBalancer", "ingress").length > 0;
    const noAddress = "Service was not allocated an IP address; does your cloud provider support this?";
    if (!waitsForPods(live))
      return hasAddress
        ? ready
        : { ready: false, problems: [noAddress], progress: "Attempting to allocate IP address to Service" };
    const endpoints = await looking.client.find(
      `/api/v1/namespaces/${namespaceOf(live)}/endpoints/${nameOf(live)}`,
      looking.signal,
    );
    const subsets = listAt(endpoints, "subsets");
    const targets = subsets.some((subset) => listAt(subset, "addresses").length > 0);
    const pending = subsets.some((subset) => listAt(subset, "notReadyAddresses").length > 0);
    const settled = looking.once || hasSettled(endpoints, looking);
    if (hasAddress && settled && !pending) return ready;
    const noTargets =
      "Service does not target any Pods. Selected Pods may not be ready, or field '.spec.selector' may not match labels on any Pods";
    return {
      ready: false,
      problems: [...(targets ? [] : [noTargets]), ...(hasAddress ? [] : [noAddress])],
      progress:
        settled && targets ? "Attempting to allocate IP address to Service" : "Finding Pods to direct traffic to",
    };
  },
};

function waitsForPods(live: KubeObject): boolean {
  const selector = at(live, "spec", "selector");
  const headless = textAt(live, "spec", "clusterIP") === "None" || textAt(live, "spec", "type") === "ExternalName";
  return !headless && isMap(selector) && Object.keys(selector).length > 0;
}

function hasSettled(endpoints: KubeObject | undefined, looking: Looking): boolean {
  if (endpoints === undefined) return false;
  const version = textAt(endpoints, "metadata", "resourceVersion");
  const known = changes.get(looking);
  if (known?.version === version) return Date.now() - known.since >= settledMs;
  changes.set(looking, { version, since: Date.now() });
  return false;
}
