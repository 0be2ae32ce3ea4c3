import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import * as path from "node:path";

import { registryExists } from "../../../components/shared/digitalocean-api";
import { mayBeTold, request } from "../../../components/shared/http";
import { RegistryClient } from "../../../components/registry/client";
import { takesApiToken, tokenHosts } from "../../../components/registry/login";
import { taggingSecrets } from "../../../components/release/tag-order";
import { Secret } from "../../../components/shared/secret";
import { SecretDesk } from "../../../components/shared/secret-desk";

const root = path.join(__dirname, "..", "..", "..");
const patience = { requestMs: 300_000, totalMs: 300_000 };
const planted = {
  apiToken: "planted-api-token",
  registryToken: "planted-registry-token",
  password: "planted-password",
};

/** A server that notes all that it is told, in plain and as base64 has it. */
class Listener {
  readonly told: string[] = [];
  readonly paths: string[] = [];
  #server: http.Server | undefined;

  constructor(private readonly answer: (request: http.IncomingMessage, response: http.ServerResponse) => void) {}

  async start(): Promise<void> {
    this.#server = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const basic = /^Basic (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
        this.paths.push(`${request.method} ${request.url?.split("?")[0]}`);
        this.told.push(
          ...request.rawHeaders,
          request.url ?? "",
          Buffer.concat(chunks).toString(),
          Buffer.from(basic, "base64").toString(),
        );
        this.answer(request, response);
      });
    });
    await new Promise<void>((resolve) => this.#server?.listen(0, "127.0.0.1", resolve));
  }

  get host(): string {
    return `127.0.0.1:${(this.#server?.address() as AddressInfo).port}`;
  }

  heard(secret: string): boolean {
    return this.told.some((text) => text.includes(secret));
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}

describe("a credential on its way", () => {
  let challenge: string;
  let redirect: { status: number; to: string } | undefined;
  let upload: string | undefined;
  const registry = new Listener((_, response) => {
    if (redirect !== undefined) {
      response.writeHead(redirect.status, { location: redirect.to }).end();
    } else if (upload !== undefined) {
      response.writeHead(202, { location: upload }).end();
    } else {
      response.writeHead(401, { "www-authenticate": challenge }).end();
    }
  });
  // It would gladly make a token of whatever it is told.
  const stranger = new Listener((_, response) => response.writeHead(200).end('{"token": "of-the-stranger"}'));

  beforeEach(async () => {
    [challenge, redirect, upload] = ["", undefined, undefined];
    for (const server of [registry, stranger]) {
      [server.told.length, server.paths.length] = [0, 0];
      await server.start();
    }
  });
  afterEach(() => [registry, stranger].forEach((server) => server.stop()));

  const client = (tokenHost = "") =>
    new RegistryClient(
      `${registry.host}/team/odoo`,
      { username: "u", password: new Secret(planted.password), tokenHost },
      patience,
    );

  const challenges: [what: string, challenge: () => string][] = [
    ["a Basic challenge", () => 'Basic realm="registry"'],
    ["a Bearer challenge of its own", () => `Bearer realm="http://${registry.host}/token",service="r"`],
    ["a Bearer challenge of a stranger's", () => `Bearer realm="http://${stranger.host}/token",service="r"`],
  ];
  for (const [what, made] of challenges) {
    it(`sends no token of DigitalOcean's to another registry: ${what}`, async () => {
      challenge = made();
      const { status, output } = await setTags();
      assert.equal(status, 1, output);
      assert.match(output, /REGISTRY_AUTH_FAILURE/);
      assert.ok(registry.paths.length > 0);
      for (const secret of [planted.apiToken, planted.registryToken]) {
        assert.deepEqual([registry.heard(secret), stranger.heard(secret)], [false, false]);
      }
      assert.ok(!stranger.heard(planted.password));
    });
  }

  it("sends a login to no realm but the registry's, and says which setting allows one", async () => {
    challenge = `Bearer realm="http://${stranger.host}/token",service="r"`;
    await assert.rejects(
      client().digestOf("v1"),
      new RegExp(`REGISTRY_AUTH_FAILURE[^]*registry:tokenHost ${stranger.host}`),
    );
    assert.deepEqual(stranger.paths, []);
    await assert.rejects(client(stranger.host).digestOf("v1"), /REGISTRY_AUTH_FAILURE/);
    assert.ok(stranger.heard(planted.password));
  });

  for (const status of [301, 302, 303, 307, 308]) {
    it(`is not carried along by a redirection, ${status}`, async () => {
      redirect = { status, to: `http://${stranger.host}/elsewhere` };
      const credential = { value: `Bearer ${planted.password}`, hosts: [registry.host] };
      await request("reading", `http://${registry.host}/`, {}, patience, credential);
      assert.deepEqual(stranger.paths, ["GET /elsewhere"]);
      const answer = await request(
        "writing",
        `http://${registry.host}/`,
        { method: "POST", body: "x" },
        patience,
        credential,
      );
      assert.equal(answer.status, status);
      assert.deepEqual(stranger.paths, ["GET /elsewhere"]);
      assert.deepEqual([registry.heard(planted.password), stranger.heard(planted.password)], [true, false]);
    });
  }

  it("ends after some redirections", async () => {
    redirect = { status: 307, to: "/again" };
    assert.equal((await request("reading", `http://${registry.host}/`, {}, patience)).status, 307);
    assert.ok(registry.paths.length < 10);
  });

  it("is not carried along by where an upload goes on", async () => {
    upload = `http://${stranger.host}/upload`;
    await client().probePush();
    assert.deepEqual(stranger.paths, []);
    upload = "/v2/team/odoo/blobs/uploads/1";
    await client().probePush();
    assert.equal(registry.paths.at(-1), "DELETE /v2/team/odoo/blobs/uploads/1");
  });

  it("of DigitalOcean's API is not carried along either", async () => {
    redirect = { status: 302, to: `http://${stranger.host}/` };
    const access = { apiUrl: `http://${registry.host}`, token: new Secret(planted.apiToken) };
    await registryExists(access, "team", patience);
    assert.deepEqual([registry.heard(planted.apiToken), stranger.heard(planted.apiToken)], [true, false]);
  });

  it("is sent by one function only", () => {
    const sources = ["components", "ops"]
      .flatMap((folder) =>
        fs
          .readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
          .map((file) => `${folder}/${file}`),
      )
      .concat("index.ts", "settings.ts")
      .filter((file) => file.endsWith(".ts"));
    const sends = /\bfetch\(|\bhttps?\.(request|get)\(|\bauthorization:/;
    assert.deepEqual(
      sources.filter((file) => sends.test(fs.readFileSync(path.join(root, file), "utf8"))),
      ["components/shared/http.ts"],
    );
  });

  /** Runs the program that sets tags, with an operator's environment and the desk of an update. */
  async function setTags(): Promise<{ status: number | null; output: string }> {
    const stack = `test/${process.pid}`;
    const desk = await SecretDesk.open(
      stack,
      taggingSecrets({
        registry: { kind: "generic" },
        registryAccess: { username: "u", password: new Secret(planted.password) },
        digitalocean: { token: new Secret(planted.apiToken) },
      }),
    );
    const release = {
      stack,
      repository: `${registry.host}/team/odoo`,
      digest: `sha256:${"a".repeat(64)}`,
      fixed: [],
      moving: ["v1"],
    };
    const child = spawn(process.execPath, ["--import", "tsx", "ops/release-tags.ts"], {
      cwd: root,
      env: {
        PATH: process.env["PATH"],
        TMPDIR: process.env["TMPDIR"],
        RELEASE: JSON.stringify(release),
        DO_REGISTRY_TOKEN: planted.registryToken,
        DIGITALOCEAN_TOKEN: planted.apiToken,
      },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data: Buffer) => (output += data.toString()));
    }
    const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
    desk.close();
    return { status, output };
  }
});

describe("the hosts that a registry's login is for", () => {
  const hosts: [host: string, also: string, expected: string[]][] = [
    ["ghcr.io", "", ["ghcr.io"]],
    ["registry.digitalocean.com", "", ["registry.digitalocean.com", "digitalocean.com", "api.digitalocean.com"]],
    ["registry-1.docker.io", "", ["registry-1.docker.io", "docker.io", "auth.docker.io"]],
    ["registry.gitlab.com", "", ["registry.gitlab.com", "gitlab.com"]],
    ["registry.git.example.com:5050", "", ["registry.git.example.com", "git.example.com", "example.com"]],
    ["registry.example.com", "git.example.com", ["registry.example.com", "example.com", "git.example.com"]],
    ["10.20.0.5:5000", "", ["10.20.0.5"]],
    ["localhost", "", ["localhost"]],
    ["127.0.0.1:5055", "", ["127.0.0.1:5055"]],
  ];
  for (const [host, also, expected] of hosts) {
    it(`${host}${also && ` with ${also}`}`, () => assert.deepEqual(tokenHosts(host, also), expected));
  }

  it("are told over HTTPS, or on this machine", () => {
    const told = (address: string, ...of: string[]) => mayBeTold(of, address);
    assert.ok(told("https://gitlab.com/jwt/auth", ...tokenHosts("registry.gitlab.com")));
    assert.ok(told("https://registry.example.com:8443/token", "registry.example.com"));
    assert.ok(!told("http://gitlab.com/jwt/auth", "gitlab.com"));
    assert.ok(!told("https://gitlab.com.example.org/", "gitlab.com"));
    assert.ok(!told("https://gitlab.com@example.org/", "gitlab.com"));
    assert.ok(!told("https://auth.example.com/", ...tokenHosts("registry.example.com")));
    assert.ok(!told("https://com/", ...tokenHosts("example.com")));
    assert.ok(told("http://127.0.0.1:5055/token", "127.0.0.1:5055"));
    assert.ok(!told("http://127.0.0.1:5056/token", "127.0.0.1:5055"));
    assert.ok(!told("not an address", "example.com"));
  });

  it("include no registry but DigitalOcean's where the API's token is the login", () => {
    assert.ok(takesApiToken("digitalocean", "registry.digitalocean.com"));
    assert.ok(takesApiToken("digitalocean", "127.0.0.1:5055"));
    for (const [kind, host] of [
      ["digitalocean", "registry.example.com"],
      ["digitalocean", "registry.digitalocean.com.example.com"],
      ["generic", "registry.digitalocean.com"],
      ["generic", "127.0.0.1:5055"],
      ["ghcr", "ghcr.io"],
    ] as const) {
      assert.ok(!takesApiToken(kind, host), `${kind} ${host}`);
    }
  });
});
