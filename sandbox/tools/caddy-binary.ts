import * as fs from "node:fs";
import * as path from "node:path";
import { paths } from "../config";
import { recipeHash } from "../images/recipes";
import { cached, type Progress } from "./cache";
import { goBuild, type GoTool } from "./go";

/** Where the proxy's own program is: Caddy with the handlers that its configuration asks for. */
export const proxySource = path.join(paths.root, "images", "proxy");

/** The version of Caddy that the proxy is made of, as its module says: the sandbox has no other. */
export const caddyVersion = /^\tgithub\.com\/caddyserver\/caddy\/v2 v(\S+)$/m.exec(
  fs.readFileSync(path.join(proxySource, "go.mod"), "utf8"),
)?.[1] as string;

const caddy: GoTool = {
  name: "caddy",
  source: proxySource,
  packagePath: ".",
  version: `v${caddyVersion}`,
  shared: 0.28,
  stamp: `github.com/caddyserver/caddy/v2.CustomVersion=v${caddyVersion}`,
  forImage: true,
};

/** Whether it is compiled already. */
export function proxyProgramThere(): boolean {
  return fs.existsSync(path.join(paths.cache, caddy.name, proxyVersion()));
}

function proxyVersion(): string {
  return `${caddy.version}-${recipeHash([proxySource]).slice(0, 12)}`;
}

/**
 * The proxy's program for an image, built from its Go modules (two minutes, once for each state of images/proxy).
 * @returns path of the executable.
 * @throws ShipError TOOL_MISSING.
 */
export async function ensureCaddyBinary(progress: Progress): Promise<string> {
  const directory = await cached(caddy.name, proxyVersion(), progress, (temporary) =>
    goBuild(caddy, temporary, progress),
  );
  return path.join(directory, caddy.name);
}
