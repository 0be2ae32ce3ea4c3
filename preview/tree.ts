import { parse } from "yaml";

import { bakedConfiguration, inputPathspecs } from "../components/image/context";
import { settingsKeys } from "../components/settings/table";
import type { BakedModules } from "../releases/images";
import { git } from "./git";
import { withoutTokens } from "./noise";

/** What Git alone tells of a pull request: no stack is asked, so it says what changes, and not what becomes of it. */
export interface TreeChange {
  /** Modules of the folders in `image:addons`, before and after: version of the manifest, hash of the files. */
  readonly modules: readonly [BakedModules, BakedModules];
  /** Lines of requirements.txt files, each with its file: `addons/requirements.txt: num2words>=0.5`. */
  readonly requirements: readonly [readonly string[], readonly string[]];
  /** The record of the base image, `odoo:18.0 sha256:…`; empty where there is none. */
  readonly base: readonly [string, string];
  /** Settings by `file key`; a secret is `[secret]`. */
  readonly settings: readonly [Readonly<Record<string, string>>, Readonly<Record<string, string>>];
  /** Changed files that go into the image. */
  readonly image: readonly string[];
  /** Changed files of the program, which may change what it makes. */
  readonly program: readonly string[];
  /** All changed files. */
  readonly files: readonly string[];
}

const record = "images/odoo/base-image.json";
const programFiles =
  /^(components|gates|images|ops|worker)\/|^(index|settings)\.ts$|^load-program\.js$|^package(-lock)?\.json$/;
const stackFile = /^Pulumi\.[\w-]+\.yaml$/;

/**
 * Reads what differs between a commit and HEAD.
 * @param fork commit to compare with
 */
export async function readTree(root: string, fork: string): Promise<TreeChange> {
  const names = async (...paths: string[]) =>
    list(await git(root, "diff", "-z", "--name-only", fork, "HEAD", "--", ...paths));
  const files = await names();
  const stacks = [...new Set((await Promise.all([fork, "HEAD"].map((ref) => stackFiles(root, ref)))).flat())];
  const addons = [...new Set((await Promise.all([fork, "HEAD"].map((ref) => addonFolders(root, ref, stacks)))).flat())];
  const image = await names(...inputPathspecs(addons), `:(literal)${bakedConfiguration(root)}`, `:(literal)${record}`);
  const both = async <T>(read: (ref: string) => Promise<T>): Promise<[T, T]> => [await read(fork), await read("HEAD")];
  return {
    modules: await both((ref) => modulesAt(root, ref, addons, files)),
    requirements: await both((ref) =>
      requirementsAt(
        root,
        ref,
        files.filter((file) => /(^|\/)requirements\.txt$/.test(file)),
      ),
    ),
    base: await both((ref) => baseAt(root, ref)),
    settings: await both((ref) => settingsAt(root, ref, stacks)),
    image,
    program: files.filter((file) => programFiles.test(file) && !image.includes(file)),
    files,
  };
}

function list(text: string | undefined): string[] {
  return (text ?? "").split("\0").filter((name) => name !== "");
}

/** A file of a commit, or of the index of its folder; empty if it has none. */
async function textAt(root: string, ref: string, file: string): Promise<string> {
  return (await git(root, "show", "--end-of-options", `${ref}:${file}`)) ?? "";
}

async function stackFiles(root: string, ref: string): Promise<string[]> {
  return list(await git(root, "ls-tree", "-z", "--name-only", ref)).filter((name) => stackFile.test(name));
}

/** What a stack file sets, each value as text. A file that is no YAML sets nothing: the checks say so. */
async function configAt(root: string, ref: string, file: string): Promise<Record<string, unknown>> {
  try {
    const found = parse(await textAt(root, ref, file)) as { config?: Record<string, unknown> } | null;
    return found?.config ?? {};
  } catch {
    return {};
  }
}

async function addonFolders(root: string, ref: string, stacks: readonly string[]): Promise<string[]> {
  const { schema } = settingsKeys["image:addons"];
  const found = await Promise.all(stacks.map(async (file) => (await configAt(root, ref, file))["image:addons"]));
  return found.flatMap((value) => {
    const folders = schema.safeParse(value ?? undefined);
    return folders.success ? folders.data : [];
  });
}

async function settingsAt(root: string, ref: string, stacks: readonly string[]): Promise<Record<string, string>> {
  const entries = await Promise.all(
    stacks.map(async (file) =>
      Object.entries(await configAt(root, ref, file)).map(([key, value]) => [`${file} ${key}`, shown(key, value)]),
    ),
  );
  return Object.fromEntries(entries.flat()) as Record<string, string>;
}

/** A value that is encrypted, or that must be, is not shown; each of them is told apart from the next by its length. */
function shown(key: string, value: unknown): string {
  const row = (settingsKeys as Readonly<Record<string, { secret?: boolean }>>)[key];
  const encrypted = typeof value === "object" && value !== null && "secure" in value;
  if (encrypted || row?.secret === true) return `[secret] ${JSON.stringify(value).length}`;
  return withoutTokens(typeof value === "string" ? value : JSON.stringify(value));
}

/** Modules with a changed file: what is not there has none of a manifest. */
async function modulesAt(
  root: string,
  ref: string,
  addons: readonly string[],
  files: readonly string[],
): Promise<BakedModules> {
  const folders = addons.flatMap((folder) =>
    files
      .filter((file) => file.startsWith(`${folder}/`))
      .map((file) => file.slice(folder.length + 1).split("/"))
      .flatMap(([name = "", ...rest]) => (rest.length > 0 ? [`${folder}/${name}`] : [])),
  );
  const found: Record<string, { version: string; hash: string }> = {};
  for (const folder of new Set(folders)) {
    const hash = (await git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}:${folder}`))?.trim();
    const manifest = await textAt(root, ref, `${folder}/__manifest__.py`);
    if (hash === undefined || manifest === "") continue;
    const [, version = "of no version"] = /["']version["']\s*:\s*["']([\w.]{1,40})["']/.exec(manifest) ?? [];
    found[folder.split("/").at(-1) ?? folder] = { version, hash };
  }
  return found;
}

async function requirementsAt(root: string, ref: string, files: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(files.map(async (file) => [file, await textAt(root, ref, file)] as const));
  return texts.flatMap(([file, text]) => requirementLines(text).map((line) => `${file}: ${line}`));
}

/** Lines of a requirements.txt that name something. */
export function requirementLines(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => withoutTokens(line.trim()))
    .filter((line) => line !== "" && !line.startsWith("#"));
}

async function baseAt(root: string, ref: string): Promise<string> {
  try {
    const { reference, tag, digest } = JSON.parse(await textAt(root, ref, record)) as Record<string, unknown>;
    return `${String(reference)}:${String(tag)} ${String(digest).slice(0, 19)}`;
  } catch {
    return "";
  }
}
