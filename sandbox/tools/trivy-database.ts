import * as fs from "node:fs";
import * as path from "node:path";
import { recipeHash } from "../images/recipes";
import { run } from "../process";
import { cached, type Progress } from "./cache";
import { goBuild, type GoTool } from "./go";

/** A hole that a database for Trivy knows. */
export interface PlantedHole {
  /** The family of packages, as Trivy names it: `debian 13`, `pip::planted`. */
  readonly source: string;
  /** For a distribution the source package. */
  readonly package: string;
  readonly id: string;
  readonly title: string;
  readonly severity: "LOW" | "MEDIUM" | "HIGH" | "CRITICAL";
  /** Of a distribution: the version that mends it; without one it is not mended. */
  readonly fixedVersion?: string;
  /** Of a language: `["<2.11.3"]`, and what mends it. */
  readonly vulnerableVersions?: readonly string[];
  readonly patchedVersions?: readonly string[];
}

const tool: GoTool = { name: "trivy-database", packagePath: ".", version: "v0" };

/**
 * Writes a vulnerability database with these holes and no others into Trivy's cache directory, by the package that writes the real one
 * (`tools/trivy-database`): Trivy's own cannot be downloaded on a closed network, and knows no holes that a test may rely on.
 * @throws ShipError TOOL_MISSING
 */
export async function writeTrivyDatabase(
  cacheDirectory: string,
  holes: readonly PlantedHole[],
  { updatedAt = new Date(), progress = () => undefined }: { updatedAt?: Date; progress?: Progress } = {},
): Promise<void> {
  const version = `${tool.version}-${recipeHash([path.join(__dirname, tool.name)]).slice(0, 12)}`;
  const directory = await cached(tool.name, version, progress, (temporary) => goBuild(tool, temporary, progress));
  const target = path.join(cacheDirectory, "db");
  fs.rmSync(target, { recursive: true, force: true });
  fs.mkdirSync(target, { recursive: true });
  await run(path.join(directory, tool.name), [target], {
    what: "writing a vulnerability database",
    limitMs: 60_000,
    input: JSON.stringify({ updatedAt, entries: holes }),
  });
}
