import type { Resource } from "../resource";
import { text, type Failure } from "../schema";
import { sameValue, type Value, type ValueMap } from "../values";
import type { Api } from "./api";
import { part } from "./sets";

/** `digitalocean.SshKey`; the id is its number. */
export function sshKey(api: Api): Resource {
  return {
    token: "digitalocean:index/sshKey:SshKey",
    sdk: { file: "sshKey.d.ts", args: "SshKeyArgs", result: "SshKey" },
    inputs: {
      name: { type: "string" },
      publicKey: { type: "string", required: true, replace: true },
    },
    outputs: {
      fingerprint: { type: "string", required: true },
      name: { type: "string", required: true },
      publicKey: { type: "string", required: true },
    },
    autoName: "name",
    // The account takes a key once, whatever its name: with the name unchanged the old one goes first.
    uniqueBy: "name",
    updateChanges: [],
    check: async ({ inputs }) => {
      const empty = ["name", "publicKey"].filter((property) => text(inputs, property)?.trim() === "");
      return {
        failures: empty.map((property): Failure => ({ property, reason: `"${property}" must not be empty` })),
        add: {},
      };
    },
    differs: (name, old, now) => (name === "publicKey" ? trimmed(old) !== trimmed(now) : !sameValue(old, now)),
    async create({ inputs, signal }) {
      const { ssh_key } = await api.request("POST", "/v2/account/keys", signal, {
        name: inputs["name"] ?? null,
        public_key: inputs["publicKey"] ?? null,
      });
      return { id: String(part(ssh_key, "key")["id"]), outputs: outputs(ssh_key) };
    },
    async read({ id, signal }) {
      const found = await api.find(path(id), signal);
      return found === undefined ? undefined : { id, outputs: outputs(found["ssh_key"]) };
    },
    async update({ id, inputs, signal }) {
      const { ssh_key } = await api.request("PUT", path(id), signal, { name: inputs["name"] ?? null });
      return outputs(ssh_key);
    },
    async delete({ id, signal }) {
      await api.remove(path(id), signal);
    },
  };
}

function path(id: string): string {
  return `/v2/account/keys/${encodeURIComponent(id)}`;
}

function outputs(key: Value | undefined): ValueMap {
  const { name, fingerprint, public_key } = part(key, "key");
  return { name: name ?? null, fingerprint: fingerprint ?? null, publicKey: public_key ?? null };
}

function trimmed(key: Value | undefined): string {
  return String(key ?? "").trim();
}
