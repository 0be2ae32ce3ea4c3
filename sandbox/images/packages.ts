import * as fs from "node:fs";
import * as path from "node:path";
import { paths } from "../config";
import { run, stuckMs } from "../process";
import type { Progress } from "../tools/cache";
import { alone, debianMirror, imageLabel, labelOf, recipeHash, recipeLabel } from "./recipes";

/** Debian packages that were downloaded, for all images and all tries; removing it costs time and nothing else. */
const downloads = "odoo-sandbox-packages";
const installer = path.join(__dirname, "install-packages");
const minute = 60_000;
/** How much of an installation is downloads, for the progress. */
const downloadShare = 0.3;

/**
 * The image `base` with the Debian packages that `<directory>/packages` lists. They are installed in a container and not by a Dockerfile, as
 * a build that is cut loses what it has downloaded.
 * @returns its name.
 * @throws CommandError
 */
export async function ensurePackages(name: string, directory: string, base: string, progress: Progress): Promise<string> {
  const source = path.join(directory, "packages");
  const image = `odoo-sandbox/${name}-packages`;
  const recipe = recipeHash([source]);
  if ((await labelOf(image, recipeLabel)) === recipe) return image;
  // Apt refuses a second one at the same downloads.
  await alone("packages", progress, async () => {
    const container = `odoo-sandbox-packages-${name}`;
    const recipeDirectory = fs.mkdtempSync(path.join(paths.state, `packages-${name}.`));
    try {
      fs.cpSync(source, recipeDirectory, { recursive: true });
      fs.copyFileSync(installer, path.join(recipeDirectory, "install-packages"));
      fs.writeFileSync(path.join(recipeDirectory, "mirror"), debianMirror());
      await docker(["rm", "--force", container], `removing what a run that was cut has left of ${name}`);
      const options = ["--name", container, "--label", imageLabel, "--volume", `${downloads}:/var/cache/apt/archives`];
      await docker(["create", ...options, base, "sh", "/recipe/install-packages"], `making the container for the packages of ${name}`);
      await docker(["cp", `${recipeDirectory}/.`, `${container}:/recipe`], `handing over the list of the packages of ${name}`);
      await run("docker", ["start", "--attach", container], {
        what: `installing the packages of ${name}`,
        quietMs: stuckMs,
        log: path.join(paths.state, `image-${name}.log`),
        onLine: tellApt(progress),
      });
      progress("keeping what is installed");
      const changes = [`LABEL ${imageLabel} ${recipeLabel}=${recipe}`, 'CMD ["bash"]'].flatMap((change) => ["--change", change]);
      await docker(["commit", ...changes, container, image], `keeping the packages of ${name}`, 30 * minute);
    } finally {
      fs.rmSync(recipeDirectory, { recursive: true, force: true });
      await docker(["rm", "--force", container], `removing the container for the packages of ${name}`);
    }
  });
  return image;
}

/** What apt says of itself (its Status-Fd), as progress. */
export function tellApt(progress: Progress): (line: string) => void {
  return (line) => {
    const [, phase, percent] = /^(dl|pm)status:[^:]*:([\d.]+):/.exec(line) ?? [];
    const share = Number(percent) / 100;
    if (phase === "dl") progress("downloading Debian packages", downloadShare * share);
    if (phase === "pm") progress("installing Debian packages", downloadShare + (1 - downloadShare) * share);
  };
}

async function docker(args: readonly string[], what: string, limitMs = 2 * minute): Promise<void> {
  await run("docker", args, { what, limitMs });
}
