import { z } from "zod";

import { isReleaseTag, type ReleaseReader } from "../components/release/released";
import { atOnce } from "../components/shared/at-once";
import type { StatementReader } from "../components/signature/referrers";

/** Baked modules of an image: version and content hash by name. */
export type BakedModules = Readonly<Record<string, { readonly version: string; readonly hash: string }>>;

/** What an image in the registry says of itself. */
export interface ReleasedImage {
  /** `sha256:…` */
  readonly digest: string;
  /** Tags of a release that name it; known of what was found by a tag. */
  readonly tags: readonly string[];
  /** Commit that it was built from; empty if it does not say. */
  readonly revision: string;
  /** Date of that commit, RFC 3339; empty if it does not say. */
  readonly created: string;
  /** Digest of the base image, which has Odoo's own modules; empty if it does not say. */
  readonly base: string;
  /** Undefined if it does not say. */
  readonly modules: BakedModules | undefined;
}

/** Part of a registry's client that is used here. */
export type ImageReader = ReleaseReader & StatementReader;

const modulesLabel = z.record(z.string(), z.object({ version: z.string(), hash: z.string() }));

/** Reads one image, by tag or digest; undefined if the registry does not have it. */
export async function readImage(registry: ImageReader, reference: string): Promise<ReleasedImage | undefined> {
  const found = await registry.imageOf(reference);
  if (found === undefined) {
    return undefined;
  }
  const label = (name: string) => found.labels[name] ?? "";
  return {
    digest: found.digest,
    tags: reference.startsWith("sha256:") ? [] : [reference],
    revision: label("org.opencontainers.image.revision"),
    created: label("org.opencontainers.image.created"),
    base: label("org.opencontainers.image.base.digest"),
    modules: modulesIn(label("io.odoo.modules")),
  };
}

/** Reads every release in the registry, and the images of these digests; one entry for each digest, in no order. */
export async function readImages(registry: ImageReader, digests: readonly string[]): Promise<ReleasedImage[]> {
  const byDigest = new Map<string, ReleasedImage>();
  const read = async (reference: string) => {
    const image = await readImage(registry, reference);
    const known = image && byDigest.get(image.digest);
    if (image !== undefined) {
      byDigest.set(image.digest, { ...image, tags: [...(known?.tags ?? []), ...image.tags].sort() });
    }
  };
  await atOnce((await registry.tags()).filter(isReleaseTag), read);
  await atOnce([...new Set(digests.filter((digest) => !byDigest.has(digest)))], read);
  return [...byDigest.values()];
}

function modulesIn(label: string): BakedModules | undefined {
  try {
    return modulesLabel.safeParse(JSON.parse(label)).data;
  } catch {
    return undefined;
  }
}
