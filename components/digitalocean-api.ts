import { type Failure, ShipError } from "./errors";
import { type Patience, request } from "./http";
import type { Secret } from "./secret";

/** Address and token of DigitalOcean's API. */
export interface DigitalOceanAccess {
  readonly apiUrl: string;
  readonly token: Secret;
}

/**
 * Whether the account has a container registry of that name. Reads only.
 * @throws ShipError REGISTRY_AUTH_FAILURE for a refused token, NETWORK_FAILURE for any other answer
 */
export async function registryExists(access: DigitalOceanAccess, name: string, patience?: Patience): Promise<boolean> {
  const path = `/v2/registries/${encodeURIComponent(name)}`;
  const refused = { code: "REGISTRY_AUTH_FAILURE", expected: "a token that may read and write registries" } as const;
  return (await readFromApi(access, "asking DigitalOcean for the registry", path, refused, patience)) !== undefined;
}

/**
 * Reads from the API.
 * @param what what is asked for, for messages
 * @returns the answer's body; undefined where there is nothing
 * @throws ShipError for a refused token as `refused` says, NETWORK_FAILURE for any other answer
 */
export async function readFromApi(
  access: DigitalOceanAccess,
  what: string,
  path: string,
  refused: Pick<Failure, "code" | "expected">,
  patience?: Patience,
): Promise<string | undefined> {
  const url = `${access.apiUrl.replace(/\/$/, "")}${path}`;
  const credential = { value: `Bearer ${access.token.reveal()}`, hosts: [new URL(access.apiUrl).host] };
  const answer = await request(what, url, {}, patience, credential);
  switch (answer.status) {
    case 200:
      return answer.body;
    case 404:
      return undefined;
    case 401:
    case 403:
      throw new ShipError({
        ...refused,
        summary: "DigitalOcean refuses the API token",
        found: `HTTP ${answer.status} from ${access.apiUrl}`,
        remedy: "make a new token in the DigitalOcean control panel and set DIGITALOCEAN_TOKEN",
      });
    default:
      throw new ShipError({
        code: "NETWORK_FAILURE",
        summary: "DigitalOcean's API does not answer as it should",
        found: `HTTP ${answer.status} from ${access.apiUrl}, also after retries`,
        expected: "HTTP 200 or 404",
        remedy: "look at status.digitalocean.com, then run the same command again; nothing was changed",
      });
  }
}
