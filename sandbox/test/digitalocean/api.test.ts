import * as assert from "node:assert/strict";
import { RunningServers } from "../helpers/running-servers";

describe("the sandbox's DigitalOcean API", () => {
  const running = new RunningServers();
  before(() => running.start());
  after(() => running.remove());

  it("answers a wrong or missing token with 401 and DigitalOcean's words", async () => {
    for (const authorization of ["Bearer wrong", ""]) {
      const answer = await running.api("GET", "/v2/account", undefined, { authorization });
      assert.equal(answer.status, 401);
      assert.equal(answer.at("id"), "Unauthorized");
      assert.equal(answer.at("message"), "Unable to authenticate you");
    }
  });

  it("tells the account", async () => {
    const answer = await running.api("GET", "/v2/account");
    assert.equal(answer.status, 200);
    assert.equal(answer.at("account", "status"), "active");
    assert.equal(answer.headers.get("content-type"), "application/json; charset=utf-8");
  });

  it("counts requests down in the rate limit's headers", async () => {
    const [first, second] = [await running.api("GET", "/v2/account"), await running.api("GET", "/v2/account")];
    assert.equal(first.headers.get("ratelimit-limit"), "5000");
    assert.equal(
      Number(first.headers.get("ratelimit-remaining")) - 1,
      Number(second.headers.get("ratelimit-remaining")),
    );
    assert.ok(Number(first.headers.get("ratelimit-reset")) > Date.now() / 1000);
  });

  it("names an unknown path as not found, with the request's id in body and header", async () => {
    const answer = await running.api("GET", "/v2/nothing");
    assert.equal(answer.status, 404);
    assert.equal(answer.at("id"), "not_found");
    assert.equal(answer.at("request_id"), answer.headers.get("x-request-id"));
  });

  it("refuses a body that is no JSON, of another type, or of the wrong shape, each with its status", async () => {
    const broken = await running.api("POST", "/v2/projects", "{");
    assert.deepEqual([broken.status, broken.at("id")], [400, "bad_request"]);
    const form = await running.api("POST", "/v2/projects", "name=x", {
      "content-type": "application/x-www-form-urlencoded",
    });
    assert.equal(form.status, 415);
    const shape = await running.api("POST", "/v2/projects", { name: "x".repeat(176), environment: "Moon" });
    assert.deepEqual([shape.status, shape.at("id")], [422, "unprocessable_entity"]);
    assert.match(String(shape.at("message")), /name is too long/);
    assert.match(String(shape.at("message")), /purpose/);
    assert.match(String(shape.at("message")), /environment must be one of/);
  });

  it("creates, changes and deletes a project, and keeps names apart", async () => {
    const created = await running.api("POST", "/v2/projects", {
      name: "shop",
      purpose: "selling",
      environment: "staging",
    });
    assert.equal(created.status, 201);
    assert.equal(created.at("project", "purpose"), "Other: selling");
    assert.equal(created.at("project", "environment"), "Staging");
    const target = `/v2/projects/${String(created.at("project", "id"))}`;
    assert.equal((await running.api("POST", "/v2/projects", { name: "shop", purpose: "IoT" })).status, 409);

    const patched = await running.api("PATCH", target, { name: null, description: "A shop", is_default: null });
    assert.deepEqual([patched.at("project", "name"), patched.at("project", "description")], ["shop", "A shop"]);
    assert.equal((await running.api("PUT", target, { name: "store" })).status, 422);
    assert.equal((await running.api("DELETE", target)).status, 204);
    assert.equal((await running.api("GET", target)).status, 404);
  });

  it("holds resources in one project at a time and deletes only an empty one", async () => {
    const created = await running.api("POST", "/v2/projects", { name: "holder", purpose: "IoT" });
    const target = `/v2/projects/${String(created.at("project", "id"))}`;
    const resources = ["do:droplet:1"];
    assert.equal(
      (await running.api("POST", `${target}/resources`, { resources })).at("resources", 0, "status"),
      "assigned",
    );
    assert.equal(
      (await running.api("POST", `${target}/resources`, { resources })).at("resources", 0, "status"),
      "already_assigned",
    );
    const refused = await running.api("DELETE", target);
    assert.deepEqual([refused.status, refused.at("id")], [412, "precondition_failed"]);

    await running.api("POST", "/v2/projects/default/resources", { resources });
    assert.deepEqual((await running.api("GET", `${target}/resources`)).all("resources", "urn"), []);
    assert.deepEqual((await running.api("GET", "/v2/projects/default/resources")).all("resources", "urn"), resources);
    assert.equal((await running.api("DELETE", target)).status, 204);
    assert.equal((await running.api("DELETE", "/v2/projects/default")).status, 412);
    assert.equal(
      (await running.api("POST", "/v2/projects/default/resources", { resources: ["droplet 1"] })).status,
      422,
    );
  });

  it("pages a list with links that lead through all of it", async () => {
    for (const name of ["page-1", "page-2", "page-3", "page-4"]) {
      await running.api("POST", "/v2/projects", { name, purpose: "IoT" });
    }
    const names: unknown[] = [];
    let next: string | undefined = "/v2/projects?per_page=2";
    let pages = 0;
    while (next !== undefined) {
      const answer = await running.api("GET", next);
      assert.equal(answer.at("meta", "total"), 5);
      names.push(...answer.all("projects", "name"));
      const link = answer.at("links", "pages", "next");
      next = typeof link === "string" ? link.replace(running.servers.apiUrl, "") : undefined;
      pages += 1;
    }
    assert.equal(pages, 3);
    assert.deepEqual(names, ["Default", "page-1", "page-2", "page-3", "page-4"]);
    assert.deepEqual((await running.api("GET", "/v2/projects")).at("links"), {});
    for (const query of ["per_page=0", "per_page=201", "per_page=x", "page=0"]) {
      assert.equal((await running.api("GET", `/v2/projects?${query}`)).status, 422, query);
    }
  });

  it("keeps its state over a restart", async () => {
    const created = await running.api("POST", "/v2/projects", { name: "lasting", purpose: "IoT" });
    await running.restart();
    const found = await running.api("GET", `/v2/projects/${String(created.at("project", "id"))}`);
    assert.deepEqual(found.at("project"), created.at("project"));
  });

  it("refuses a second process on the same state, by name", async () => {
    const second = new RunningServers(running.stateDir);
    await assert.rejects(second.start(), { code: "SANDBOX_BUSY", message: new RegExp(`process ${process.pid} holds`) });
    assert.equal((await running.api("GET", "/v2/account")).status, 200);
  });
});
