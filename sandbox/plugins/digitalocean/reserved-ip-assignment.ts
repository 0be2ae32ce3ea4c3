import { randomBytes } from "node:crypto";
import type { Resource } from "../resource";
import type { Failure } from "../schema";
import type { ValueMap } from "../values";
import type { Api } from "./api";
import { addressFailures, assign, holderOf, reservedIpPath, unassign } from "./reserved-ip";

/** `digitalocean.ReservedIpAssignment`; the id names both, and is imported as `<address>,<droplet id>`. */
export function reservedIpAssignment(api: Api): Resource {
  return {
    token: "digitalocean:index/reservedIpAssignment:ReservedIpAssignment",
    sdk: { file: "reservedIpAssignment.d.ts", args: "ReservedIpAssignmentArgs", result: "ReservedIpAssignment" },
    inputs: {
      dropletId: { type: "integer", required: true, replace: true },
      ipAddress: { type: "string", required: true, replace: true },
    },
    outputs: {
      dropletId: { type: "integer", required: true },
      ipAddress: { type: "string", required: true },
    },
    check: async ({ inputs }) => ({ failures: [...addressFailures(inputs), ...zeroFailures(inputs)], add: {} }),
    async create({ inputs, signal }) {
      const { dropletId = null, ipAddress = null } = inputs;
      await assign(api, String(ipAddress), dropletId, signal);
      return { id: idOf(dropletId, ipAddress), outputs: { dropletId, ipAddress } };
    },
    async read({ id, old, signal }) {
      const imported = /^([^,]+),(\d+)$/.exec(id);
      const ipAddress = imported?.[1] ?? old.outputs["ipAddress"] ?? null;
      const dropletId = imported === null ? (old.outputs["dropletId"] ?? null) : Number(imported[2]);
      const found = await api.find(reservedIpPath(String(ipAddress)), signal);
      if (found === undefined || holderOf(found["reserved_ip"]) !== dropletId) return undefined;
      return { id: imported === null ? id : idOf(dropletId, ipAddress), outputs: { dropletId, ipAddress } };
    },
    // Every change of an input replaces.
    update: async ({ old }) => old.outputs,
    async delete({ old, signal }) {
      const { dropletId, ipAddress } = old.outputs;
      const found = await api.find(reservedIpPath(String(ipAddress)), signal);
      if (found !== undefined && holderOf(found["reserved_ip"]) === dropletId)
        await unassign(api, String(ipAddress), signal);
    },
  };
}

/** Refusals of a droplet's id. */
export function zeroFailures(inputs: ValueMap): readonly Failure[] {
  return inputs["dropletId"] === 0 ? [{ property: "dropletId", reason: '"dropletId" must not be 0' }] : [];
}

function idOf(dropletId: unknown, ipAddress: unknown): string {
  return `${String(dropletId)}-${String(ipAddress)}-${randomBytes(13).toString("hex")}`;
}
