import * as fs from "node:fs/promises";
import * as path from "node:path";
import { z } from "zod";

export interface Blob {
  readonly digest: string;
  readonly size: number;
}

export interface Manifest {
  readonly digest: string;
  readonly updatedAt: Date;
  readonly tags: readonly string[];
  /** Layers, configuration and the manifest itself. */
  readonly blobs: readonly Blob[];
  /** Manifests that this one lists (a multi-platform image). */
  readonly children: readonly string[];
}

export interface Tag {
  readonly name: string;
  readonly digest: string;
  readonly updatedAt: Date;
}

/**
 * What the registry holds. Read from its storage directory, because the distribution API can neither list untagged manifests
 * nor delete a tag alone, and DigitalOcean's API does both. Repositories are full names (`example/odoo`).
 */
export interface RegistryContents {
  repositories(): Promise<readonly string[]>;
  tags(repository: string): Promise<readonly Tag[]>;
  manifests(repository: string): Promise<readonly Manifest[]>;
  deleteTag(repository: string, tag: string): Promise<void>;
  deleteManifest(repository: string, digest: string): Promise<void>;
  deleteRepository(repository: string): Promise<void>;
  /** Removes the blobs that no manifest needs. The caller keeps pushes away meanwhile. */
  deleteUnreferencedBlobs(signal: AbortSignal): Promise<{ readonly count: number; readonly bytes: number }>;
}

/** Runs the registry's own garbage collection. */
export type CollectGarbage = (signal: AbortSignal) => Promise<void>;

const descriptor = z.object({ digest: z.string(), size: z.number() });
const manifestSchema = z.object({
  config: descriptor.optional(),
  layers: z.array(descriptor).default([]),
  manifests: z.array(descriptor).default([]),
});

/** The contents of a distribution registry with the filesystem driver rooted at `storage`. */
export function registryContents(storage: string, collectGarbage: CollectGarbage): RegistryContents {
  const root = path.join(storage, "docker/registry/v2");
  const directory = (repository: string): string => {
    // The name comes from a URL; a repository never has an empty or dotted segment.
    if (!/^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/.test(repository) || repository.includes("..")) {
      throw new Error(`not a repository name: ${repository}`);
    }
    return path.join(root, "repositories", repository);
  };
  const tags = async (repository: string): Promise<readonly Tag[]> => {
    const folder = path.join(directory(repository), "_manifests/tags");
    const found = await Promise.all((await list(folder)).map((name) => readTag(folder, name)));
    return found.filter((tag) => tag !== undefined);
  };
  const manifests = async (repository: string): Promise<readonly Manifest[]> => {
    const folder = path.join(directory(repository), "_manifests/revisions/sha256");
    const known = await tags(repository);
    const found = await Promise.all((await list(folder)).map((hex) => readManifest(root, folder, hex, known)));
    return found
      .filter((manifest) => manifest !== undefined)
      .sort((a, b) => b.updatedAt.getTime() - a.updatedAt.getTime());
  };
  const deleteTag = async (repository: string, tag: string): Promise<void> => {
    await fs.rm(path.join(directory(repository), "_manifests/tags", path.basename(tag)), {
      recursive: true,
      force: true,
    });
  };

  return {
    tags,
    manifests,
    deleteTag,
    async repositories() {
      const names = await findRepositories(path.join(root, "repositories"), "");
      const held = await Promise.all(
        names.map((name) => list(path.join(directory(name), "_manifests/revisions/sha256"))),
      );
      return names.filter((_, index) => (held[index]?.length ?? 0) > 0).sort();
    },
    async deleteManifest(repository, digest) {
      const named = (await tags(repository)).filter((tag) => tag.digest === digest);
      await Promise.all(named.map((tag) => deleteTag(repository, tag.name)));
      const revision = path.join(directory(repository), "_manifests/revisions", digest.replace(":", "/"));
      await fs.rm(revision, { recursive: true, force: true });
    },
    async deleteRepository(repository) {
      // Not the whole folder: another repository may lie below it (`example/odoo/base`).
      const own = ["_manifests", "_layers", "_uploads"].map((part) => path.join(directory(repository), part));
      await Promise.all(own.map((folder) => fs.rm(folder, { recursive: true, force: true })));
    },
    async deleteUnreferencedBlobs(signal) {
      const before = await blobSizes(root);
      if (before.length > 0) {
        await collectGarbage(signal);
      }
      const after = await blobSizes(root);
      return { count: before.length - after.length, bytes: sum(before) - sum(after) };
    },
  };
}

async function readTag(folder: string, name: string): Promise<Tag | undefined> {
  const link = path.join(folder, name, "current/link");
  const digest = await readIfThere(link);
  return digest === undefined ? undefined : { name, digest, updatedAt: (await fs.stat(link)).mtime };
}

async function readManifest(
  root: string,
  folder: string,
  hex: string,
  tags: readonly Tag[],
): Promise<Manifest | undefined> {
  const digest = `sha256:${hex}`;
  const text = await readIfThere(path.join(root, "blobs/sha256", hex.slice(0, 2), hex, "data"));
  if (text === undefined || (await readIfThere(path.join(folder, hex, "link"))) === undefined) {
    return undefined;
  }
  const { config, layers, manifests } = manifestSchema.parse(JSON.parse(text));
  return {
    digest,
    updatedAt: (await fs.stat(path.join(folder, hex, "link"))).mtime,
    tags: tags.filter((tag) => tag.digest === digest).map((tag) => tag.name),
    blobs: [...layers, ...(config === undefined ? [] : [config]), { digest, size: Buffer.byteLength(text) }],
    children: manifests.map((child) => child.digest),
  };
}

async function findRepositories(folder: string, prefix: string): Promise<readonly string[]> {
  const names = await list(folder);
  const nested = await Promise.all(
    names
      .filter((name) => !name.startsWith("_"))
      .map((name) => findRepositories(path.join(folder, name), `${prefix}${name}/`)),
  );
  return [...(names.includes("_manifests") ? [prefix.slice(0, -1)] : []), ...nested.flat()];
}

async function blobSizes(root: string): Promise<readonly number[]> {
  const folder = path.join(root, "blobs/sha256");
  const groups = await list(folder);
  const files = await Promise.all(
    groups.map(async (group) =>
      (await list(path.join(folder, group))).map((hex) => path.join(folder, group, hex, "data")),
    ),
  );
  return Promise.all(files.flat().map(async (file) => (await fs.stat(file)).size));
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

async function list(folder: string): Promise<readonly string[]> {
  return (await unlessMissing(() => fs.readdir(folder))) ?? [];
}

async function readIfThere(file: string): Promise<string | undefined> {
  return unlessMissing(() => fs.readFile(file, "utf8"));
}

/** Pushes and deletions go on while this reads: what has just gone is not there. */
async function unlessMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) {
      return undefined;
    }
    throw error;
  }
}
