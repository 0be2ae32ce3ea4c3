import assert from "node:assert/strict";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { digitalocean } from "../../plugins/digitalocean/provider";
import { ProviderServer } from "../../plugins/provider-server";
import { isSecret, reveal, secret, unknown } from "../../plugins/values";
import { PluginClient, urnOf } from "../helpers/plugin-client";

const registryUrn = urnOf("digitalocean:index/containerRegistry:ContainerRegistry", "registry");
const credentialsUrn = urnOf(
  "digitalocean:index/containerRegistryDockerCredentials:ContainerRegistryDockerCredentials",
  "push",
);
const shop = { name: "shop", region: "fra1", created_at: "2026-01-02T03:04:05Z", storage_usage_bytes: 7 };

interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** Answers by "METHOD path", each from a list that ends with its last entry; throws on what it does not know. */
class FakeApi {
  readonly asked: string[] = [];
  readonly bodies: unknown[] = [];
  answers: Record<string, Answer[]> = {};
  private readonly server = http.createServer((request, response) => {
    const [path = ""] = (request.url ?? "").split("?");
    this.asked.push(`${request.method ?? ""} ${request.url ?? ""}`);
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      if (body !== "") this.bodies.push(JSON.parse(body));
      const list = this.answers[`${request.method ?? ""} ${path}`] ?? [
        { status: 404, body: { id: "not_found", message: "no such thing" } },
      ];
      const answer = (list.length > 1 ? list.shift() : list[0]) ?? { status: 500 };
      response.writeHead(request.headers.authorization === "Bearer good" ? answer.status : 401, answer.headers);
      response.end(answer.body === undefined ? "" : JSON.stringify(answer.body));
    });
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

describe("The stand-in for DigitalOcean", () => {
  let api: FakeApi;
  let endpoint: string;
  let server: ProviderServer;
  let plugin: PluginClient;
  beforeEach(async () => {
    api = new FakeApi();
    api.answers["GET /v2/registries/shop"] = [{ status: 200, body: { registry: shop } }];
    api.answers["GET /v2/registries/subscription"] = [
      { status: 200, body: { subscription: { tier: { slug: "basic" } } } },
    ];
    api.answers["GET /v2/registries/shop/docker-credentials"] = [
      { status: 200, body: { auths: { "registry.digitalocean.com": { auth: "bWU6cHc=" } } } },
    ];
    endpoint = await api.listen();
    server = new ProviderServer(digitalocean(), "4.80.1");
    plugin = new PluginClient(await server.listen());
    await plugin.configure({
      apiEndpoint: endpoint,
      token: secret("good"),
      httpRetryWaitMin: "0.01",
      httpRetryWaitMax: "0.02",
    });
  });
  afterEach(() => {
    plugin.close();
    server.close();
    api.close();
  });

  it("creates a registry and answers what the official provider does, its constant host included", async () => {
    api.answers["POST /v2/registry"] = [{ status: 201, body: { registry: shop } }];
    const { id, state } = await plugin.create(registryUrn, {
      name: "shop",
      subscriptionTierSlug: "basic",
      region: "fra1",
    });
    assert.equal(id, "shop");
    assert.deepEqual(state, {
      name: "shop",
      region: "fra1",
      subscriptionTierSlug: "basic",
      endpoint: "registry.digitalocean.com/shop",
      serverUrl: "registry.digitalocean.com",
      createdAt: "2026-01-02 03:04:05 +0000 UTC",
      storageUsageBytes: 7,
    });
    assert.deepEqual(api.bodies, [{ name: "shop", subscription_tier_slug: "basic", region: "fra1" }]);
  });

  it("asks nothing in a preview, and calls what only the API can tell unknown", async () => {
    const { state } = await plugin.create(registryUrn, { name: "shop", subscriptionTierSlug: "basic" }, true);
    assert.equal(state["name"], "shop");
    assert.deepEqual([state["endpoint"], state["region"], state["createdAt"]], [unknown, unknown, unknown]);
    await plugin.update(registryUrn, "shop", state, {}, { name: "shop", subscriptionTierSlug: "professional" }, true);
    assert.deepEqual(api.asked, []);
  });

  it("waits and asks again for 429 and 5xx, and gives up with the API's words", async () => {
    const busy = {
      status: 429,
      headers: { "retry-after": "0" },
      body: { id: "too_many_requests", message: "slow down" },
    };
    api.answers["POST /v2/registry"] = [busy, { status: 503 }, { status: 201, body: { registry: shop } }];
    const { id } = await plugin.create(registryUrn, { name: "shop", subscriptionTierSlug: "basic" });
    assert.deepEqual([id, api.asked.length], ["shop", 3]);
    api.answers["POST /v2/registry"] = [busy];
    await assert.rejects(
      plugin.create(registryUrn, { name: "shop", subscriptionTierSlug: "basic" }),
      /creating ContainerRegistry "registry": POST http.*\/v2\/registry: 429 too_many_requests: slow down/,
    );
    assert.equal(api.asked.length, 3 + 5);
  });

  it("waits as long as the API asks to", async () => {
    const busy = { status: 429, headers: { "retry-after": "1" } };
    api.answers["POST /v2/registry"] = [busy, { status: 201, body: { registry: shop } }];
    const begun = Date.now();
    await plugin.create(registryUrn, { name: "shop", subscriptionTierSlug: "basic" });
    assert.ok(Date.now() - begun >= 950, `waited ${Date.now() - begun} ms`);
  });

  it("does not repeat a request that is refused", async () => {
    api.answers["POST /v2/registry"] = [
      { status: 422, body: { id: "unprocessable_entity", message: "name is taken" } },
    ];
    await assert.rejects(
      plugin.create(registryUrn, { name: "shop", subscriptionTierSlug: "basic" }),
      /422 unprocessable_entity: name is taken/,
    );
    assert.equal(api.asked.length, 1);
    await plugin.configure({ apiEndpoint: endpoint, token: secret("bad-token-value") });
    await assert.rejects(
      plugin.create(registryUrn, { name: "shop", subscriptionTierSlug: "basic" }),
      (error: Error) => {
        assert.match(error.message, /401/);
        assert.doesNotMatch(error.message, /bad-token-value/);
        return true;
      },
    );
  });

  it("stops waiting on Cancel", async () => {
    api.answers["POST /v2/registry"] = [{ status: 429, headers: { "retry-after": "3600" } }];
    const outcome = assert.rejects(
      plugin.create(registryUrn, { name: "shop", subscriptionTierSlug: "basic" }),
      /cancelled/,
    );
    while (api.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await plugin.cancel();
    await outcome;
  });

  it("reads a registry, imports it, and notices that it is gone", async () => {
    const inputs = { name: "shop", subscriptionTierSlug: "starter" };
    const read = await plugin.read(registryUrn, "shop", { ...inputs, region: "fra1" }, inputs);
    assert.deepEqual(read.inputs, { name: "shop", subscriptionTierSlug: "basic" });
    assert.equal(read.state["storageUsageBytes"], 7);
    const imported = await plugin.read(registryUrn, "shop", {}, {});
    assert.deepEqual(imported.inputs, { name: "shop", region: "fra1", subscriptionTierSlug: "basic" });
    assert.equal((await plugin.read(registryUrn, "gone", {}, {})).id, "");
  });

  it("changes the tier in place, and replaces for another name or region, the old one first when the name stays", async () => {
    api.answers["POST /v2/registries/subscription"] = [{ status: 200, body: {} }];
    const old = { name: "shop", region: "fra1", subscriptionTierSlug: "starter" };
    const changed = { ...old, subscriptionTierSlug: "basic" };
    assert.deepEqual((await plugin.diff(registryUrn, old, old, changed)).replacesList, []);
    const state = await plugin.update(registryUrn, "shop", old, old, changed);
    assert.equal(state["subscriptionTierSlug"], "basic");
    assert.deepEqual(api.bodies, [{ tier_slug: "basic" }]);
    const region = await plugin.diff(registryUrn, old, old, { ...old, region: "nyc3" });
    assert.deepEqual([region.replacesList, region.deletebeforereplace], [["region"], true]);
    const name = await plugin.diff(registryUrn, old, old, { ...old, name: "other" });
    assert.deepEqual([name.replacesList, name.deletebeforereplace], [["name"], false]);
    assert.equal((await plugin.diff(registryUrn, old, old, old)).changes, 1);
  });

  it("deletes a registry", async () => {
    api.answers["DELETE /v2/registries/shop"] = [{ status: 204 }];
    await plugin.delete(registryUrn, "shop", { name: "shop" }, { name: "shop" });
    assert.deepEqual(api.asked, ["DELETE /v2/registries/shop"]);
  });

  it("names a registry that the program does not name, and keeps that name", async () => {
    const first = await plugin.check(registryUrn, { subscriptionTierSlug: "basic" });
    assert.match(String(first.inputs["name"]), /^registry-[0-9a-f]{7}$/);
    const second = await plugin.check(registryUrn, { subscriptionTierSlug: "basic" }, first.inputs);
    assert.equal(second.inputs["name"], first.inputs["name"]);
  });

  it("refuses a wrong tier, a missing tier, and a property that does not exist", async () => {
    assert.match(
      (await plugin.check(registryUrn, { subscriptionTierSlug: "free" })).failures.join(),
      /must be one of starter, basic, professional/,
    );
    assert.match(
      (await plugin.check(registryUrn, {})).failures.join(),
      /missing required property "subscriptionTierSlug"/,
    );
    assert.match(
      (await plugin.check(registryUrn, { subscriptionTierSlug: "basic", size: 1 })).failures.join(),
      /unknown property "size"/,
    );
    assert.deepEqual((await plugin.check(registryUrn, { subscriptionTierSlug: unknown })).failures, []);
  });

  it("mints credentials as a secret with their expiry", async () => {
    const { inputs } = await plugin.check(credentialsUrn, { registryName: "shop", write: true, expirySeconds: 600 });
    const { id, state } = await plugin.create(credentialsUrn, inputs);
    assert.equal(id, "shop");
    assert.ok(isSecret(state["dockerCredentials"]));
    assert.match(
      String(reveal(state["dockerCredentials"] ?? null)),
      /"registry.digitalocean.com":\{"auth":"bWU6cHc="\}/,
    );
    const left = Date.parse(String(state["credentialExpirationTime"])) - Date.now();
    assert.ok(left > 0 && left <= 600_000, `${left} ms left`);
    assert.ok(api.asked.includes("GET /v2/registries/shop/docker-credentials?expiry_seconds=600&read_write=true"));
  });

  it("renews credentials in a refresh only, and only expired ones", async () => {
    const inputs = { registryName: "shop", write: false, expirySeconds: 600 };
    const state = { ...inputs, dockerCredentials: secret("old"), credentialExpirationTime: "2999-01-01T00:00:00Z" };
    const kept = await plugin.read(credentialsUrn, "shop", state, inputs);
    assert.deepEqual(kept.state, state);
    const renewed = await plugin.read(
      credentialsUrn,
      "shop",
      { ...state, credentialExpirationTime: "2001-01-01T00:00:00Z" },
      inputs,
    );
    assert.notDeepEqual(renewed.state["dockerCredentials"], state.dockerCredentials);
    assert.deepEqual(renewed.inputs, inputs);
    assert.equal((await plugin.diff(credentialsUrn, state, inputs, inputs)).changes, 1);
    assert.equal((await plugin.read(credentialsUrn, "gone", state, inputs)).id, "");
  });

  it("mints new credentials when expiry or write changes, and forgets them at the end", async () => {
    const old = { registryName: "shop", write: false, expirySeconds: 600 };
    const state = { ...old, dockerCredentials: secret("old"), credentialExpirationTime: "2999-01-01T00:00:00Z" };
    const written = await plugin.update(credentialsUrn, "shop", state, old, { ...old, write: true });
    assert.notDeepEqual(written["dockerCredentials"], state.dockerCredentials);
    assert.equal(written["credentialExpirationTime"], "2999-01-01T00:00:00Z");
    const longer = await plugin.update(credentialsUrn, "shop", state, old, { ...old, expirySeconds: 900 });
    assert.notEqual(longer["credentialExpirationTime"], "2999-01-01T00:00:00Z");
    api.asked.length = 0;
    await plugin.delete(credentialsUrn, "shop", state, old);
    assert.deepEqual(api.asked, []);
  });

  it("looks a registry up, and says when it is not there", async () => {
    const token = "digitalocean:index/getContainerRegistry:getContainerRegistry";
    const { result } = await plugin.invoke(token, { name: "shop" });
    assert.deepEqual([result["id"], result["subscriptionTierSlug"]], ["shop", "basic"]);
    await assert.rejects(plugin.invoke(token, { name: "gone" }), /container registry "gone" not found/);
    assert.match((await plugin.invoke(token, {})).failures.join(), /missing required property "name"/);
    await assert.rejects(plugin.invoke("digitalocean:index/getDroplet:getDroplet", {}), /getDroplet" is not supported/);
  });

  it("refuses configuration that it does not know, and speaks of a missing token when it needs one", async () => {
    assert.deepEqual(await plugin.checkConfig({ token: secret("x"), version: "4.80.1", httpRetryMax: "2" }), []);
    const failures = (await plugin.checkConfig({ tokn: "x", httpRetryMax: "many" })).join();
    assert.match(failures, /"httpRetryMax" must be an integer/);
    assert.match(failures, /unknown property "tokn"/);
    const saved = { ...process.env };
    delete process.env["DIGITALOCEAN_TOKEN"];
    delete process.env["DIGITALOCEAN_ACCESS_TOKEN"];
    await plugin.configure({ apiEndpoint: endpoint });
    Object.assign(process.env, saved);
    await assert.rejects(
      plugin.create(registryUrn, { name: "shop", subscriptionTierSlug: "basic" }),
      /no DigitalOcean token/,
    );
  });

  it("answers the protocol's other calls: handshake, version, secrets and previews, unimplemented", async () => {
    assert.equal((await plugin.handshake("127.0.0.1:1")).getAcceptSecrets(), true);
    assert.equal(await plugin.version(), "4.80.1");
    const configured = await plugin.configure({ apiEndpoint: endpoint, token: "good" });
    assert.deepEqual([configured.getAcceptsecrets(), configured.getSupportspreview()], [true, true]);
    assert.equal(await plugin.codeOfConstruct(), 12);
  });
});
