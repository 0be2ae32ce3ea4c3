import type { ProviderFunction } from "../resource";
import type { Properties } from "../schema";
import { secret, type ValueMap } from "../values";
import type { Api } from "./api";
import { databasePath } from "./database-cluster";
import { databaseFacts } from "./database-outputs";
import { list, part } from "./sets";

const required = { type: "string", required: true } as const;
const strings = (...names: string[]): Properties => Object.fromEntries(names.map((name) => [name, required]));
const whole = { type: "integer", required: true } as const;

/** `digitalocean.getDatabaseCa`: the certificate in PEM. */
export function getDatabaseCa(api: Api): ProviderFunction {
  return {
    token: "digitalocean:index/getDatabaseCa:getDatabaseCa",
    sdk: { file: "getDatabaseCa.d.ts", args: "GetDatabaseCaArgs", result: "GetDatabaseCaResult" },
    inputs: { clusterId: required },
    outputs: strings("certificate", "clusterId", "id"),
    async invoke({ clusterId = null }, signal) {
      const { ca } = await api.request("GET", `${databasePath(clusterId)}/ca`, signal);
      const certificate = Buffer.from(String(part(ca, "certificate")["certificate"]), "base64").toString();
      return { certificate, clusterId, id: clusterId };
    },
  };
}

/** `digitalocean.getDatabaseCluster`, by name. */
export function getDatabaseCluster(api: Api): ProviderFunction {
  const autoscale: Properties = {
    enabled: { type: "boolean", required: true },
    incrementGib: whole,
    thresholdPercent: whole,
  };
  return {
    token: "digitalocean:index/getDatabaseCluster:getDatabaseCluster",
    sdk: { file: "getDatabaseCluster.d.ts", args: "GetDatabaseClusterArgs", result: "GetDatabaseClusterResult" },
    inputs: { name: required, tags: { type: { array: "string" } } },
    outputs: {
      ...strings(
        "database",
        "engine",
        "host",
        "id",
        "name",
        "password",
        "privateHost",
        "privateNetworkUuid",
        "privateUri",
        "projectId",
      ),
      ...strings(
        "region",
        "size",
        "storageSizeMib",
        "uiDatabase",
        "uiHost",
        "uiPassword",
        "uiUri",
        "uiUser",
        "uri",
        "urn",
        "user",
        "version",
      ),
      maintenanceWindows: { type: { array: { object: { day: required, hour: required } } }, required: true },
      metricsEndpoints: { type: { array: "string" }, required: true },
      nodeCount: whole,
      port: whole,
      storageAutoscales: { type: { array: { object: autoscale } }, required: true },
      tags: { type: { array: "string" } },
      uiPort: whole,
    },
    async invoke({ name }, signal) {
      const { databases } = await api.request("GET", "/v2/databases?per_page=200", signal);
      const found = list(databases)
        .map((one) => part(one, "database"))
        .find((one) => one["name"] === name);
      if (found === undefined) throw new Error(`Unable to find any database cluster with name: ${String(name)}`);
      const facts: ValueMap = databaseFacts(found);
      const secrets = ["password", "privateUri", "uri"].map((key) => [key, secret(facts[key] ?? "")]);
      return {
        ...facts,
        ...(Object.fromEntries(secrets) as ValueMap),
        id: found["id"] ?? null,
        urn: `do:dbaas:${String(found["id"])}`,
        storageAutoscales: [],
      };
    },
  };
}
