import * as assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as http from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { digestOf, RunningServers } from "../helpers/running-servers";

describe("the sandbox's registry", () => {
  const running = new RunningServers();
  before(() => running.start());
  after(() => running.remove());

  const tokenOf = async (who: "push" | "pull", scope: string): Promise<string> =>
    (await running.token(who, running.servers[who].password, scope)).token;
  const errorOf = async (response: Response): Promise<{ code: string; message: string } | undefined> => {
    const body = (await response.json()) as { errors: { code: string; message: string }[] };
    return body.errors[0];
  };

  it("asks for a bearer token at its own address, with the scope that would do", async () => {
    const version = await running.registry("GET", "/v2/");
    assert.equal(version.status, 401);
    const { registryUrl, registryAddress } = running.servers;
    assert.equal(
      version.headers.get("www-authenticate"),
      `Bearer realm="${registryUrl}/token",service="${registryAddress}"`,
    );
    const pull = await running.registry("GET", "/v2/example/app/manifests/v1");
    assert.match(pull.headers.get("www-authenticate") ?? "", /scope="repository:example\/app:pull"/);
    const push = await running.registry("POST", "/v2/example/app/blobs/uploads/");
    assert.match(push.headers.get("www-authenticate") ?? "", /scope="repository:example\/app:pull,push"/);
    assert.equal((await errorOf(push))?.code, "UNAUTHORIZED");
  });

  it("gives no token for a wrong password, an unknown user or none at all", async () => {
    const { push, pull } = running.servers;
    for (const [user, password] of [
      ["push", "wrong"],
      ["push", pull.password],
      ["nobody", push.password],
      ["", ""],
    ] as const) {
      const { answer } = await running.token(user, password, "repository:a:pull");
      assert.deepEqual([answer.status, answer.at("errors", 0, "code")], [401, "UNAUTHORIZED"], user);
    }
    assert.equal((await fetch(`${running.servers.registryUrl}/token?scope=repository:a:pull`)).status, 401);
  });

  it("takes the API's token as a password, and the password grant by POST", async () => {
    const { token } = await running.token(running.servers.token, running.servers.token, "repository:a:pull");
    assert.equal((await running.registry("GET", "/v2/", token)).status, 200);
    const body = new URLSearchParams({
      grant_type: "password",
      username: "push",
      password: running.servers.push.password,
      scope: "repository:a:pull,push repository:b:pull",
    });
    const answer = await fetch(`${running.servers.registryUrl}/token`, { method: "POST", body });
    assert.equal(((await answer.json()) as { scope: string }).scope, "repository:a:pull,push repository:b:pull");
  });

  it("takes an image and gives it back by tag and by digest", async () => {
    const digest = await running.push("example/app", "v1", "the layer");
    const token = await tokenOf("pull", "repository:example/app:pull");
    for (const reference of ["v1", digest]) {
      const manifest = await running.registry("GET", `/v2/example/app/manifests/${reference}`, token);
      assert.equal(manifest.headers.get("docker-content-digest"), digest);
      assert.equal(digestOf(await manifest.text()), digest);
    }
    const head = await running.registry("HEAD", "/v2/example/app/manifests/v1", token);
    assert.ok(Number(head.headers.get("content-length")) > 0);
    const layer = await running.registry("GET", `/v2/example/app/blobs/${digestOf("the layer")}`, token);
    assert.equal(await layer.text(), "the layer");
  });

  it("leads an upload on through itself, never to the registry behind", async () => {
    const token = await tokenOf("push", "repository:example/app:pull,push");
    const started = await running.registry("POST", "/v2/example/app/blobs/uploads/", token);
    assert.equal(started.status, 202);
    assert.ok(
      started.headers.get("location")?.startsWith(`${running.servers.registryUrl}/v2/example/app/blobs/uploads/`),
    );
  });

  it("denies a push and a deletion to the user who may only pull, also with a scope asked for", async () => {
    const digest = await running.push("example/app", "v2");
    const token = await tokenOf("pull", "repository:example/app:pull,push,delete");
    const denials = [
      await running.registry("POST", "/v2/example/app/blobs/uploads/", token),
      await running.registry("PUT", "/v2/example/app/manifests/v2", token, { body: "{}" }),
      await running.registry("DELETE", `/v2/example/app/manifests/${digest}`, token),
      await running.registry("GET", "/v2/_catalog", token),
    ];
    for (const denial of denials) {
      assert.deepEqual([denial.status, (await errorOf(denial))?.code], [403, "DENIED"]);
    }
    assert.equal((await running.registry("GET", `/v2/example/app/manifests/${digest}`, token)).status, 200);
  });

  it("keeps a token to its repository and refuses a changed one", async () => {
    await running.push("example/other", "v1");
    const token = await tokenOf("push", "repository:example/app:pull,push");
    const other = await running.registry("GET", "/v2/example/other/manifests/v1", token);
    assert.equal(other.status, 401);
    assert.match(other.headers.get("www-authenticate") ?? "", /insufficient_scope/);
    const [payload = "", signature = ""] = token.split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
    const forged = Buffer.from(JSON.stringify({ ...claims, expires: Date.now() + 1e9 })).toString("base64url");
    assert.equal((await running.registry("GET", "/v2/", `${forged}.${signature}`)).status, 401);
  });

  it("deletes a manifest for the user who may push", async () => {
    const digest = await running.push("example/app", "v3", "v3");
    const token = await tokenOf("push", "repository:example/app:pull,push,delete");
    assert.equal((await running.registry("DELETE", `/v2/example/app/manifests/${digest}`, token)).status, 202);
    assert.equal((await running.registry("GET", "/v2/example/app/manifests/v3", token)).status, 404);
  });

  it("survives an upload that breaks off, which can then be done again", async () => {
    const token = await tokenOf("push", "repository:example/app:pull,push");
    const started = await running.registry("POST", "/v2/example/app/blobs/uploads/", token);
    const upload = http.request(started.headers.get("location") ?? "", {
      method: "PATCH",
      headers: {
        authorization: `Bearer ${token}`,
        "content-length": 10_000_000,
        "content-type": "application/octet-stream",
      },
    });
    upload.on("error", () => undefined);
    const broken = () =>
      running.servers.api.log.list().filter(({ method, path }) => method === "PATCH" && path.includes("/example/app/"));
    await new Promise((resolve) => upload.write(randomBytes(100_000), resolve));
    upload.destroy();
    while (broken().length === 0) await delay(20);
    await running.push("example/app", "again");
    assert.deepEqual(
      broken().map(({ status }) => status),
      [0],
      "the break reached the log, with no answer",
    );
  });

  it("keeps its images over a restart", async () => {
    const digest = await running.push("example/app", "kept");
    await running.restart();
    const token = await tokenOf("pull", "repository:example/app:pull");
    const manifest = await running.registry("HEAD", "/v2/example/app/manifests/kept", token);
    assert.equal(manifest.headers.get("docker-content-digest"), digest);
  });

  it("says so when the registry behind is gone", async () => {
    const token = await tokenOf("pull", "repository:example/app:pull");
    await running.servers.backend.close();
    const answer = await running.registry("GET", "/v2/example/app/manifests/kept", token);
    assert.equal(answer.status, 502);
  });
});
