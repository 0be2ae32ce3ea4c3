import * as fs from "node:fs";
import { paths } from "./config";
import { listDatabases } from "./databases/database";
import { clusterEndpoint, loadBalancerAddress } from "./digitalocean/cluster-machines";
import { readToolPaths } from "./environment";
import { baseRecord, vpsImagesRecord } from "./images/base";
import { listClusters } from "./kubernetes/cluster";
import { readSlot } from "./kubernetes/files";
import { readServers, serversLog } from "./servers-control";
import { updateLog } from "./stack";
import { dockerAnswers, dockerLog, origin } from "./tools/docker-engine";
import { engineKind } from "./tools/engine";
import { installedPlugins, providers } from "./tools/plugins";
import { listMachines } from "./vps/machine";

/** What runs and what is a stand-in, one line each. */
export async function describe(): Promise<string> {
  const servers = readServers();
  const plugins = installedPlugins();
  const engine = await dockerAnswers();
  const rows = [
    ["Pulumi engine", engineLine()],
    ...providers.map((name) => [`plugin ${name}`, plugins[name] ?? "not installed"]),
    ["Docker engine", engine ? `answers (${origin()})` : "none answers"],
    ["DigitalOcean API", servers === undefined ? "stopped" : `${servers.apiUrl} (stand-in)`],
    [
      "registry",
      servers === undefined ? "stopped" : `${servers.registryAddress} (CNCF Distribution behind the sandbox's login)`,
    ],
    ["Odoo base", imageLine(baseRecord)],
    ["PostgreSQL", imageLine(vpsImagesRecord, "postgres")],
    ["Caddy", imageLine(vpsImagesRecord, "proxy")],
    ...(engine ? [...(await machineRows()), ...(await clusterRows())] : []),
    ["state", paths.state],
    ["cache", paths.cache],
  ] as const;
  return rows.map(([name = "", value = ""]) => `${name.padEnd(20)} ${value}`).join("\n");
}

/** The last lines of every log there is. */
export function logs(lines = 40): string {
  return [serversLog, updateLog, dockerLog]
    .filter((file) => fs.existsSync(file))
    .map((file) => `== ${file}\n${fs.readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines).join("\n")}`)
    .join("\n\n");
}

function engineLine(): string {
  try {
    const { engine } = readToolPaths();
    return `${engineKind(engine)}: ${engine}`;
  } catch {
    return "not prepared";
  }
}

async function machineRows(): Promise<readonly (readonly [string, string])[]> {
  const machines = await listMachines();
  const databases = await listDatabases();
  return [
    ...machines.map(
      ({ id, container, state }) => [`VPS of droplet ${id}`, `${state}: the container ${container}`] as const,
    ),
    ...databases.map(({ container, state }) => ["managed PostgreSQL", `${state}: the container ${container}`] as const),
  ];
}

async function clusterRows(): Promise<readonly (readonly [string, string])[]> {
  const clusters = await listClusters();
  return clusters.map(({ id, container, state }) => {
    const slot = readSlot(id);
    // Of another checkout's cluster only Docker knows.
    const addresses =
      slot === undefined ? "" : `, ${clusterEndpoint(slot)}, load balancer ${loadBalancerAddress(slot)}`;
    return ["Kubernetes cluster", `${state}: the container ${container}${addresses}`] as const;
  });
}

interface ImageRecord {
  readonly reference: string;
  readonly tag: string;
  readonly digest: string;
}

/** @param part which one, in a record of several */
function imageLine(file: string, part?: string): string {
  if (!fs.existsSync(file)) return "not prepared";
  const content = JSON.parse(fs.readFileSync(file, "utf8")) as ImageRecord & Record<string, ImageRecord | undefined>;
  const image = part === undefined ? content : content[part];
  if (image === undefined) return "not prepared";
  const { reference, tag, digest } = image;
  return `${tag}: ${reference}@${digest}`;
}
