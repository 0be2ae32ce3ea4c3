/**
 * `npm run releases -- --stack prod [--json]`: the releases of a stack that can be rolled back to, newest first, as the
 * registry, the host and the cluster tell them, and who has written them, as Git tells it.
 */
import "../components/shared/compile-cache";
import { ShipError } from "../components/shared/errors";
import { authorsOf } from "../components/shared/git";
import { readArguments } from "./arguments";
import { type Catalog, catalog, digestsOf } from "./catalog";
import { gatesOf } from "./gates";
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
  const { settings, reports, registry } = await gather(root, stack, places);
  const images = await orProblem(readImages(registry, digestsOf(reports)));
  const gates = await orProblem(gatesOf(root, settings, registry, images.found ?? []));
  const authors = authorsOf(root, images.found?.map(({ revision }) => revision) ?? []);
  const problems = [
    ...(images.problem === "" ? [] : [`the registry: ${images.problem}`]),
    ...(gates.problem === "" ? [] : [`results of gates: ${gates.problem}`]),
  ];
  return catalog(stack.name, { reports, images: images.found, gates: gates.found ?? new Map(), authors, problems });
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
