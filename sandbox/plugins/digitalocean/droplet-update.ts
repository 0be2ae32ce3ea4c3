import type { ExistingCall } from "../resource";
import { sameValue } from "../values";
import { ApiError, type Api } from "./api";
import { asSet, without } from "./sets";
import { changeTags } from "./tags";
import { act } from "./waits";

/** Brings a droplet from its old inputs to the new ones, in the official provider's order. */
export async function updateDroplet(api: Api, path: string, { id, inputs, old, signal }: ExistingCall): Promise<void> {
  const changed = (name: string): boolean => !sameValue(inputs[name], old.inputs[name]);
  const order = (type: string, more = {}): Promise<void> => act(api, path, signal, { type, ...more });
  if (changed("size")) {
    await order("power_off").catch((error: unknown) => {
      if (!(error instanceof ApiError && error.message.includes("already powered off"))) throw error;
    });
    try {
      await order("resize", { size: inputs["size"], disk: inputs["resizeDisk"] !== false });
    } finally {
      await order("power_on");
    }
  }
  if (changed("name")) await order("rename", { name: inputs["name"] });
  if (changed("backups")) {
    if (inputs["backups"] === true) {
      await order(
        "enable_backups",
        inputs["backupPolicy"] === undefined ? {} : { backup_policy: inputs["backupPolicy"] },
      );
    } else await order("disable_backups");
  } else if (changed("backupPolicy") && inputs["backupPolicy"] !== undefined) {
    await order("change_backup_policy", { backup_policy: inputs["backupPolicy"] });
  }
  if (asSet(inputs["tags"]) !== asSet(old.inputs["tags"])) {
    await changeTags(api, { id, type: "droplet" }, { before: old.inputs["tags"], after: inputs["tags"] }, signal);
  }
  // Only volumes that the program has named are its business.
  if (inputs["volumeIds"] === undefined) return;
  const volume = (volumeId: unknown): string => `/v2/volumes/${encodeURIComponent(String(volumeId))}`;
  const before = old.inputs["volumeIds"] ?? old.outputs["volumeIds"];
  for (const volumeId of without(inputs["volumeIds"], before)) {
    await act(api, volume(volumeId), signal, { type: "attach", droplet_id: Number(id) });
  }
  for (const volumeId of without(before, inputs["volumeIds"])) {
    await act(api, volume(volumeId), signal, { type: "detach", droplet_id: Number(id) });
  }
}
