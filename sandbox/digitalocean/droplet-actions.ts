import { z } from "zod";
import { actionView, type ActionWork } from "./actions";
import { findSize } from "./catalog";
import { backupPolicy, defaultPolicy } from "./droplet-backups";
import { findDroplet } from "./droplet-view";
import { hostName } from "./droplets";
import { unprocessable } from "./errors";
import { dropletAction, setStatus } from "./fleet";
import type { Call, Context, Route } from "./router";
import type { Droplet, State } from "./state";

const schemas = {
  power_on: z.object({}),
  power_off: z.object({}),
  shutdown: z.object({}),
  reboot: z.object({}),
  power_cycle: z.object({}),
  rename: z.object({ name: hostName }),
  resize: z.object({ size: z.string({ error: "is required" }), disk: z.boolean().default(false) }),
  enable_backups: z.object({ backup_policy: backupPolicy.default(defaultPolicy) }),
  change_backup_policy: z.object({ backup_policy: backupPolicy }),
  disable_backups: z.object({}),
  // Every droplet has it already.
  enable_private_networking: z.object({}),
};
type Type = keyof typeof schemas;
const types = Object.keys(schemas);
const typeBody = z.object({ type: z.string({ error: "is required" }) });

/** `POST /v2/droplets/:id/actions`. What the sandbox cannot do is refused by name. */
export function dropletActionRoutes(context: Context): readonly Route[] {
  return [
    {
      method: "POST",
      path: "/v2/droplets/:id/actions",
      handle: (call) => {
        const { id } = findDroplet(context.store.state, call.param("id"));
        const { type } = call.body(typeBody);
        if (!isKnown(type)) {
          throw unprocessable(`the action ${type} is not supported by the sandbox; supported: ${types.join(", ")}`);
        }
        if (type === "power_on") {
          return { status: 201, body: { action: actionView(context.fleet.powerOn(id)) } };
        }
        const { check, ...work } = plan(context, call, id, type);
        const action = context.actions.start((draft) => {
          check?.(findDroplet(draft, id), draft);
          return dropletAction(draft, id, type);
        }, work);
        return { status: 201, body: { action: actionView(action) } };
      },
    },
  ];
}

interface Plan extends ActionWork {
  readonly check?: (droplet: Droplet, state: State) => void;
}

const nothing = (): Promise<void> => Promise.resolve();

function plan({ fleet }: Context, call: Call, id: number, type: Exclude<Type, "power_on">): Plan {
  const change = (apply: (droplet: Droplet) => void) => (draft: State) =>
    draft.droplets.filter((one) => one.id === id).forEach(apply);
  switch (type) {
    case "power_off":
    case "shutdown":
      return {
        check: ({ status }) => refuseUnless(status === "active", "Droplet is already powered off."),
        work: () => fleet.machines.powerOffMachine(id),
        done: (draft) => setStatus(draft, id, "off"),
      };
    case "reboot":
    case "power_cycle":
      return {
        check: ({ status }) => refuseUnless(status === "active", "Droplet is powered off."),
        work: async () => {
          await fleet.machines.rebootMachine(id);
          await fleet.applyFirewall(id);
        },
      };
    case "rename": {
      const { name } = call.body(schemas.rename);
      return { work: nothing, done: change((droplet) => (droplet.name = name)) };
    }
    case "resize": {
      const wanted = call.body(schemas.resize);
      const size = findSize(wanted.size);
      return {
        check: ({ status, disk }) => {
          refuseUnless(size !== undefined, "You specified an invalid size for Droplet resize.");
          refuseUnless(status === "off", "Droplet must be powered off to resize.");
          refuseUnless((size?.disk ?? 0) >= disk, "This size is not available because it has a smaller disk.");
        },
        work: nothing,
        done: change((droplet) =>
          Object.assign(droplet, { size: wanted.size, ...(wanted.disk && { disk: size?.disk }) }),
        ),
      };
    }
    case "enable_backups":
    case "change_backup_policy": {
      const { backup_policy } = call.body(schemas[type]);
      return {
        check: ({ features }) =>
          refuseUnless(
            type === "enable_backups" || features.includes("backups"),
            "Backups are not enabled on this Droplet.",
          ),
        work: nothing,
        done: change((droplet) =>
          Object.assign(droplet, { backup_policy, features: [...new Set(["backups", ...droplet.features])] }),
        ),
      };
    }
    case "disable_backups":
      return {
        work: nothing,
        done: change((droplet) => {
          droplet.features = droplet.features.filter((feature) => feature !== "backups");
          delete droplet.backup_policy;
        }),
      };
    case "enable_private_networking":
      return { work: nothing };
  }
}

function isKnown(type: string): type is Type {
  return types.includes(type);
}

function refuseUnless(fine: boolean, reason: string): void {
  if (!fine) {
    throw unprocessable(reason);
  }
}
