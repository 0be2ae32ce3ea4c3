import assert from "node:assert/strict";
import { once } from "node:events";
import * as http2 from "node:http2";
import type { TLSSocket } from "node:tls";

import { freePort } from "../../../sandbox/support/listen";
import { ensureCaddyBinary } from "../../../sandbox/tools/caddy-binary";
import { EdgeProcess } from "../../support/edge-process";
import { FewWorkers, rightPassword } from "../../support/few-workers";
import { SilentPort } from "../../support/silent-port";

const workers = 2;
const form = { "content-type": "application/x-www-form-urlencoded" };
const json = { "content-type": "application/json" };
/** How long slow senders go on; the limits that end them are 15, 30 and 60 seconds. */
const slowSeconds = Number(process.env["EDGE_SLOW_SECONDS"] ?? 40);
/** A login page beside them. A second is what is wanted, and what a machine with nothing else to do keeps easily. */
const slowestMs = Number(process.env["EDGE_SLOWEST_MS"] ?? 5000);

const rpc = (service: string, method: string, password: string) =>
  JSON.stringify({
    jsonrpc: "2.0",
    method: "call",
    id: 1,
    params: { service, method, args: ["odoo", "admin", password, {}] },
  });
const xmlCall = (password: string) =>
  `<?xml version='1.0'?><methodCall><methodName>authenticate</methodName><params><param><value><string>${password}</string></value></param></params></methodCall>`;

/** A way in, with what is sent for a password. */
const waysIn = {
  "/web/login": (password: string) => ({ headers: form, body: `login=admin&password=${password}` }),
  "/web/session/authenticate": (password: string) => ({ headers: json, body: rpc("", "", password) }),
  "/xmlrpc/2/common": (password: string) => ({ headers: { "content-type": "text/xml" }, body: xmlCall(password) }),
  "/xmlrpc/2/object": (password: string) => ({ headers: { "content-type": "text/xml" }, body: xmlCall(password) }),
  "/xmlrpc/object": (password: string) => ({ headers: { "content-type": "text/xml" }, body: xmlCall(password) }),
  "/jsonrpc": (password: string) => ({ headers: json, body: rpc("common", "authenticate", password) }),
  "/json/2/res.partner/search": (password: string) => ({
    headers: { ...json, authorization: `bearer ${password}` },
    body: "{}",
  }),
};

/** The real proxy before a stand-in for Odoo that has two workers. */
describe("the edge", () => {
  let caddy: string;
  let odoo: FewWorkers;
  let edge: EdgeProcess;
  let addresses = 0;
  /** An address that nobody has spoken from yet. */
  const newcomer = () => `198.51.100.${++addresses}`;

  before(async () => {
    caddy = process.env["EDGE_CADDY"] ?? (await ensureCaddyBinary(() => undefined));
  });
  const started = async (site: Parameters<EdgeProcess["start"]>[2] = {}) => {
    odoo = new FewWorkers(workers);
    edge = new EdgeProcess();
    const port = await odoo.listen();
    await edge.start(caddy, { http: port, websocket: port }, site);
  };
  afterEach(async () => {
    await edge.stop();
    odoo.close();
  });

  it("lets no slow sender hold a worker of Odoo, not after a fast beginning either", async () => {
    await started();
    const targets = [
      ["/web/login", 70 * 1024],
      ["/web/login", 60 * 1024],
      ["/xmlrpc/2/common", 70 * 1024],
      ["/jsonrpc", 70 * 1024],
      ["/web/binary/upload_attachment", 70 * 1024],
      ["/web/binary/upload_attachment", 1],
    ] as const;
    const streams = await edge.connect("203.0.113.67", ["h2"]);
    const end = Date.now() + slowSeconds * 1000;
    const open = new Set<TLSSocket>();
    const refused: number[] = [];
    /** Sends so much at once, then a byte a second, and begins again when it is refused. */
    const slowSender = async (target: string, burst: number) => {
      while (Date.now() < end) {
        const socket = await edge.connect("203.0.113.66");
        open.add(socket);
        const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
        socket.on("error", () => undefined);
        socket.on("data", (part) => refused.push(Number(/^HTTP\/1.1 (\d+)/.exec(part.toString())?.[1])));
        socket.write(
          `POST ${target} HTTP/1.1\r\nHost: odoo.test\r\nCookie: session_id=x\r\nContent-Length: ${burst + 10_000}\r\n\r\n`,
        );
        socket.write("x".repeat(burst));
        const drip = setInterval(() => socket.write("x"), 1000);
        await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, end - Date.now()))]);
        clearInterval(drip);
        socket.destroy();
        open.delete(socket);
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    };
    const senders = Array.from({ length: 64 }, (_, index) => {
      const [target, burst] = targets[index % targets.length] ?? targets[0];
      return slowSender(target, burst);
    });
    // By HTTP/2 many share one connection.
    const session = http2.connect("https://odoo.test", { createConnection: () => streams });
    const refusedStreams = Array.from({ length: 8 }, async () => {
      const stream = session.request({ ":method": "POST", ":path": "/web/login", "content-length": "60000" });
      stream.write("x".repeat(30_000));
      const [headers] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
      stream.destroy();
      return headers[":status"];
    });
    let slowest = 0;
    let logins = 0;
    while (Date.now() < end) {
      const begun = performance.now();
      assert.equal((await edge.ask("GET", "/web/login", { from: "203.0.113.7" })).status, 200);
      slowest = Math.max(slowest, performance.now() - begun);
      logins++;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await Promise.all(senders);
    // Not one request of theirs came to Odoo, whatever the machine's speed is: that is what keeps the page's answer fast.
    assert.deepEqual([...new Set(odoo.taken)], ["GET /up", "GET /web/login"]);
    assert.deepEqual(await Promise.all(refusedStreams), Array<number>(8).fill(408));
    session.destroy();
    assert.ok(refused.includes(408) && refused.includes(413), refused.join());
    assert.deepEqual(edge.spooled(), []);
    console.log(
      `      ${logins} login pages beside 64 slow senders for ${slowSeconds} s, the slowest in ${slowest.toFixed(0)} ms`,
    );
    // A quiet machine needs some tens of milliseconds; both ends of all connections are in this one process.
    assert.ok(slowest < slowestMs, `${slowest} ms`);
  });

  it("passes a large body on, whole, once it is there", async () => {
    await started();
    const body = Buffer.alloc(20_000_000, "x");
    const headers = { cookie: "session_id=abc" };
    assert.equal((await edge.ask("POST", "/web/binary/upload_attachment", { headers, body })).status, 200);
    assert.equal(
      (await edge.ask("POST", "/web/binary/upload_attachment", { headers, body: "x".repeat(17_000) })).status,
      200,
    );
    assert.equal((await edge.ask("POST", "/xmlrpc/2/object", { body })).status, 200);
    assert.deepEqual(odoo.bodies.slice(-3), [20_000_000, 17_000, 20_000_000]);
    assert.deepEqual(edge.spooled(), []);
  });

  it("takes small bodies only at the login, and from those who have no session", async () => {
    await started({ bodyMegabytes: 5, rpcBodyMegabytes: 2 });
    const tooLarge = async (target: string, bytes: number, headers = {}) => {
      const { status, text } = await edge.ask("POST", target, { headers, body: Buffer.alloc(bytes, "x") });
      return status === 413 ? /larger than the (\S+) that/.exec(text)?.[1] : status;
    };
    const cookie = { cookie: "a=b; session_id=abc" };
    for (const target of [
      "/web/login",
      "/en/web/login",
      "/web//login",
      "/WEB/Login",
      "/web/signup",
      "/web/reset_password",
      "/web/session/authenticate",
    ]) {
      assert.equal(await tooLarge(target, 70_000, cookie), "64KiB", target);
    }
    for (const target of [
      "/xmlrpc/2/common",
      "/XMLRPC/2/object",
      "//xmlrpc/2/common",
      "/jsonrpc",
      "/JsonRPC",
      "/json/2/res.partner/search",
    ]) {
      assert.equal(await tooLarge(target, 2_100_000, cookie), "2MB", target);
    }
    assert.equal(await tooLarge("/web/binary/upload_attachment", 1_100_000), "1MB");
    assert.equal(await tooLarge("/web/binary/upload_attachment", 1_100_000, { authorization: "bearer key" }), 200);
    assert.equal(await tooLarge("/web/binary/upload_attachment", 4_900_000, cookie), 200);
    assert.equal(await tooLarge("/web/binary/upload_attachment", 5_100_000, cookie), "5MB");
  });

  for (const [target, sent] of Object.entries(waysIn)) {
    it(`refuses the 20th wrong password within a minute at ${target}, from that address alone`, async () => {
      await started();
      const from = newcomer();
      const attempt = async (password: string, by = from) => edge.ask("POST", target, { from: by, ...sent(password) });
      for (let count = 1; count <= 19; count++)
        assert.notEqual((await attempt(`wrong${count}`)).status, 429, String(count));
      const asked = odoo.served.length;
      const { status, headers, text } = await attempt(rightPassword);
      assert.equal(status, 429);
      assert.match(text, /^Too many attempts from your address\. Wait a minute, then try again\.$/);
      assert.ok(Number(headers["retry-after"]) >= 1 && Number(headers["retry-after"]) <= 61, headers["retry-after"]);
      assert.equal(odoo.served.length, asked);
      assert.notEqual((await attempt("wrong", newcomer())).status, 429);
    });

    it(`counts no right password at ${target}`, async () => {
      await started();
      const from = newcomer();
      const replies = await Promise.all(
        Array.from({ length: 60 }, () => edge.ask("POST", target, { from, ...sent(rightPassword) })),
      );
      assert.ok(replies.every(({ status }) => status !== 429));
    });
  }

  it("lets no more through when they come all at once", async () => {
    await started();
    const from = newcomer();
    const replies = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        edge.ask("POST", "/web/login", { from, ...waysIn["/web/login"](`wrong${index}`) }),
      ),
    );
    assert.equal(replies.filter(({ status }) => status === 200).length, 19);
    assert.equal(replies.filter(({ status }) => status === 429).length, 41);
  });

  it("counts programs and people apart, and the addresses of one IPv6 network together", async () => {
    await started();
    const from = newcomer();
    for (let count = 0; count < 19; count++)
      await edge.ask("POST", "/jsonrpc", { from, ...waysIn["/jsonrpc"]("wrong") });
    assert.equal(
      (await edge.ask("POST", "/xmlrpc/2/common", { from, ...waysIn["/xmlrpc/2/common"]("wrong") })).status,
      429,
    );
    assert.equal((await edge.ask("POST", "/web/login", { from, ...waysIn["/web/login"](rightPassword) })).status, 303);
    for (let count = 1; count <= 19; count++) {
      await edge.ask("POST", "/web/login", { from: `2001:db8::${count}`, ...waysIn["/web/login"]("wrong") });
    }
    assert.equal(
      (await edge.ask("POST", "/web/login", { from: "2001:db8::99", ...waysIn["/web/login"](rightPassword) })).status,
      429,
    );
    assert.equal(
      (await edge.ask("POST", "/web/login", { from: "2001:db8:0:1::1", ...waysIn["/web/login"](rightPassword) }))
        .status,
      303,
    );
  });

  it("tells a wrong password from a method that answers false, however the call is spelled", async () => {
    await started();
    const calls = async (body: string) => {
      const from = newcomer();
      const statuses = [];
      for (let count = 0; count < 20; count++)
        statuses.push((await edge.ask("POST", "/jsonrpc", { from, headers: json, body })).status);
      return statuses.filter((status) => status === 429).length;
    };
    assert.equal(await calls(rpc("object", "execute_kw", rightPassword)), 0);
    assert.equal(await calls(rpc("object", "execute_kw", "wrong")), 1);
    // The last of two names counts, escapes are letters, and another case is another name.
    for (const service of [
      '"service": "object", "service": "common"',
      '"service": "\\u0063ommon"',
      '"service": "common", "Service": "object"',
    ]) {
      assert.equal(await calls(`{"params": {${service}, "args": ["wrong"]}}`), 1, service);
    }
  });

  it("refuses a program that runs wild", async () => {
    await started({ rpcCalls: 50 });
    const from = newcomer();
    const replies = await Promise.all(
      Array.from({ length: 60 }, () => edge.ask("POST", "/jsonrpc", { from, ...waysIn["/jsonrpc"](rightPassword) })),
    );
    assert.equal(replies.filter(({ status }) => status === 429).length, 10);
  });

  it("answers only those addresses that it is told to", async () => {
    await started({ allowFrom: ["203.0.113.0/24", "2001:db8::/32"], rpcAllowFrom: ["203.0.113.7/32"] });
    const status = async (target: string, from: string) => (await edge.ask("GET", target, { from })).status;
    for (const target of ["/web/login", "/xmlrpc/2/common", "/web/database/manager", "/websocket"]) {
      const reply = await edge.ask("GET", target, { from: "198.51.100.1" });
      assert.equal(reply.status, 403);
      assert.equal(reply.text, "This server does not answer to your address.");
    }
    assert.deepEqual(
      [await status("/web/login", "203.0.113.8"), await status("/web/login", "2001:db8::5")],
      [200, 200],
    );
    for (const target of [
      "/xmlrpc/2/common",
      "/xmlrpc/2/object",
      "/XMLRPC/object",
      "/en/xmlrpc/2/common",
      "/jsonrpc",
      "/json/2/res.users/read",
      "/json//2/x",
    ]) {
      assert.equal(await status(target, "203.0.113.8"), 403, target);
    }
    assert.equal(
      (await edge.ask("GET", "/jsonrpc", { from: "203.0.113.8" })).text,
      "Calls by XML-RPC and JSON-RPC are not allowed from your address.",
    );
    assert.equal(await status("/xmlrpc/2/common", "203.0.113.7"), 200);
  });

  describe("before a port that answers nobody", () => {
    let silent: SilentPort;
    beforeEach(async () => {
      odoo = new FewWorkers(workers);
      edge = new EdgeProcess();
      silent = await SilentPort.open();
    });
    afterEach(() => silent.close());

    it("waits: a busy server may answer late", async () => {
      await edge.start(caddy, { http: await odoo.listen(), websocket: silent.port });
      const begun = performance.now();
      assert.equal((await edge.ask("GET", "/websocket")).status, 503);
      assert.ok(performance.now() - begun >= 2000, `${performance.now() - begun} ms`);
    });

    it("refuses while another one of the same address does: whoever hears nothing meant that, too", async () => {
      const nobody = await freePort();
      // Nobody who waits for the limit comes back from this.
      await edge.start(caddy, { http: nobody, websocket: silent.port }, {}, "1h");
      let waiting = true;
      const refused = (async () => {
        while (waiting) assert.equal((await edge.ask("GET", "/web/login")).status, 503);
      })();
      const replies = await Promise.all(Array.from({ length: 20 }, () => edge.ask("GET", "/websocket")));
      waiting = false;
      await refused;
      for (const { status, headers } of replies) assert.deepEqual([status, headers["retry-after"]], [503, "30"]);
    });
  });

  it("gives the session's cookie what Odoo leaves out, and nothing twice", async () => {
    await started();
    const cookies = async (target: string) => (await edge.ask("GET", target)).headers["set-cookie"];
    assert.deepEqual(await cookies("/web/login"), [
      "session_id=abc; Expires=Thu, 26 Nov 2099 01:00:00 GMT; HttpOnly; Path=/; Secure; SameSite=Lax",
      "frontend_lang=en_US; Path=/",
    ]);
    assert.deepEqual(await cookies("/flags"), [
      "session_id=abc; Path=/; secure; SameSite=None; httponly",
      "frontend_lang=en_US; Path=/",
    ]);
  });

  it("says who may embed a page, unless Odoo does", async () => {
    await started();
    const policy = async (target: string) => (await edge.ask("GET", target)).headers["content-security-policy"];
    assert.equal(await policy("/web/login"), "frame-ancestors 'self'");
    assert.equal(await policy("/policy"), "default-src 'none'");
    const { headers } = await edge.ask("GET", "/web/login");
    assert.match(String(headers["permissions-policy"]), /^geolocation=\(self\), /);
    assert.equal(headers["x-frame-options"], "SAMEORIGIN");
  });

  it("serves each of its names, and sends on from those that it is told to", async () => {
    await started({ aliases: ["shop.test", "2001:db8::9"], redirectFrom: ["www.odoo.test"] });
    const ask = (host: string, target = "/web/login") => edge.ask("GET", target, { headers: { host } });
    assert.deepEqual([(await ask("shop.test")).status, (await ask("[2001:db8::9]")).status], [200, 200]);
    assert.deepEqual(
      odoo.heard.slice(-2).map((headers) => [headers.host, headers["x-forwarded-host"]]),
      [
        ["shop.test", "shop.test"],
        ["[2001:db8::9]", "[2001:db8::9]"],
      ],
    );
    assert.equal((await ask("shop.test", "/web/database/manager")).status, 403);
    const served = odoo.served.length;
    const { status, headers } = await ask("www.odoo.test", "/shop?page=2");
    assert.deepEqual([status, headers.location], [308, "https://odoo.test/shop?page=2"]);
    assert.equal((await ask("other.test")).status, 421);
    assert.equal(odoo.served.length, served);
  });

  it("takes a client's address from a proxy in front, and from nobody else", async () => {
    await started({ trustedProxies: ["198.51.100.0/24"], allowFrom: ["203.0.113.0/24", "198.51.100.0/24"] });
    const claims = {
      "x-forwarded-host": "evil.test",
      "x-forwarded-proto": "http",
      "x-real-ip": "203.0.113.66",
      "cf-connecting-ip": "203.0.113.66",
    };
    const heard = async (from: string, forwarded?: string) => {
      const headers = { ...claims, ...(forwarded === undefined ? {} : { "x-forwarded-for": forwarded }) };
      const { status } = await edge.ask("GET", "/web/login", { from, headers });
      const last = odoo.heard.at(-1);
      return [status, last?.["x-forwarded-for"], last?.["x-real-ip"], last?.["x-forwarded-host"]];
    };
    const of = (client: string) => [200, client, client, "odoo.test"];
    assert.deepEqual(await heard("198.51.100.9", "203.0.113.7"), of("203.0.113.7"));
    // What the client itself has sent comes before what the proxy adds.
    assert.deepEqual(await heard("198.51.100.9", "203.0.113.66, 203.0.113.7"), of("203.0.113.7"));
    assert.deepEqual(await heard("198.51.100.9", "203.0.113.66, 203.0.113.7, 198.51.100.10"), of("203.0.113.7"));
    assert.deepEqual(await heard("203.0.113.8", "203.0.113.66"), of("203.0.113.8"));
    assert.deepEqual((await heard("198.51.100.9", "192.0.2.1"))[0], 403, "who may come in goes by the client");
    assert.deepEqual((await heard("192.0.2.1", "203.0.113.7"))[0], 403, "a stranger's word does not count");
    assert.equal(odoo.heard.at(-1)?.["x-forwarded-proto"], "https");
  });

  it("counts wrong passwords by client behind a proxy in front", async () => {
    await started({ trustedProxies: ["198.51.100.0/24"], wrongPasswords: 3 });
    const { headers, body } = waysIn["/web/login"]("wrong");
    const attempt = async (client: string, from = "198.51.100.9") =>
      (await edge.ask("POST", "/web/login", { from, headers: { ...headers, "x-forwarded-for": client }, body })).status;
    for (const expected of [200, 200, 200, 429]) {
      assert.equal(await attempt("203.0.113.7"), expected);
    }
    assert.equal(await attempt("203.0.113.8"), 200, "another client of the same proxy");
    assert.equal(await attempt("203.0.113.8, 203.0.113.7"), 429, "a claim before the proxy's word changes nothing");
    for (const claimed of ["203.0.113.20", "203.0.113.21", "203.0.113.22"]) {
      assert.equal(await attempt(claimed, "192.0.2.5"), 200);
    }
    assert.equal(await attempt("203.0.113.23", "192.0.2.5"), 429, "a stranger is one client, whoever it claims to be");
  });
});
