import type { Manifest, Tag } from "../registry/contents";
import { notFound } from "./errors";
import { page } from "./pages";
import { findRegistry } from "./registries";
import { repositoriesOf, sizeOf } from "./registry-usage";
import type { Call, Context, Route } from "./router";

/** Repositories, tags and manifests of a registry, the same under both prefixes. They answer from the real registry. */
export function repositoryRoutes(context: Context): readonly Route[] {
  const { contents } = context;
  return ["/v2/registry/:name", "/v2/registries/:name"].flatMap((prefix): readonly Route[] => [
    {
      method: "GET",
      path: `${prefix}/repositoriesV2`,
      handle: async (call) => page(call, "repositories", await list(context, call, describeV2)),
    },
    {
      method: "GET",
      path: `${prefix}/repositories`,
      handle: async (call) => page(call, "repositories", await list(context, call, describeV1)),
    },
    {
      method: "DELETE",
      path: `${prefix}/repositories/:repository`,
      handle: async (call) => {
        await contents.deleteRepository((await find(context, call)).fullName);
        return { status: 204 };
      },
    },
    {
      method: "GET",
      path: `${prefix}/repositories/:repository/tags`,
      handle: async (call) => {
        const repository = await find(context, call);
        const manifests = await contents.manifests(repository.fullName);
        const tags = await contents.tags(repository.fullName);
        return page(
          call,
          "tags",
          tags.map((tag) => describeTag(repository, tag, manifests)),
        );
      },
    },
    {
      method: "DELETE",
      path: `${prefix}/repositories/:repository/tags/:tag`,
      handle: async (call) => {
        const { fullName } = await find(context, call);
        const tag = (await contents.tags(fullName)).find(({ name }) => name === call.param("tag"));
        if (tag === undefined) {
          throw notFound("tag not found");
        }
        await contents.deleteTag(fullName, tag.name);
        return { status: 204 };
      },
    },
    {
      method: "GET",
      path: `${prefix}/repositories/:repository/digests`,
      handle: async (call) => {
        const repository = await find(context, call);
        const manifests = await contents.manifests(repository.fullName);
        return page(
          call,
          "manifests",
          manifests.map((manifest) => describeManifest(repository, manifest)),
        );
      },
    },
    {
      method: "DELETE",
      path: `${prefix}/repositories/:repository/digests/:digest`,
      handle: async (call) => {
        const { fullName } = await find(context, call);
        const manifest = (await contents.manifests(fullName)).find(({ digest }) => digest === call.param("digest"));
        if (manifest === undefined) {
          throw notFound("manifest not found");
        }
        await contents.deleteManifest(fullName, manifest.digest);
        return { status: 204 };
      },
    },
  ]);
}

interface Repository {
  readonly registry: string;
  readonly name: string;
  /** As the registry itself calls it. */
  readonly fullName: string;
}

type Describe = (context: Context, repository: Repository) => Promise<unknown>;

async function list(context: Context, call: Call, describe: Describe): Promise<readonly unknown[]> {
  const registry = findRegistry(context.store.state, call.param("name")).name;
  const names = await repositoriesOf(context, registry);
  return Promise.all(names.map((name) => describe(context, { registry, name, fullName: `${registry}/${name}` })));
}

async function find(context: Context, call: Call): Promise<Repository> {
  const registry = findRegistry(context.store.state, call.param("name")).name;
  const name = call.param("repository");
  if (!(await repositoriesOf(context, registry)).includes(name)) {
    throw notFound("repository not found");
  }
  return { registry, name, fullName: `${registry}/${name}` };
}

async function describeV2({ contents }: Context, repository: Repository): Promise<unknown> {
  const manifests = await contents.manifests(repository.fullName);
  const [latest] = manifests;
  return {
    registry_name: repository.registry,
    name: repository.name,
    tag_count: (await contents.tags(repository.fullName)).length,
    manifest_count: manifests.length,
    ...(latest !== undefined && { latest_manifest: describeManifest(repository, latest) }),
  };
}

async function describeV1({ contents }: Context, repository: Repository): Promise<unknown> {
  const manifests = await contents.manifests(repository.fullName);
  const tags = [...(await contents.tags(repository.fullName))].sort(
    (a, b) => b.updatedAt.getTime() - a.updatedAt.getTime(),
  );
  const [latest] = tags;
  return {
    registry_name: repository.registry,
    name: repository.name,
    tag_count: tags.length,
    ...(latest !== undefined && { latest_tag: describeTag(repository, latest, manifests) }),
  };
}

function describeTag(repository: Repository, tag: Tag, manifests: readonly Manifest[]): unknown {
  const size = sizeOf(manifests.filter(({ digest }) => digest === tag.digest));
  return {
    registry_name: repository.registry,
    repository: repository.name,
    tag: tag.name,
    manifest_digest: tag.digest,
    compressed_size_bytes: size,
    // Unpacked sizes would mean unpacking every layer; DigitalOcean's own figure is late, too.
    size_bytes: size,
    updated_at: tag.updatedAt.toISOString(),
  };
}

function describeManifest(repository: Repository, manifest: Manifest): unknown {
  const size = sizeOf([manifest]);
  return {
    registry_name: repository.registry,
    repository: repository.name,
    digest: manifest.digest,
    compressed_size_bytes: size,
    size_bytes: size,
    updated_at: manifest.updatedAt.toISOString(),
    tags: manifest.tags,
    blobs: manifest.blobs.map((blob) => ({ digest: blob.digest, compressed_size_bytes: blob.size })),
  };
}
