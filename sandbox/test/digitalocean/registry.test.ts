import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { mock } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { RunningServers, type Answer } from "../helpers/running-servers";

describe("container registries of the sandbox's DigitalOcean API", () => {
  const running = new RunningServers();
  before(() => running.start());
  after(() => running.remove());
  afterEach(() => mock.timers.reset());

  const mint = async (query: string): Promise<{ user: string; password: string }> => {
    const answer = await running.api("GET", `/v2/registries/example/docker-credentials?${query}`);
    const auth = String(answer.at("auths", "registry.digitalocean.com", "auth"));
    const [user = "", password = ""] = Buffer.from(auth, "base64").toString().split(":");
    return { user, password };
  };
  const granted = async ({ user, password }: { user: string; password: string }): Promise<Answer> =>
    (await running.token(user, password, "repository:example/app:pull,push")).answer;
  const lastCollection = async (): Promise<Record<string, unknown>> =>
    (await running.api("GET", "/v2/registries/example/garbage-collections")).at("garbage_collections", 0) as Record<
      string,
      unknown
    >;
  const finished = async (uuid: unknown): Promise<Record<string, unknown>> => {
    for (;;) {
      const last = await lastCollection();
      if (last["uuid"] === uuid && last["status"] === "succeeded") return last;
      assert.notEqual(last["status"], "failed");
      await delay(20);
    }
  };

  /** Holds the deletion of blobs until the answered function is called or the collection is cancelled. */
  const holdCollection = (): (() => void) => {
    const { contents } = running.servers.backend;
    const { deleteUnreferencedBlobs } = contents;
    const released = new AbortController();
    Object.assign(contents, {
      deleteUnreferencedBlobs: async (signal: AbortSignal) => {
        await delay(3_600_000, undefined, { signal: AbortSignal.any([signal, released.signal]) }).catch(
          () => undefined,
        );
        Object.assign(contents, { deleteUnreferencedBlobs });
        return deleteUnreferencedBlobs(signal);
      },
    });
    return () => released.abort();
  };

  it("has none at first, by either path", async () => {
    assert.equal((await running.api("GET", "/v2/registries/example")).status, 404);
    assert.equal((await running.api("GET", "/v2/registry")).at("id"), "not_found");
    assert.deepEqual((await running.api("GET", "/v2/registries")).at("registries"), []);
  });

  it("refuses names, tiers and regions that DigitalOcean does not take", async () => {
    const refusals = [
      { subscription_tier_slug: "basic" },
      { name: "Example", subscription_tier_slug: "basic" },
      { name: "1example", subscription_tier_slug: "basic" },
      { name: "example-", subscription_tier_slug: "basic" },
      { name: "x".repeat(64), subscription_tier_slug: "basic" },
      { name: "example", subscription_tier_slug: "golden" },
      { name: "example", subscription_tier_slug: "basic", region: "moon1" },
      { name: "example" },
    ];
    for (const body of refusals) {
      const answer = await running.api("POST", "/v2/registry", body);
      assert.deepEqual([answer.status, answer.at("id")], [422, "unprocessable_entity"], JSON.stringify(body));
    }
  });

  it("creates one, shows it by both paths with its subscription, and refuses its name a second time", async () => {
    assert.equal((await running.api("POST", "/v2/registries/validate-name", { name: "example" })).status, 204);
    const body = { name: "example", subscription_tier_slug: "starter", region: "fra1" };
    const created = await running.api("POST", "/v2/registry", body);
    assert.equal(created.status, 201);
    assert.deepEqual([created.at("registry", "name"), created.at("registry", "region")], ["example", "fra1"]);

    assert.equal((await running.api("GET", "/v2/registries/example")).at("registry", "name"), "example");
    assert.equal((await running.api("GET", "/v2/registry")).at("registry", "subscription", "tier", "slug"), "starter");
    assert.equal(
      (await running.api("GET", "/v2/registries/subscription")).at("subscription", "tier", "slug"),
      "starter",
    );
    assert.equal((await running.api("POST", "/v2/registry", body)).status, 409);
    assert.equal((await running.api("POST", "/v2/registry/validate-name", { name: "example" })).at("id"), "conflict");
  });

  it("refuses a second registry on a tier for one", async () => {
    const answer = await running.api("POST", "/v2/registries", { name: "second" });
    assert.equal(answer.status, 412);
    assert.match(String(answer.at("message")), /OverRegistryLimit/);
  });

  it("mints read-only and read-write passwords that the registry takes, and keeps neither", async () => {
    const [read, write] = [await mint("read_write=false"), await mint("read_write=true&expiry_seconds=60")];
    assert.equal((await granted(read)).at("scope"), "repository:example/app:pull");
    assert.equal((await granted(write)).at("scope"), "repository:example/app:pull,push");
    const kept = fs.readFileSync(path.join(running.stateDir, "digitalocean.json"), "utf8");
    assert.equal(kept.includes(read.password) || kept.includes(write.password), false);
    assert.ok(kept.includes('"write": true'), "the search looks into the right file");
  });

  it("lets minted passwords expire, and outlive a restart until then", async () => {
    const [short, long] = [await mint("expiry_seconds=300"), await mint("expiry_seconds=3600")];
    assert.equal((await granted(short)).status, 200);
    await running.restart();
    mock.timers.enable({ apis: ["Date"], now: Date.now() + 300_000 });
    assert.equal((await granted(short)).status, 401);
    assert.equal((await granted(long)).status, 200);
    assert.equal((await running.api("GET", "/v2/registry/docker-credentials?expiry_seconds=-1")).status, 422);
  });

  it("lists what was pushed, and refuses a repository more than the tier has", async () => {
    const digest = await running.push("example/app", "v1");
    const list = await running.api("GET", "/v2/registries/example/repositoriesV2");
    assert.deepEqual(list.all("repositories", "name"), ["app"]);
    assert.equal(list.at("repositories", 0, "latest_manifest", "digest"), digest);
    assert.deepEqual(
      (await running.api("GET", "/v2/registry/example/repositories/app/tags")).all("tags", "manifest_digest"),
      [digest],
    );
    const usage = (await running.api("GET", "/v2/registries/example")).at("registry", "storage_usage_bytes");
    assert.equal(usage, list.at("repositories", 0, "latest_manifest", "compressed_size_bytes"));
    assert.ok(Number(usage) > 0);

    const { password } = running.servers.push;
    const refused = (await running.token("push", password, "repository:example/another:pull,push")).answer;
    assert.equal(refused.status, 403);
    assert.equal(refused.at("errors", 0, "message"), "registry contains 1 repositories, limit is 1");
  });

  it("changes the tier upwards, and down only to one that holds what is there", async () => {
    const upgraded = await running.api("POST", "/v2/registries/subscription", { tier_slug: "basic" });
    assert.equal(upgraded.at("subscription", "tier", "slug"), "basic");
    await running.push("example/team/tool", "v1");
    const refused = await running.api("POST", "/v2/registry/subscription", { tier_slug: "starter" });
    assert.equal(refused.status, 412);
    assert.match(String(refused.at("message")), /OverRepositoryLimit/);
    const options = await running.api("GET", "/v2/registry/options");
    assert.deepEqual(options.at("options", "subscription_tiers", 0, "eligibility_reasons"), ["OverRepositoryLimit"]);
  });

  it("deletes a tag alone, leaving its manifest to be pulled by digest", async () => {
    const digest = await running.push("example/team/tool", "v2");
    const repository = "/v2/registries/example/repositories/team%2Ftool";
    assert.equal((await running.api("DELETE", `${repository}/tags/v2`)).status, 204);
    assert.equal((await running.api("DELETE", `${repository}/tags/v2`)).status, 404);
    assert.deepEqual((await running.api("GET", `${repository}/tags`)).all("tags", "tag"), ["v1"]);
    const { token } = await running.token("pull", running.servers.pull.password, "repository:example/team/tool:pull");
    assert.equal((await running.registry("HEAD", `/v2/example/team/tool/manifests/${digest}`, token)).status, 200);
    assert.equal((await running.registry("HEAD", "/v2/example/team/tool/manifests/v2", token)).status, 404);
  });

  it("collects untagged manifests and their blobs, and no others", async () => {
    const release = holdCollection();
    const started = await running.api("POST", "/v2/registries/example/garbage-collection", {
      type: "untagged manifests and unreferenced blobs",
    });
    assert.deepEqual([started.status, started.at("garbage_collection", "status")], [201, "requested"]);
    const uuid = started.at("garbage_collection", "uuid");
    assert.equal((await running.api("POST", "/v2/registries/example/garbage-collection")).status, 409);
    assert.equal(
      (await running.api("GET", "/v2/registry/example/garbage-collection")).at("garbage_collection", "uuid"),
      uuid,
    );
    const { password } = running.servers.push;
    const push = (await running.token("push", password, "repository:example/app:pull,push")).answer;
    assert.equal(push.status, 403, "a push meanwhile could lose its blobs");
    assert.match(String(push.at("errors", 0, "message")), /read-only/);
    release();

    const last = await finished(uuid);
    // The untagged manifest and its layer; its configuration is the other images', too.
    assert.equal(last["blobs_deleted"], 2);
    assert.ok(Number(last["freed_bytes"]) > 0);
    assert.equal((await running.api("GET", "/v2/registry/example/garbage-collection")).status, 404);
    assert.deepEqual(
      (await running.api("GET", "/v2/registries/example/repositories/team%2Ftool/digests")).at("manifests", 0, "tags"),
      ["v1"],
    );
    await running.push("example/app", "afterwards");
  });

  it("cancels a garbage collection", async () => {
    holdCollection();
    const started = await running.api("POST", "/v2/registries/example/garbage-collection");
    const uuid = String(started.at("garbage_collection", "uuid"));
    const cancelled = await running.api("PUT", `/v2/registries/example/garbage-collection/${uuid}`, { cancel: true });
    assert.equal(cancelled.at("garbage_collection", "status"), "cancelling");
    while ((await lastCollection())["status"] === "cancelling") await delay(20);
    assert.equal((await lastCollection())["status"], "cancelled");
  });

  it("deletes a manifest with its tags, and a registry with its images and passwords", async () => {
    const digest = await running.push("example/app", "gone");
    const repository = "/v2/registries/example/repositories/app";
    assert.equal((await running.api("DELETE", `${repository}/digests/${digest}`)).status, 204);
    assert.ok(!(await running.api("GET", `${repository}/tags`)).all("tags", "tag").includes("gone"));

    const credentials = await mint("read_write=true");
    assert.equal((await running.api("DELETE", "/v2/registries/example")).status, 204);
    assert.equal((await running.api("GET", "/v2/registries/example")).status, 404);
    assert.equal((await granted(credentials)).status, 401);
    const { token } = await running.token("pull", running.servers.pull.password, "repository:example/app:pull");
    assert.equal((await running.registry("GET", "/v2/example/app/manifests/v1", token)).status, 404);
  });
});
