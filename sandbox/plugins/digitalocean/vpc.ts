import type { Resource } from "../resource";
import { text, type Failure, type Properties } from "../schema";
import { sameValue, type Value, type ValueMap } from "../values";
import { ApiError, type Api } from "./api";
import { part } from "./sets";
import { goTime } from "./times";
import { until } from "./waits";

/** The official provider's patience with a network that still has members. */
const deleteLimitMs = 2 * 60_000;

const inputs: Properties = {
  description: { type: "string" },
  ipRange: { type: "string", replace: true },
  name: { type: "string" },
  region: { type: "string", required: true, replace: true },
};

/** `digitalocean.Vpc`; the id is a UUID. */
export function vpc(api: Api, deleteLimit = deleteLimitMs): Resource {
  return {
    token: "digitalocean:index/vpc:Vpc",
    sdk: { file: "vpc.d.ts", args: "VpcArgs", result: "Vpc" },
    inputs,
    outputs: {
      createdAt: { type: "string", required: true },
      default: { type: "boolean", required: true },
      description: { type: "string" },
      ipRange: { type: "string", required: true },
      name: { type: "string", required: true },
      region: { type: "string", required: true },
      vpcUrn: { type: "string", required: true },
    },
    autoName: "name",
    uniqueBy: "name",
    updateChanges: [],
    check: async ({ inputs: given }) => ({ failures: refusals(given), add: {} }),
    // The API chooses a range when the program does not say.
    differs: (name, old, now) => !(name === "ipRange" && now === undefined) && !sameValue(old, now),
    async create({ inputs: given, signal }) {
      const { vpc: made } = await api.request("POST", "/v2/vpcs", signal, {
        name: given["name"] ?? null,
        region: given["region"] ?? null,
        ...(given["description"] !== undefined && { description: given["description"] }),
        ...(given["ipRange"] !== undefined && { ip_range: given["ipRange"] }),
      });
      return { id: String(part(made, "VPC")["id"]), outputs: outputs(made) };
    },
    async read({ id, signal }) {
      const found = await api.find(path(id), signal);
      return found === undefined ? undefined : { id, outputs: outputs(found["vpc"]) };
    },
    async update({ id, inputs: given, old, signal }) {
      const { vpc: changed } = await api.request("PUT", path(id), signal, {
        name: given["name"] ?? null,
        // Left out where it is empty, as the official client does: a description cannot be taken away.
        ...((given["description"] ?? "") !== "" && { description: given["description"] }),
        default: old.outputs["default"] === true,
      });
      return outputs(changed);
    },
    async delete({ id, signal }) {
      let refusal = "";
      const gone = async (): Promise<true | undefined> => {
        try {
          await api.request("DELETE", path(id), signal);
          return true;
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          if (error.status === 404) return true;
          // Its members may be on their way out.
          if (error.status !== 403 && error.status !== 409) throw error;
          refusal = error.message;
          return undefined;
        }
      };
      await until(`the VPC could not be deleted`, deleteLimit, signal, gone).catch((error: unknown) => {
        throw refusal === "" ? error : new Error(refusal, { cause: error });
      });
    },
  };
}

function path(id: string): string {
  return `/v2/vpcs/${encodeURIComponent(id)}`;
}

function refusals(given: ValueMap): readonly Failure[] {
  const failures: Failure[] = [];
  const refuse = (property: string, reason: string): unknown =>
    failures.push({ property, reason: `"${property}" ${reason}` });
  for (const property of ["name", "region"]) {
    if (text(given, property) === "") refuse(property, "must not be empty");
  }
  if ((text(given, "description") ?? "").length > 255) refuse("description", "must be at most 255 characters");
  const range = text(given, "ipRange");
  if (range !== undefined && !/^(\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/.test(range)) {
    refuse("ipRange", `must be a network in CIDR notation, but is "${range}"`);
  }
  return failures;
}

function outputs(answer: Value | undefined): ValueMap {
  const { id, name, region, description, ip_range, default: isDefault, created_at } = part(answer, "VPC");
  return {
    name: name ?? null,
    region: region ?? null,
    ...((description ?? "") !== "" && { description: description ?? null }),
    ipRange: ip_range ?? null,
    vpcUrn: `do:vpc:${String(id)}`,
    default: isDefault === true,
    createdAt: goTime(String(created_at)),
  };
}
