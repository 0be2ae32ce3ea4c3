import { z } from "zod";
import { listActions, nextId, oneAction } from "./actions";
import { findImage, findRegion, findSize } from "./catalog";
import { backupPolicy, defaultPolicy } from "./droplet-backups";
import { dropletView, findDroplet } from "./droplet-view";
import { serverError, unprocessable } from "./errors";
import { firewallView } from "./firewalls";
import { dropletAction } from "./fleet";
import { slots } from "./machines";
import { page } from "./pages";
import { joinDefaultProject, leaveProjects } from "./projects";
import type { Call, Context, Reply, Route } from "./router";
import { findKey } from "./ssh-keys";
import type { Droplet, State } from "./state";
import { addTags, tagName } from "./tags";
import { vpcFor } from "./vpcs";

/** The name of a droplet. */
export const hostName = z
  .string({ error: "is required" })
  .regex(
    /^[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?$/,
    "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)",
  );

const largestUserData = 64 * 1024;
const none = (what: string) => z.literal(false, { error: `cannot be true: ${what}` }).nullish();

/** Strict: what the sandbox does not know is refused by name and not left out. */
const createBody = z.strictObject({
  name: hostName,
  region: z.string().default(""),
  size: z.string({ error: "is required" }),
  image: z.union([z.string(), z.int()], { error: "is required" }),
  ssh_keys: z.array(z.union([z.string(), z.int()])).nullish(),
  backups: z.boolean().nullish(),
  backup_policy: backupPolicy.nullish(),
  ipv6: none("the sandbox has no IPv6"),
  private_networking: z.boolean().nullish(),
  public_networking: z
    .literal(true, { error: "cannot be false: every droplet of the sandbox has a public address" })
    .nullish(),
  monitoring: z.boolean().nullish(),
  tags: z.array(tagName).nullish(),
  user_data: z.string().max(largestUserData, "is too long (maximum is 64 KiB)").nullish(),
  volumes: z.array(z.strictObject({ id: z.string() })).nullish(),
  vpc_uuid: z.string().nullish(),
  with_droplet_agent: z.boolean().nullish(),
});

/** Droplets: `/v2/droplets`. */
export function dropletRoutes(context: Context): readonly Route[] {
  const { store } = context;
  const id = (call: Call): number => findDroplet(store.state, call.param("id")).id;
  return [
    {
      method: "GET",
      path: "/v2/droplets",
      handle: (call) => {
        const fits = filter(call.url.searchParams);
        return page(
          call,
          "droplets",
          store.state.droplets.filter(fits).map((droplet) => dropletView(store.state, droplet)),
        );
      },
    },
    { method: "POST", path: "/v2/droplets", handle: (call) => create(context, call) },
    {
      method: "GET",
      path: "/v2/droplets/:id",
      handle: (call) => ({
        status: 200,
        body: { droplet: dropletView(store.state, findDroplet(store.state, call.param("id"))) },
      }),
    },
    {
      method: "DELETE",
      path: "/v2/droplets/:id",
      handle: (call) => remove(context, findDroplet(store.state, call.param("id"))),
    },
    {
      method: "GET",
      path: "/v2/droplets/:id/actions",
      handle: (call) => {
        const droplet = id(call);
        return listActions(store.state, call, (action) => action.droplet === droplet);
      },
    },
    {
      method: "GET",
      path: "/v2/droplets/:id/actions/:action",
      handle: (call) => {
        const droplet = id(call);
        return oneAction(store.state, call, (action) => action.droplet === droplet);
      },
    },
    {
      method: "GET",
      path: "/v2/droplets/:id/firewalls",
      handle: (call) => {
        const droplet = findDroplet(store.state, call.param("id"));
        const applying = store.state.firewalls.filter(
          ({ droplet_ids, tags }) => droplet_ids.includes(droplet.id) || tags.some((tag) => droplet.tags.includes(tag)),
        );
        return page(call, "firewalls", applying.map(firewallView));
      },
    },
    {
      method: "GET",
      path: "/v2/droplets/:id/backups/policy",
      handle: (call) => {
        const droplet = findDroplet(store.state, call.param("id"));
        const backup_enabled = droplet.features.includes("backups");
        const policy = {
          droplet_id: droplet.id,
          backup_enabled,
          ...(backup_enabled && { backup_policy: droplet.backup_policy }),
        };
        return { status: 200, body: { policy } };
      },
    },
  ];
}

function filter(query: URLSearchParams): (droplet: Droplet) => boolean {
  const [name, tag] = [query.get("name"), query.get("tag_name")];
  return (droplet) =>
    (name === null || droplet.name.toLowerCase() === name.toLowerCase()) &&
    (tag === null || droplet.tags.includes(tag));
}

function create(context: Context, call: Call): Reply {
  const wanted = call.body(createBody);
  const { droplet, action } = context.store.update((draft) => {
    const added = add(draft, wanted);
    return { droplet: added, action: context.actions.begin(draft, dropletAction(draft, added.id, "create")) };
  });
  context.fleet.runCreate(action);
  const link = { id: action.id, rel: "create", href: `${call.url.origin}/v2/actions/${action.id}` };
  return { status: 202, body: { droplet: dropletView(context.store.state, droplet), links: { actions: [link] } } };
}

function add(draft: State, wanted: z.infer<typeof createBody>): Droplet {
  const region = wanted.region === "" ? "nyc3" : wanted.region;
  const size = findSize(wanted.size);
  const image = findImage(wanted.image);
  requireKnown("region", findRegion(region));
  requireKnown("size", size);
  requireKnown("image", image);
  const vpc = vpcFor(draft, wanted.vpc_uuid, region);
  if ((wanted.backup_policy ?? undefined) !== undefined && wanted.backups !== true) {
    throw unprocessable("backup_policy can only be set when backups are enabled");
  }
  const droplet: Droplet = {
    id: nextId(draft),
    name: wanted.name,
    region,
    size: wanted.size,
    disk: size?.disk ?? 0,
    image: image?.slug ?? "",
    slot: freeSlot(draft),
    status: "new",
    features: [
      ...(wanted.backups === true ? ["backups"] : []),
      ...(wanted.monitoring === true ? ["monitoring"] : []),
      ...(wanted.with_droplet_agent === false ? [] : ["droplet_agent"]),
      "private_networking",
    ],
    ...(wanted.backups === true && { backup_policy: wanted.backup_policy ?? defaultPolicy }),
    tags: [...new Set(wanted.tags ?? [])],
    authorized_keys: publicKeys(draft, wanted.ssh_keys ?? []),
    user_data: wanted.user_data ?? "",
    ...(!vpc.default && { vpc_uuid: vpc.id }),
    created_at: new Date().toISOString(),
  };
  draft.droplets.push(droplet);
  addTags(draft, droplet.tags);
  joinDefaultProject(draft, `do:droplet:${droplet.id}`);
  (wanted.volumes ?? []).forEach(({ id }) => takeVolume(draft, id, droplet));
  return droplet;
}

function requireKnown(what: string, found: unknown): void {
  if (found === undefined) {
    throw unprocessable(`You specified an invalid ${what} for Droplet creation.`);
  }
}

function freeSlot(state: State): number {
  const free = slots.find((slot) => !state.droplets.some((droplet) => droplet.slot === slot));
  if (free === undefined) {
    const there = state.droplets.map(({ id, name }) => `${name} (${id})`).join(", ");
    throw unprocessable(
      `creating this/these droplet(s) will exceed your droplet limit: the sandbox has ${slots.length} machines, and there are ${there}`,
    );
  }
  return free;
}

function publicKeys(state: State, wanted: readonly (string | number)[]): string[] {
  const unknown = wanted.filter((key) => findKey(state, String(key)) === undefined);
  if (unknown.length > 0) {
    throw unprocessable(`${unknown.join(", ")} are invalid key identifiers for Droplet creation.`);
  }
  return wanted.flatMap((key) => findKey(state, String(key))?.public_key.trim() ?? []);
}

function takeVolume(draft: State, id: string, droplet: Droplet): void {
  const volume = draft.volumes.find((one) => one.id === id);
  if (volume === undefined || volume.region !== droplet.region || volume.droplet !== undefined) {
    throw unprocessable(
      `volume ${id} cannot be attached: it must exist, be in ${droplet.region}, and be attached to no droplet`,
    );
  }
  volume.droplet = droplet.id;
}

/** The machine goes first: a failure leaves a droplet that can be deleted again. Its volumes stay, with their data. */
async function remove({ store, actions, fleet }: Context, { id }: Droplet): Promise<Reply> {
  const action = store.update((draft) => actions.begin(draft, dropletAction(draft, id, "destroy")));
  const outcome = await actions.run(action, {
    work: () => fleet.machines.removeMachine(id),
    done: (draft) => forget(draft, id),
  });
  if (outcome !== "completed") {
    throw serverError();
  }
  return { status: 204 };
}

function forget(draft: State, id: number): void {
  draft.droplets = draft.droplets.filter((droplet) => droplet.id !== id);
  for (const attached of [...draft.volumes, ...draft.reservedIps]) {
    if (attached.droplet === id) {
      delete attached.droplet;
    }
  }
  draft.firewalls.forEach((firewall) => (firewall.droplet_ids = firewall.droplet_ids.filter((one) => one !== id)));
  leaveProjects(draft, `do:droplet:${id}`);
}
