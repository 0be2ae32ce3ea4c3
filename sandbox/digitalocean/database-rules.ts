import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Database, DatabaseRule } from "./database-state";
import { findDatabase, ruleView } from "./database-view";
import { unprocessable } from "./errors";
import { parseRange } from "./ip-ranges";
import type { Context, Route } from "./router";
import type { State } from "./state";

/** A trusted source as a request names it. The official client sends the rest of it, too. */
export const ruleBody = z.object({
  type: z.enum(["ip_addr", "droplet", "k8s", "tag"], {
    error: "must be ip_addr, droplet, k8s or tag: the sandbox has no apps",
  }),
  value: z.string().min(1, "is required"),
});

/** Trusted sources: `/v2/databases/:id/firewall`. They hold when the answer comes. */
export function databaseRuleRoutes({ store, databases }: Context): readonly Route[] {
  const path = "/v2/databases/:id/firewall";
  return [
    {
      method: "GET",
      path,
      handle: (call) => {
        const database = findDatabase(store.state, call.param("id"));
        return { status: 200, body: { rules: database.rules.map((rule) => ruleView(database, rule)) } };
      },
    },
    {
      method: "PUT",
      path,
      handle: async (call) => {
        const { rules } = call.body(z.object({ rules: z.array(ruleBody, { error: "is required" }) }));
        store.update((draft) => {
          const database = findDatabase(draft, call.param("id"));
          database.rules = toRules(draft, database, rules);
        });
        await databases.enforce();
        return { status: 204 };
      },
    },
  ];
}

/** The wanted rules, those that are there already as they are. */
export function toRules(
  state: Readonly<State>,
  { rules }: Database,
  wanted: readonly z.infer<typeof ruleBody>[],
): DatabaseRule[] {
  const created_at = new Date().toISOString();
  return wanted.map(({ type, value }) => {
    requireSource(state, type, value);
    return (
      rules.find((rule) => rule.type === type && rule.value === value) ?? {
        uuid: randomUUID(),
        type,
        value,
        created_at,
      }
    );
  });
}

function requireSource(state: Readonly<State>, type: DatabaseRule["type"], value: string): void {
  const known = {
    ip_addr: () => parseRange(value) !== undefined,
    droplet: () => state.droplets.some(({ id }) => String(id) === value),
    k8s: () => state.clusters.some(({ id }) => id === value),
    tag: () => state.tags.includes(value),
  };
  if (!known[type]()) {
    throw unprocessable(`invalid firewall rule: ${type} ${value} could not be found`);
  }
}
