import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

import type { AddonModule } from "./addons";
import { ShipError } from "../shared/errors";
import { filesInGit } from "../shared/git";

/** One file of the build context. */
export interface ContextFile {
  /** Path in the context, with forward slashes. */
  readonly target: string;
  /** Absolute path it is copied from, or its text. */
  readonly source: string | { readonly text: string };
  readonly executable: boolean;
  /** SHA-256 of the content, hexadecimal. */
  readonly sha256: string;
}

/** A baked module, as the image's label lists it. */
export interface BakedModule {
  readonly version: string;
  /** Hash over the module's files, hexadecimal. */
  readonly hash: string;
}

export interface ContextSources {
  readonly root: string;
  readonly modules: readonly AddonModule[];
  readonly addons: readonly string[];
  readonly ocaAddons: readonly string[];
  /** Extra certificate authority, or empty. */
  readonly caFile: string;
}

const imageFiles = [
  "Dockerfile",
  "addons_check.py",
  "addons_files.py",
  "addons_judge.py",
  "addons_module.py",
  "addons_reads.py",
  "enterprise-modules.txt",
  "configuration.py",
  "entrypoint.py",
  "fence.py",
  "ready.py",
  "modules.py",
  "odoo.conf",
  "guard.py",
  "release_marker.py",
];
const imageDirectory = "images/odoo";
/** Folders that the Dockerfile copies: they exist in each context, if empty. */
const contextFolders = ["extra-addons", "oca-addons", "requirements", "ca"];
/**
 * Litter of editors, Python and version control, and hidden files, which often hold secrets. None of it reaches an
 * image.
 */
const litter = /^(\..*|__pycache__|node_modules|.*\.py[co]|.*~)$/;

/** Git pathspecs of the inputs: the image's files, and everything in a module, also in one that was deleted. */
export function inputPathspecs(directories: readonly string[]): string[] {
  const own = imageFiles.map((name) => `:(literal)${imageDirectory}/${name}`);
  return [
    ...own,
    ...directories.flatMap((folder) => [`:(glob)${folder}/*/**`, `:(literal)${folder}/requirements.txt`]),
  ];
}

/** Lists every file that goes into the build, sorted by its path in the context. Reads only. */
export function contextFiles(sources: ContextSources): ContextFile[] {
  const { root } = sources;
  const files: ContextFile[] = [];
  const add = (source: string, target: string) => {
    const executable = (fs.statSync(source).mode & 0o111) !== 0;
    files.push({ target, source, executable, sha256: sha256(fs.readFileSync(source)) });
  };
  for (const name of imageFiles) {
    add(path.join(root, imageDirectory, name), name);
  }
  for (const module of sources.modules) {
    const folder = sources.ocaAddons.includes(path.dirname(module.path)) ? "oca-addons" : "extra-addons";
    for (const file of filesBelow(path.join(root, module.path))) {
      add(path.join(root, module.path, file), `${folder}/${module.name}/${file}`);
    }
  }
  const withRequirements = [...sources.addons, ...sources.ocaAddons, ...sources.modules.map((module) => module.path)];
  for (const folder of withRequirements) {
    const file = path.join(root, folder, "requirements.txt");
    if (fs.existsSync(file)) {
      add(file, `requirements/${folder.replaceAll("/", "--")}.txt`);
    }
  }
  const ca = sources.caFile === "" ? undefined : path.join(root, sources.caFile);
  if (ca !== undefined && fs.statSync(ca).size > 0) {
    add(ca, "ca/extra.crt");
  }
  return files.sort((a, b) => (a.target < b.target ? -1 : 1));
}

/** A file that is made for the context. */
export function generatedFile(target: string, text: string): ContextFile {
  return { target, source: { text }, executable: false, sha256: sha256(text) };
}

/** Version and content hash of each module, sorted by name. */
export function bakedModules(
  files: readonly ContextFile[],
  modules: readonly AddonModule[],
): Record<string, BakedModule> {
  const entries = modules.map((module) => {
    const own = files.filter((file) => new RegExp(`^(extra|oca)-addons/${module.name}/`).test(file.target));
    return [module.name, { version: module.version, hash: hashFiles(own) }] as const;
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Hash of all that decides about the image: its files and its build arguments. 64 hexadecimal digits. */
export function contentHash(files: readonly ContextFile[], args: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(args).sort(([a], [b]) => (a < b ? -1 : 1));
  return sha256(`${hashFiles(files)}\n${JSON.stringify(sorted)}`);
}

/**
 * Writes the build context into `directory`, in the place of what was there. It holds the listed files only, with
 * normal modes and one date, so neither a checkout's umask nor the time of day reaches the image. A copy that is killed
 * half-way leaves the old context or none.
 * @param created date of every file, RFC 3339
 */
export function writeContext(directory: string, files: readonly ContextFile[], created: string): void {
  const fresh = `${directory}.${process.pid}`;
  const date = new Date(created);
  fs.rmSync(fresh, { recursive: true, force: true });
  const folders = new Set([fresh, ...contextFolders.map((folder) => path.join(fresh, folder))]);
  for (const file of files) {
    const target = path.join(fresh, file.target);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    if (typeof file.source === "string") fs.copyFileSync(file.source, target);
    else fs.writeFileSync(target, file.source.text);
    fs.chmodSync(target, file.executable ? 0o755 : 0o644);
    fs.utimesSync(target, date, date);
    for (let folder = path.dirname(target); folder !== fresh; folder = path.dirname(folder)) {
      folders.add(folder);
    }
  }
  // Deepest first: writing into a folder moves its date.
  for (const folder of [...folders].sort((a, b) => b.length - a.length)) {
    fs.mkdirSync(folder, { recursive: true });
    fs.chmodSync(folder, 0o755);
    fs.utimesSync(folder, date, date);
  }
  fs.rmSync(directory, { recursive: true, force: true });
  fs.renameSync(fresh, directory);
}

function filesBelow(directory: string): string[] {
  const inGit = filesInGit(directory) ?? [];
  // Git lists nothing outside of a repository, and nothing in an ignored folder of fetched modules. Such a folder may
  // be in the settings all the same.
  const files = inGit.length > 0 ? inGit : walk(directory);
  const wanted = files.filter(
    (file) => !file.split("/").some((part) => litter.test(part)) && fs.existsSync(path.join(directory, file)),
  );
  for (const file of wanted) {
    if (fs.statSync(path.join(directory, file)).isDirectory()) {
      throw new ShipError({
        code: "ADDON_INVALID",
        summary: "a module contains a link to a folder",
        found: path.join(directory, file),
        expected: "files and folders of the module's own",
        remedy: "replace the link by what it leads to",
      });
    }
  }
  return wanted;
}

function walk(directory: string, prefix = ""): string[] {
  return fs.readdirSync(path.join(directory, prefix), { withFileTypes: true }).flatMap((entry) => {
    const name = `${prefix}${entry.name}`;
    return entry.isDirectory() ? walk(directory, `${name}/`) : [name];
  });
}

function hashFiles(files: readonly ContextFile[]): string {
  return sha256(files.map((file) => `${file.target}\0${file.executable ? "x" : "-"}\0${file.sha256}\n`).join(""));
}

function sha256(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}
