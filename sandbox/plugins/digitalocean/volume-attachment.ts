import { randomBytes } from "node:crypto";
import type { Resource } from "../resource";
import { text } from "../schema";
import type { Value } from "../values";
import type { Api } from "./api";
import { zeroFailures } from "./reserved-ip-assignment";
import { list, part } from "./sets";
import { volumePath } from "./volume";
import { act } from "./waits";

/** `digitalocean.VolumeAttachment`; the id names droplet and volume. There is no import, as in the official provider. */
export function volumeAttachment(api: Api): Resource {
  const isAttached = async (volumeId: Value, dropletId: Value, signal: AbortSignal): Promise<boolean> => {
    const found = await api.find(volumePath(String(volumeId)), signal);
    return found !== undefined && list(part(found["volume"], "volume")["droplet_ids"])[0] === dropletId;
  };
  return {
    token: "digitalocean:index/volumeAttachment:VolumeAttachment",
    sdk: { file: "volumeAttachment.d.ts", args: "VolumeAttachmentArgs", result: "VolumeAttachment" },
    inputs: {
      dropletId: { type: "integer", required: true, replace: true },
      volumeId: { type: "string", required: true, replace: true },
    },
    outputs: {
      dropletId: { type: "integer", required: true },
      volumeId: { type: "string", required: true },
    },
    check: async ({ inputs }) => {
      const empty =
        text(inputs, "volumeId") === "" ? [{ property: "volumeId", reason: '"volumeId" must not be empty' }] : [];
      return { failures: [...zeroFailures(inputs), ...empty], add: {} };
    },
    async create({ inputs, signal }) {
      const { dropletId = null, volumeId = null } = inputs;
      if (!(await isAttached(volumeId, dropletId, signal))) {
        await act(api, volumePath(String(volumeId)), signal, { type: "attach", droplet_id: dropletId });
      }
      const id = `${String(dropletId)}-${String(volumeId)}-${randomBytes(13).toString("hex")}`;
      return { id, outputs: { dropletId, volumeId } };
    },
    async read({ id, old, signal }) {
      const { dropletId = null, volumeId = null } = old.outputs;
      return (await isAttached(volumeId, dropletId, signal)) ? { id, outputs: { dropletId, volumeId } } : undefined;
    },
    // Every change of an input replaces.
    update: async ({ old }) => old.outputs,
    async delete({ old, signal }) {
      const { dropletId = null, volumeId = null } = old.outputs;
      if (!(await isAttached(volumeId, dropletId, signal))) return;
      await act(api, volumePath(String(volumeId)), signal, { type: "detach", droplet_id: dropletId });
    },
  };
}
