import * as fs from "node:fs";
import * as path from "node:path";
import { findTool, installedIn } from "../../gates/tools/find";
import { ensureTool } from "../../gates/tools/install";
import { toolNames, toolTable, type ToolName } from "../../gates/tools/table";
import { paths } from "../config";
import { ask } from "../process";
import { aptExtract, hasApt } from "./apt";
import { cached, part, type Progress } from "./cache";
import { goBuild, type GoTool } from "./go";
import { reachable } from "./offline";

/** Those that are built where their makers' releases cannot be downloaded. */
type Built = Extract<ToolName, "actionlint" | "cosign" | "syft" | "trivy">;

const store = path.join(paths.cache, "gate-tools");
const debianClamav = path.join(paths.cache, "clamav", "debian");

/** Signatures for ClamAV that know the harmless test file of the antivirus makers (EICAR) and nothing else. */
export const clamavTestDatabase = path.join(__dirname, "clamav");

/** From their Go modules: {@link GoTool.version} is what go.mod here pins, which a test compares with the product's pin. */
export const builtTools: Readonly<Record<Built, GoTool>> = {
  actionlint: goTool("actionlint", "github.com/rhysd/actionlint", "github.com/rhysd/actionlint.version"),
  cosign: goTool("cosign", "github.com/sigstore/cosign/v3", "sigs.k8s.io/release-utils/version.gitVersion"),
  syft: goTool("syft", "github.com/anchore/syft", "main.version"),
  trivy: {
    ...goTool("trivy", "github.com/aquasecurity/trivy", "github.com/aquasecurity/trivy/pkg/version/app.ver"),
    experiment: "jsonv2",
  },
};

/** Where {@link builtTools} are pinned. */
export const builtToolSource = (name: Built): string => path.join(__dirname, name);

/** How much of all each takes, for the progress: what is compiled takes minutes. */
const shares: Readonly<Record<ToolName, number>> = {
  actionlint: 0.01,
  bandit: 0.02,
  clamscan: 0.02,
  cosign: 0.24,
  coverage: 0.01,
  hadolint: 0.01,
  "pip-audit": 0.01,
  syft: 0.23,
  trivy: 0.45,
  zizmor: 0.01,
};

/**
 * Makes every tool of the gates ready: one that fits on the PATH is left, else it is installed as the product does it, or unpacked from
 * Debian's packages, or built from Go modules: some ten minutes on two cores, once.
 * @throws ShipError TOOL_MISSING, NETWORK_FAILURE
 */
export async function ensureGateTools(progress: Progress): Promise<void> {
  let done = 0;
  for (const name of toolNames) {
    await ensureGateTool(name, part(progress, done, done + shares[name]));
    done += shares[name];
  }
}

/** The same for one of them. */
export async function ensureGateTool(name: ToolName, progress: Progress): Promise<void> {
  const fitting = await findTool(name, { store, searched: gateToolsPath() }).catch(() => undefined);
  if (fitting !== undefined) return;
  const { source } = toolTable[name];
  if (isBuilt(name) && !(source.kind === "release" && (await downloadable(source.files)))) {
    const tool = builtTools[name];
    await cached(name, tool.version, progress, (directory) => goBuild(tool, directory, progress));
  } else if (name === "clamscan" && hasApt()) {
    await cached("clamav", "debian", progress, (directory) => unpackClamav(directory, progress));
  } else {
    await ensureTool(name, { store, say: (line) => progress(line) });
  }
}

/** The folders of those that are there, for the PATH; or `later` of all, for a PATH that is kept until then. */
export function gateToolFolders({ later = false } = {}): readonly string[] {
  const folders = toolNames.flatMap((name) => [
    ...(isBuilt(name) ? [path.join(paths.cache, name, builtTools[name].version)] : []),
    installedIn(store, name, toolTable[name].version),
  ]);
  return [...folders, path.join(debianClamav, "bin")].filter((folder) => later || fs.existsSync(folder));
}

/** The path of one that is there. */
export async function gateToolPath(name: ToolName): Promise<string> {
  return (await findTool(name, { store, searched: gateToolsPath() })).path;
}

function gateToolsPath(): string {
  return [...gateToolFolders(), process.env["PATH"] ?? ""].join(path.delimiter);
}

function isBuilt(name: ToolName): name is Built {
  return Object.hasOwn(builtTools, name);
}

function goTool(name: Built, module: string, variable: string): GoTool {
  const pins = fs.readFileSync(path.join(__dirname, name, "go.mod"), "utf8");
  const version = pins.split("\n").flatMap((line) => {
    const [what, pin] = line.trim().split(" ");
    return what === module && pin !== undefined ? [pin] : [];
  })[0] as string;
  const main = module.replace(/^.*\/([a-z]+)(\/v\d+)?$/, `${module}/cmd/$1`);
  return { name, packagePath: main, version, stamp: `${variable}=${version.slice(1)}` };
}

async function downloadable(files: Readonly<Record<string, { readonly url: string }>>): Promise<boolean> {
  const file = files[`${process.platform}-${process.arch}`];
  return file !== undefined && (await reachable(file.url));
}

/** Unpacked and not installed: nothing is started, and no root is needed. Its libraries lie beside it. */
async function unpackClamav(directory: string, progress: Progress): Promise<void> {
  const library = await dependency("clamav", /^libclamav\d+$/);
  const decoder = await dependency(library, /^libmspack\S+$/);
  await aptExtract(["clamav", library, decoder], directory, progress);
  const launcher = path.join(directory, "bin", "clamscan");
  fs.mkdirSync(path.dirname(launcher));
  const script = `#!/bin/sh
here=$(dirname "$(dirname "$(readlink -f "$0")")")
LD_LIBRARY_PATH=$(echo "$here"/usr/lib/*-linux-gnu) exec "$here/usr/bin/clamscan" "$@"
`;
  fs.writeFileSync(launcher, script, { mode: 0o755 });
}

/** The name of a package has a number that differs from one Debian to the next. */
async function dependency(name: string, pattern: RegExp): Promise<string> {
  const answer = await ask("apt-cache", ["depends", name], { what: `looking what ${name} needs`, limitMs: 60_000 });
  const needed = (answer?.stdout ?? "").split("\n").map((line) => line.replace(/^.*Depends: /, "").trim());
  return needed.find((one) => pattern.test(one)) ?? name;
}
