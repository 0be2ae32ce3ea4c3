import * as path from "node:path";
import { cached, type Progress } from "./cache";
import { goBuild, type GoTool } from "./go";

const caddy: GoTool = {
  name: "caddy",
  packagePath: "github.com/caddyserver/caddy/v2/cmd/caddy",
  version: "v2.11.9",
  stamp: "github.com/caddyserver/caddy/v2.CustomVersion=v2.11.9",
  forImage: true,
};

/** The tag of the image that is made from it. */
export const caddyVersion = caddy.version.slice(1);

/**
 * Caddy for an image, built from its Go modules (two minutes, once).
 * @returns path of the executable.
 * @throws ShipError TOOL_MISSING.
 */
export async function ensureCaddyBinary(progress: Progress): Promise<string> {
  const directory = await cached(caddy.name, caddy.version, progress, (temporary) => goBuild(caddy, temporary, progress));
  return path.join(directory, caddy.name);
}
