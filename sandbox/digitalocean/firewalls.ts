import { randomUUID } from "node:crypto";
import { z } from "zod";
import { conflict, notFound, unprocessable } from "./errors";
import { inboundRule, outboundRule } from "./firewall-rules";
import { page } from "./pages";
import type { Call, Context, Reply, Route } from "./router";
import type { Firewall, State } from "./state";
import { addTags, tagName } from "./tags";

const body = z
  .strictObject({
    name: z
      .string({ error: "is required" })
      .regex(/^[a-zA-Z0-9][a-zA-Z0-9.-]{0,254}$/, "may contain letters, numbers, dots and dashes"),
    inbound_rules: z.array(inboundRule).nullish(),
    outbound_rules: z.array(outboundRule).nullish(),
    droplet_ids: z.array(z.int()).nullish(),
    tags: z.array(tagName).nullish(),
  })
  .transform((given) => ({
    name: given.name,
    inbound_rules: given.inbound_rules ?? [],
    outbound_rules: given.outbound_rules ?? [],
    droplet_ids: [...new Set(given.droplet_ids ?? [])],
    tags: [...new Set(given.tags ?? [])],
  }))
  .refine(
    (given) => given.inbound_rules.length + given.outbound_rules.length > 0,
    "at least one rule must be specified",
  );
const dropletsBody = z.object({ droplet_ids: z.array(z.int()).min(1) });
const tagsBody = z.object({ tags: z.array(tagName).min(1) });

/** Cloud firewalls. They hold on the machines when the answer comes; DigitalOcean takes a few seconds longer. */
export function firewallRoutes(context: Context): readonly Route[] {
  const { store } = context;
  const change = (
    path: string,
    apply: (call: Call, firewall: Firewall, draft: State, add: boolean) => void,
  ): readonly Route[] =>
    (["POST", "DELETE"] as const).map((method) => ({
      method,
      path: `/v2/firewalls/:id/${path}`,
      handle: async (call) => {
        await enforce(context, call.param("id"), (draft) =>
          apply(call, find(draft, call.param("id")), draft, method === "POST"),
        );
        return { status: 204 };
      },
    }));

  return [
    {
      method: "GET",
      path: "/v2/firewalls",
      handle: (call) => page(call, "firewalls", store.state.firewalls.map(firewallView)),
    },
    { method: "POST", path: "/v2/firewalls", handle: (call) => create(context, call) },
    {
      method: "GET",
      path: "/v2/firewalls/:id",
      handle: (call) => ({ status: 200, body: { firewall: firewallView(find(store.state, call.param("id"))) } }),
    },
    {
      method: "PUT",
      path: "/v2/firewalls/:id",
      handle: async (call) => {
        const wanted = call.body(body);
        const id = call.param("id");
        await enforce(context, id, (draft) => {
          Object.assign(find(draft, id), checked(draft, wanted, id));
        });
        return { status: 200, body: { firewall: firewallView(find(store.state, id)) } };
      },
    },
    {
      method: "DELETE",
      path: "/v2/firewalls/:id",
      handle: async (call) => {
        await enforce(context, call.param("id"), (draft) => {
          const firewall = find(draft, call.param("id"));
          draft.firewalls = draft.firewalls.filter((other) => other !== firewall);
        });
        return { status: 204 };
      },
    },
    ...change("droplets", (call, firewall, draft, add) => {
      const { droplet_ids } = call.body(dropletsBody);
      requireDroplets(draft, add ? droplet_ids : []);
      firewall.droplet_ids = changed(firewall.droplet_ids, droplet_ids, add);
    }),
    ...change("tags", (call, firewall, draft, add) => {
      const { tags } = call.body(tagsBody);
      addTags(draft, tags);
      firewall.tags = changed(firewall.tags, tags, add);
    }),
  ];
}

/** A firewall as the API tells it. */
export function firewallView(firewall: Firewall) {
  return { ...firewall, pending_changes: [] };
}

async function create(context: Context, call: Call): Promise<Reply> {
  const wanted = call.body(body);
  const id = randomUUID();
  await enforce(context, id, (draft) => {
    const created_at = new Date().toISOString();
    draft.firewalls.push({ id, status: "waiting", created_at, ...checked(draft, wanted) });
  });
  return { status: 202, body: { firewall: firewallView(find(context.store.state, id)) } };
}

async function enforce({ store, fleet }: Context, id: string, apply: (draft: State) => void): Promise<void> {
  store.update(apply);
  const status = (await fleet.enforceFirewalls()) ? "succeeded" : "failed";
  store.update((draft) =>
    draft.firewalls.filter((firewall) => firewall.id === id).forEach((one) => (one.status = status)),
  );
}

function checked(draft: State, wanted: z.infer<typeof body>, self?: string): z.infer<typeof body> {
  if (draft.firewalls.some(({ name, id }) => name === wanted.name && id !== self)) {
    throw conflict("duplicate name");
  }
  requireDroplets(draft, wanted.droplet_ids);
  addTags(draft, wanted.tags);
  return wanted;
}

function requireDroplets(state: State, ids: readonly number[]): void {
  const unknown = ids.filter((id) => !state.droplets.some((droplet) => droplet.id === id));
  if (unknown.length > 0) {
    throw unprocessable(`invalid droplet_ids: ${unknown.join(", ")}`);
  }
}

function changed<T>(before: readonly T[], named: readonly T[], add: boolean): T[] {
  return add ? [...new Set([...before, ...named])] : before.filter((one) => !named.includes(one));
}

function find(state: Readonly<State>, id: string): Firewall {
  const found = state.firewalls.find((firewall) => firewall.id === id);
  if (found === undefined) {
    throw notFound();
  }
  return found;
}
