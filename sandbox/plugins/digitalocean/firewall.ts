import type { Resource } from "../resource";
import { text, type Failure, type Properties } from "../schema";
import { sameValue, type Value, type ValueMap } from "../values";
import type { Api } from "./api";
import { fromApi, ruleFailures, ruleProperties, toApi } from "./firewall-rules";
import { asSet, list, part } from "./sets";
import { tagFailures } from "./tags";

const inputs: Properties = {
  dropletIds: { type: { array: "integer" } },
  inboundRules: { type: { array: { object: ruleProperties("source") } } },
  name: { type: "string" },
  outboundRules: { type: { array: { object: ruleProperties("destination") } } },
  tags: { type: { array: "string" } },
};

const pendingChange: Properties = {
  dropletId: { type: "integer" },
  removing: { type: "boolean" },
  status: { type: "string" },
};

/** `digitalocean.Firewall`; the id is a UUID. */
export function firewall(api: Api): Resource {
  return {
    token: "digitalocean:index/firewall:Firewall",
    sdk: { file: "firewall.d.ts", args: "FirewallArgs", result: "Firewall" },
    inputs,
    outputs: {
      ...inputs,
      name: { type: "string", required: true },
      createdAt: { type: "string", required: true },
      pendingChanges: { type: { array: { object: pendingChange } }, required: true },
      status: { type: "string", required: true },
    },
    autoName: "name",
    updateChanges: ["pendingChanges", "status"],
    check: async ({ inputs: given }) => ({ failures: refusals(given), add: {} }),
    differs: (name, old, now) => (name === "name" ? !sameValue(old, now) : asSet(old ?? []) !== asSet(now ?? [])),
    async create({ inputs: given, signal }) {
      const { firewall: made } = await api.request("POST", "/v2/firewalls", signal, request(given));
      return { id: String(part(made, "firewall")["id"]), outputs: outputs(made) };
    },
    async read({ id, signal }) {
      const found = await api.find(path(id), signal);
      return found === undefined ? undefined : { id, outputs: outputs(found["firewall"]) };
    },
    async update({ id, inputs: given, signal }) {
      const { firewall: changed } = await api.request("PUT", path(id), signal, request(given));
      return outputs(changed);
    },
    async delete({ id, signal }) {
      await api.remove(path(id), signal);
    },
  };
}

function path(id: string): string {
  return `/v2/firewalls/${encodeURIComponent(id)}`;
}

function refusals(given: ValueMap): readonly Failure[] {
  const { inboundRules, outboundRules } = given;
  const failures: Failure[] = [
    ...ruleFailures("inboundRules", "source", inboundRules),
    ...ruleFailures("outboundRules", "destination", outboundRules),
    ...tagFailures(given["tags"]),
  ];
  const none = [inboundRules, outboundRules].every(
    (rules) => rules === undefined || (Array.isArray(rules) && rules.length === 0),
  );
  if (none) failures.push({ property: "inboundRules", reason: "at least one rule must be specified" });
  if (text(given, "name") === "") failures.push({ property: "name", reason: '"name" must not be empty' });
  return failures;
}

function request(given: ValueMap): ValueMap {
  return {
    name: given["name"] ?? null,
    inbound_rules: list(given["inboundRules"]).map((rule) => toApi("source", rule)),
    outbound_rules: list(given["outboundRules"]).map((rule) => toApi("destination", rule)),
    droplet_ids: list(given["dropletIds"]),
    tags: list(given["tags"]),
  };
}

function outputs(answer: Value | undefined): ValueMap {
  const { name, status, created_at, droplet_ids, tags, ...rest } = part(answer, "firewall");
  return {
    name: name ?? null,
    status: status ?? null,
    createdAt: created_at ?? null,
    dropletIds: list(droplet_ids),
    tags: list(tags),
    inboundRules: list(rest["inbound_rules"]).map((rule) => fromApi("source", rule)),
    outboundRules: list(rest["outbound_rules"]).map((rule) => fromApi("destination", rule)),
    pendingChanges: list(rest["pending_changes"]).map((change) => {
      const { droplet_id, removing, status: how } = part(change, "change");
      return { dropletId: droplet_id ?? 0, removing: removing === true, status: how ?? "" };
    }),
  };
}
