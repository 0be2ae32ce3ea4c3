/**
 * `npm run releases -- --stack prod [--json]`: the releases of a stack that can be rolled back to, newest first, as the
 * registry, the host and the cluster tell them.
 */
import "../components/shared/compile-cache";
import { ShipError } from "../components/shared/errors";
import { readArguments } from "./arguments";
import { type Catalog, catalog, digestsOf } from "./catalog";
import { readImages } from "./images";
import { gather, orProblem, type Places } from "./sources";
import { PulumiStack, type Stack } from "./stack";
import { releasesTable } from "./table";

const usage = {
  usage: "npm run releases -- --stack <name> [--json]",
  options: { json: { type: "boolean" } },
} as const;

/** Reads all of it. What cannot be read is said in the list. */
export async function listReleases(root: string, stack: Stack, places?: Places): Promise<Catalog> {
  const { reports, registry } = await gather(root, stack, places);
  const { found, problem } = await orProblem(readImages(registry, digestsOf(reports)));
  return catalog(stack.name, reports, found, problem);
}

async function main(args: readonly string[]): Promise<void> {
  const { stack, values } = readArguments(usage, args);
  const root = process.cwd();
  const list = await listReleases(root, new PulumiStack(stack, root));
  console.log(values["json"] === true ? JSON.stringify(list, undefined, 2) : releasesTable(list));
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof ShipError ? error.message : error);
    process.exitCode = 1;
  });
}
