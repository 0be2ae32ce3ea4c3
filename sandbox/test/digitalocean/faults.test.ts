import * as assert from "node:assert/strict";
import { RunningServers } from "../helpers/running-servers";

describe("the faults of the sandbox's servers", () => {
  const running = new RunningServers();
  before(() => running.start());
  after(() => running.remove());
  afterEach(() => running.api("DELETE", "/_sandbox/faults"));

  const order = async (fault: Record<string, unknown>): Promise<void> => {
    assert.equal((await running.api("POST", "/_sandbox/faults", fault)).status, 201);
  };
  const statuses = async (count: number, target = "/v2/account"): Promise<number[]> => {
    const found: number[] = [];
    for (let i = 0; i < count; i++) {
      found.push((await running.api("GET", target)).status);
    }
    return found;
  };
  const push = (): Promise<string> => running.push("example/app", "v1");

  it("are ordered with the token only, and in known words", async () => {
    const stranger = await running.api(
      "POST",
      "/_sandbox/faults",
      { what: "api-500" },
      { authorization: "Bearer wrong" },
    );
    assert.equal(stranger.status, 401);
    for (const fault of [
      { what: "api-418" },
      { what: "api-500", path: "(" },
      { what: "api-500", times: 0 },
      { what: "api-500", often: 1 },
    ]) {
      assert.equal((await running.api("POST", "/_sandbox/faults", fault)).status, 422, JSON.stringify(fault));
    }
    assert.deepEqual(await statuses(1), [200]);
  });

  it("end after their number of times, and can be seen and cleared", async () => {
    await order({ what: "api-500", times: 2 });
    assert.deepEqual(await statuses(3), [500, 500, 200]);
    await order({ what: "api-500" });
    assert.deepEqual(await statuses(3), [500, 500, 500]);
    assert.deepEqual((await running.api("GET", "/_sandbox/faults")).at("faults"), [{ what: "api-500", hits: 3 }]);
    await running.api("DELETE", "/_sandbox/faults");
    assert.deepEqual(await statuses(1), [200]);
  });

  it("hit only the paths that they name", async () => {
    await order({ what: "api-500", path: "^/v2/projects" });
    assert.deepEqual(await statuses(1, "/v2/account"), [200]);
    assert.deepEqual(await statuses(1, "/v2/projects/default"), [500]);
  });

  it("answer 429 with the headers that a client waits by", async () => {
    await order({ what: "api-429", times: 1, seconds: 3 });
    const answer = await running.api("GET", "/v2/account");
    assert.deepEqual([answer.status, answer.at("id")], [429, "too_many_requests"]);
    assert.equal(answer.headers.get("retry-after"), "3");
    assert.equal(answer.headers.get("ratelimit-remaining"), "0");
  });

  it("slow a request down, or drop it unanswered after a while", async () => {
    await order({ what: "api-slow", times: 1, seconds: 0.3 });
    const begin = Date.now();
    assert.deepEqual(await statuses(1), [200]);
    assert.ok(Date.now() - begin >= 290);
    await order({ what: "api-timeout", times: 1, seconds: 0.2 });
    await assert.rejects(running.api("GET", "/v2/account"));
    await order({ what: "registry-timeout", times: 1, seconds: 0.2 });
    await assert.rejects(running.registry("GET", "/v2/"));
    assert.deepEqual(await statuses(1), [200]);
  });

  it("do not keep the servers from stopping", async () => {
    await order({ what: "api-timeout", times: 1 });
    const hanging = assert.rejects(running.api("GET", "/v2/account"));
    await running.restart();
    await hanging;
  });

  it("let the registry refuse everyone, be busy, or break", async () => {
    for (const [what, status, code] of [
      ["registry-unauthorized", 401, "UNAUTHORIZED"],
      ["registry-429", 429, "TOOMANYREQUESTS"],
      ["registry-500", 500, "UNKNOWN"],
    ] as const) {
      await order({ what, times: 1 });
      const { answer } = await running.token("push", running.servers.push.password, "repository:example/app:pull");
      assert.deepEqual([answer.status, answer.at("errors", 0, "code")], [status, code]);
    }
    await push();
  });

  it("let the registry be full for uploads and still give what it has", async () => {
    await push();
    await order({ what: "registry-quota" });
    const { token } = await running.token("push", running.servers.push.password, "repository:example/app:pull,push");
    const refused = await running.registry("POST", "/v2/example/app/blobs/uploads/", token);
    assert.equal(refused.status, 403);
    assert.deepEqual(await refused.json(), {
      errors: [{ code: "DENIED", message: "storage quota exceeded", detail: {} }],
    });
    assert.equal((await running.registry("GET", "/v2/example/app/manifests/v1", token)).status, 200);
  });

  it("let the registry refuse manifests", async () => {
    await order({ what: "registry-manifest-invalid", times: 1 });
    await assert.rejects(push(), /400 .*MANIFEST_INVALID/);
    await push();
  });

  it("leave a log of both servers' requests, without queries and without the handles themselves", async () => {
    await running.api("DELETE", "/_sandbox/requests");
    await running.api("GET", "/v2/account?secret=1");
    await push();
    const log = await running.api("GET", "/_sandbox/requests");
    assert.ok(!JSON.stringify(log.body).includes("secret"));
    assert.deepEqual([log.at("requests", 0, "path"), log.at("requests", 0, "status")], ["/v2/account", 200]);
    assert.ok(log.all("requests", "method").includes("PUT"));
    assert.ok(!log.all("requests", "path").some((path) => String(path).startsWith("/_sandbox")));
    assert.deepEqual([...new Set(log.all("requests", "server"))], ["api", "registry"]);
  });
});
