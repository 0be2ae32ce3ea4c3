import type { Resource } from "../resource";
import { text, type Failure, type Properties } from "../schema";
import { sameValue, type Value, type ValueMap } from "../values";
import type { Api } from "./api";
import { asSet, list, part } from "./sets";
import { changeTags, tagFailures } from "./tags";
import { act } from "./waits";

const inputs: Properties = {
  description: { type: "string", replace: true },
  filesystemType: { type: "string" },
  initialFilesystemLabel: { type: "string", replace: true },
  initialFilesystemType: { type: "string", replace: true },
  name: { type: "string", replace: true },
  region: { type: "string", required: true, replace: true },
  size: { type: "integer", required: true },
  snapshotId: { type: "string", replace: true, unsupported: "the sandbox has no snapshots" },
  tags: { type: { array: "string" } },
};

/** `digitalocean.Volume`; the id is a UUID. */
export function volume(api: Api): Resource {
  return {
    token: "digitalocean:index/volume:Volume",
    sdk: { file: "volume.d.ts", args: "VolumeArgs", result: "Volume" },
    inputs,
    outputs: {
      ...Object.fromEntries(Object.entries(inputs).map(([name, { type }]) => [name, { type }])),
      dropletIds: { type: { array: "integer" }, required: true },
      filesystemLabel: { type: "string", required: true },
      filesystemType: { type: "string", required: true },
      name: { type: "string", required: true },
      region: { type: "string", required: true },
      size: { type: "integer", required: true },
      volumeUrn: { type: "string", required: true },
    },
    autoName: "name",
    uniqueBy: "name",
    updateChanges: ["dropletIds"],
    check: async ({ inputs: given }) => ({ failures: refusals(given), add: {} }),
    differs(name, old, now) {
      if (name === "size" && typeof old === "number" && typeof now === "number" && now < old) {
        throw new Error(`volumes "size" can only be expanded and not shrunk: it is ${old}, and ${now} is asked for`);
      }
      // Filled in when the program does not say.
      if (name === "filesystemType" && now === undefined) return false;
      return name === "tags" ? asSet(old ?? []) !== asSet(now ?? []) : !sameValue(old, now);
    },
    async create({ inputs: given, signal }) {
      const { volume: made } = await api.request("POST", "/v2/volumes", signal, {
        name: given["name"] ?? null,
        region: given["region"] ?? null,
        size_gigabytes: given["size"] ?? null,
        description: given["description"] ?? "",
        snapshot_id: "",
        filesystem_type: given["initialFilesystemType"] ?? given["filesystemType"] ?? "",
        filesystem_label: given["initialFilesystemLabel"] ?? "",
        tags: list(given["tags"]),
      });
      return { id: String(part(made, "volume")["id"]), outputs: outputs(made, given) };
    },
    async read({ id, old, signal }) {
      const found = await api.find(volumePath(id), signal);
      return found === undefined ? undefined : { id, outputs: outputs(found["volume"], old.outputs) };
    },
    async update({ id, inputs: given, old, signal }) {
      if (given["size"] !== old.inputs["size"]) {
        await act(api, volumePath(id), signal, {
          type: "resize",
          size_gigabytes: given["size"] ?? null,
          region: given["region"] ?? null,
        });
      }
      if (asSet(given["tags"] ?? []) !== asSet(old.inputs["tags"] ?? [])) {
        await changeTags(api, { id, type: "volume" }, { before: old.inputs["tags"], after: given["tags"] }, signal);
      }
      const { volume: now } = await api.request("GET", volumePath(id), signal);
      return outputs(now, given);
    },
    async delete({ id, signal }) {
      await api.remove(volumePath(id), signal);
    },
  };
}

/** Path of one volume in the API. */
export function volumePath(id: string): string {
  return `/v2/volumes/${encodeURIComponent(id)}`;
}

function refusals(given: ValueMap): readonly Failure[] {
  const failures: Failure[] = [...tagFailures(given["tags"])];
  const refuse = (property: string, reason: string): unknown =>
    failures.push({ property, reason: `"${property}" ${reason}` });
  const name = text(given, "name");
  if (name !== undefined && !/^[a-z][a-z0-9-]{0,63}$/.test(name)) {
    refuse(
      "name",
      `must be lowercase letters, numbers and hyphens, begin with a letter, at most 64 characters, but is "${name}"`,
    );
  }
  if (typeof given["size"] === "number" && given["size"] < 1)
    refuse("size", `must be at least 1 (GiB), but is ${given["size"]}`);
  for (const property of ["filesystemType", "initialFilesystemType"]) {
    const type = text(given, property);
    if (type !== undefined && !["ext4", "xfs"].includes(type))
      refuse(property, `must be one of ext4, xfs, but is "${type}"`);
  }
  if (given["filesystemType"] !== undefined && given["initialFilesystemType"] !== undefined) {
    refuse("filesystemType", 'conflicts with "initialFilesystemType"');
  }
  for (const property of ["description", "initialFilesystemLabel"]) {
    if (text(given, property) === "") refuse(property, "must not be empty");
  }
  return failures;
}

function outputs(answer: Value | undefined, before: ValueMap): ValueMap {
  const { id, name, region, size_gigabytes, description, filesystem_type, filesystem_label, droplet_ids, tags } = part(
    answer,
    "volume",
  );
  const kept = ["initialFilesystemLabel", "initialFilesystemType"].filter((key) => before[key] !== undefined);
  return {
    ...Object.fromEntries(kept.map((key) => [key, before[key] ?? null])),
    name: name ?? null,
    region: part(region, "region of the volume")["slug"] ?? null,
    size: size_gigabytes ?? null,
    volumeUrn: `do:volume:${String(id)}`,
    ...(description !== undefined && description !== "" && { description }),
    filesystemType: filesystem_type ?? "",
    filesystemLabel: filesystem_label ?? "",
    dropletIds: list(droplet_ids),
    tags: list(tags),
  };
}
