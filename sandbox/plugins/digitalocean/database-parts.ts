import { randomBytes } from "node:crypto";
import type { Resource } from "../resource";
import type { Failure, Properties } from "../schema";
import { isMap, isUnknown, type Value, type ValueMap } from "../values";
import type { Api } from "./api";
import { databasePath } from "./database-cluster";
import { asSet, list, part } from "./sets";
import { rfc3339 } from "./times";

const clusterId = { type: "string", required: true, replace: true } as const;
const required = { type: "string", required: true } as const;

/** `digitalocean.DatabaseDb`; the id is `<cluster>/database/<name>`. */
export function databaseDb(api: Api): Resource {
  const path = ({ clusterId: cluster, name }: ValueMap): string =>
    `${databasePath(cluster)}/dbs/${encodeURIComponent(String(name))}`;
  return {
    token: "digitalocean:index/databaseDb:DatabaseDb",
    sdk: { file: "databaseDb.d.ts", args: "DatabaseDbArgs", result: "DatabaseDb" },
    inputs: { clusterId, name: { type: "string", replace: true } },
    outputs: { clusterId: required, name: required },
    autoName: "name",
    uniqueBy: "name",
    check: async ({ inputs }) => ({ failures: empty(inputs, "clusterId", "name"), add: {} }),
    async create({ inputs, signal }) {
      const { clusterId: cluster = null, name = null } = inputs;
      await api.request("POST", `${databasePath(cluster)}/dbs`, signal, { name });
      return { id: `${String(cluster)}/database/${String(name)}`, outputs: { clusterId: cluster, name } };
    },
    async read({ id, old, signal }) {
      const known = named(id, "database", old.outputs);
      return (await api.find(path(known), signal)) === undefined
        ? undefined
        : { id: `${known.clusterId}/database/${known.name}`, outputs: known };
    },
    // Every change of an input replaces.
    update: async ({ old }) => old.outputs,
    async delete({ old, signal }) {
      await api.request("DELETE", path(old.outputs), signal);
    },
  };
}

/** `digitalocean.DatabaseUser`; the id is `<cluster>/user/<name>`. */
export function databaseUser(api: Api): Resource {
  const path = ({ clusterId: cluster, name }: ValueMap): string =>
    `${databasePath(cluster)}/users/${encodeURIComponent(String(name))}`;
  const acl: Properties = { id: { type: "string" }, permission: required, topic: required };
  const searchAcl: Properties = { index: required, permission: required };
  const settings = (idRequired: boolean) =>
    ({
      array: {
        object: {
          acls: { type: { array: { object: idRequired ? { ...acl, id: required } : acl } } },
          opensearchAcls: { type: { array: { object: searchAcl } } },
        },
      },
    }) as const;
  const unsupported = "the sandbox has PostgreSQL only";
  const secret = { type: "string", required: true, secret: true } as const;
  const outputs = (user: Value | undefined, known: Named): ValueMap => {
    const { role, password } = part(user, "user");
    return { ...known, role: role === "" ? "normal" : (role ?? "normal"), password: password ?? "" };
  };
  return {
    token: "digitalocean:index/databaseUser:DatabaseUser",
    sdk: { file: "databaseUser.d.ts", args: "DatabaseUserArgs", result: "DatabaseUser" },
    inputs: {
      clusterId,
      mysqlAuthPlugin: { type: "string", unsupported },
      name: { type: "string", replace: true },
      settings: { type: settings(false), unsupported },
    },
    outputs: {
      accessCert: secret,
      accessKey: secret,
      clusterId: required,
      mysqlAuthPlugin: { type: "string" },
      name: required,
      password: secret,
      role: required,
      settings: { type: settings(true) },
    },
    autoName: "name",
    uniqueBy: "name",
    check: async ({ inputs }) => ({ failures: empty(inputs, "clusterId", "name"), add: {} }),
    async create({ inputs, signal }) {
      const known = { clusterId: String(inputs["clusterId"]), name: String(inputs["name"]) };
      const { user } = await api.request("POST", `${databasePath(known.clusterId)}/users`, signal, {
        name: known.name,
      });
      return { id: `${known.clusterId}/user/${known.name}`, outputs: outputs(user, known) };
    },
    async read({ id, old, signal }) {
      const known = named(id, "user", old.outputs);
      const found = await api.find(path(known), signal);
      return found === undefined
        ? undefined
        : { id: `${known.clusterId}/user/${known.name}`, outputs: outputs(found["user"], known) };
    },
    // Every change of an input that is supported replaces.
    update: async ({ old }) => old.outputs,
    async delete({ old, signal }) {
      await api.request("DELETE", path(old.outputs), signal);
    },
  };
}

const types = ["ip_addr", "droplet", "k8s", "tag", "app"];

/** `digitalocean.DatabaseFirewall`: all trusted sources of a database; the id is the cluster's with a suffix. */
export function databaseFirewall(api: Api): Resource {
  const read = async (cluster: Value | undefined, signal: AbortSignal): Promise<ValueMap | undefined> => {
    const found = await api.find(`${databasePath(cluster)}/firewall`, signal);
    if (found === undefined) return undefined;
    const rules = list(found["rules"]).map((rule) => {
      const { uuid, type, value, created_at } = part(rule, "rule");
      return { uuid: uuid ?? "", type: type ?? "", value: value ?? "", createdAt: rfc3339(String(created_at)) };
    });
    return { clusterId: cluster ?? null, rules };
  };
  const write = async (given: ValueMap, rules: readonly Value[], signal: AbortSignal): Promise<ValueMap> => {
    const wanted = rules.map((rule) => ({
      type: part(rule, "rule")["type"] ?? null,
      value: part(rule, "rule")["value"] ?? null,
    }));
    await api.request("PUT", `${databasePath(given["clusterId"])}/firewall`, signal, { rules: wanted });
    return (await read(given["clusterId"], signal)) ?? given;
  };
  return {
    token: "digitalocean:index/databaseFirewall:DatabaseFirewall",
    sdk: { file: "databaseFirewall.d.ts", args: "DatabaseFirewallArgs", result: "DatabaseFirewall" },
    inputs: {
      clusterId,
      rules: {
        type: {
          array: {
            object: { createdAt: { type: "string" }, type: required, uuid: { type: "string" }, value: required },
          },
        },
        required: true,
      },
    },
    outputs: {
      clusterId: required,
      rules: {
        type: { array: { object: { createdAt: required, type: required, uuid: required, value: required } } },
        required: true,
      },
    },
    updateChanges: ["rules"],
    check: async ({ inputs }) => ({
      failures: [...empty(inputs, "clusterId"), ...ruleFailures(inputs["rules"])],
      add: {},
    }),
    differs: (name, old, now) => name !== "rules" || asSet(sources(old)) !== asSet(sources(now)),
    async create({ inputs, signal }) {
      const outputs = await write(inputs, list(inputs["rules"]), signal);
      return { id: `${String(inputs["clusterId"])}-${randomBytes(13).toString("hex")}`, outputs };
    },
    async read({ id, old, signal }) {
      const isImport = old.outputs["clusterId"] === undefined;
      const outputs = await read(isImport ? id : old.outputs["clusterId"], signal);
      return outputs === undefined
        ? undefined
        : { id: isImport ? `${id}-${randomBytes(13).toString("hex")}` : id, outputs };
    },
    update: ({ inputs, signal }) => write(inputs, list(inputs["rules"]), signal),
    // Then everybody is let in, as in the official provider.
    async delete({ old, signal }) {
      await write(old.outputs, [], signal);
    },
  };
}

/** A rule's own words: its number and time are the API's. */
function sources(rules: Value | undefined): Value {
  return list(rules).map((rule) => (isMap(rule) ? { type: rule["type"] ?? null, value: rule["value"] ?? null } : rule));
}

function ruleFailures(rules: Value | undefined): readonly Failure[] {
  return list(rules).flatMap((rule, index): Failure[] => {
    const { type, value } = isMap(rule) ? rule : {};
    const at = `rules[${index}]`;
    return [
      ...(typeof type === "string" && !isUnknown(type) && !types.includes(type)
        ? [{ property: `${at}.type`, reason: `"${at}.type" must be one of ${types.join(", ")}, but is "${type}"` }]
        : []),
      ...(value === "" ? [{ property: `${at}.value`, reason: `"${at}.value" must not be empty` }] : []),
    ];
  });
}

interface Named extends ValueMap {
  readonly clusterId: string;
  readonly name: string;
}

/** What a state says, or for an import the id: `<cluster>,<name>`. */
function named(id: string, what: string, old: ValueMap): Named {
  const { clusterId: cluster, name } = old;
  if (typeof cluster === "string" && typeof name === "string") return { clusterId: cluster, name };
  const [wanted = "", of = "", ...more] = id.split(",");
  if (of !== "" && more.length === 0) return { clusterId: wanted, name: of };
  throw new Error(
    `must use the ID of the source database cluster and the name of the ${what} joined with a comma (e.g. \`id,name\`)`,
  );
}

function empty(inputs: ValueMap, ...names: readonly string[]): Failure[] {
  return names
    .filter((name) => inputs[name] === "")
    .map((property) => ({ property, reason: `"${property}" must not be empty` }));
}
