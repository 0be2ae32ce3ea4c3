import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { ShipError } from "../../components/shared/errors";
import { paths } from "../config";
import { withLock } from "../lock";
import { ask, CommandError, run } from "../process";
import type { Progress } from "../tools/cache";
import { ensureMmdebstrap } from "../tools/mmdebstrap";

/** On every image that the sandbox builds. */
export const imageLabel = "odoo.sandbox=1";
const recipeLabel = "odoo.sandbox.recipe";
const minimalName = "odoo-sandbox/debian:trixie";
const minute = 60_000;

/** Where Debian's packages come from. @default http://deb.debian.org/debian */
export function debianMirror(): string {
  return process.env["SANDBOX_DEBIAN_MIRROR"] ?? "http://deb.debian.org/debian";
}

/** A file that is copied into an image, most often a program that is built for it; it lies in the context under this name. */
export interface Ingredient {
  readonly name: string;
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
  name: "odoo" | "postgres" | "caddy" | "vps" | "kubernetes-node",
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
    await ensureMinimal(progress);
    const files = await Promise.all(ingredients.map((ingredient) => ingredient.make(progress)));
    const context = fs.mkdtempSync(path.join(paths.state, `image-${name}.`));
    try {
      fs.cpSync(directory, context, { recursive: true });
      files.forEach((file, index) => fs.copyFileSync(file, path.join(context, ingredients[index]?.name ?? "")));
      await build(name, image, recipe, context, progress);
    } finally {
      fs.rmSync(context, { recursive: true, force: true });
    }
  });
  return image;
}

async function build(name: string, image: string, recipe: string, context: string, progress: Progress): Promise<void> {
  progress(`building ${image} from Debian packages`);
  const args = ["build", "--force-rm", "--label", imageLabel, "--label", `${recipeLabel}=${recipe}`];
  await building(`the image ${image}`, () =>
    run("docker", [...args, "--build-arg", `MIRROR=${debianMirror()}`, "--tag", image, context], {
      what: `building ${image}`,
      limitMs: 25 * minute,
      log: path.join(paths.state, `image-${name}.log`),
      // The classic builder is in every engine; BuildKit wants a plugin that may be absent.
      env: { ...process.env, DOCKER_BUILDKIT: "0" },
      onLine: stepTeller(progress),
    }),
  );
}

/** The API's server may want an image while a run builds it. */
function alone(what: string, progress: Progress, body: () => Promise<void>): Promise<void> {
  let told = false;
  const onWait = (holder: number): void => {
    if (!told) progress(`process ${holder} is making it; waiting for it`);
    told = true;
  };
  fs.mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  return withLock(path.join(paths.state, `${what}.lock`), 40 * minute, onWait, body);
}

/** The minimal Debian under all images. */
async function ensureMinimal(progress: Progress): Promise<void> {
  const isThere = async (): Promise<boolean> => (await labelOf(minimalName, "odoo.sandbox")) === "1";
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
    await building("a minimal Debian", async () => {
      // A mirror that is a snapshot may be past its date; packages are still checked against its signature.
      const options = [
        "--variant=minbase",
        "--include=ca-certificates",
        '--aptopt=Acquire::Check-Valid-Until "false"',
        `--dpkgopt=${path.join(__dirname, "dpkg-excludes")}`,
      ];
      await run(mmdebstrap, [...options, "trixie", archive, debianMirror()], {
        what: "making a minimal Debian trixie",
        limitMs: 10 * minute,
        log: path.join(paths.state, "image-debian.log"),
      });
      await run("docker", ["import", "--change", `LABEL ${imageLabel}`, archive, minimalName], {
        what: "importing the minimal Debian",
        limitMs: 3 * minute,
      });
    });
  } finally {
    fs.rmSync(archive, { force: true });
  }
}

/** Name and content of every file, so that a changed recipe builds again and an unchanged one never does. */
export function recipeHash(directories: readonly string[]): string {
  const hash = createHash("sha256");
  for (const directory of directories) {
    for (const file of fs.readdirSync(directory).sort()) {
      hash
        .update(`${file}\0`)
        .update(fs.readFileSync(path.join(directory, file)))
        .update("\0");
    }
  }
  return hash.digest("hex");
}

async function labelOf(image: string, label: string): Promise<string | undefined> {
  const answer = await ask("docker", ["image", "inspect", "--format", `{{index .Config.Labels "${label}"}}`, image], {
    what: `looking for ${image}`,
    limitMs: 15_000,
  });
  return answer?.stdout.trim();
}

/** Tells of the builder's steps and of the packages it installs, not of each line. */
function stepTeller(progress: Progress): (line: string) => void {
  let packages = 0;
  return (line) => {
    const step = /^Step (\d+\/\d+)/.exec(line);
    if (step?.[1] !== undefined) progress(`build step ${step[1]}`);
    if (line.startsWith("Setting up ")) packages += 1;
    if (line.startsWith("Setting up ") && packages % 50 === 0) progress(`${packages} packages set up`);
  };
}

async function building(what: string, body: () => Promise<unknown>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new ShipError({
      code: "BUILD_FAILURE",
      summary: `${what} could not be built for the sandbox`,
      found: error.message,
      expected: `packages from ${debianMirror()}`,
      remedy: "check the network and SANDBOX_DEBIAN_MIRROR, then run again; finished steps are kept",
    });
  }
}
