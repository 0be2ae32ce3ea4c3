import {
  type DigitalOceanAccess,
  changeInApi,
  readFromApi,
  unexpectedAnswer,
} from "../components/shared/digitalocean-api";
import { jsonOf } from "../components/shared/json";
import type { Patience } from "../components/shared/http";
import { z } from "zod";

import type { Listed } from "./held";
import { refused } from "./refused";
import type { Shelf } from "./shelf";

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
