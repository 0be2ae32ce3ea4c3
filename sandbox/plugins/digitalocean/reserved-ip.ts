import { isIPv4 } from "node:net";
import { Unfinished, type Resource } from "../resource";
import { text, type Failure } from "../schema";
import type { Value, ValueMap } from "../values";
import { isMap, sameValue } from "../values";
import { ApiError, type Api } from "./api";
import { part } from "./sets";
import { act } from "./waits";

/** `digitalocean.ReservedIp`; the id is the address. */
export function reservedIp(api: Api): Resource {
  return {
    token: "digitalocean:index/reservedIp:ReservedIp",
    sdk: { file: "reservedIp.d.ts", args: "ReservedIpArgs", result: "ReservedIp" },
    inputs: {
      dropletId: { type: "integer" },
      ipAddress: { type: "string" },
      region: { type: "string", required: true, replace: true },
    },
    outputs: {
      dropletId: { type: "integer" },
      ipAddress: { type: "string", required: true },
      region: { type: "string", required: true },
      reservedIpUrn: { type: "string", required: true },
    },
    updateChanges: [],
    check: async ({ inputs }) => ({ failures: addressFailures(inputs), add: {} }),
    // The address is given, never taken from the program.
    differs: (name, old, now) => (name === "ipAddress" ? false : !sameValue(old, now)),
    async create({ inputs, signal }) {
      const { reserved_ip } = await api.request("POST", "/v2/reserved_ips", signal, {
        region: inputs["region"] ?? null,
      });
      const id = String(part(reserved_ip, "reserved IP")["ip"]);
      if (inputs["dropletId"] === undefined) return { id, outputs: outputs(reserved_ip, false) };
      try {
        await assign(api, id, inputs["dropletId"], signal);
        const found = await api.request("GET", reservedIpPath(id), signal);
        return { id, outputs: outputs(found["reserved_ip"], true) };
      } catch (error) {
        throw new Unfinished({ id, outputs: outputs(reserved_ip, false) }, error);
      }
    },
    async read({ id, inputs, old, signal }) {
      const found = await api.find(reservedIpPath(id), signal);
      if (found === undefined) return undefined;
      // As the official provider: who holds the address matters where the program says so, and in an import.
      const wanted = inputs["dropletId"] !== undefined || Object.keys(old.outputs).length === 0;
      return { id, outputs: outputs(found["reserved_ip"], wanted) };
    },
    async update({ id, inputs, signal }) {
      const holder = holderOf((await api.request("GET", reservedIpPath(id), signal))["reserved_ip"]);
      if (inputs["dropletId"] !== undefined && holder !== inputs["dropletId"])
        await assign(api, id, inputs["dropletId"], signal);
      if (inputs["dropletId"] === undefined && holder !== undefined) await unassign(api, id, signal);
      const found = await api.request("GET", reservedIpPath(id), signal);
      return outputs(found["reserved_ip"], inputs["dropletId"] !== undefined);
    },
    async delete({ id, old, signal }) {
      const found = await api.find(reservedIpPath(id), signal);
      if (found === undefined) return;
      if (old.outputs["dropletId"] !== undefined && holderOf(found["reserved_ip"]) !== undefined)
        await unassign(api, id, signal);
      await api.request("DELETE", reservedIpPath(id), signal);
    },
  };
}

/** Refusals of an address. */
export function addressFailures(inputs: ValueMap): readonly Failure[] {
  const given = text(inputs, "ipAddress");
  if (given === undefined || isIPv4(given)) return [];
  return [{ property: "ipAddress", reason: `"ipAddress" must be an IPv4 address, but is "${given}"` }];
}

/** Path of one address in the API. */
export function reservedIpPath(ip: string): string {
  return `/v2/reserved_ips/${encodeURIComponent(ip)}`;
}

/** Assigns an address to a droplet, once that has nothing else under way. */
export function assign(api: Api, ip: string, droplet: Value, signal: AbortSignal): Promise<void> {
  return act(api, reservedIpPath(ip), signal, { type: "assign", droplet_id: droplet });
}

/** Takes an address from its droplet; also from one that has lost it already. */
export async function unassign(api: Api, ip: string, signal: AbortSignal): Promise<void> {
  try {
    await act(api, reservedIpPath(ip), signal, { type: "unassign" });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 422)) throw error;
  }
}

/** The id of the droplet that an address of the API's answer is assigned to. */
export function holderOf(reserved: Value | undefined): Value | undefined {
  const { droplet } = part(reserved, "reserved IP");
  return isMap(droplet) ? droplet["id"] : undefined;
}

function outputs(reserved: Value | undefined, withHolder: boolean): ValueMap {
  const { ip, region } = part(reserved, "reserved IP");
  const holder = holderOf(reserved);
  return {
    ipAddress: ip ?? null,
    region: part(region, "region of the reserved IP")["slug"] ?? null,
    reservedIpUrn: `do:reservedip:${String(ip)}`,
    ...(withHolder && holder !== undefined && { dropletId: holder }),
  };
}
