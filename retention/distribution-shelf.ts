import type { RegistryClient } from "../components/registry/client";
import { isManifest, type Listed } from "./held";
import type { Shelf } from "./shelf";

/** A repository of any other registry, by the distribution API, which lists what has a tag and nothing else. */
export class DistributionShelf implements Shelf {
  readonly listsAll = false;

  constructor(private readonly client: RegistryClient) {}

  async list(): Promise<Listed[]> {
    const found = new Map<string, Listed>();
    for (const tag of await this.client.tags()) {
      const digest = await this.client.digestOf(tag);
      if (digest === undefined) continue;
      const known = found.get(digest);
      const date = known?.date ?? (await this.#dateOf(digest));
      found.set(digest, { digest, tags: [...(known?.tags ?? []), tag], date });
    }
    return [...found.values()];
  }

  /** By its digest a manifest goes with its tags. A tag alone cannot be taken away everywhere. */
  untag(): Promise<void> {
    return Promise.resolve();
  }

  remove(digest: string): Promise<void> {
    return this.client.remove(digest);
  }

  collect(): Promise<string> {
    return Promise.resolve("The room comes back by the registry's own means: its garbage collection is not started.");
  }

  /** Date of the commit that it was built from: the registry tells no other. */
  async #dateOf(digest: string): Promise<string> {
    try {
      const { manifests = [] } = JSON.parse(await this.client.manifest(digest)) as {
        manifests?: { mediaType?: string }[];
      };
      // A build cache is no image, and has no date.
      if (!manifests.every(isManifest)) return "";
      return (await this.client.imageOf(digest))?.labels["org.opencontainers.image.created"] ?? "";
    } catch (error) {
      // The configuration of what is no image may be anything.
      if (error instanceof SyntaxError) return "";
      throw error;
    }
  }
}
