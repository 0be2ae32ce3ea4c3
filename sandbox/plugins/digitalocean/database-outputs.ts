import { isMap, type Value, type ValueMap } from "../values";
import { list, part } from "./sets";

/** What resource and function tell of a database in the same words. What only other engines have is left out. */
export function databaseFacts(database: ValueMap): ValueMap {
  const connection = part(database["connection"], "connection of the database");
  const { day, hour } = part(database["maintenance_window"], "maintenance window of the database");
  return {
    name: database["name"] ?? null,
    engine: database["engine"] ?? null,
    version: database["version"] ?? null,
    size: database["size"] ?? null,
    region: database["region"] ?? null,
    nodeCount: database["num_nodes"] ?? null,
    storageSizeMib: String(database["storage_size_mib"] ?? 0),
    tags: list(database["tags"]),
    maintenanceWindows: [{ day: day ?? "", hour: hour ?? "" }],
    host: connection["host"] ?? "",
    port: connection["port"] ?? 0,
    uri: withPassword(connection),
    database: connection["database"] ?? "",
    user: connection["user"] ?? "",
    password: connection["password"] ?? "",
    ...privateFacts(database["private_connection"]),
    privateNetworkUuid: database["private_network_uuid"] ?? "",
    projectId: database["project_id"] ?? "",
    metricsEndpoints: [],
  };
}

function privateFacts(connection: Value | undefined): ValueMap {
  return isMap(connection) ? { privateHost: connection["host"] ?? "", privateUri: withPassword(connection) } : {};
}

/** The official provider puts user and password into the URI itself. */
function withPassword(connection: ValueMap): string {
  const uri = new URL(String(connection["uri"]));
  uri.username = encodeURIComponent(String(connection["user"]));
  uri.password = encodeURIComponent(String(connection["password"]));
  return uri.href;
}
