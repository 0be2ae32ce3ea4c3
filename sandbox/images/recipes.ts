import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { paths } from "../config";
import { untilReleased, withLock } from "../lock";
import { objectLabel } from "../containers/docker";
import { ask } from "../process";
import type { Progress } from "../tools/cache";

/** The hash of the recipe that an image was built from. */
export const recipeLabel = "odoo.sandbox.recipe";

/** Docker's options that label what is built from a recipe. */
export function recipeLabels(recipe: string): string[] {
  return ["--label", objectLabel, "--label", `${recipeLabel}=${recipe}`];
}

/** Where Debian's packages come from. @default http://deb.debian.org/debian */
export function debianMirror(): string {
  return process.env["SANDBOX_DEBIAN_MIRROR"] ?? "http://deb.debian.org/debian";
}

/** Name and content of every file, so that a changed recipe builds again and an unchanged one never does */
export function recipeHash(directories: readonly string[]): string {
  const hash = createHash("sha256");
  for (const directory of directories) {
    const files = fs
      .readdirSync(directory, { recursive: true, encoding: "utf8" })
      .filter((file) => fs.statSync(path.join(directory, file)).isFile());
    for (const file of files.sort()) {
      hash
        .update(`${file}\0`)
        .update(fs.readFileSync(path.join(directory, file)))
        .update("\0");
    }
  }
  return hash.digest("hex");
}

/** The label of an image that the local engine has. */
export async function labelOf(image: string, label: string): Promise<string | undefined> {
  const answer = await ask("docker", ["image", "inspect", "--format", `{{index .Config.Labels "${label}"}}`, image], {
    what: `looking for ${image}`,
    limitMs: 60_000,
  });
  return answer?.stdout.trim();
}

/** The API's server may want an image while a run builds it: the second waits for the first. */
export function alone(what: string, progress: Progress, body: () => Promise<void>): Promise<void> {
  fs.mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  const onWait = (holder: number): void => progress(`process ${holder} is making it; waiting for it`);
  return withLock(path.join(paths.state, `${what}.lock`), untilReleased, onWait, body);
}
