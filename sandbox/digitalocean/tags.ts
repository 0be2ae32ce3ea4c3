import { z } from "zod";
import { notFound } from "./errors";
import { page } from "./pages";
import type { Context, Route } from "./router";
import type { State } from "./state";

/** The name of a tag. */
export const tagName = z
  .string()
  .regex(
    /^[A-Za-z0-9:_-]{1,255}$/,
    "may contain letters, numbers, colons, dashes, and underscores; at most 255 characters",
  );

const resourcesBody = z.object({
  resources: z.array(
    z.object({
      resource_id: z.string(),
      resource_type: z.enum(["droplet", "volume", "database"], {
        error: "must be droplet, volume or database: the sandbox tags nothing else",
      }),
    }),
  ),
});

/** Tags, and what carries them: droplets, volumes and databases; clusters and node pools are given theirs as a whole. */
export function tagRoutes({ store, fleet }: Context): readonly Route[] {
  const change = async (name: string, { resources }: z.infer<typeof resourcesBody>, add: boolean): Promise<void> => {
    store.update((draft) => {
      requireTag(draft, name);
      for (const { resource_id, resource_type } of resources) {
        const of = { droplet: draft.droplets, volume: draft.volumes, database: draft.databases };
        const tagged = of[resource_type].find(({ id }) => String(id) === resource_id);
        if (tagged === undefined) {
          throw notFound(`${resource_type} ${resource_id} could not be found`);
        }
        tagged.tags = add ? [...new Set([...tagged.tags, name])] : tagged.tags.filter((tag) => tag !== name);
      }
    });
    // A firewall may apply by this tag.
    const droplets = resources.filter(({ resource_type }) => resource_type === "droplet");
    await fleet.enforceFirewalls(droplets.map(({ resource_id }) => Number(resource_id)));
  };
  return [
    {
      method: "GET",
      path: "/v2/tags",
      handle: (call) =>
        page(
          call,
          "tags",
          store.state.tags.map((name) => view(store.state, name)),
        ),
    },
    {
      method: "POST",
      path: "/v2/tags",
      handle: (call) => {
        const { name } = call.body(z.object({ name: tagName }));
        store.update((draft) => addTags(draft, [name]));
        return { status: 201, body: { tag: view(store.state, name) } };
      },
    },
    {
      method: "GET",
      path: "/v2/tags/:name",
      handle: (call) => ({
        status: 200,
        body: { tag: view(store.state, requireTag(store.state, call.param("name"))) },
      }),
    },
    {
      method: "DELETE",
      path: "/v2/tags/:name",
      handle: async (call) => {
        const name = call.param("name");
        store.update((draft) => {
          requireTag(draft, name);
          draft.tags = draft.tags.filter((tag) => tag !== name);
          for (const tagged of [
            ...draft.droplets,
            ...draft.volumes,
            ...draft.databases,
            ...draft.clusters,
            ...draft.firewalls,
          ]) {
            tagged.tags = tagged.tags.filter((tag) => tag !== name);
          }
        });
        await fleet.enforceFirewalls();
        return { status: 204 };
      },
    },
    {
      method: "POST",
      path: "/v2/tags/:name/resources",
      handle: async (call) => {
        await change(call.param("name"), call.body(resourcesBody), true);
        return { status: 204 };
      },
    },
    {
      method: "DELETE",
      path: "/v2/tags/:name/resources",
      handle: async (call) => {
        await change(call.param("name"), call.body(resourcesBody), false);
        return { status: 204 };
      },
    },
  ];
}

/** Tags that a request names exist from then on. */
export function addTags(draft: State, names: readonly string[]): void {
  draft.tags = [...new Set([...draft.tags, ...names])];
}

function requireTag(state: Readonly<State>, name: string): string {
  if (!state.tags.includes(name)) {
    throw notFound();
  }
  return name;
}

function view(state: Readonly<State>, name: string) {
  const droplets = state.droplets.filter(({ tags }) => tags.includes(name)).length;
  const volumes = state.volumes.filter(({ tags }) => tags.includes(name)).length;
  const databases = state.databases.filter(({ tags }) => tags.includes(name)).length;
  const none = { count: 0 };
  return {
    name,
    resources: {
      count: droplets + volumes + databases,
      droplets: { count: droplets },
      images: none,
      volumes: { count: volumes },
      volume_snapshots: none,
      databases: { count: databases },
    },
  };
}
