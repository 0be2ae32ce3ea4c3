import * as path from "node:path";

import type { Settings } from "../../settings";
import { checkAddons } from "./addons";
import { type BaseImage, readBaseImage } from "./base-image";
import { argumentsOfSettings } from "./build-arguments";
import { pinnedImage } from "../registry/image-record";
import { type Revision, revisionOf } from "../shared/git";
import { judgeConfiguration } from "./configuration";
import {
  bakedConfiguration,
  bakedModules,
  contentHash,
  contextFiles,
  generatedFile,
  inputPathspecs,
  writeContext,
} from "./context";
import { readRepositories } from "./repositories";

/** Everything that a build needs, decided before any resource. Nothing in it is unknown or secret. */
export interface BuildPlan {
  /** Folder with the build context, relative to the project. */
  readonly context: string;
  /** Build arguments of images/odoo/Dockerfile. */
  readonly args: Readonly<Record<string, string>>;
  /** 64 hexadecimal digits that name the content of the image. */
  readonly contentHash: string;
  readonly platform: string;
  readonly revision: Revision;
  readonly base: BaseImage;
  /** Names of the team's own modules: those of `image:addons`. */
  readonly own: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Checks the addons, hashes everything that decides about the image and writes the build context.
 * @param installed modules that a database gets from the image: they must be there, and decide nothing about it
 * @throws ShipError for a bad addon, options that an image must not have, a bad record of the base image, or a shallow
 *   clone
 */
export async function planBuild(
  root: string,
  image: Settings["image"],
  installed: readonly string[] = [],
): Promise<BuildPlan> {
  const base = readBaseImage(root, image.baseRecord);
  const overruled = judgeConfiguration(root, bakedConfiguration(root));
  const repositories = await readRepositories(root, image.repos, base.series);
  const check = await checkAddons(root, {
    directories: image.addons,
    optional: image.ocaAddons,
    elsewhere: repositories.length > 0,
    packages: image.pythonPackages,
    series: base.series,
    required: [...image.modules, ...installed],
    base: pinnedImage(base),
  });
  const sources = contextFiles({
    root,
    modules: check.modules,
    addons: image.addons,
    ocaAddons: image.ocaAddons,
    caFile: image.caFile,
  });
  const folders = [...image.addons, ...image.ocaAddons];
  const reposFile = image.repos === "" ? [] : [`:(literal)${image.repos}`];
  const revision = revisionOf(root, [...inputPathspecs(folders), ...reposFile], folders);
  const modules = bakedModules(sources, check.modules);
  // A file, since the many modules of a large team are more than a variable holds.
  const files = [
    ...sources,
    generatedFile("modules.json", JSON.stringify(modules)),
    generatedFile("repositories.json", JSON.stringify(repositories)),
  ];
  const inputs = {
    BASE_IMAGE: pinnedImage(base),
    ...argumentsOfSettings(image, base),
    BASE_DIGEST: base.digest,
    // What repositories have is known in the build alone: a module that a database is to have is missed there, too.
    MODULES_REQUIRED: [...new Set([...image.modules, ...(repositories.length > 0 ? installed : [])])].join(" "),
    PLATFORM: image.platform,
    REVISION: revision.id,
    CREATED: revision.created,
    VERSION: describeVersion(base, revision),
    MODULES: JSON.stringify(modules),
  };
  const hash = contentHash(files, inputs);
  const context = writeContext(root, "odoo", files, revision.created);
  const { PLATFORM: platform, ...args } = inputs;
  return {
    context,
    args: { ...args, CONTENT_HASH: hash },
    contentHash: hash,
    platform,
    revision,
    base,
    own: check.modules.filter((module) => image.addons.includes(path.dirname(module.path))).map(({ name }) => name),
    warnings: [...check.warnings, ...overruled],
  };
}

/**
 * Returns series, date and commit: `18.0-20261121-0123456789ab`. A version tag of Git is left out: a tag that is set
 * after staging's release would ask for another image than the one that was tried.
 */
function describeVersion(base: BaseImage, revision: Revision): string {
  return (
    [base.series, revision.created.slice(0, 10).replaceAll("-", ""), revision.id.slice(0, 12)].join("-") +
    (revision.dirty ? "-dirty" : "")
  );
}
