import * as fs from "node:fs";
import * as path from "node:path";
import { CommandError } from "../process";
import { aptExtract, hasApt } from "./apt";
import { cached, onPath, type Progress } from "./cache";
import { goBuild, type GoTool } from "./go";

const registry: GoTool = {
  name: "registry",
  packagePath: "github.com/distribution/distribution/v3/cmd/registry",
  version: "v3.0.0",
};

/**
 * The OCI registry (CNCF Distribution): `docker-registry` on PATH, else Debian's package unpacked into the cache, else built from
 * its Go module.
 * @returns path of the executable; `<path> serve config.yml` runs it.
 * @throws ShipError TOOL_MISSING.
 */
export async function ensureRegistryBinary(progress: Progress = () => undefined): Promise<string> {
  const found = onPath("docker-registry");
  if (found !== undefined) return found;
  if (hasApt()) {
    try {
      const directory = await cached("docker-registry", "debian", progress, async (temporary) => {
        await aptExtract(["docker-registry"], temporary, progress);
        fs.accessSync(path.join(temporary, "usr/bin/docker-registry"), fs.constants.X_OK);
      });
      return path.join(directory, "usr/bin/docker-registry");
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      progress("Debian's docker-registry cannot be had; building it");
    }
  }
  const directory = await cached(registry.name, registry.version, progress, (temporary) =>
    goBuild(registry, temporary, progress),
  );
  return path.join(directory, registry.name);
}
