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
  "addons_data.py",
  "addons_facts.py",
  "addons_files.py",
  "addons_judge.py",
  "addons_manifest.py",
  "addons_module.py",
  "addons_reads.py",
  "enterprise-modules.txt",
  "by_hand.py",
  "command.py",
  "configuration.py",
  "entrypoint.py",
  "fence.py",
  "probes.py",
  "quiet.py",
  "ready.py",
  "sockets.py",
  "modules.py",
  "no-pytest.sh",
  "guard.py",
  "release_marker.py",
  "waiting.py",
  "where-the-log-is.txt",
  "repositories.py",
];
const imageDirectory = "images/odoo";
/** Odoo's configuration in the image: a team's own file in the place of the program's. */
const configurations = ["deploy/odoo.conf", `${imageDirectory}/odoo.conf`];
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
    ...configurations.map((file) => `:(literal)${file}`),
    ...directories.flatMap((folder) => [`:(glob)${folder}/*/**`, `:(literal)${folder}/requirements.txt`]),
  ];
}

/** Path in the project of the configuration that is baked. */
export function bakedConfiguration(root: string): string {
  return configurations.find((file) => fs.existsSync(path.join(root, file))) ?? `${imageDirectory}/odoo.conf`;
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
  add(path.join(root, bakedConfiguration(root)), "odoo.conf");
  const ofModules = filesOfModules(root, sources.modules);
  for (const module of sources.modules) {
    const folder = sources.ocaAddons.includes(path.dirname(module.path)) ? "oca-addons" : "extra-addons";
    for (const file of ofModules.get(module.path) ?? []) {
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
  const byModule = new Map<string, ContextFile[]>(modules.map((module) => [module.name, []]));
  for (const file of files) {
    const [, name = ""] = /^(?:extra|oca)-addons\/([^/]+)\//.exec(file.target) ?? [];
    byModule.get(name)?.push(file);
  }
  const entries = modules.map((module) => {
    const own = byModule.get(module.name) ?? [];
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
 * Writes a build context to `.build/<image>/<hash of its files>`, which is in no other command's way: a preview of
 * changed files leaves the folder alone from which an update builds. It holds the listed files only, with normal modes
 * and dates that its content decides, so neither a checkout's umask nor the time of day reaches the image. A copy that
 * is killed half-way leaves none.
 * @param created latest date of a file, RFC 3339
 * @returns the folder, relative to the project and the same on each machine: it is an input of the resource
 */
export function writeContext(
  root: string,
  image: "odoo" | "proxy",
  files: readonly ContextFile[],
  created: string,
): string {
  const relative = path.join(".build", image, sha256(`${hashFiles(files)}\n${created}`).slice(0, 16));
  const directory = path.join(root, relative);
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
    const own = dateOf(file, date);
    fs.utimesSync(target, own, own);
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
  // One that is the same stays: another command may be building from it.
  if (treeOf(directory) !== treeOf(fresh)) {
    fs.rmSync(directory, { recursive: true, force: true });
    fs.renameSync(fresh, directory);
  }
  fs.rmSync(fresh, { recursive: true, force: true });
  // The same date again: its change time becomes that of now, so that no other command removes it as old.
  fs.utimesSync(directory, date, date);
  removeOldContexts(path.dirname(directory), path.basename(directory));
  return relative;
}

/** Each entry of a folder with its mode, size and date; nothing of a folder that is not there. */
function treeOf(directory: string): string {
  if (!fs.existsSync(directory)) return "";
  const names = fs.readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
  const described = names.map((name) => {
    const { mode, size, mtimeMs } = fs.lstatSync(path.join(directory, name));
    return `${name} ${mode} ${size} ${mtimeMs}`;
  });
  return ["a folder", ...described].join("\n");
}

/** No build takes a day. When a folder was last written is its change time: its date is that of its content. */
function removeOldContexts(folder: string, current: string): void {
  const aDayAgo = Date.now() - 86_400_000;
  for (const name of fs.readdirSync(folder).filter((one) => one !== current)) {
    const entry = path.join(folder, name);
    const { ctimeMs } = fs.statSync(entry, { throwIfNoEntry: false }) ?? { ctimeMs: Infinity };
    if (ctimeMs < aDayAgo) fs.rmSync(entry, { recursive: true, force: true });
  }
}

/** BuildKit takes a file of the same size and date for the one that it has. So another content has another date. */
function dateOf({ sha256 }: ContextFile, latest: Date): Date {
  const twelveDays = 2 ** 20;
  const earlier = 1000 * (Number.parseInt(sha256.slice(0, 8), 16) % twelveDays);
  // A tree of no commit has 1970 for its date, and an archive none before that.
  return new Date(Math.abs(latest.getTime() - earlier));
}

/** Lists the files of each module, by its path. Git is asked once for a folder: a large team has many modules in it. */
function filesOfModules(root: string, modules: readonly AddonModule[]): Map<string, string[]> {
  const folders = new Set(modules.map((module) => path.dirname(module.path)));
  const listed = new Map<string, string[]>();
  for (const folder of folders) {
    for (const file of filesInGit(path.join(root, folder)) ?? []) {
      const [first = "", ...rest] = file.split("/");
      const module = path.join(folder, first);
      const below = rest.join("/");
      // A repository within this one is listed by its name alone.
      if (below === "") continue;
      const known = listed.get(module);
      if (known === undefined) listed.set(module, [below]);
      else known.push(below);
    }
  }
  return new Map(
    modules.map((module) => {
      const directory = path.join(root, module.path);
      const inGit = listed.get(module.path) ?? filesInGit(directory) ?? [];
      // Git lists nothing outside of a repository, and nothing in an ignored folder of fetched modules. Such a folder
      // may be in the settings all the same.
      return [module.path, wantedFiles(directory, inGit.length > 0 ? inGit : walk(directory))];
    }),
  );
}

/** @throws ShipError ADDON_INVALID for a link to a folder, and for one that leaves the addons directory */
function wantedFiles(directory: string, files: readonly string[]): string[] {
  const addons = `${fs.realpathSync.native(path.dirname(directory))}${path.sep}`;
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
    const real = fs.realpathSync.native(path.join(directory, file));
    if (!real.startsWith(addons)) {
      throw new ShipError({
        code: "ADDON_INVALID",
        summary: "a module contains a link that leaves the addons directory: the image would have what it leads to",
        found: `${path.join(directory, file)} leads to ${real}`,
        expected: `files in ${addons}`,
        remedy: "find out who made it; remove it, or copy what it leads to",
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
