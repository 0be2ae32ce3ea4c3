import * as fs from "node:fs";
import { paths } from "./config";
import { readToolPaths } from "./environment";
import { baseRecord, postgresRecord } from "./images/base";
import { readServers, serversLog } from "./servers-control";
import { updateLog } from "./stack";
import { dockerAnswers, dockerLog, origin } from "./tools/docker-engine";
import { engineKind } from "./tools/engine";
import { installedPlugins, providers } from "./tools/plugins";

/** What runs and what is a stand-in, one line each. */
export async function describe(): Promise<string> {
  const servers = readServers();
  const plugins = installedPlugins();
  const rows = [
    ["Pulumi engine", engineLine()],
    ...providers.map((name) => [`plugin ${name}`, plugins[name] ?? "not installed"]),
    ["Docker engine", (await dockerAnswers()) ? `answers (${origin()})` : "none answers"],
    ["DigitalOcean API", servers === undefined ? "stopped" : `${servers.apiUrl} (stand-in)`],
    ["registry", servers === undefined ? "stopped" : `${servers.registryAddress} (CNCF Distribution behind the sandbox's login)`],
    ["Odoo base", imageLine(baseRecord)],
    ["PostgreSQL", imageLine(postgresRecord)],
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

function imageLine(file: string): string {
  if (!fs.existsSync(file)) return "not prepared";
  const { reference, tag, digest } = JSON.parse(fs.readFileSync(file, "utf8")) as { reference: string; tag: string; digest: string };
  return `${tag}: ${reference}@${digest}`;
}
