import { randomUUID } from "node:crypto";
import { z } from "zod";
import { listActions, oneAction } from "./actions";
import { findRegion } from "./catalog";
import { conflict, notFound, unprocessable } from "./errors";
import { machineVolume } from "./fleet";
import { page } from "./pages";
import { joinDefaultProject, leaveProjects } from "./projects";
import type { Call, Context, Reply, Route } from "./router";
import type { State, Volume } from "./state";
import { addTags, tagName } from "./tags";

/** In GiB, DigitalOcean's own bounds. */
export const volumeSize = z
  .int({ error: "must be a whole number" })
  .min(1, "must be at least 1")
  .max(16_384, "must be at most 16384");

const createBody = z.strictObject({
  name: z
    .string({ error: "is required" })
    .regex(
      /^[a-z][a-z0-9-]{0,63}$/,
      "must be lowercase and be composed only of numbers, letters and -, up to a limit of 64 characters; it must begin with a letter",
    ),
  region: z.string({ error: "is required" }),
  size_gigabytes: volumeSize,
  description: z.string().default(""),
  // The official client sends an empty one.
  snapshot_id: z.literal("", { error: "is not supported: the sandbox has no snapshots" }).nullish(),
  filesystem_type: z.enum(["", "ext4", "xfs"], { error: "must be ext4 or xfs" }).default(""),
  filesystem_label: z.string().max(16, "is too long (maximum is 16 characters)").default(""),
  tags: z.array(tagName).nullish(),
});

/** Block storage: `/v2/volumes`. A volume outlives the droplet that it was attached to. */
export function volumeRoutes(context: Context): readonly Route[] {
  const { store } = context;
  const about = (call: Call) => {
    const { id } = findVolume(store.state, call.param("id"));
    return (action: { about?: string | undefined }): boolean => action.about === id;
  };
  return [
    {
      method: "GET",
      path: "/v2/volumes",
      handle: (call) => page(call, "volumes", byQuery(store.state, call).map(volumeView)),
    },
    { method: "POST", path: "/v2/volumes", handle: (call) => create(context, call) },
    {
      method: "DELETE",
      path: "/v2/volumes",
      handle: (call) => {
        const [volume] = ["name", "region"].every((key) => call.url.searchParams.has(key))
          ? byQuery(store.state, call)
          : [];
        if (volume === undefined) {
          throw notFound();
        }
        return remove(context, volume);
      },
    },
    {
      method: "GET",
      path: "/v2/volumes/:id",
      handle: (call) => ({ status: 200, body: { volume: volumeView(findVolume(store.state, call.param("id"))) } }),
    },
    {
      method: "DELETE",
      path: "/v2/volumes/:id",
      handle: (call) => remove(context, findVolume(store.state, call.param("id"))),
    },
    { method: "GET", path: "/v2/volumes/:id/actions", handle: (call) => listActions(store.state, call, about(call)) },
    {
      method: "GET",
      path: "/v2/volumes/:id/actions/:action",
      handle: (call) => oneAction(store.state, call, about(call)),
    },
  ];
}

/** A volume by its id, or 404. */
export function findVolume(state: Readonly<State>, id: string): Volume {
  const found = state.volumes.find((volume) => volume.id === id);
  if (found === undefined) {
    throw notFound();
  }
  return found;
}

function byQuery(state: Readonly<State>, call: Call): readonly Volume[] {
  const [name, region] = [call.url.searchParams.get("name"), call.url.searchParams.get("region")];
  return state.volumes.filter(
    (volume) => [null, "", volume.name].includes(name) && [null, "", volume.region].includes(region),
  );
}

function volumeView({ droplet, ...volume }: Volume) {
  return { ...volume, region: findRegion(volume.region) ?? null, droplet_ids: droplet === undefined ? [] : [droplet] };
}

function create({ store }: Context, call: Call): Reply {
  const { name, region, tags, ...wanted } = call.body(createBody);
  if (findRegion(region) === undefined) {
    throw unprocessable("region is invalid");
  }
  const volume: Volume = {
    id: randomUUID(),
    name,
    region,
    size_gigabytes: wanted.size_gigabytes,
    description: wanted.description,
    filesystem_type: wanted.filesystem_type,
    filesystem_label: wanted.filesystem_label,
    tags: [...new Set(tags ?? [])],
    created_at: new Date().toISOString(),
  };
  store.update((draft) => {
    if (draft.volumes.some((other) => other.name === name && other.region === region)) {
      throw conflict("a volume with this name already exists in this region");
    }
    draft.volumes.push(volume);
    addTags(draft, volume.tags);
    joinDefaultProject(draft, `do:volume:${volume.id}`);
  });
  return { status: 201, body: { volume: volumeView(volume) } };
}

/** The data goes first: a failure leaves a volume that can be deleted again. */
async function remove({ store, fleet }: Context, volume: Volume): Promise<Reply> {
  if (volume.droplet !== undefined) {
    throw conflict("cannot delete a volume that is attached to a Droplet");
  }
  await fleet.machines.removeVolume?.(machineVolume(volume));
  store.update((draft) => {
    draft.volumes = draft.volumes.filter(({ id }) => id !== volume.id);
    leaveProjects(draft, `do:volume:${volume.id}`);
  });
  return { status: 204 };
}
