import { ShipError } from "../shared/errors";
import { type Answer, type Patience, isLoopback, isSafeAddress, mayBeTold, request, requestAs } from "../shared/http";
import { splitRepository } from "./reference";
import { tokenHosts } from "./login";
import type { Secret } from "../shared/secret";

export interface RegistryAccess {
  readonly username: string;
  readonly password: Secret;
  /**
   * Host that may be told the password, beside the registry's own and those known for it; empty or undefined for none.
   */
  readonly tokenHost?: string;
}

type Scope = "pull" | "pull,push" | "delete";

/**
 * Requests to one repository of a registry, with Bearer or Basic authentication. Every wait has a limit; 429 and 5xx
 * are tried again.
 */
export class RegistryConnection {
  readonly #base: string;
  readonly #path: string;
  readonly #host: string;
  readonly #tokens = new Map<Scope, string>();

  /** @param repository `host[:port]/path`, without tag or digest */
  constructor(
    readonly repository: string,
    private readonly access: RegistryAccess | undefined,
    private readonly patience: Patience,
  ) {
    const { host, path } = splitRepository(repository);
    this.#host = host;
    this.#path = path;
    // This is Docker's own rule: plain HTTP on loopback addresses, HTTPS everywhere else.
    this.#base = `${isLoopback(host) ? "http" : "https"}://${host}/v2`;
  }

  /**
   * Returns the address that the registry has named in an answer to `target`; undefined if it is at another host, which
   * would need a login of its own.
   */
  follow(target: string, named: string): string | undefined {
    const url = URL.parse(named, `${this.#base}/${this.#path}/${target}`)?.href;
    return url !== undefined && mayBeTold([this.#host], url) ? url : undefined;
  }

  /**
   * Asks for a path below the repository, or an address of {@link follow}.
   * @throws ShipError REGISTRY_AUTH_FAILURE, NETWORK_TIMEOUT, NETWORK_FAILURE
   */
  async send(
    method: string,
    target: string,
    scope: Scope,
    init: { headers?: Record<string, string>; body?: string },
    read = (response: Response) => response.text(),
  ): Promise<Answer> {
    const url = target.startsWith("http") ? target : `${this.#base}/${this.#path}/${target}`;
    const what = `${method} ${this.repository}`;
    const attempt = () => {
      const value = this.#tokens.get(scope);
      return requestAs(
        read,
        what,
        url,
        { ...init, method },
        this.patience,
        value === undefined ? undefined : { value, hosts: [this.#host] },
      );
    };
    const first = await attempt();
    if (first.status !== 401) {
      return first;
    }
    this.#tokens.set(scope, await this.#authorization(first.headers.get("www-authenticate") ?? "", scope));
    return attempt();
  }

  async #authorization(challenge: string, scope: Scope): Promise<string> {
    const basic =
      this.access &&
      `Basic ${Buffer.from(`${this.access.username}:${this.access.password.reveal()}`).toString("base64")}`;
    const parameters = new Map(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map((match) => [match[1], match[2]] as const),
    );
    const realm = parameters.get("realm");
    if (/^basic/i.test(challenge) && basic !== undefined) {
      return basic;
    }
    if (!/^bearer/i.test(challenge) || realm === undefined) {
      throw this.#refused("the registry asks for a login and names no way", "401");
    }
    const hosts = tokenHosts(this.#host, this.access?.tokenHost);
    const url = this.#tokenAddress(realm, basic === undefined ? undefined : hosts);
    url.searchParams.set("service", parameters.get("service") ?? this.#host);
    url.searchParams.set("scope", `repository:${this.#path}:${scope}`);
    const credential = basic === undefined ? undefined : { value: basic, hosts };
    const answer = await request(`logging in to ${this.#host}`, url.href, {}, this.patience, credential);
    this.expect(answer, [200], "logging in");
    const { token, access_token } = JSON.parse(answer.body) as { token?: string; access_token?: string };
    return `Bearer ${token ?? access_token ?? ""}`;
  }

  /**
   * Checks where a registry asks for its login. A registry may name any address. Only a host that the login is for is
   * told it, and a registry elsewhere cannot make us ask something on this machine.
   * @param hosts who may be told the login; undefined without one
   */
  #tokenAddress(realm: string, hosts: readonly string[] | undefined): URL {
    const url = URL.parse(realm);
    const safe = url !== null && isSafeAddress(realm) && (isLoopback(this.#host) || !isLoopback(url.host));
    if (url !== null && safe && (hosts === undefined || mayBeTold(hosts, realm))) {
      return url;
    }
    throw new ShipError({
      code: "REGISTRY_AUTH_FAILURE",
      summary: `the registry ${this.#host} asks for its login at a place that it is not for; nothing was sent there`,
      found: `a challenge that names ${realm}`,
      expected: `an https address at ${(hosts ?? tokenHosts(this.#host)).join(", ")}`,
      remedy:
        "if that host makes the tokens for your registry: pulumi config set registry:tokenHost " +
        `${url?.host ?? "<host>"}`,
    });
  }

  /** @throws ShipError MANIFEST_ERROR unless the content of a digest has that digest; `found` in hexadecimal digits */
  expectContent(digest: string, found: string): void {
    if (digest === `sha256:${found}`) return;
    throw new ShipError({
      code: "MANIFEST_ERROR",
      summary: "the registry answers with something else than what was asked for",
      found: `content of sha256:${found} from ${this.#host}`,
      expected: `${digest} of ${this.repository}`,
      remedy: "find out what answers in the place of the registry; use nothing of what it gives",
    });
  }

  /**
   * Judges an answer.
   * @throws ShipError QUOTA_EXCEEDED, REGISTRY_AUTH_FAILURE, MANIFEST_ERROR, NETWORK_FAILURE
   */
  expect(answer: Answer, allowed: readonly number[], doing: string): void {
    if (allowed.includes(answer.status)) {
      return;
    }
    const reason = registryReason(answer.body);
    const found = `HTTP ${answer.status} from ${this.#host} while ${doing}${reason === "" ? "" : `: ${reason}`}`;
    if (/quota|storage limit|no space/i.test(reason) || answer.status === 507 || answer.status === 413) {
      throw new ShipError({
        code: "QUOTA_EXCEEDED",
        summary: "the registry is full",
        found,
        expected: "room for another image",
        remedy: "make room with `npm run retention` (docs/retention.md), or raise registry:tier",
      });
    }
    if (answer.status === 401 || answer.status === 403) {
      throw this.#refused(found, String(answer.status));
    }
    if (answer.status === 400) {
      throw new ShipError({
        code: "MANIFEST_ERROR",
        summary: "the registry refuses the manifest",
        found,
        expected: "HTTP 201",
        remedy: "check that the registry supports this image's format and that all its layers were pushed",
      });
    }
    throw new ShipError({
      code: "NETWORK_FAILURE",
      summary: "the registry does not answer as it should",
      found: `${found}, also after retries`,
      expected: `HTTP ${allowed.join(" or ")}`,
      remedy: "look at the registry's status page, then run the same command again",
    });
  }

  #refused(found: string, status: string): ShipError {
    return new ShipError({
      code: "REGISTRY_AUTH_FAILURE",
      summary: `the registry ${this.#host} refuses the credentials`,
      found,
      expected: `credentials that may ${status === "403" ? "push to" : "use"} ${this.repository}`,
      remedy:
        "set a valid DO_REGISTRY_TOKEN or DIGITALOCEAN_TOKEN (DigitalOcean), GHCR_TOKEN (GitHub) or registry:password",
    });
  }
}

/** Returns the registry's own words in an OCI error envelope: `CODE message` of each error. */
function registryReason(body: string): string {
  try {
    const { errors } = JSON.parse(body) as { errors?: { code?: string; message?: string; detail?: unknown }[] };
    return (errors ?? [])
      .map((error) => [error.code, error.message].filter((part) => part !== undefined).join(" "))
      .join("; ");
  } catch {
    return body.slice(0, 200).trim();
  }
}
