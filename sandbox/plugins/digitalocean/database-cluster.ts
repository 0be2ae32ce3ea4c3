import type { Resource } from "../resource";
import { text, type Failure, type Properties } from "../schema";
import { isMap, sameValue, type Value, type ValueMap } from "../values";
import type { Api } from "./api";
import { databaseFacts } from "./database-outputs";
import { asSet, list, part } from "./sets";
import { changeTags, tagFailures } from "./tags";
import { limitMs, until } from "./waits";

const pgOnly = "the sandbox has PostgreSQL only";
const window: Properties = { day: { type: "string", required: true }, hour: { type: "string", required: true } };

const inputs: Properties = {
  backupRestore: {
    type: { object: { backupCreatedAt: { type: "string" }, databaseName: { type: "string", required: true } } },
    unsupported: "the sandbox's databases have no backups",
  },
  engine: { type: "string", required: true, replace: true },
  evictionPolicy: { type: "string", unsupported: pgOnly },
  maintenanceWindows: { type: { array: { object: window } } },
  name: { type: "string", replace: true },
  nodeCount: { type: "integer", required: true },
  privateNetworkUuid: { type: "string", replace: true },
  projectId: { type: "string", replace: true },
  region: { type: "string", required: true },
  size: { type: "string", required: true },
  sqlMode: { type: "string", unsupported: pgOnly },
  storageAutoscale: {
    type: {
      object: {
        enabled: { type: "boolean", required: true },
        incrementGib: { type: "integer" },
        thresholdPercent: { type: "integer" },
      },
    },
    unsupported: "the sandbox's storage does not grow by itself",
  },
  storageSizeMib: { type: "string" },
  tags: { type: { array: "string" } },
  version: { type: "string" },
};

const strings = (...names: string[]): Properties =>
  Object.fromEntries(names.map((name) => [name, { type: "string", required: true }]));
const secrets = (...names: string[]): Properties =>
  Object.fromEntries(names.map((name) => [name, { type: "string", required: true, secret: true }]));

/** `digitalocean.DatabaseCluster`; the id is a UUID. */
export function databaseCluster(api: Api, limit = limitMs): Resource {
  return {
    token: "digitalocean:index/databaseCluster:DatabaseCluster",
    sdk: { file: "databaseCluster.d.ts", args: "DatabaseClusterArgs", result: "DatabaseCluster" },
    inputs,
    outputs: {
      ...Object.fromEntries(Object.entries(inputs).map(([name, { type }]) => [name, { type }])),
      ...strings(
        "clusterUrn",
        "database",
        "engine",
        "host",
        "name",
        "privateHost",
        "privateNetworkUuid",
        "projectId",
        "region",
        "size",
      ),
      ...strings("storageSizeMib", "uiDatabase", "uiHost", "uiUser", "user"),
      ...secrets("password", "privateUri", "uiPassword", "uiUri", "uri"),
      metricsEndpoints: { type: { array: "string" }, required: true },
      nodeCount: { type: "integer", required: true },
      port: { type: "integer", required: true },
      uiPort: { type: "integer", required: true },
    },
    autoName: "name",
    uniqueBy: "name",
    updateChanges: ["storageSizeMib"],
    check: async ({ inputs: given }) => ({ failures: refusals(given), add: {} }),
    differs(name, old, now) {
      // Filled in when the program does not say.
      if (["privateNetworkUuid", "projectId", "storageSizeMib"].includes(name) && now === undefined) return false;
      if (name === "maintenanceWindows") return !sameValue(windows(old), windows(now));
      if (name === "region") return String(old).toLowerCase() !== String(now).toLowerCase();
      return name === "tags" ? asSet(old ?? []) !== asSet(now ?? []) : !sameValue(old, now);
    },
    async create({ inputs: given, signal }) {
      const { database } = await api.request("POST", "/v2/databases", signal, createRequest(given));
      const id = String(part(database, "database")["id"]);
      // As the official provider: a database that does not come up is not in the state.
      await online(api, id, signal, limit);
      await setWindow(api, id, given, signal);
      return { id, outputs: outputs(await get(api, id, signal), given) };
    },
    async read({ id, old, signal }) {
      const found = await api.find(databasePath(id), signal);
      return found === undefined
        ? undefined
        : { id, outputs: outputs(part(found["database"], "database"), old.outputs) };
    },
    async update({ id, inputs: given, old, signal }) {
      const changed = (name: string): boolean => this.differs?.(name, old.inputs[name], given[name]) ?? true;
      if (["size", "nodeCount", "storageSizeMib"].some(changed)) {
        await api.request("PUT", `${databasePath(id)}/resize`, signal, {
          size: given["size"] ?? null,
          num_nodes: given["nodeCount"] ?? null,
          ...(changed("storageSizeMib") && { storage_size_mib: Number(given["storageSizeMib"]) }),
        });
        await online(api, id, signal, limit);
      }
      if (changed("region")) {
        await api.request("PUT", `${databasePath(id)}/migrate`, signal, { region: given["region"] ?? null });
        await online(api, id, signal, limit);
      }
      if (changed("maintenanceWindows")) await setWindow(api, id, given, signal);
      if (changed("version"))
        await api.request("PUT", `${databasePath(id)}/upgrade`, signal, { version: given["version"] ?? null });
      if (changed("tags"))
        await changeTags(api, { id, type: "database" }, { before: old.inputs["tags"], after: given["tags"] }, signal);
      return outputs(await get(api, id, signal), { ...old.outputs, ...given });
    },
    async delete({ id, signal }) {
      await api.request("DELETE", databasePath(id), signal);
    },
  };
}

/** Path of one database cluster in the API. */
export function databasePath(id: Value | undefined): string {
  return `/v2/databases/${encodeURIComponent(String(id))}`;
}

async function get(api: Api, id: string, signal: AbortSignal): Promise<ValueMap> {
  return part((await api.request("GET", databasePath(id), signal))["database"], "database");
}

function online(api: Api, id: string, signal: AbortSignal, limit: number): Promise<true> {
  return until(`database ${id} did not become online`, limit, signal, async () =>
    (await get(api, id, signal))["status"] === "online" ? true : undefined,
  );
}

function createRequest(given: ValueMap): ValueMap {
  const optional = (name: string, as: string): ValueMap => (given[name] === undefined ? {} : { [as]: given[name] });
  return {
    name: given["name"] ?? null,
    engine: given["engine"] ?? null,
    size: given["size"] ?? null,
    region: String(given["region"]).toLowerCase(),
    num_nodes: given["nodeCount"] ?? null,
    private_network_uuid: given["privateNetworkUuid"] ?? "",
    project_id: given["projectId"] ?? "",
    rules: null,
    ...optional("version", "version"),
    ...(list(given["tags"]).length > 0 && { tags: list(given["tags"]) }),
    ...(given["storageSizeMib"] !== undefined && { storage_size_mib: Number(given["storageSizeMib"]) }),
  };
}

async function setWindow(api: Api, id: string, given: ValueMap, signal: AbortSignal): Promise<void> {
  const [wanted] = list(given["maintenanceWindows"]);
  if (!isMap(wanted)) return;
  await api.request("PUT", `${databasePath(id)}/maintenance`, signal, {
    day: wanted["day"] ?? null,
    hour: wanted["hour"] ?? null,
  });
}

/** Seconds of an hour do not matter: the API adds them. */
function windows(value: Value | undefined): Value {
  return list(value).map((one) => {
    const { day, hour } = isMap(one) ? one : {};
    return { day: day ?? null, hour: typeof hour === "string" ? hour.split(":").slice(0, 2).join(":") : null };
  });
}

function refusals(given: ValueMap): readonly Failure[] {
  const failures: Failure[] = [...tagFailures(given["tags"])];
  const refuse = (property: string, reason: string): unknown => failures.push({ property, reason });
  for (const property of ["engine", "name", "region", "size"]) {
    if (text(given, property) === "") refuse(property, `"${property}" must not be empty`);
  }
  if (given["version"] === undefined)
    refuse("version", 'The argument "version" is required, but no definition was found.');
  if (given["nodeCount"] === 0) refuse("nodeCount", '"nodeCount" must not be 0');
  for (const one of list(given["maintenanceWindows"])) {
    const day = isMap(one) ? text(one, "day") : undefined;
    if (day !== undefined && !/^(mon|tues|wednes|thurs|fri|satur|sun)day$/i.test(day)) {
      refuse("maintenanceWindows", `"maintenanceWindows" must name a day of the week, but it is "${day}"`);
    }
  }
  return failures;
}

/** The outputs of a database; a window only where the program says one, as in the official provider. */
function outputs(database: ValueMap, before: ValueMap): ValueMap {
  const { maintenanceWindows, ...facts } = databaseFacts(database);
  return {
    ...facts,
    clusterUrn: `do:dbaas:${String(database["id"])}`,
    ...(before["maintenanceWindows"] !== undefined && { maintenanceWindows: maintenanceWindows ?? [] }),
  };
}
