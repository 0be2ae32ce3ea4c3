import { createHash, randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

import { ask } from "../shared/ask";

const checker = path.join("images", "odoo");
const listLimitMs = 10 * 60_000;
const anyModule = "module";
const manifest = "__manifest__.py";
/** The checker's own way to look into an image, so that there is one. */
const list =
  "import sys; sys.path.insert(0, sys.argv[1]); import addons_files; " +
  "print('\\n'.join(sorted(addons_files.base_modules(sys.argv[2]))))";

/**
 * What the addon check takes for Odoo's own modules (`--base`): a folder that has their names. To ask an image takes
 * most of a second, and a digest never says anything else, so the answer is kept in the project's .build.
 * @param base image by digest
 * @returns the image itself where nothing can be kept; undefined if the answer is not known and Docker does not have
 * the image: nothing is pulled
 */
export async function baseModules(root: string, base: string): Promise<string | undefined> {
  const key = hash([base, fs.readFileSync(path.join(root, checker, "addons_files.py"), "utf8")]);
  const kept = path.join(".build", "base-modules");
  const known = findKept(path.join(root, kept), key);
  if (known !== undefined) {
    return path.join(kept, known);
  }
  if ((await ask("docker", ["image", "inspect", base], root, 10_000)).status !== 0) {
    return undefined;
  }
  const { status, stdout } = await ask("python3", ["-B", "-c", list, checker, base], root, listLimitMs);
  const names = stdout.split("\n").filter((name) => /^\w+$/.test(name));
  try {
    // The check says itself what is wrong with such an image.
    return status === 0 && names.length > 0 ? path.join(kept, keep(path.join(root, kept), key, names)) : base;
  } catch {
    return base;
  }
}

/** Name of the folder with the answer to `key`, if it has the names that were put into it and no others. */
function findKept(directory: string, key: string): string | undefined {
  if (!fs.existsSync(path.join(directory, anyModule, manifest))) {
    return undefined;
  }
  const folders = fs.readdirSync(directory).filter((name) => name.startsWith(`${key}-`));
  return folders.find((name) => name === `${key}-${hash(fs.readdirSync(path.join(directory, name)))}`);
}

/** A folder of links that lead to a manifest. It appears whole, whoever else makes it at the same time. */
function keep(directory: string, key: string, names: readonly string[]): string {
  const name = `${key}-${hash(names)}`;
  const fresh = path.join(directory, `${randomUUID()}.partial`);
  fs.mkdirSync(path.join(directory, anyModule), { recursive: true });
  fs.writeFileSync(path.join(directory, anyModule, manifest), "");
  fs.mkdirSync(fresh);
  for (const module of names) {
    fs.symlinkSync(path.join("..", anyModule), path.join(fresh, module));
  }
  if (findKept(directory, key) === name) {
    // Another update was faster, and may be reading it.
    fs.rmSync(fresh, { recursive: true });
    return name;
  }
  fs.rmSync(path.join(directory, name), { recursive: true, force: true });
  fs.renameSync(fresh, path.join(directory, name));
  return name;
}

function hash(texts: readonly string[]): string {
  return createHash("sha256")
    .update([...texts].sort().join("\0"))
    .digest("hex")
    .slice(0, 24);
}
