import type { Manifest } from "../registry/contents";
import type { Context } from "./router";

/** The repositories of one registry, without the registry's name in front. */
export async function repositoriesOf({ contents }: Context, registry: string): Promise<readonly string[]> {
  const all = await contents.repositories();
  return all.filter((name) => name.startsWith(`${registry}/`)).map((name) => name.slice(registry.length + 1));
}

/** Compressed bytes, each blob once, however many manifests use it. */
export function sizeOf(manifests: readonly Manifest[]): number {
  const sizes = new Map(
    manifests.flatMap((manifest) => manifest.blobs.map(({ digest, size }) => [digest, size] as const)),
  );
  return [...sizes.values()].reduce((total, size) => total + size, 0);
}

/** Bytes that one registry's images take. */
export async function storageUsage(context: Context, registry: string): Promise<number> {
  const names = await repositoriesOf(context, registry);
  const manifests = await Promise.all(names.map((name) => context.contents.manifests(`${registry}/${name}`)));
  return sizeOf(manifests.flat());
}
