import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { startServers, type Servers, type ServersOptions } from "../../servers";
import { ensureRegistryBinary } from "../../tools/registry-binary";

const manifestType = "application/vnd.docker.distribution.manifest.v2+json";

/** The sandbox's servers on free ports with a directory of their own, which `remove` takes away. */
export class RunningServers {
  private current: Servers | undefined;

  constructor(
    readonly stateDir = fs.mkdtempSync(path.join(os.tmpdir(), "sandbox-servers-")),
    private readonly options: Partial<ServersOptions> = {},
  ) {}

  get servers(): Servers {
    if (this.current === undefined) {
      throw new Error("the servers have not been started");
    }
    return this.current;
  }

  async start(): Promise<void> {
    const registryBinary = process.env["DOCKER_REGISTRY_BINARY"] ?? (await ensureRegistryBinary());
    this.current = await startServers({ stateDir: this.stateDir, registryBinary, ...this.options });
  }

  async restart(): Promise<void> {
    await this.servers.close();
    await this.start();
  }

  async remove(): Promise<void> {
    await this.current?.close();
    fs.rmSync(this.stateDir, { recursive: true, force: true });
  }

  /** A request to the API with its token; a body goes as JSON. */
  async api(method: string, target: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(`${this.servers.apiUrl}${target}`, {
      method,
      headers: {
        authorization: `Bearer ${this.servers.token}`,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return Answer.of(response);
  }

  /** How many requests have changed something at the API. */
  get changes(): number {
    const { log } = this.servers.api;
    return log.list().filter(({ method, status }) => !["GET", "HEAD"].includes(method) && status < 400).length;
  }

  /** The account's container registry. */
  async createRegistry(name = "team"): Promise<void> {
    const body = { name, subscription_tier_slug: "basic", region: "fra1" };
    const { status } = await this.api("POST", "/v2/registry", body);
    if (status !== 201) throw new Error(`POST /v2/registry: ${status}`);
  }

  /** A bearer token for a scope, or the registry's refusal. */
  async token(
    user: string,
    password: string,
    scope: string,
  ): Promise<{ readonly answer: Answer; readonly token: string }> {
    const target = `${this.servers.registryUrl}/token?service=test&scope=${encodeURIComponent(scope)}`;
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
    const answer = await Answer.of(await fetch(target, { headers: { authorization } }));
    return { answer, token: String(answer.at("token")) };
  }

  async registry(method: string, target: string, token?: string, init: RequestInit = {}): Promise<Response> {
    return fetch(new URL(target, this.servers.registryUrl), {
      method,
      ...init,
      // A manifest without this is converted to the format of 2014.
      headers: {
        accept: `${manifestType}, */*`,
        ...(init.headers as Record<string, string>),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
    });
  }

  /** Pushes an image of one tiny layer, with labels, as Docker would; answers the manifest's digest. Its tag may be empty. */
  async push(
    repository: string,
    tag: string,
    layer = `layer of ${repository}:${tag}`,
    labels: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const described = { architecture: "amd64", os: "linux", config: { Labels: labels } };
    return this.pushImage(repository, tag, described, [layer]);
  }

  /** The same with a configuration and layers (gzip) of the caller's own. */
  async pushImage(
    repository: string,
    tag: string,
    configuration: object,
    layers: readonly (string | Buffer<ArrayBuffer>)[],
  ): Promise<string> {
    const { username, password } = this.servers.push;
    const { token } = await this.token(username, password, `repository:${repository}:pull,push`);
    const config = await this.pushBlob(repository, token, JSON.stringify(configuration));
    const pushed: { digest: string; size: number }[] = [];
    for (const layer of layers) pushed.push(await this.pushBlob(repository, token, layer));
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: "application/vnd.docker.container.image.v1+json", ...config },
      layers: pushed.map((layer) => ({ mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip", ...layer })),
    });
    return this.putManifest(repository, token, tag, manifestType, manifest);
  }

  /** Puts a manifest by its tag, or by its digest where that is empty; answers the digest. */
  async putManifest(repository: string, token: string, tag: string, type: string, body: string): Promise<string> {
    const answer = await this.registry("PUT", `/v2/${repository}/manifests/${tag || digestOf(body)}`, token, {
      headers: { "content-type": type },
      body,
    });
    if (answer.status !== 201) {
      throw new Error(`PUT manifest: ${answer.status} ${await answer.text()}`);
    }
    return digestOf(body);
  }

  /** Makes a manifest look as if it had been pushed so many days ago. */
  age(repository: string, digest: string, days: number): void {
    const storage = path.join(this.stateDir, "registry/storage/docker/registry/v2/repositories", repository);
    const link = path.join(storage, "_manifests/revisions", digest.replace(":", "/"), "link");
    const date = new Date(Date.now() - days * 86_400_000);
    fs.utimesSync(link, date, date);
  }

  private async pushBlob(
    repository: string,
    token: string,
    content: string | Buffer<ArrayBuffer>,
  ): Promise<{ digest: string; size: number }> {
    const started = await this.registry("POST", `/v2/${repository}/blobs/uploads/`, token);
    const location = new URL(started.headers.get("location") ?? "");
    location.searchParams.set("digest", digestOf(content));
    const done = await this.registry("PUT", location.href, token, {
      headers: { "content-type": "application/octet-stream" },
      body: content,
    });
    if (done.status !== 201) {
      throw new Error(`PUT blob: ${done.status} ${await done.text()}`);
    }
    return { digest: digestOf(content), size: Buffer.byteLength(content) };
  }
}

/** An answer with its JSON body. */
export class Answer {
  constructor(
    readonly status: number,
    readonly headers: Headers,
    readonly body: unknown,
  ) {}

  static async of(response: Response): Promise<Answer> {
    const text = await response.text();
    return new Answer(response.status, response.headers, text === "" ? undefined : JSON.parse(text));
  }

  /** A value inside of the body, by keys and indexes; `undefined` when it is not there. */
  at(...keys: readonly (string | number)[]): unknown {
    return keys.reduce<unknown>(
      (value, key) => (value as Record<string | number, unknown> | undefined)?.[key],
      this.body,
    );
  }

  /** A list inside of the body, one value of each entry. */
  all(list: string, key: string): readonly unknown[] {
    const entries = this.at(list);
    if (!Array.isArray(entries)) {
      throw new Error(`no list ${list} in ${JSON.stringify(this.body)}`);
    }
    return entries.map((entry: Record<string, unknown>) => entry[key]);
  }
}

/** `sha256:…` of a content. */
export function digestOf(content: string | Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
