import { z } from "zod";
import { actionView, isBusy, listActions, oneAction, type ActionFacts } from "./actions";
import { findRegion } from "./catalog";
import { dropletView, findDroplet } from "./droplet-view";
import { notFound, unprocessable } from "./errors";
import { publicAddress, reservedAddress, slots } from "./machines";
import { page } from "./pages";
import { joinDefaultProject, leaveProjects } from "./projects";
import type { Call, Context, Reply, Route } from "./router";
import type { State } from "./state";

type ReservedIp = State["reservedIps"][number];

const createBody = z.object({
  region: z.string().optional(),
  droplet_id: z.int().optional(),
  project_id: z.string().optional(),
});
const actionBody = z.discriminatedUnion(
  "type",
  [
    z.object({ type: z.literal("assign"), droplet_id: z.int({ error: "is required" }) }),
    z.object({ type: z.literal("unassign") }),
  ],
  { error: "must be assign or unassign" },
);

/**
 * Reserved addresses: `/v2/reserved_ips`, and `/v2/floating_ips` as they were called before. Each machine answers on the one that is
 * kept for its slot, so an address can be assigned to that slot's droplet only; another one is refused as the sandbox's limit.
 */
export function reservedIpRoutes(context: Context): readonly Route[] {
  return (["reserved_ip", "floating_ip"] as const).flatMap((kind) => routes(context, kind));
}

function routes(context: Context, kind: "reserved_ip" | "floating_ip"): readonly Route[] {
  const { store } = context;
  const path = `/v2/${kind}s`;
  const get = (call: Call): ReservedIp => find(store.state, call.param("ip"));
  const ofAddress = (call: Call) => {
    const ip = reservedAddress(get(call).slot);
    return ({ about }: { about?: string | undefined }): boolean => about === ip;
  };
  return [
    {
      method: "GET",
      path,
      handle: (call) =>
        page(
          call,
          `${kind}s`,
          store.state.reservedIps.map((one) => view(store.state, one)),
        ),
    },
    { method: "POST", path, handle: (call) => create(context, call, kind) },
    {
      method: "GET",
      path: `${path}/:ip`,
      handle: (call) => ({ status: 200, body: { [kind]: view(store.state, get(call)) } }),
    },
    {
      method: "DELETE",
      path: `${path}/:ip`,
      handle: (call) => {
        store.update((draft) => {
          const reserved = find(draft, call.param("ip"));
          draft.reservedIps = draft.reservedIps.filter((other) => other !== reserved);
          leaveProjects(draft, urn(reserved));
        });
        return { status: 204 };
      },
    },
    { method: "POST", path: `${path}/:ip/actions`, handle: (call) => act(context, call, kind) },
    { method: "GET", path: `${path}/:ip/actions`, handle: (call) => listActions(store.state, call, ofAddress(call)) },
    {
      method: "GET",
      path: `${path}/:ip/actions/:action`,
      handle: (call) => oneAction(store.state, call, ofAddress(call)),
    },
  ];
}

function create({ store }: Context, call: Call, kind: string): Reply {
  const { region, droplet_id } = call.body(createBody);
  const reserved = store.update((draft) => {
    const droplet = droplet_id === undefined ? undefined : findDroplet(draft, droplet_id);
    const where = droplet?.region ?? region ?? "";
    if (findRegion(where) === undefined) {
      throw unprocessable("region must be the slug of a region, or droplet_id the id of a droplet");
    }
    const slot = droplet === undefined ? freeSlot(draft, where) : droplet.slot;
    if (draft.reservedIps.some((other) => other.slot === slot)) {
      throw unprocessable("Droplet already has a reserved IP: the sandbox has one for each droplet.");
    }
    const added: ReservedIp = { slot, region: where, ...(droplet !== undefined && { droplet: droplet.id }) };
    draft.reservedIps.push(added);
    joinDefaultProject(draft, urn(added));
    return added;
  });
  return { status: 202, body: { [kind]: view(store.state, reserved) } };
}

/** The address for a droplet that will want it: the newest one in the region that has none, else the lowest that is nobody's. */
function freeSlot(state: State, region: string): number {
  const open = slots.filter((slot) => !state.reservedIps.some((reserved) => reserved.slot === slot));
  const waiting = state.droplets.filter((droplet) => droplet.region === region && open.includes(droplet.slot)).at(-1);
  const empty = open.find((slot) => !state.droplets.some((droplet) => droplet.slot === slot));
  const slot = waiting?.slot ?? empty ?? open[0];
  if (slot === undefined) {
    throw unprocessable(`reserved IP limit exceeded: the sandbox has ${slots.length}`);
  }
  return slot;
}

function act({ store, actions }: Context, call: Call, kind: string): Reply {
  const ip = reservedAddress(find(store.state, call.param("ip")).slot);
  const wanted = call.body(actionBody);
  const target = wanted.type === "assign" ? wanted.droplet_id : undefined;
  const action = actions.start(
    (draft): ActionFacts => {
      const reserved = find(draft, ip);
      const droplet = target ?? reserved.droplet;
      if (droplet === undefined) {
        throw unprocessable("The reserved IP is not assigned to a Droplet.");
      }
      if (target !== undefined) {
        requireOwnSlot(draft, reserved, target);
      }
      const facts = {
        type: `${wanted.type}_ip`,
        resource_id: numberOf(ip),
        resource_type: kind,
        region: reserved.region,
      };
      return { ...facts, droplet, about: ip };
    },
    {
      work: () => Promise.resolve(),
      done: (draft) => {
        for (const reserved of draft.reservedIps.filter(({ slot }) => reservedAddress(slot) === ip)) {
          delete reserved.droplet;
          if (target !== undefined && draft.droplets.some(({ id }) => id === target)) {
            reserved.droplet = target;
          }
        }
      },
    },
  );
  return { status: 201, body: { action: actionView(action) } };
}

function requireOwnSlot(state: State, { slot, region }: ReservedIp, wanted: number): void {
  const droplet = findDroplet(state, wanted);
  if (droplet.region !== region) {
    throw unprocessable("The Droplet and the reserved IP must be in the same region.");
  }
  if (droplet.slot !== slot) {
    throw unprocessable(
      `the sandbox can assign ${reservedAddress(slot)} to the droplet at ${publicAddress(slot)} only, and ${droplet.name} is at ` +
        `${publicAddress(droplet.slot)}: this is the sandbox's limit, reserve an address after the droplet's creation or by its id`,
    );
  }
}

function find(state: Readonly<State>, ip: string): ReservedIp {
  const found = state.reservedIps.find(({ slot }) => reservedAddress(slot) === ip);
  if (found === undefined) {
    throw notFound();
  }
  return found;
}

function view(state: Readonly<State>, { slot, region, droplet }: ReservedIp) {
  const ip = reservedAddress(slot);
  const holder = state.droplets.find(({ id }) => id === droplet);
  return {
    ip,
    region: findRegion(region) ?? null,
    droplet: holder === undefined ? null : dropletView(state, holder),
    locked: holder !== undefined && isBusy(state, holder.id),
    project_id: state.assignments[urn({ slot })]?.project ?? null,
  };
}

function urn({ slot }: Pick<ReservedIp, "slot">): string {
  return `do:reservedip:${reservedAddress(slot)}`;
}

// An address as the number that it is: actions name what they are about by a number.
function numberOf(ip: string): number {
  return ip.split(".").reduce((number, part) => number * 256 + Number(part), 0);
}
