import * as fs from "node:fs";
import * as path from "node:path";

import { ShipError } from "../components/shared/errors";
import { paths, registryAddress } from "./config";
import { run } from "./process";
import type { ServersFile } from "./servers";
import { readServers } from "./servers-control";
import { writeFileAtomically } from "./support/atomic-file";
import { quote } from "./support/quote";
import { sshKeyPair } from "./support/ssh-key";
import { policyPack } from "./tools/engine";
import { gateToolFolders } from "./tools/gate-tools";
import { installedPlugins, pulumiHome } from "./tools/plugins";

// Known to all: what it encrypts opens nothing but this machine's sandbox. In return its salt is committed, and no run changes a file
// that Git tracks.
const passphrase = "sandbox";
const passphraseFile = path.join(paths.state, "passphrase");
const toolsFile = path.join(paths.state, "tools.json");
const sshKeyFile = path.join(paths.state, "vps-ssh-key");
const stateDirectory = path.join(paths.state, "state");
/** Docker's configuration of the sandbox: logged in to its registry, nothing else. */
export const dockerConfig = path.join(paths.state, "docker");

/** Paths of the engine and of the language host, as the last `tools` or `up` found them. */
export interface ToolPaths {
  readonly engine: string;
  readonly languageHost: string;
}

/** Remembers where the tools are, for `env` and the tests. */
export function writeToolPaths(tools: ToolPaths): void {
  writeWithFolder(toolsFile, JSON.stringify(tools, undefined, 2));
}

/**
 * Where the tools are.
 * @throws ShipError TOOL_MISSING before the first `tools` or `up`.
 */
export function readToolPaths(): ToolPaths {
  if (fs.existsSync(toolsFile)) {
    const tools = JSON.parse(fs.readFileSync(toolsFile, "utf8")) as ToolPaths;
    if (fs.existsSync(tools.engine) && fs.existsSync(tools.languageHost)) return tools;
  }
  throw new ShipError({
    code: "TOOL_MISSING",
    summary: "the sandbox has no Pulumi engine yet",
    found: `no ${toolsFile}, or what it names is gone`,
    expected: "tools that `npm start` or `npm run sandbox -- tools` has prepared",
    remedy: "npm run sandbox -- tools",
  });
}

/** What the shell of someone who works with the sandbox needs; without servers, what is theirs is left out. */
export function sandboxVariables(servers: ServersFile | undefined = readServers()): Record<string, string> {
  const tools = readToolPaths();
  const first = [
    ...new Set([
      path.dirname(tools.engine),
      path.dirname(tools.languageHost),
      path.join(paths.root, "node_modules", ".bin"),
      ...gateToolFolders({ later: true }),
    ]),
  ];
  const rest = (process.env["PATH"] ?? "").split(path.delimiter).filter((directory) => !first.includes(directory));
  const standIns = Object.values(installedPlugins()).includes("stand-in");
  preparePulumi();
  return {
    PATH: [...first, ...rest].join(path.delimiter),
    PULUMI_HOME: pulumiHome,
    PULUMI_BACKEND_URL: `file://${stateDirectory}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile,
    PULUMI_STACK: "sandbox",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    ...(standIns ? { PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" } : {}),
    ...(servers === undefined ? {} : { DIGITALOCEAN_API_URL: servers.apiUrl, DIGITALOCEAN_TOKEN: servers.token }),
    DOCKER_CONFIG: dockerConfig,
    POLICY_PACK: policyPack(tools.languageHost),
    VPS_SSH_PRIVATE_KEY: sshPrivateKey(),
  };
}

/** The key that logs in to the sandbox's hosts, made once. */
function sshPrivateKey(): string {
  if (!fs.existsSync(sshKeyFile)) writeWithFolder(sshKeyFile, sshKeyPair("odoo-sandbox").privateKey);
  return fs.readFileSync(sshKeyFile, "utf8");
}

/** The same as `export` lines for a POSIX shell. */
export function exportLines(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quote(value)}`)
    .join("\n");
}

/** This process's environment with the sandbox's over it; a passphrase in a variable would go before the file. */
export function sandboxEnvironment(servers?: ServersFile): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...process.env, ...sandboxVariables(servers) };
  delete environment["PULUMI_CONFIG_PASSPHRASE"];
  return environment;
}

/** Logs Docker in to the sandbox's registry, in the sandbox's own Docker configuration. */
export async function logInToRegistry(servers: ServersFile): Promise<void> {
  fs.mkdirSync(dockerConfig, { recursive: true, mode: 0o700 });
  await run("docker", ["login", "--username", servers.push.username, "--password-stdin", registryAddress], {
    what: "logging in to the sandbox's registry",
    limitMs: 30_000,
    input: servers.push.password,
    env: { ...process.env, DOCKER_CONFIG: dockerConfig },
  });
}

function preparePulumi(): void {
  fs.mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  fs.mkdirSync(pulumiHome, { recursive: true, mode: 0o700 });
  if (!fs.existsSync(passphraseFile)) writeWithFolder(passphraseFile, passphrase);
}

function writeWithFolder(file: string, content: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  writeFileAtomically(file, content);
}
