import type { RegistryClient } from "../components/registry/client";
import {
  type DigitalOceanAccess,
  changeInApi,
  jsonOf,
  readFromApi,
  unexpectedAnswer,
} from "../components/shared/digitalocean-api";
import type { Patience } from "../components/shared/http";
import { z } from "zod";

import { isManifest, type Listed } from "./held";
import { refused } from "./refused";

/** A repository, as it can be listed and cleared. */
export interface Shelf {
  /** Whether the list has what no tag names, too. */
  readonly listsAll: boolean;
  list(): Promise<Listed[]>;
  /** Takes a tag away, if it is there. */
  untag(tag: string): Promise<void>;
  /** Takes a manifest away, if it is there. */
  remove(digest: string): Promise<void>;
  /** Has the room of what was removed come back. Answers what to tell. */
  collect(): Promise<string>;
}

const perPage = 100;
const pageSchema = z.object({
  manifests: z
    .array(
      z.object({
        digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
        tags: z.array(z.string()).nullish(),
        updated_at: z.string().default(""),
      }),
    )
    .nullable(),
  meta: z.object({ total: z.number() }),
});

/** A repository of DigitalOcean's registry, by its API. */
export class DigitalOceanShelf implements Shelf {
  readonly listsAll = true;
  readonly #registry: string;
  readonly #repository: string;

  /** @param repository `registry/name` */
  constructor(
    private readonly access: DigitalOceanAccess,
    repository: string,
    private readonly patience?: Patience,
  ) {
    const [registry = "", ...name] = repository.split("/");
    this.#registry = `/v2/registries/${encodeURIComponent(registry)}`;
    this.#repository = `${this.#registry}/repositories/${encodeURIComponent(name.join("/"))}`;
  }

  async list(): Promise<Listed[]> {
    const found = new Map<string, Listed>();
    for (let page = 1, total = 1; (page - 1) * perPage < total; page++) {
      const target = `${this.#repository}/digests?page=${page}&per_page=${perPage}`;
      const failure = { ...unread, scope: "registry:read" } as const;
      const text = await readFromApi(this.access, "listing the images", target, failure, this.patience);
      const { data, error } = pageSchema.safeParse(jsonOf(text ?? '{"manifests":[],"meta":{"total":0}}'));
      if (data === undefined) {
        throw unexpectedAnswer("the images", [...new Set(error.issues.map(({ path }) => path.join(".")))]);
      }
      for (const { digest, tags, updated_at: date } of data.manifests ?? []) {
        found.set(digest, { digest, tags: tags ?? [], date });
      }
      total = data.meta.total;
      // One that was missed, since the pages moved, might be what keeps others.
      if (page * perPage >= total && found.size !== total) {
        throw refused(
          "the registry's list changed while it was read; nothing was removed",
          `${found.size} of ${total} manifests`,
          "a list that is whole",
          "run the same command again",
        );
      }
    }
    return [...found.values()];
  }

  untag(tag: string): Promise<void> {
    return this.#delete("taking a tag away", `${this.#repository}/tags/${encodeURIComponent(tag)}`);
  }

  remove(digest: string): Promise<void> {
    return this.#delete("removing an image", `${this.#repository}/digests/${digest}`);
  }

  /** Of blobs alone: DigitalOcean would count signatures, too, among the manifests without a tag. */
  async collect(): Promise<string> {
    const order = { method: "POST", body: JSON.stringify({ type: "unreferenced blobs only" }) } as const;
    const target = `${this.#registry}/garbage-collection`;
    const failure = { ...unread, scope: "registry:update" } as const;
    const status = await changeInApi(this.access, "starting the garbage collection", target, order, failure, [409]);
    return status === 409
      ? "A garbage collection runs already, and began before this: run the same command again once it has ended."
      : "DigitalOcean collects the garbage now. It takes minutes, and refuses pushes until it has ended.";
  }

  async #delete(what: string, target: string): Promise<void> {
    await changeInApi(
      this.access,
      what,
      target,
      { method: "DELETE" },
      { ...unread, scope: "registry:delete" },
      [404],
      this.patience,
    );
  }
}

const unread = { code: "REGISTRY_AUTH_FAILURE", expected: "a token that may read and change registries" } as const;

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
      const { manifests = [] } = JSON.parse(await this.client.manifest(digest)) as { manifests?: { mediaType?: string }[] };
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
