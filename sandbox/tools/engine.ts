import * as fs from "node:fs";
import * as path from "node:path";
import { paths } from "../config";
import { ask, CommandError, run, stuckMs } from "../process";
import { writeFileAtomically } from "../support/atomic-file";
import { quote } from "../support/quote";
import { cached, onPath, type Progress } from "./cache";
import { goBuild, type GoTool } from "./go";
import { markUnreachable, reachable } from "./offline";

const downloadSite = "https://get.pulumi.com/install.sh";
const npmVersion = "3.265.0";
const minimumMinor = 200;

const engine: GoTool = {
  name: "pulumi",
  packagePath: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
  version: "v3.250.0",
  stamp: "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.250.0",
};

/** The last release of the SDK that still contains the Node language host; it works with newer engines and SDKs. */
const languageHost: GoTool = {
  name: "pulumi-language-nodejs",
  packagePath: "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
  version: "v3.65.0",
};

const launchers = path.join(paths.state, "bin");

/** Where a part of Pulumi came from. */
export type EngineKind = "official" | "downloaded" | "built";

/**
 * The Pulumi command line: the official one on PATH (3.200 or newer), else what the npm package `pulumi` downloads, else built from
 * its Go modules (minutes, once).
 * @throws ShipError TOOL_MISSING.
 */
export async function ensureEngine(progress: Progress): Promise<string> {
  const found = onPath(engine.name, [paths.cache, path.join(paths.root, "node_modules")]);
  if (found !== undefined && (await isRecent(found))) return found;
  return (await downloadedEngine(progress)) ?? path.join(await built(engine, progress), engine.name);
}

/** The language host that starts Node programs: beside the official command line, else built. */
export async function ensureLanguageHost(enginePath: string, progress: Progress): Promise<string> {
  const beside = path.join(path.dirname(fs.realpathSync(enginePath)), languageHost.name);
  if (fs.existsSync(beside)) return beside;
  const found = onPath(languageHost.name, [paths.cache, launchers]);
  return found ?? withOptions(path.join(await built(languageHost, progress), languageHost.name));
}

/**
 * The engine tells a project's options by a call now; this host knows them as arguments only, and runs in the project's
 * directory.
 */
function withOptions(host: string): string {
  const file = path.join(launchers, languageHost.name);
  const script = `#!/bin/sh
grep -qx ' *typescript: false' Pulumi.yaml && set -- -typescript=false "$@"
exec ${quote(host)} "$@"
`;
  fs.mkdirSync(launchers, { recursive: true });
  writeFileAtomically(file, script, 0o755);
  return file;
}

/**
 * The folder of the policy pack, for `--policy-pack`. The engine has a language host start a pack, which the one that
 * is built here cannot. It is then told of a language without a host, whose packs it starts by a script.
 */
export function policyPack(host: string): string {
  const pack = path.join(paths.root, "policy");
  if (path.dirname(host) !== launchers) return pack;
  const language = "sandbox-nodejs";
  const program = path.join(paths.root, "node_modules", "@pulumi", "pulumi", "cmd", "run-policy-pack");
  const script = `#!/bin/sh
cd ${quote(pack)} && exec node ${quote(program)} "$1" .
`;
  writeFileAtomically(path.join(launchers, `pulumi-analyzer-policy-${language}`), script, 0o755);
  const folder = path.join(paths.state, "policy");
  fs.mkdirSync(folder, { recursive: true });
  writeFileAtomically(path.join(folder, "PulumiPolicy.yaml"), `name: odoo-ship\nruntime: ${language}\n`, 0o644);
  return folder;
}

/** How the command line at this path was come by. */
export function engineKind(enginePath: string): EngineKind {
  if (!enginePath.startsWith(paths.cache)) return "official";
  return enginePath.includes(path.join("pulumi-official", npmVersion)) ? "downloaded" : "built";
}

function built(tool: GoTool, progress: Progress): Promise<string> {
  return cached(tool.name, tool.version, progress, (directory) => goBuild(tool, directory, progress));
}

async function downloadedEngine(progress: Progress): Promise<string | undefined> {
  const executable = path.join("versions", npmVersion, "bin", "pulumi");
  const present = path.join(paths.cache, "pulumi-official", npmVersion, executable);
  if (fs.existsSync(present)) return present;
  // What is built already is used, also when the network is open by now: one version per machine.
  if (fs.existsSync(path.join(paths.cache, engine.name, engine.version)) || !(await reachable(downloadSite)))
    return undefined;
  try {
    const directory = await cached("pulumi-official", npmVersion, progress, async (temporary) => {
      progress(`downloading the official Pulumi command line ${npmVersion}`);
      await run("npm", ["exec", "--yes", `--package=pulumi@${npmVersion}`, "--", "pulumi", "version"], {
        what: "downloading the Pulumi command line",
        quietMs: stuckMs,
        cwd: temporary,
        env: { ...process.env, PULUMI_HOME: temporary, PULUMI_SKIP_UPDATE_CHECK: "1" },
      });
      fs.accessSync(path.join(temporary, executable), fs.constants.X_OK);
    });
    return path.join(directory, executable);
  } catch (error) {
    progress(`the download failed (${error instanceof CommandError ? error.reason : String(error)}); building instead`);
    markUnreachable(downloadSite);
    return undefined;
  }
}

async function isRecent(file: string): Promise<boolean> {
  const answer = await ask(file, ["version"], {
    what: "asking Pulumi for its version",
    limitMs: 15_000,
    env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "1" },
  });
  const version = /^v?(\d+)\.(\d+)\./.exec(answer?.stdout.trim() ?? "");
  return version?.[1] === "3" && Number(version[2]) >= minimumMinor;
}
