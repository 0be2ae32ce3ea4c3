import { createHash } from "node:crypto";
import { Unfinished, type Call, type ExistingCall, type Outcome, type Resource } from "../resource";
import { text, type Failure, type Properties } from "../schema";
import { isMap, isUnknown, sameValue, type Value, type ValueMap } from "../values";
import { ApiError, type Api } from "./api";
import { dropletOutputs } from "./droplet-outputs";
import { updateDroplet } from "./droplet-update";
import { asSet, list, part } from "./sets";
import { tagFailures } from "./tags";
import { act, limitMs, until } from "./waits";

const backupPolicy: Properties = { hour: { type: "integer" }, plan: { type: "string" }, weekday: { type: "string" } };

const inputs: Properties = {
  backupPolicy: { type: { object: backupPolicy } },
  backups: { type: "boolean", default: false },
  dropletAgent: { type: "boolean", replace: true },
  gpuPartitionMode: { type: "string", replace: true, unsupported: "the sandbox has no GPUs" },
  gracefulShutdown: { type: "boolean", default: false },
  image: { type: "string", required: true, replace: true },
  ipv6: { type: "boolean", default: false },
  ipv6Address: { type: "string" },
  monitoring: { type: "boolean", replace: true, default: false },
  name: { type: "string" },
  privateNetworking: { type: "boolean" },
  publicNetworking: { type: "boolean", replace: true },
  region: { type: "string", replace: true },
  resizeDisk: { type: "boolean", default: true },
  size: { type: "string", required: true },
  sshKeys: { type: { array: "string" }, replace: true },
  tags: { type: { array: "string" } },
  userData: { type: "string", replace: true },
  volumeIds: { type: { array: "string" } },
  vpcUuid: { type: "string", replace: true },
};

/** What the provider fills in when the program does not say: leaving it out is no change. */
const computed: readonly string[] = [
  "ipv6Address",
  "privateNetworking",
  "publicNetworking",
  "region",
  "volumeIds",
  "vpcUuid",
];
const sets: readonly string[] = ["sshKeys", "tags", "volumeIds"];

/** `digitalocean.Droplet`; the id is its number. */
export function droplet(api: Api, limit = limitMs): Resource {
  return {
    token: "digitalocean:index/droplet:Droplet",
    sdk: { file: "droplet.d.ts", args: "DropletArgs", result: "Droplet" },
    inputs,
    outputs: {
      ...Object.fromEntries(Object.entries(inputs).map(([name, { type }]) => [name, { type }])),
      ...Object.fromEntries(
        ["createdAt", "dropletUrn", "ipv4Address", "ipv4AddressPrivate", "status"].map((name) => [
          name,
          { type: "string", required: true },
        ]),
      ),
      ...Object.fromEntries(
        ["disk", "memory", "priceHourly", "priceMonthly", "vcpus"].map((name) => [
          name,
          { type: "number", required: true },
        ]),
      ),
      locked: { type: "boolean", required: true },
      image: { type: "string", required: true },
      ipv6Address: { type: "string", required: true },
      name: { type: "string", required: true },
      privateNetworking: { type: "boolean", required: true },
      publicNetworking: { type: "boolean", required: true },
      region: { type: "string", required: true },
      size: { type: "string", required: true },
      volumeIds: { type: { array: "string" }, required: true },
      vpcUuid: { type: "string", required: true },
    },
    autoName: "name",
    uniqueBy: "name",
    updateChanges: ["disk", "memory", "priceHourly", "priceMonthly", "status", "vcpus"],
    check: async ({ inputs: given }) => ({ failures: refusals(given), add: {} }),
    differs: (name, old, now) => {
      if (computed.includes(name) && now === undefined) return false;
      // The state has the script's hash, after a refresh the inputs too.
      if (name === "userData") return typeof now !== "string" || (old !== now && old !== sha1(now));
      return sets.includes(name) ? asSet(old) !== asSet(now) : !sameValue(old, now);
    },
    async create(call) {
      const { droplet: made } = await api.request("POST", "/v2/droplets", call.signal, createRequest(call.inputs));
      const id = String(part(made, "droplet")["id"]);
      return finish(api, id, part(made, "droplet"), call, limit);
    },
    async read({ id, old, signal }) {
      const found = await api.find(path(id), signal);
      if (found === undefined) return undefined;
      const isImport = Object.keys(old.outputs).length === 0;
      const imported: ValueMap = isImport ? { resizeDisk: true, gracefulShutdown: false } : {};
      return { id, outputs: { ...imported, ...dropletOutputs(part(found["droplet"], "droplet"), old.outputs) } };
    },
    async update(call) {
      // A droplet that did not come up at its creation is updated without any change.
      await active(api, call.id, call.signal, limit);
      await updateDroplet(api, path(call.id), call);
      const { droplet: now } = await api.request("GET", path(call.id), call.signal);
      return dropletOutputs(part(now, "droplet"), { ...call.inputs, userData: call.old.outputs["userData"] ?? null });
    },
    delete: (call) => remove(api, call),
  };
}

function path(id: string): string {
  return `/v2/droplets/${encodeURIComponent(id)}`;
}

function refusals(given: ValueMap): readonly Failure[] {
  const failures: Failure[] = [...tagFailures(given["tags"])];
  const refuse = (property: string, reason: string): unknown =>
    failures.push({ property, reason: `"${property}" ${reason}` });
  const name = text(given, "name");
  if (name !== undefined && !/^[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?$/.test(name)) {
    refuse("name", `must hold valid hostname characters only (a-z, A-Z, 0-9, . and -), but is "${name}"`);
  }
  for (const property of ["image", "region", "size", "userData", "vpcUuid"]) {
    if (text(given, property) === "") refuse(property, "must not be empty");
  }
  if (list(given["sshKeys"]).includes("")) refuse("sshKeys", "must not hold an empty key");
  for (const property of ["ipv6", "ipv6Address"]) {
    if ((given[property] ?? false) !== false && given[property] !== "") {
      refuse(property, "is not supported by the sandbox's stand-in plugin: the sandbox has no IPv6");
    }
  }
  if (given["publicNetworking"] === false) {
    refuse(
      "publicNetworking",
      "cannot be false with the sandbox's stand-in plugin: every droplet of the sandbox has a public address",
    );
  }
  const policy = given["backupPolicy"];
  if (!isMap(policy)) return failures;
  if (given["backups"] === false) refuse("backupPolicy", "can only be set when backups are enabled");
  const { plan, weekday, hour } = policy;
  const known = (value: Value | undefined, allowed: readonly Value[]): boolean =>
    value === undefined || isUnknown(value) || allowed.includes(value);
  if (!known(plan, ["daily", "weekly"])) refuse("backupPolicy.plan", "must be one of daily, weekly");
  if (!known(weekday, ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]))
    refuse("backupPolicy.weekday", "must be one of SUN to SAT");
  if (typeof hour === "number" && (hour < 0 || hour > 20)) refuse("backupPolicy.hour", "must be between 0 and 20");
  return failures;
}

/** The request as the official client sends it: numbers for ids that are numbers, lists also where they are empty. */
function createRequest(given: ValueMap): ValueMap {
  const number = (value: Value): Value => (/^\d+$/.test(String(value)) ? Number(value) : value);
  const optional = (name: string, as: string): ValueMap => (given[name] === undefined ? {} : { [as]: given[name] });
  return {
    name: given["name"] ?? null,
    region: given["region"] ?? "",
    size: given["size"] ?? null,
    image: number(given["image"] ?? null),
    ssh_keys: list(given["sshKeys"]).map(number),
    backups: given["backups"] === true,
    ipv6: given["ipv6"] === true,
    private_networking: given["privateNetworking"] === true,
    monitoring: given["monitoring"] === true,
    tags: list(given["tags"]),
    ...optional("userData", "user_data"),
    ...optional("vpcUuid", "vpc_uuid"),
    ...optional("dropletAgent", "with_droplet_agent"),
    ...optional("backupPolicy", "backup_policy"),
    ...(list(given["volumeIds"]).length > 0 && { volumes: list(given["volumeIds"]).map((id) => ({ id })) }),
  };
}

/** Waits until a new droplet is there. What fails now leaves a droplet behind, which the state must know. */
async function finish(api: Api, id: string, made: ValueMap, call: Call, limit: number): Promise<Outcome> {
  const kept = { ...call.inputs, userData: hashed(call) };
  try {
    return { id, outputs: dropletOutputs(await active(api, id, call.signal, limit), kept) };
  } catch (error) {
    throw new Unfinished({ id, outputs: dropletOutputs(made, kept) }, error);
  }
}

/** Waits until the droplet runs, or was turned off by someone, with nothing under way. */
function active(api: Api, id: string, signal: AbortSignal, limit: number): Promise<ValueMap> {
  return until(`droplet ${id} did not become active`, limit, signal, async () => {
    const now = part((await api.request("GET", path(id), signal))["droplet"], "droplet");
    if (now["locked"] === true || now["status"] === "new") return undefined;
    if (now["status"] === "active" || now["status"] === "off") return now;
    throw new Error(`droplet ${id} has the status "${String(now["status"])}", not "active": it could not be made`);
  });
}

async function remove(api: Api, { id, old, signal }: ExistingCall): Promise<void> {
  if ((await unlocked(api, id, signal)) === "gone") return;
  if (old.inputs["gracefulShutdown"] === true) {
    await act(api, path(id), signal, { type: "shutdown" }).catch((error: unknown) => {
      if (!(error instanceof ApiError && error.message.includes("already powered off"))) throw error;
    });
  }
  await api.remove(path(id), signal);
  await until(`droplet ${id} was not gone`, limitMs, signal, async () =>
    (await api.find(path(id), signal)) === undefined ? true : undefined,
  );
}

function unlocked(api: Api, id: string, signal: AbortSignal): Promise<"there" | "gone"> {
  return until(`droplet ${id} was not unlocked`, limitMs, signal, async () => {
    const found = await api.find(path(id), signal);
    if (found === undefined) return "gone";
    return part(found["droplet"], "droplet")["locked"] === true ? undefined : "there";
  });
}

/** What the state holds instead of the script, as the official provider's: its SHA-1. */
function hashed({ inputs: given }: Call): Value {
  const script = given["userData"];
  return typeof script === "string" ? sha1(script) : null;
}

function sha1(script: string): string {
  return createHash("sha1").update(script).digest("hex");
}
