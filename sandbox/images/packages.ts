import * as fs from "node:fs";
import * as path from "node:path";
import { paths } from "../config";
import { ask, run, stuckMs } from "../process";
import { part, type Progress } from "../tools/cache";
import { objectLabel } from "../containers/docker";
import { alone, debianMirror, labelOf, recipeHash, recipeLabel, recipeLabels } from "./recipes";

/** Debian packages that were downloaded, for all images and all tries; removing it costs time and nothing else. */
const downloads = "odoo-sandbox-packages";
const installer = path.join(__dirname, "install-packages");
/** Removing or keeping a large container takes a busy machine minutes. */
const limitMs = 30 * 60_000;
/** How much of an installation is downloads, for the progress; and how much of all is the installation. */
const downloadShare = 0.3;
const installShare = 0.6;

/**
 * The image `base` with the Debian packages that `<directory>/packages` lists. They are installed in a container and not by a Dockerfile, as
 * a build that is cut loses what it has downloaded.
 * @returns its name.
 * @throws CommandError
 */
export async function ensurePackages(
  name: string,
  directory: string,
  base: string,
  progress: Progress,
): Promise<string> {
  const source = path.join(directory, "packages");
  const image = `odoo-sandbox/${name}-packages`;
  const recipe = recipeHash([source]);
  const isThere = async (): Promise<boolean> => (await labelOf(image, recipeLabel)) === recipe;
  if (await isThere()) return image;
  // Apt refuses a second one at the same downloads.
  await alone("packages", progress, async () => {
    if (await isThere()) return;
    const container = { name: `odoo-sandbox-packages-${name}`, recipe };
    const options = {
      what: `installing the packages of ${name}`,
      quietMs: stuckMs,
      log: path.join(paths.state, `image-${name}.log`),
      onLine: tellApt(part(progress, 0, installShare)),
    };
    // A run that was cut may have left it at work, or done. One that was cut itself is made anew, as nothing of it was flushed.
    if ((await stateOf(container)) === "running")
      await ask("docker", ["attach", "--no-stdin", container.name], options);
    if ((await stateOf(container)) !== "exited 0") {
      await create(container, base, source, progress);
      await run("docker", ["start", "--attach", container.name], options);
    }
    progress("keeping what is installed", installShare);
    progress("keeping what is installed");
    const changes = [`LABEL ${objectLabel} ${recipeLabel}=${recipe}`, 'CMD ["bash"]'].flatMap((change) => [
      "--change",
      change,
    ]);
    await docker(["commit", ...changes, container.name, image], `keeping the packages of ${name}`);
    await docker(["rm", "--force", container.name], `removing the container for the packages of ${name}`);
    progress("keeping what is installed", 1);
  });
  return image;
}

interface Container {
  readonly name: string;
  readonly recipe: string;
}

/** Of the container that this recipe has made: Docker's word and the exit code, as `exited 0`. */
async function stateOf({ name, recipe }: Container): Promise<string | undefined> {
  const format = `{{index .Config.Labels "${recipeLabel}"}} {{.State.Status}} {{.State.ExitCode}}`;
  const found = await ask("docker", ["inspect", "--type", "container", "--format", format, name], {
    what: `looking for ${name}`,
    limitMs,
  });
  const [label, status, code] = found?.stdout.trim().split(" ") ?? [];
  if (label !== recipe) return undefined;
  return status === "exited" ? `exited ${code ?? ""}` : status;
}

async function create({ name, recipe }: Container, base: string, source: string, progress: Progress): Promise<void> {
  progress("preparing the installation of Debian packages");
  const directory = path.join(paths.state, name);
  fs.rmSync(directory, { recursive: true, force: true });
  try {
    fs.cpSync(source, directory, { recursive: true });
    fs.copyFileSync(installer, path.join(directory, "install-packages"));
    fs.writeFileSync(path.join(directory, "mirror"), debianMirror());
    // On some versions it fails when there is none.
    await ask("docker", ["rm", "--force", name], { what: `removing an older ${name}`, limitMs });
    // With an init an interrupt ends it.
    const options = [
      "--init",
      "--name",
      name,
      ...recipeLabels(recipe),
      "--volume",
      `${downloads}:/var/cache/apt/archives`,
    ];
    await docker(["create", ...options, base, "sh", "/recipe/install-packages"], `making ${name}`);
    await docker(["cp", `${directory}/.`, `${name}:/recipe`], `handing its list to ${name}`);
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
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

async function docker(args: readonly string[], what: string): Promise<void> {
  await run("docker", args, { what, limitMs });
}
