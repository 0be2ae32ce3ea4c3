import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { ShipError } from "../../components/errors";
import { paths } from "../config";
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

/**
 * Builds `sandbox/images/<name>` unless the local engine has it from the same recipe.
 * @throws ShipError BUILD_FAILURE, TOOL_MISSING.
 */
export async function ensureBuilt(name: "odoo" | "postgres", tag: string, progress: Progress): Promise<string> {
  const directory = path.join(__dirname, name);
  const image = `odoo-sandbox/${name}:${tag}`;
  const recipe = recipeHash(directory);
  if ((await labelOf(image, recipeLabel)) === recipe) return image;
  await ensureMinimal(progress);
  progress(`building ${image} from Debian packages`);
  const args = ["build", "--force-rm", "--label", imageLabel, "--label", `${recipeLabel}=${recipe}`];
  await building(`the image ${image}`, () =>
    run("docker", [...args, "--build-arg", `MIRROR=${debianMirror()}`, "--tag", image, directory], {
      what: `building ${image}`,
      limitMs: 25 * minute,
      log: path.join(paths.state, `image-${name}.log`),
      // The classic builder is in every engine; BuildKit wants a plugin that may be absent.
      env: { ...process.env, DOCKER_BUILDKIT: "0" },
      onLine: stepTeller(progress),
    }),
  );
  return image;
}

/** The minimal Debian under both images. */
async function ensureMinimal(progress: Progress): Promise<void> {
  if ((await labelOf(minimalName, "odoo.sandbox")) === "1") return;
  const mmdebstrap = await ensureMmdebstrap(progress);
  progress("making a minimal Debian trixie");
  fs.mkdirSync(paths.state, { recursive: true, mode: 0o700 });
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
function recipeHash(directory: string): string {
  const hash = createHash("sha256");
  for (const file of fs.readdirSync(directory).sort()) {
    hash
      .update(`${file}\0`)
      .update(fs.readFileSync(path.join(directory, file)))
      .update("\0");
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
