import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { ShipError } from "../shared/errors";
import {
  type Answer,
  type Patience,
  defaultPatience,
  isLoopback,
  isSafeAddress,
  mayBeTold,
  request,
  requestAs,
} from "../shared/http";
import { splitRepository } from "./reference";
import { tokenHosts } from "./login";
import type { Secret } from "../shared/secret";

const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

export interface RegistryAccess {
  readonly username: string;
  readonly password: Secret;
  /**
   * Host that may be told the password, beside the registry's own and those known for it; empty or undefined for none.
   */
  readonly tokenHost?: string;
}

type Scope = "pull" | "pull,push";

/** Manifest of an image, or of an index of several. */
interface Manifest {
  readonly config?: { readonly digest: string };
  readonly manifests?: readonly { readonly digest: string; readonly platform?: { readonly os?: string } }[];
}

/**
 * Client of one repository, in a registry that speaks the OCI distribution API (v1.1), with Bearer or Basic
 * authentication. Every wait has a limit; 429 and 5xx are tried again.
 */
export class RegistryClient {
  readonly #base: string;
  readonly #path: string;
  readonly #host: string;
  readonly #tokens = new Map<Scope, string>();

  /** @param repository `host[:port]/path`, without tag or digest */
  constructor(
    readonly repository: string,
    private readonly access?: RegistryAccess,
    private readonly patience: Patience = defaultPatience,
  ) {
    const { host, path } = splitRepository(repository);
    this.#host = host;
    this.#path = path;
    // This is Docker's own rule: plain HTTP on loopback addresses, HTTPS everywhere else.
    this.#base = `${isLoopback(host) ? "http" : "https"}://${host}/v2`;
  }

  /** Returns the digest that a tag (or digest) names now, or undefined if the registry does not have it. */
  async digestOf(reference: string): Promise<string | undefined> {
    const answer = await this.#send("HEAD", `manifests/${reference}`, "pull", { headers: { accept: manifestTypes } });
    if (answer.status === 404) {
      return undefined;
    }
    this.#expect(answer, [200], `looking up ${reference}`);
    return answer.headers.get("docker-content-digest") ?? undefined;
  }

  /** Lists the repository's tags, in no order; none of a repository that does not exist yet. */
  async tags(): Promise<string[]> {
    const found: string[] = [];
    for (let target: string | undefined = "tags/list?n=1000"; target !== undefined;) {
      const answer: Answer = await this.#send("GET", target, "pull", {});
      if (answer.status === 404) {
        return found;
      }
      this.#expect(answer, [200], "listing the tags");
      found.push(...((JSON.parse(answer.body) as { tags?: string[] | null }).tags ?? []));
      const next = /<([^>]+)>\s*;\s*rel="?next/.exec(answer.headers.get("link") ?? "")?.[1];
      const url = next === undefined ? undefined : URL.parse(next, `${this.#base}/${this.#path}/tags/list`)?.href;
      target = url !== undefined && mayBeTold([this.#host], url) ? url : undefined;
    }
    return found;
  }

  /**
   * Reads what an image says of itself: its digest, and the labels of its configuration. Of an index that is the first
   * image in it that is one for a machine.
   * @returns undefined if the registry does not have it
   */
  async imageOf(reference: string): Promise<{ digest: string; labels: Readonly<Record<string, string>> } | undefined> {
    const manifest = async (name: string) => {
      const answer = await this.#send("GET", `manifests/${name}`, "pull", { headers: { accept: manifestTypes } });
      if (answer.status === 404) return undefined;
      this.#expect(answer, [200], `reading ${name}`);
      return { digest: answer.headers.get("docker-content-digest"), ...(JSON.parse(answer.body) as Manifest) };
    };
    const named = await manifest(reference);
    const inside = named?.manifests?.find(({ platform }) => platform?.os !== "unknown")?.digest;
    const image = inside === undefined ? named : await manifest(inside);
    if (named === undefined || image?.config === undefined) {
      return undefined;
    }
    const blob = await this.#send("GET", `blobs/${image.config.digest}`, "pull", {});
    this.#expect(blob, [200], `reading the configuration of ${reference}`);
    const { config } = JSON.parse(blob.body) as { config?: { Labels?: Record<string, string> | null } };
    return { digest: named.digest ?? reference, labels: config?.Labels ?? {} };
  }

  /**
   * Returns a manifest by its digest, as the registry stores it.
   * @throws ShipError MANIFEST_ERROR for another content than the digest names
   */
  async manifest(digest: string): Promise<string> {
    const answer = await this.#send("GET", `manifests/${digest}`, "pull", { headers: { accept: manifestTypes } });
    this.#expect(answer, [200], `reading ${digest}`);
    this.#expectContent(digest, createHash("sha256").update(answer.body).digest("hex"));
    return answer.body;
  }

  /**
   * Writes a blob, such as a layer, to a file.
   * @throws ShipError MANIFEST_ERROR for another content than the digest names: what is in the file is not to be used
   */
  async save(digest: string, file: string): Promise<void> {
    const answer = await this.#send("GET", `blobs/${digest}`, "pull", {}, async (response) => {
      if (!response.ok || response.body === null) return response.text();
      const hash = createHash("sha256");
      const hashed = async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          yield chunk;
        }
      };
      await pipeline(Readable.fromWeb(response.body), hashed, fs.createWriteStream(file, { mode: 0o600 }));
      return hash.digest("hex");
    });
    this.#expect(answer, [200], `reading ${digest}`);
    this.#expectContent(digest, answer.body);
  }

  /**
   * Returns the list of what hangs on an image, such as its signatures, as the registry's JSON; undefined if there is
   * none. A registry without the referrers API has it under a tag.
   * @param digest `sha256:…`
   */
  async referrers(digest: string): Promise<string | undefined> {
    // What registries answer that do not know the question.
    const found = await this.content(`referrers/${digest}`, [404, 400, 405, 406]);
    return found ?? (await this.content(`manifests/${digest.replace(":", "-")}`));
  }

  /** Returns the text of something that the registry has, such as `blobs/sha256:…`; undefined if it does not. */
  async content(target: string, absent: readonly number[] = [404]): Promise<string | undefined> {
    const answer = await this.#send("GET", target, "pull", { headers: { accept: `${manifestTypes}, */*` } });
    if (absent.includes(answer.status)) {
      return undefined;
    }
    this.#expect(answer, [200], `reading ${target}`);
    return answer.body;
  }

  /** Makes `tag` name the manifest `digest`, which must be in the repository. The image's bytes do not move. */
  async tag(digest: string, tag: string): Promise<void> {
    const manifest = await this.#send("GET", `manifests/${digest}`, "pull,push", {
      headers: { accept: manifestTypes },
    });
    this.#expect(manifest, [200], `reading ${digest}`);
    const contentType = manifest.headers.get("content-type") ?? "application/vnd.oci.image.manifest.v1+json";
    const put = await this.#send("PUT", `manifests/${tag}`, "pull,push", {
      headers: { "content-type": contentType },
      body: manifest.body,
    });
    this.#expect(put, [200, 201], `setting the tag ${tag}`);
  }

  /**
   * Begins an upload and cancels it. This tells whether a push would be accepted, before minutes are spent on a build.
   */
  async probePush(): Promise<void> {
    const begun = await this.#send("POST", "blobs/uploads/", "pull,push", {});
    this.#expect(begun, [202], "beginning a push");
    const location = begun.headers.get("location");
    const upload = location === null ? null : URL.parse(location, `${this.#base}/${this.#path}/blobs/uploads/`);
    // At another host the cancellation would need a login, so the upload is left to end by itself.
    if (upload !== null && mayBeTold([this.#host], upload.href)) {
      await this.#send("DELETE", upload.href, "pull,push", {});
    }
  }

  async #send(
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
    this.#expect(answer, [200], "logging in");
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

  #expectContent(digest: string, found: string): void {
    if (digest === `sha256:${found}`) return;
    throw new ShipError({
      code: "MANIFEST_ERROR",
      summary: "the registry answers with something else than what was asked for",
      found: `content of sha256:${found} from ${this.#host}`,
      expected: `${digest} of ${this.repository}`,
      remedy: "find out what answers in the place of the registry; use nothing of what it gives",
    });
  }

  #expect(answer: Answer, allowed: readonly number[], doing: string): void {
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
        remedy: "delete images that no stack runs or could roll back to, collect garbage, or raise registry:tier",
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
