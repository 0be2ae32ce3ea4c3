import * as fs from "node:fs";
import * as path from "node:path";
import { paths } from "../config";
import { CommandError, run, stuckMs } from "../process";
import { part, type Progress } from "../tools/cache";
import { buildFailure } from "../tools/failure";
import { ensureMmdebstrap } from "../tools/mmdebstrap";
import { ensurePackages } from "./packages";
import { objectLabel, objectLabelName, objectLabelValue } from "../containers/docker";
import { alone, debianMirror, labelOf, recipeHash, recipeLabel, recipeLabels } from "./recipes";

const minimalName = "odoo-sandbox/debian:trixie";
const minute = 60_000;

/** A file that is copied into an image, most often a program that is built for it; it lies in the context under this name. */
export interface Ingredient {
  readonly name: string;
  /** Its share of the work, for the progress; the packages and the image are the rest. @default 0 */
  readonly share?: number;
  /** The directory that says what is built: it belongs to the recipe. */
  readonly recipe: string;
  /** Path of the file. */
  make(progress: Progress): Promise<string>;
}

/**
 * Builds `sandbox/images/<name>` unless the local engine has it from the same recipe. Two processes do not build it at once.
 * @throws ShipError BUILD_FAILURE, TOOL_MISSING.
 */
export async function ensureBuilt(
  name: "odoo" | "postgres" | "caddy" | "cosign" | "vps" | "kubernetes-node" | "runner",
  tag: string,
  progress: Progress,
  ...ingredients: readonly Ingredient[]
): Promise<string> {
  const directory = path.join(__dirname, name);
  const image = `odoo-sandbox/${name}:${tag}`;
  const recipe = recipeHash([directory, ...ingredients.map((ingredient) => ingredient.recipe)]);
  const isThere = async (): Promise<boolean> => (await labelOf(image, recipeLabel)) === recipe;
  if (await isThere()) return image;
  await alone(`image-${name}`, progress, async () => {
    if (await isThere()) return;
    const rest = 1 - ingredients.reduce((sum, { share = 0 }) => sum + share, 0);
    const [base, files] = await Promise.all([
      building(`the packages of ${image}`, async () => {
        await ensureMinimal(progress);
        return ensurePackages(name, directory, minimalName, part(progress, 0, rest));
      }),
      makeAll(ingredients, rest, progress),
    ]);
    const context = path.join(paths.state, `image-${name}`);
    fs.rmSync(context, { recursive: true, force: true });
    try {
      fs.cpSync(directory, context, { recursive: true });
      files.forEach((file, index) => fs.copyFileSync(file, path.join(context, ingredients[index]?.name ?? "")));
      await build(name, image, recipe, base, context, progress);
    } finally {
      fs.rmSync(context, { recursive: true, force: true });
    }
  });
  return image;
}

/** One after the other: each of them may want all cores. */
async function makeAll(
  ingredients: readonly Ingredient[],
  from: number,
  progress: Progress,
): Promise<readonly string[]> {
  const files: string[] = [];
  let done = from;
  for (const { make, share = 0 } of ingredients) {
    files.push(await make(part(progress, done, done + share)));
    done += share;
  }
  return files;
}

async function build(
  name: string,
  image: string,
  recipe: string,
  base: string,
  context: string,
  progress: Progress,
): Promise<void> {
  progress(`building ${image}`);
  const args = ["build", "--force-rm", ...recipeLabels(recipe)];
  await building(`the image ${image}`, () =>
    run("docker", [...args, "--build-arg", `BASE=${base}`, "--tag", image, context], {
      what: `building ${image}`,
      quietMs: stuckMs,
      log: path.join(paths.state, `image-${name}.log`),
      // The classic builder is in every engine; BuildKit wants a plugin that may be absent.
      env: { ...process.env, DOCKER_BUILDKIT: "0" },
    }),
  );
}

/** The minimal Debian under all images. */
async function ensureMinimal(progress: Progress): Promise<void> {
  const isThere = async (): Promise<boolean> => (await labelOf(minimalName, objectLabelName)) === objectLabelValue;
  if (await isThere()) return;
  await alone("image-debian", progress, async () => {
    if (!(await isThere())) await makeMinimal(progress);
  });
}

async function makeMinimal(progress: Progress): Promise<void> {
  const mmdebstrap = await ensureMmdebstrap(progress);
  progress("making a minimal Debian trixie");
  const archive = path.join(paths.state, `trixie.${process.pid}.tar`);
  try {
    // A mirror that is a snapshot may be past its date; packages are still checked against its signature.
    const options = [
      "--variant=minbase",
      "--include=ca-certificates",
      '--aptopt=Acquire::Check-Valid-Until "false"',
      `--dpkgopt=${path.join(__dirname, "dpkg-excludes")}`,
    ];
    await run(mmdebstrap, [...options, "trixie", archive, debianMirror()], {
      what: "making a minimal Debian trixie",
      quietMs: stuckMs,
      log: path.join(paths.state, "image-debian.log"),
    });
    await run("docker", ["import", "--change", `LABEL ${objectLabel}`, archive, minimalName], {
      what: "importing the minimal Debian",
      limitMs: 30 * minute,
    });
  } finally {
    fs.rmSync(archive, { force: true });
  }
}

async function building<T>(what: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const build = { code: "BUILD_FAILURE", summary: `${what} could not be built for the sandbox` } as const;
    throw buildFailure({ ...build, source: `${debianMirror()} (SANDBOX_DEBIAN_MIRROR)` }, error);
  }
}
