import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as http from "node:http";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import * as tls from "node:tls";

import type { SiteArgs } from "../../components/proxy/site";
import { caddyfile } from "../../components/proxy/caddyfile";
import { maintenancePage } from "../../components/proxy/maintenance-page";
import { freePort } from "../../sandbox/support/listen";
import { usualSite } from "./site";

export interface Upstreams {
  readonly http: number;
  readonly websocket: number;
}

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/**
 * The real proxy as a process, with the rendered rules of a cluster: so a client's address can be told by the PROXY protocol, and a test can
 * speak from any. Ports and paths are put in the place of those that only a container has.
 */
export class EdgeProcess {
  readonly #folder = fs.mkdtempSync(path.join(os.tmpdir(), "edge-"));
  #process: ChildProcess | undefined;
  #port = 0;
  #log = "";

  /** @param upstreams ports of 127.0.0.1 that stand for Odoo's two */
  async start(caddy: string, upstreams: Upstreams, site: Partial<SiteArgs> = {}, dialTimeout = "2s"): Promise<void> {
    // A port that was free a moment ago can be taken by now: then others are.
    while (!(await this.#startsOnFreePorts(caddy, upstreams, site, dialTimeout)));
  }

  async #startsOnFreePorts(
    caddy: string,
    upstreams: Upstreams,
    site: Partial<SiteArgs>,
    dialTimeout: string,
  ): Promise<boolean> {
    this.#log = "";
    const [http, https, health] = [await freePort(), await freePort(), await freePort()];
    this.#port = https;
    const text = caddyfile(
      { ...usualSite, domain: "odoo.test", tls: "internal", proxyFrom: ["127.0.0.0/8"], ...site },
      "cluster",
    )
      .replace("http_port 8080", `http_port ${http}`)
      .replace("https_port 8443", `https_port ${https}`)
      .replace("http://:2020", `http://:${health}`)
      .replaceAll("/etc/caddy", this.#folder)
      .replaceAll("directory /spool", `directory ${this.#folder}/spool`)
      .replace("reverse_proxy odoo:", "reverse_proxy 127.0.0.1:")
      .replace("dial_timeout 2s", `dial_timeout ${dialTimeout}`)
      .replaceAll("import odoo 8069", `import odoo ${upstreams.http}`)
      .replaceAll("import odoo 8072", `import odoo ${upstreams.websocket}`);
    fs.writeFileSync(path.join(this.#folder, "Caddyfile"), text);
    fs.writeFileSync(path.join(this.#folder, "maintenance.html"), maintenancePage);
    const env = { ...process.env, XDG_DATA_HOME: this.#folder, XDG_CONFIG_HOME: this.#folder, HOME: this.#folder };
    this.#process = spawn(caddy, ["run", "--config", path.join(this.#folder, "Caddyfile"), "--adapter", "caddyfile"], {
      env,
    });
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.on("data", (part) => (this.#log += String(part)));
    for (;;) {
      if (this.#process.exitCode !== null) {
        assert.match(this.#log, /address already in use/);
        return false;
      }
      try {
        await this.ask("GET", "/up");
        return true;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process?.once("exit", resolve));
    this.#process?.kill("SIGKILL");
    await ended;
    fs.rmSync(this.#folder, { recursive: true });
  }

  get log(): string {
    return this.#log;
  }

  /** Files of bodies that have a name: none should. */
  spooled(): string[] {
    return fs.readdirSync(path.join(this.#folder, "spool"));
  }

  /** A connection as the load balancer makes it for a client at that address. */
  async connect(from = "203.0.113.1", protocols: string[] = ["http/1.1"]): Promise<tls.TLSSocket> {
    const plain = net.connect(this.#port, "127.0.0.1");
    const family = net.isIPv6(from) ? `TCP6 ${from} ::1` : `TCP4 ${from} 127.0.0.1`;
    plain.write(`PROXY ${family} 40000 443\r\n`);
    const socket = tls.connect({
      socket: plain,
      servername: "odoo.test",
      rejectUnauthorized: false,
      ALPNProtocols: protocols,
    });
    plain.on("error", (error) => socket.destroy(error));
    // What goes wrong later is for whoever reads from it.
    await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).on("error", reject));
    return socket;
  }

  async ask(
    method: string,
    target: string,
    {
      from,
      headers = {},
      body = "",
    }: { from?: string; headers?: http.OutgoingHttpHeaders; body?: string | Buffer } = {},
  ): Promise<Reply> {
    const socket = await this.connect(from);
    return new Promise((resolve, reject) => {
      const request = http.request(
        {
          method,
          path: target,
          createConnection: () => socket,
          headers: { host: "odoo.test", ...(body.length > 0 ? { "content-length": body.length } : {}), ...headers },
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (part: string) => (text += part));
          response.on("error", reject).on("end", () => {
            socket.destroy();
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
          });
        },
      );
      // What is refused before it is sent breaks off, and its answer may still be on the way.
      const patienceMs = (error: NodeJS.ErrnoException) => (error.code === "ECONNREFUSED" ? 0 : 10_000);
      request.on("error", (error) => setTimeout(() => reject(error), patienceMs(error))).end(body);
    });
  }
}
