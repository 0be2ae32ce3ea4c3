import type { Resource } from "../resource";
import type { ValueMap } from "../values";
import type { Api } from "./api";
import { registryPath } from "./container-registry";

/** Roughly fifty years: the default and the most that the API takes. */
const longestExpirySeconds = 1_576_800_000;

/** `digitalocean.ContainerRegistryDockerCredentials`; the id is the registry's name. */
export function dockerCredentials(api: Api): Resource {
  return {
    token: "digitalocean:index/containerRegistryDockerCredentials:ContainerRegistryDockerCredentials",
    sdk: {
      file: "containerRegistryDockerCredentials.d.ts",
      args: "ContainerRegistryDockerCredentialsArgs",
      result: "ContainerRegistryDockerCredentials",
    },
    inputs: {
      expirySeconds: { type: "integer", default: longestExpirySeconds },
      registryName: { type: "string", required: true, replace: true },
      write: { type: "boolean", default: false },
    },
    outputs: {
      credentialExpirationTime: { type: "string", required: true },
      dockerCredentials: { type: "string", required: true, secret: true },
      expirySeconds: { type: "integer" },
      registryName: { type: "string", required: true },
      write: { type: "boolean" },
    },
    check: async ({ inputs }) => {
      const { expirySeconds } = inputs;
      const fits = typeof expirySeconds !== "number" || (expirySeconds >= 0 && expirySeconds <= longestExpirySeconds);
      const reason = `"expirySeconds" must be between 0 and ${longestExpirySeconds}, but is ${String(expirySeconds)}`;
      return { failures: fits ? [] : [{ property: "expirySeconds", reason }], add: {} };
    },
    async create({ inputs, signal }) {
      const name = String(inputs["registryName"]);
      if ((await api.find(registryPath(name), signal)) === undefined)
        throw new Error(`registry "${name}" does not exist`);
      return { id: name, outputs: await mint(api, inputs, signal) };
    },
    // Like the official provider: only a refresh renews, and only what has expired.
    async read({ id, inputs, old, signal }) {
      const current = { ...old.outputs, ...inputs, registryName: id };
      if ((await api.find(registryPath(id), signal)) === undefined) return undefined;
      const expires = String(old.outputs["credentialExpirationTime"] ?? "");
      const expired = expires === "" || Date.parse(expires) < Date.now();
      return { id, outputs: expired ? await mint(api, current, signal) : { ...old.outputs } };
    },
    async update({ inputs, old, signal }) {
      const renew = inputs["expirySeconds"] !== old.inputs["expirySeconds"] || inputs["write"] !== old.inputs["write"];
      const outputs = renew ? await mint(api, inputs, signal) : { ...old.outputs, ...inputs };
      // Only another expiry moves the time in the official provider; another `write` keeps the old one.
      const sameExpiry = inputs["expirySeconds"] === old.inputs["expirySeconds"];
      const kept = old.outputs["credentialExpirationTime"];
      return sameExpiry && kept !== undefined ? { ...outputs, credentialExpirationTime: kept } : outputs;
    },
    // The official provider revokes the token at a fixed public address; here it is left to expire.
    delete: async () => undefined,
  };
}

async function mint(api: Api, inputs: ValueMap, signal: AbortSignal): Promise<ValueMap> {
  const expirySeconds = typeof inputs["expirySeconds"] === "number" ? inputs["expirySeconds"] : longestExpirySeconds;
  const write = inputs["write"] === true;
  const registryName = String(inputs["registryName"]);
  const expires = new Date(Date.now() + expirySeconds * 1000);
  const query = `?expiry_seconds=${expirySeconds}&read_write=${write}`;
  const answer = await api.request("GET", `${registryPath(registryName)}/docker-credentials${query}`, signal);
  return {
    credentialExpirationTime: `${expires.toISOString().slice(0, 19)}Z`,
    dockerCredentials: JSON.stringify(answer),
    expirySeconds,
    registryName,
    write,
  };
}
