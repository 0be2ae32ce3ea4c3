import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { type Address, Endpoint } from "./endpoint";
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
      [
        "strict-transport-security",
        "x-content-type-options",
        "x-frame-options",
        "referrer-policy",
        "content-security-policy",
        "server",
      ].map((name) => [name, headers[name]]),
    );
    assert.deepEqual(given, {
      "strict-transport-security": "max-age=31536000",
      "x-content-type-options": "nosniff",
      "x-frame-options": "SAMEORIGIN",
      "referrer-policy": "strict-origin-when-cross-origin",
      "content-security-policy": "frame-ancestors 'self'",
      server: undefined,
    });
    assert.match(String(headers["permissions-policy"]), /geolocation=\(self\)/);
    const session = [headers["set-cookie"] ?? []].flat().find((cookie) => cookie.startsWith("session_id=")) ?? "";
    for (const attribute of [/; *HttpOnly/gi, /; *Secure/gi, /; *SameSite=Lax/gi])
      assert.equal(session.match(attribute)?.length, 1, session);
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

  it("with 413 when they send too much, at the login much sooner", async () => {
    const sent = async (target: string, megabytes: number, headers = {}) => {
      const { status, body } = await endpoint.request("POST", target, {
        headers,
        body: "x".repeat(megabytes * 1_000_000),
      });
      return `${status} ${body.toString()}`;
    };
    assert.match(await sent("/web/login", 1), /^413 .*larger than the 64KiB/);
    assert.match(await sent("/web/binary/upload_attachment", 2), /^413 .*larger than the 1MB/);
    assert.match(
      await sent("/web/binary/upload_attachment", 129, { cookie: "session_id=none" }),
      /^413 .*larger than the 128MB/,
    );
  });
}

/** Who guesses passwords. For a minute afterwards nobody logs in from the same address: it is the last that a file of tests does. */
export function endsGuessing(site: () => Site): void {
  let endpoint: Endpoint;
  before(() => (endpoint = new Endpoint(site().proxy)));
  after(() => endpoint.close());

  it("with 429 at the 20th wrong password within a minute, by the login page and by both kinds of calls", async () => {
    const page = await endpoint.request("GET", "/web/login");
    const csrf = /name="csrf_token" value="([^"]+)"/.exec(page.body.toString())?.[1] ?? "";
    const cookie =
      [page.headers["set-cookie"] ?? []]
        .flat()
        .find((line) => line.startsWith("session_id="))
        ?.split(";")[0] ?? "";
    const form = (count: number) => ({
      headers: { "content-type": "application/x-www-form-urlencoded", cookie },
      body: new URLSearchParams({ csrf_token: csrf, login: "nobody", password: `wrong${count}` }).toString(),
    });
    const xml = (count: number) => ({
      headers: { "content-type": "text/xml" },
      body: `<?xml version="1.0"?><methodCall><methodName>authenticate</methodName><params>${[
        "odoo",
        "nobody",
        `wrong${count}`,
      ]
        .map((value) => `<param><value><string>${value}</string></value></param>`)
        .join("")}<param><value><struct/></value></param></params></methodCall>`,
    });
    const json = (count: number) => ({
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        jsonrpc: "2.0",
        method: "call",
        params: { service: "common", method: "login", args: ["odoo", "nobody", `wrong${count}`] },
      }),
    });
    const statuses = async (
      target: string,
      from: number,
      to: number,
      sent: (count: number) => { headers: Record<string, string>; body: string },
    ) => {
      const all = [];
      for (let count = from; count <= to; count++)
        all.push((await endpoint.request("POST", target, sent(count))).status);
      return all;
    };
    const pages = await statuses("/web/login", 1, 20, form);
    assert.deepEqual(pages, [...Array<number>(19).fill(200), 429]);
    // Programs count together, whichever way they call.
    assert.equal((await statuses("/xmlrpc/2/common", 1, 10, xml)).at(0), 200);
    assert.equal((await statuses("/jsonrpc", 11, 20, json)).at(-1), 429);
    assert.equal((await endpoint.request("POST", "/xmlrpc/2/common", xml(21))).status, 429);
    assert.equal((await endpoint.request("GET", "/web/login")).status, 200);
  });
}
