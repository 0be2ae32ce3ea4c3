import assert from "node:assert/strict";
import * as fs from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import * as https from "node:https";
import * as os from "node:os";
import * as path from "node:path";

import { caddyfile } from "../../../components/proxy/caddyfile";
import { maintenancePage } from "../../../components/proxy/maintenance-page";
import { paths } from "../../../sandbox/config";
import { sleep } from "../../../sandbox/process";
import {
  asProxy,
  docker,
  label,
  localAuthority,
  log,
  proxyImages,
  removeContainers,
  until,
} from "../../support/proxy-containers";
import { usualSite } from "../../support/site";

const address = "127.0.0.41";
const names = { network: "odoo-proxy-test", odoo: "odoo-proxy-test-odoo", proxy: "odoo-proxy-test-proxy" };

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  seconds: number;
}
interface Told {
  port: number;
  path: string;
  broken: number;
  headers: Record<string, string>;
}

/** The real Caddy with the rendered files, before a server that tells what reached it. */
describe("the proxy", () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "proxy-"));
  const state = path.join(directory, "state");
  let ca: string;

  before(async () => {
    const { proxy, python } = await proxyImages();
    remove();
    fs.mkdirSync(state);
    fs.writeFileSync(
      path.join(directory, "Caddyfile"),
      caddyfile({ ...usualSite, domain: "odoo.test", tls: "internal", bodyMegabytes: 1 }),
    );
    fs.writeFileSync(path.join(directory, "maintenance.html"), maintenancePage);
    fs.writeFileSync(path.join(state, "hold"), "");
    for (const folder of [directory, state]) fs.chmodSync(folder, 0o755);
    docker("network", "create", ...label, "--subnet", "198.18.88.0/24", names.network);
    const upstream = path.join(paths.root, "test", "fixtures", "upstream.py");
    const odoo = [
      ...label,
      "--network",
      names.network,
      "--network-alias",
      "odoo",
      "-v",
      `${upstream}:/upstream.py:ro`,
      "--entrypoint",
      "python3",
    ];
    docker("run", "-d", "--name", names.odoo, ...odoo, python, "-B", "/upstream.py");
    const ports = ["-p", `${address}:80:80`, "-p", `${address}:443:443`];
    const files = [
      "--tmpfs",
      "/data:uid=1000,gid=1000",
      "--tmpfs",
      "/config",
      "-v",
      `${directory}:/etc/caddy:ro`,
      "--add-host",
      "odoo-held:127.0.0.1",
    ];
    docker(
      "run",
      "-d",
      "--name",
      names.proxy,
      ...label,
      "--network",
      names.network,
      ...asProxy,
      ...files,
      ...ports,
      proxy,
    );
    await until("an answer", async () => {
      ca = localAuthority(names.proxy);
      assert.equal((await ask("/")).status, 200);
    });
  });
  after(() => {
    remove();
    fs.rmSync(directory, { recursive: true });
  });
  afterEach(() => {
    fs.rmSync(path.join(state, "closed"), { force: true });
    hold("");
  });

  const remove = () => removeContainers([names.odoo, names.proxy], names.network);

  /** As the worker writes it: the file is there whole or not at all. */
  function hold(text: string) {
    fs.writeFileSync(path.join(state, ".hold"), text);
    fs.renameSync(path.join(state, ".hold"), path.join(state, "hold"));
  }

  /** The path is sent as it stands. */
  function ask(target: string, options: https.RequestOptions = {}, body = ""): Promise<Answer> {
    const begun = Date.now();
    return new Promise((resolve, reject) => {
      const request = https.request(
        {
          host: address,
          servername: "odoo.test",
          ca,
          path: target,
          agent: false,
          ...options,
          headers: { host: "odoo.test", ...options.headers },
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (part: string) => (text += part));
          response.on("error", reject);
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text,
              seconds: (Date.now() - begun) / 1000,
            }),
          );
        },
      );
      request.on("upgrade", (response, socket) => {
        socket.destroy();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: "", seconds: 0 });
      });
      request.on("error", reject).end(body);
    });
  }
  const told = async (...args: Parameters<typeof ask>) => JSON.parse((await ask(...args)).text) as Told;

  it("sends websockets to 8072 and the rest to 8069", async () => {
    const headers = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGVzdHRlc3R0ZXN0dGVzdA==",
    };
    assert.equal((await ask("/websocket", { headers })).status, 101);
    assert.equal((await told("/websocket/peek_notifications")).port, 8072);
    assert.equal((await told("/longpolling/poll")).port, 8072);
    assert.equal((await told("/web/login?redirect=%2Fwebsocket")).port, 8069);
  });

  const managers = [
    "/web/database/manager",
    "/web//database/manager",
    "//web/database/manager",
    "/WEB/Database/selector",
    "/web/%64atabase/manager",
    "/web%2Fdatabase/manager",
    "/web/database%2Fmanager",
    "/%77%65%62/database/drop",
    "/web/./database/manager",
    "/static/../web/database/manager",
    "/en/web/database/manager",
    "/xmlrpc/2/db",
    "/xmlrpc//db",
  ];
  for (const target of managers) {
    it(`lets nobody manage databases at ${target}`, async () => assert.equal((await ask(target)).status, 403));
  }

  it("tells Odoo who asks, and believes nobody else about that", async () => {
    const headers = {
      "x-forwarded-for": "203.0.113.66",
      "x-real-ip": "203.0.113.66",
      "x-forwarded-host": "evil.example.com",
      "x-forwarded-proto": "http",
    };
    const { headers: seen } = await told("/", { headers });
    assert.match(seen["x-forwarded-for"] ?? "", /^198\.18\.88\.\d+$/);
    assert.equal(seen["x-real-ip"], seen["x-forwarded-for"]);
    assert.deepEqual([seen["x-forwarded-host"], seen["x-forwarded-proto"]], ["odoo.test", "https"]);
  });

  it("adds security headers, and says no server's name", async () => {
    const { headers } = await ask("/");
    assert.equal(headers["strict-transport-security"], "max-age=31536000");
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["x-frame-options"], "SAMEORIGIN");
    assert.equal(headers["referrer-policy"], "strict-origin-when-cross-origin");
    assert.deepEqual([headers.server, headers.via], [undefined, undefined]);
  });

  it("compresses", async () => {
    assert.equal((await ask("/", { headers: { "accept-encoding": "gzip" } })).headers["content-encoding"], "gzip");
  });

  it("refuses a larger body than the setting allows, and takes a smaller one", async () => {
    assert.equal((await ask("/", { method: "POST" }, "x".repeat(990_000))).status, 200);
    assert.equal(
      (await ask("/", { method: "POST", headers: { "content-length": "1100000" } }, "x".repeat(1_100_000))).status,
      413,
    );
  });

  it("has nothing under another name", async () => {
    assert.equal((await ask("/", { headers: { host: "evil.example.com" } })).status, 421);
  });

  it("answers everything with 503 and the page while it is closed, from the next request on", async () => {
    fs.writeFileSync(path.join(state, "closed"), "");
    for (const method of ["GET", "POST", "PUT", "DELETE"]) {
      for (const target of ["/", "/web/database/manager", "/websocket", "/jsonrpc"]) {
        const { status, headers, text } = await ask(target, { method, headers: { accept: "application/json" } });
        assert.equal(status, 503, `${method} ${target}`);
        assert.equal(headers["retry-after"], "30");
        assert.equal(text.trim(), maintenancePage.trim());
      }
    }
    fs.rmSync(path.join(state, "closed"));
    assert.equal((await ask("/")).status, 200);
  });

  it("lets requests wait while they are held", async () => {
    hold("-held");
    const waiting = Promise.all(["GET", "POST"].map((method) => ask("/", { method })));
    await sleep(1500);
    hold("");
    for (const { status, seconds } of await waiting) {
      assert.equal(status, 200);
      assert.ok(seconds > 1.4, String(seconds));
    }
  });

  it("fails no request while Odoo's container is replaced", async () => {
    docker("stop", "--time", "0", names.odoo);
    const waiting = Promise.all(["GET", "POST"].map((method) => ask("/", { method })));
    await sleep(2000);
    docker("start", names.odoo);
    assert.deepEqual(
      (await waiting).map(({ status }) => status),
      [200, 200],
    );
  });

  it("says 503, and when to come back, if Odoo does not come back in 30 seconds", async () => {
    hold("-held");
    const { status, headers, text, seconds } = await ask("/", { method: "POST" });
    assert.equal(status, 503);
    assert.equal(headers["retry-after"], "30");
    assert.equal(text.trim(), maintenancePage.trim());
    assert.ok(seconds > 29, String(seconds));
  });

  it("repeats nothing that may have been done, and says so", async () => {
    const { broken } = await told("/");
    for (const method of ["GET", "POST"]) {
      const { status, headers, text } = await ask("/breaks", { method });
      assert.equal(status, 502);
      assert.equal(headers["retry-after"], undefined);
      assert.match(text, /not known what of it was done/);
    }
    assert.equal((await told("/")).broken, broken + 2);
  });

  it("writes no address of a request into its log", async () => {
    await ask("/web/reset_password?token=planted-token");
    assert.equal((await ask("/breaks?token=planted-token")).status, 502);
    await assert.rejects(ask("/torn?token=planted-token"));
    // Caddy does log what breaks off in the middle, a moment after the client sees it.
    await until("the proxy's word on it", () => assert.match(log(names.proxy), /aborting with incomplete response/));
    assert.ok(!log(names.proxy).includes("planted"));
  });
});
