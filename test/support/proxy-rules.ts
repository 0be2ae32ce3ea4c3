import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { type Address, Endpoint } from "../vps/support/endpoint";
import { overHttp2, plain, upgrade } from "./site-requests";

/** A proxy with Odoo behind it, on either target. */
export interface Site {
  readonly url: URL;
  readonly proxy: Address;
}

/**
 * What users and strangers get of the proxy: the same on every target, so the same tests.
 * @param site known once the tests run
 * @param log what Odoo has logged in the last minutes: the requests that reached it
 */
export function followsTheRules(site: () => Site, log: () => string): void {
  let endpoint: Endpoint;
  before(() => (endpoint = new Endpoint(site().proxy)));
  after(() => endpoint.close());

  it("by its name, with a certificate of its own authority, over HTTP/1.1 and HTTP/2", async () => {
    const { proxy } = site();
    const { status, body } = await endpoint.request("GET", "/web/login");
    assert.equal(status, 200);
    assert.match(body.toString(), /name="login"/);
    assert.deepEqual(await overHttp2(proxy, "/web/login"), { status: 200, protocol: "h2" });
    const stranger = new Endpoint({ host: proxy.host, port: proxy.port, domain: site().url.hostname });
    await assert.rejects(stranger.request("GET", "/web/login"), /certificate/);
  });

  it("under no other name", async () => {
    const { proxy } = site();
    assert.equal((await endpoint.request("GET", "/web/login", { headers: { host: "stranger.test" } })).status, 421);
    assert.equal((await plain({ ...proxy, domain: "stranger.test" }, "/web/login")).status, 421);
  });

  it("over websockets", async () => {
    assert.equal(await upgrade(site().proxy, "/websocket"), 101);
  });

  it("only by TLS", async () => {
    const { status, headers } = await plain(site().proxy, "/web/login?a=b");
    assert.equal(status, 308);
    assert.equal(headers.location, `${site().url.origin}/web/login?a=b`);
  });

  it("with security headers", async () => {
    const { headers } = await endpoint.request("GET", "/web/login");
    const given = Object.fromEntries(
      ["strict-transport-security", "x-content-type-options", "x-frame-options", "referrer-policy", "server"].map((name) => [
        name,
        headers[name],
      ]),
    );
    assert.deepEqual(given, {
      "strict-transport-security": "max-age=31536000",
      "x-content-type-options": "nosniff",
      "x-frame-options": "SAMEORIGIN",
      "referrer-policy": "strict-origin-when-cross-origin",
      server: undefined,
    });
    assert.match([headers["set-cookie"] ?? []].flat().join(), /session_id=.*HttpOnly/);
  });

  it("but not about databases, however the address is spelled", async () => {
    const mark = randomUUID();
    for (const address of [
      "/web/database/manager",
      "/web/database/selector",
      "/web//database/manager",
      "//web//database/manager",
      "/WEB/database",
      "/web/database%2Fmanager",
      "/web%2Fdatabase/manager",
      "/web/%64atabase/manager",
      "/web/./database/manager",
      "/web/login/../database/manager",
      "/xmlrpc/2/db",
    ]) {
      assert.equal((await endpoint.request("GET", `${address}?${mark}`)).status, 403, address);
    }
    assert.equal((await endpoint.request("GET", `/web/login?${mark}`)).status, 200);
    const reached = log()
      .split("\n")
      .filter((line) => line.includes(mark));
    assert.equal(reached.length, 1, reached.join("\n"));
    assert.match(reached[0] ?? "", /GET \/web\/login\?/);
    // The one way that has no address of its own.
    const list = await endpoint.request("POST", "/jsonrpc", {
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", method: "call", params: { service: "db", method: "list", args: [] } }),
    });
    assert.match(list.body.toString(), /AccessDenied/);
  });

  it("with 413 when they send too much", async () => {
    const { status, body } = await endpoint.request("POST", "/web/login", { body: "x".repeat(129_000_000) });
    assert.equal(status, 413);
    assert.match(body.toString(), /larger than the 128 MB/);
  });
}
