import { ShipError } from "./errors";
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
  const url = `${access.apiUrl.replace(/\/$/, "")}/v2/registries/${encodeURIComponent(name)}`;
  const answer = await request(
    "asking DigitalOcean for the registry",
    url,
    { headers: { authorization: `Bearer ${access.token.reveal()}` } },
    patience,
  );
  switch (answer.status) {
    case 200:
      return true;
    case 404:
      return false;
    case 401:
    case 403:
      throw new ShipError({
        code: "REGISTRY_AUTH_FAILURE",
        summary: "DigitalOcean refuses the API token",
        found: `HTTP ${answer.status} from ${access.apiUrl}`,
        expected: "a token that may read and write registries",
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
