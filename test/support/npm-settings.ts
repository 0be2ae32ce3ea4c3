import { execFileSync } from "node:child_process";
import * as fs from "node:fs";

/** How this machine reaches npm's packages: its registries, its proxies, its authorities. Its cache is not among it. */
export function npmEnvironment(): Record<string, string> {
  const named = /^((https?|no)_proxy|npm_config_(\w*registry|cafile)|node_extra_ca_certs)$/i;
  const own = Object.entries(process.env).filter(([name]) => named.test(name)) as [string, string][];
  const settings = ["userconfig", "globalconfig"].map((name) => [`NPM_CONFIG_${name.toUpperCase()}`, setting(name)]);
  return Object.fromEntries([...own, ...settings]) as Record<string, string>;
}

/** The files that these settings are in, or name. */
export function npmFiles(): string[] {
  const files = ["userconfig", "globalconfig", "cafile"].map(setting);
  const all = [...files, process.env["NODE_EXTRA_CA_CERTS"] ?? ""];
  return [...new Set(all)].filter((file) => fs.existsSync(file));
}

/** The folder of npm itself. */
export function npmProgram(): string {
  const script = 'dirname "$(dirname "$(realpath "$(command -v npm)")")"';
  return execFileSync("sh", ["-c", script], { encoding: "utf8" }).trim();
}

function setting(name: string): string {
  return execFileSync("npm", ["config", "get", name], { encoding: "utf8", cwd: "/" }).trim();
}
