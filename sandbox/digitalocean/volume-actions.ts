import { z } from "zod";
import { actionView, type ActionFacts, type ActionWork } from "./actions";
import { findDroplet } from "./droplet-view";
import { unprocessable } from "./errors";
import { machineVolume } from "./fleet";
import type { Context, Route } from "./router";
import type { State, Volume } from "./state";
import { findVolume, volumeSize } from "./volumes";

const region = z.string().optional();
const dropletId = z.int({ error: "is required" });
const body = z.discriminatedUnion(
  "type",
  [
    z.object({ type: z.literal("attach"), droplet_id: dropletId, region }),
    z.object({ type: z.literal("detach"), droplet_id: dropletId, region }),
    z.object({ type: z.literal("resize"), size_gigabytes: volumeSize, region }),
  ],
  { error: "must be one of attach, detach, resize" },
);
type Wanted = z.infer<typeof body>;

/** `POST /v2/volumes/:id/actions`. */
export function volumeActionRoutes(context: Context): readonly Route[] {
  return [
    {
      method: "POST",
      path: "/v2/volumes/:id/actions",
      handle: (call) => {
        const { id } = findVolume(context.store.state, call.param("id"));
        const wanted = call.body(body);
        const action = context.actions.start(
          (draft) => check(draft, findVolume(draft, id), wanted),
          work(context, id, wanted),
        );
        return { status: 202, body: { action: actionView(action) } };
      },
    },
  ];
}

function check(draft: State, volume: Volume, wanted: Wanted): ActionFacts {
  if (draft.actions.some(({ about, status }) => about === volume.id && status === "in-progress")) {
    throw unprocessable("Volume already has a pending event.");
  }
  const facts = { resource_id: null, resource_type: "volume", region: volume.region, about: volume.id };
  if (wanted.type === "resize") {
    if (wanted.size_gigabytes <= volume.size_gigabytes) {
      throw unprocessable(`size_gigabytes must be larger than ${volume.size_gigabytes}: a volume can only grow`);
    }
    return { type: "resize_volume", ...facts, ...(volume.droplet !== undefined && { droplet: volume.droplet }) };
  }
  const droplet = findDroplet(draft, wanted.droplet_id);
  if (wanted.type === "detach") {
    refuseUnless(volume.droplet === droplet.id, "Volume is not attached to this Droplet.");
    return { type: "detach_volume", ...facts, droplet: droplet.id };
  }
  refuseUnless(volume.droplet === undefined, "Volume is already attached to a Droplet.");
  refuseUnless(volume.region === droplet.region, "Volume and Droplet must be in the same region.");
  return { type: "attach_volume", ...facts, droplet: droplet.id };
}

function work({ store, fleet }: Context, id: string, wanted: Wanted): ActionWork {
  const change = (apply: (volume: Volume) => void) => (draft: State) =>
    draft.volumes.filter((one) => one.id === id).forEach(apply);
  const volume = () => machineVolume(findVolume(store.state, id));
  switch (wanted.type) {
    case "attach":
      return {
        work: () => fleet.machines.attachVolume(wanted.droplet_id, volume()),
        done: change((one) => (one.droplet = wanted.droplet_id)),
      };
    case "detach":
      return {
        work: () => fleet.machines.detachVolume(wanted.droplet_id, volume()),
        done: change((one) => delete one.droplet),
      };
    case "resize":
      return {
        // A machine that has it learns the new size; elsewhere a size is what the API says.
        work: async () => {
          const { droplet } = findVolume(store.state, id);
          if (droplet !== undefined) {
            await fleet.machines.attachVolume(droplet, { ...volume(), sizeGiB: wanted.size_gigabytes });
          }
        },
        done: change((one) => (one.size_gigabytes = wanted.size_gigabytes)),
      };
  }
}

function refuseUnless(fine: boolean, reason: string): void {
  if (!fine) {
    throw unprocessable(reason);
  }
}
