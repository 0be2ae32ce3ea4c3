import type { Failure, Properties } from "../schema";
import { hasUnknown, isMap, isUnknown, type Value, type ValueMap } from "../values";
import { list, part } from "./sets";
import { tagFailures } from "./tags";

/** In which direction a rule lets connections through, and what its properties begin with. */
type Side = "source" | "destination";

const targets = [
  ["Addresses", "addresses"],
  ["DropletIds", "droplet_ids"],
  ["Tags", "tags"],
] as const;

/** The properties of one rule. */
export function ruleProperties(side: Side): Properties {
  const strings = { type: { array: "string" } } as const;
  return {
    action: { type: "string", unsupported: "the sandbox's firewalls only allow" },
    portRange: { type: "string" },
    protocol: { type: "string", required: true },
    [`${side}Addresses`]: strings,
    [`${side}DropletIds`]: { type: { array: "integer" } },
    [`${side}KubernetesIds`]: { ...strings, unsupported: "the sandbox's API has no clusters" },
    [`${side}LoadBalancerUids`]: { ...strings, unsupported: "the sandbox's API has no load balancers" },
    [`${side}Tags`]: strings,
  };
}

/** What is wrong with these rules. */
export function ruleFailures(property: string, side: Side, rules: Value | undefined): readonly Failure[] {
  return list(rules).flatMap((rule, index) => {
    if (!isMap(rule)) return [];
    const at = `${property}[${index}]`;
    const { protocol, portRange } = rule;
    const failures: Failure[] = [...tagFailures(rule[`${side}Tags`], `${at}.${side}Tags`)];
    const refuse = (name: string, reason: string): unknown =>
      failures.push({ property: `${at}.${name}`, reason: `"${at}.${name}" ${reason}` });
    if (isUnknown(protocol) || isUnknown(portRange)) return failures;
    if (typeof protocol !== "string" || !["tcp", "udp", "icmp"].includes(protocol)) {
      refuse("protocol", `must be one of tcp, udp, icmp, but is ${JSON.stringify(protocol)}`);
    }
    if (portRange === undefined && protocol !== "icmp")
      refuse("portRange", "is required if the protocol is tcp or udp");
    if (typeof portRange === "string" && !isRange(portRange)) {
      refuse("portRange", `must be a port, a range such as "8000-9000", or "all", but is "${portRange}"`);
    }
    const named = targets.map(([name]) => rule[`${side}${name}`]);
    if (named.every((value) => list(value).length === 0) && !named.some(hasUnknown)) {
      refuse(`${side}Addresses`, "or another of the rule's targets must be given");
    }
    return failures;
  });
}

/** A rule as the API takes it. */
export function toApi(side: Side, rule: Value): ValueMap {
  const given = part(rule, "rule");
  const named = targets.flatMap(([name, key]) =>
    list(given[`${side}${name}`]).length > 0 ? [[key, given[`${side}${name}`] ?? null]] : [],
  );
  return {
    protocol: given["protocol"] ?? null,
    ...(given["portRange"] !== undefined && { ports: given["portRange"] }),
    [`${side}s`]: Object.fromEntries(named) as ValueMap,
  };
}

/** A rule as the state holds it. The API tells "all" as "0", and the same for ICMP, which has no ports. */
export function fromApi(side: Side, rule: Value): ValueMap {
  const { protocol, ports, ...rest } = part(rule, "rule");
  const named = part(rest[`${side}s`], "rule's targets");
  const range = ports === "0" ? "all" : ports;
  return {
    protocol: protocol ?? null,
    ...(!(protocol === "icmp" && ports === "0") && range !== undefined && { portRange: range }),
    ...Object.fromEntries(
      targets.flatMap(([name, key]) => (named[key] === undefined ? [] : [[`${side}${name}`, named[key] ?? null]])),
    ),
  };
}

function isRange(text: string): boolean {
  if (text === "all" || text === "0") return true;
  const [first = 0, last = first] = text.split("-").map(Number);
  return /^\d{1,5}(-\d{1,5})?$/.test(text) && first >= 1 && first <= last && last <= 65535;
}
