import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { buildSync } from "esbuild";
import { providers } from "./providers";
import { writeFileAtomically } from "../support/atomic-file";
import { quote } from "../support/quote";

const root = path.resolve(__dirname, "..", "..");

/**
 * Writes the stand-in plugins into a Pulumi home, as `plugins/resource-<name>-v<version>/pulumi-resource-<name>` of exactly the
 * versions that the installed npm packages name. Every file appears whole or not at all; a second call changes nothing.
 * Answers the executables' paths.
 */
export function installStandIns(pulumiHome: string): readonly string[] {
  const bundle = bundleMain();
  const script = `stand-in-${createHash("sha256").update(bundle).digest("hex").slice(0, 16)}.cjs`;
  return Object.keys(providers).map((name) => {
    const version = pluginVersion(name);
    const directory = path.join(pulumiHome, "plugins", `resource-${name}-v${version}`);
    fs.mkdirSync(directory, { recursive: true });
    writeWhole(path.join(directory, script), bundle, 0o644);
    const executable = path.join(directory, `pulumi-resource-${name}`);
    writeWhole(executable, launcher(name, version, script), 0o755);
    for (const old of fs.readdirSync(directory)) {
      if (/^stand-in-.*\.cjs$/.test(old) && old !== script) fs.rmSync(path.join(directory, old));
    }
    return executable;
  });
}

/** One file without dependencies starts in a fraction of the time that loading the sources takes. */
function bundleMain(): string {
  const { outputFiles } = buildSync({
    entryPoints: [path.join(__dirname, "main.ts")],
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    minify: true,
    write: false,
    absWorkingDir: root,
    logLevel: "silent",
  });
  const [bundle] = outputFiles;
  if (bundle === undefined) throw new Error("bundling the stand-in plugins gave no file");
  return bundle.text;
}

/** The version of the plugin that an npm package wants: the engine looks for exactly this one. */
function pluginVersion(name: string): string {
  const file = path.join(root, "node_modules", "@pulumi", name, "package.json");
  const { version, pulumi } = JSON.parse(fs.readFileSync(file, "utf8")) as {
    version: string;
    pulumi?: { version?: string };
  };
  return (pulumi?.version ?? version).replace(/^v/, "");
}

// The engine starts a plugin by its full path, in any working directory. The node that installed it may be gone later.
function launcher(name: string, version: string, script: string): string {
  return [
    "#!/bin/sh",
    'here="${0%/*}"',
    `node=${quote(process.execPath)}`,
    '[ -x "$node" ] || node=node',
    'NODE_COMPILE_CACHE="$here/compiled" exec "$node" "$here/' + script + `" ${name} ${version} "$@"`,
    "",
  ].join("\n");
}

function writeWhole(file: string, text: string, mode: number): void {
  if (fs.existsSync(file) && fs.readFileSync(file, "utf8") === text) return;
  writeFileAtomically(file, text, mode);
}
