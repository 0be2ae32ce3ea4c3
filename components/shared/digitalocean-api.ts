import { type Failure, ShipError } from "./errors";
import { type Answer, type Asked, type Patience, request } from "./http";
import { jsonOf } from "./json";
import type { Secret } from "./secret";

/**
 * Scopes of an API token that the program's own requests need; docs/token-scopes.md has those of its resources, too.
 */
export type TokenScope =
  | "registry:read"
  | "registry:update"
  | "registry:delete"
  | "kubernetes:read"
  | "kubernetes:access_cluster"
  | "ssh_key:read";

/** Address and token of DigitalOcean's API. */
export interface DigitalOceanAccess {
  readonly apiUrl: string;
  readonly token: Secret;
}

/**
 * Tells whether the account has a container registry of that name. Reads only.
 * @throws ShipError REGISTRY_AUTH_FAILURE for a refused token, TOKEN_SCOPE_MISSING, NETWORK_FAILURE for any other
 *   answer
 */
export async function registryExists(access: DigitalOceanAccess, name: string, patience?: Patience): Promise<boolean> {
  const path = `/v2/registries/${encodeURIComponent(name)}`;
  const refused = { code: "REGISTRY_AUTH_FAILURE", expected: "a token that may read and write registries" } as const;
  return (
    (await readFromApi(
      access,
      "asking DigitalOcean for the registry",
      path,
      { ...refused, scope: "registry:read" },
      patience,
    )) !== undefined
  );
}

/** A public key that the account has, as it has it. */
export interface AccountKey {
  readonly id: string;
  readonly name: string;
  readonly publicKey: string;
}

/**
 * Looks for a public key in the account, which takes each once only. Reads only.
 * @param fingerprint MD5 of the key, `aa:bb:…`
 * @returns undefined if the account does not have it
 * @throws ShipError API_AUTH_FAILURE for a refused token, TOKEN_SCOPE_MISSING, NETWORK_FAILURE for any other answer
 */
export async function accountKey(access: DigitalOceanAccess, fingerprint: string): Promise<AccountKey | undefined> {
  const body = await readFromApi(
    access,
    "asking DigitalOcean for the SSH key",
    `/v2/account/keys/${encodeURIComponent(fingerprint)}`,
    { code: "API_AUTH_FAILURE", expected: "a token that may read and write SSH keys", scope: "ssh_key:read" },
  );
  if (body === undefined) {
    return undefined;
  }
  const found = jsonOf(body) as { ssh_key?: { id?: unknown; name?: unknown; public_key?: unknown } } | null;
  const { id, name, public_key: publicKey } = found?.ssh_key ?? {};
  if (typeof id !== "number" || typeof name !== "string" || typeof publicKey !== "string") {
    throw unexpectedAnswer("the SSH key", ["ssh_key: no id, name and public_key"]);
  }
  return { id: String(id), name, publicKey };
}

/**
 * Reads from the API.
 * @param what what is asked for, for messages
 * @param refused what to tell of a token that is none, and the scope that one must have
 * @returns the answer's body; undefined where there is nothing
 * @throws ShipError for a refused token as `refused` says, TOKEN_SCOPE_MISSING, NETWORK_FAILURE for any other answer
 */
export async function readFromApi(
  access: DigitalOceanAccess,
  what: string,
  path: string,
  refused: Refused,
  patience?: Patience,
): Promise<string | undefined> {
  const { status, body } = await askApi(access, what, path, {}, refused, [200, 404], patience);
  return status === 404 ? undefined : body;
}

/**
 * Changes something by the API.
 * @param order method, and body as JSON
 * @param also statuses beside 2xx that are an answer, too
 * @returns the answer's status
 * @throws ShipError as {@link readFromApi}
 */
export async function changeInApi(
  access: DigitalOceanAccess,
  what: string,
  path: string,
  order: Pick<Asked, "method" | "body">,
  refused: Refused,
  also: readonly number[] = [],
  patience?: Patience,
): Promise<number> {
  const asked = { ...order, headers: { "content-type": "application/json" } };
  return (await askApi(access, what, path, asked, refused, [200, 201, 202, 204, ...also], patience)).status;
}

/** What to tell of a token that is none, and the scope that one must have. */
type Refused = Pick<Failure, "code" | "expected"> & { readonly scope: TokenScope };

async function askApi(
  access: DigitalOceanAccess,
  what: string,
  path: string,
  order: Asked,
  { scope, ...refused }: Refused,
  allowed: readonly number[],
  patience?: Patience,
): Promise<Answer> {
  const url = `${access.apiUrl.replace(/\/$/, "")}${path}`;
  const credential = { value: `Bearer ${access.token.reveal()}`, hosts: [new URL(access.apiUrl).host] };
  const answer = await request(what, url, order, patience, credential);
  if (allowed.includes(answer.status)) return answer;
  switch (answer.status) {
    case 403:
      // The answer does not say which scope is missing.
      throw new ShipError({
        code: "TOKEN_SCOPE_MISSING",
        summary: `the API token may not do this: ${what}`,
        found: `HTTP 403 from ${access.apiUrl}`,
        expected: `a token with the scope ${scope}, of somebody whose role in the team allows it`,
        remedy:
          `make a new token with ${scope} and the other scopes that docs/token-scopes.md lists for your ` +
          "stack, and set DIGITALOCEAN_TOKEN",
      });
    case 401:
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
        expected: `HTTP ${allowed.join(" or ")}`,
        remedy: "look at status.digitalocean.com, then run the same command again",
      });
  }
}

/**
 * Error about an answer that is not what the API's reference describes. It does not show the answer, which may be a
 * token.
 * @param problems what is wrong with it, each as `place: what`
 */
export function unexpectedAnswer(what: string, problems: readonly string[]): ShipError {
  return new ShipError({
    code: "NETWORK_FAILURE",
    summary: "DigitalOcean's API does not answer as it should",
    found: `${what}: ${problems.join("; ")}`,
    expected: "an answer as its reference describes it",
    remedy:
      "check the address of the API (digitalocean:apiEndpoint), then run the same command again; nothing was changed",
  });
}
