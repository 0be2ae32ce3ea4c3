import * as http from "node:http";
import type { AddressInfo } from "node:net";

export const rightPassword = "right";

/** How Odoo answers a login, by way; `good` is whether the password was right. */
const answers: readonly [
  path: RegExp,
  answer: (good: boolean, body: string) => [status: number, headers: http.OutgoingHttpHeaders, text: string],
][] = [
  [
    /^\/web\/login/,
    (good) => (good ? [303, { location: "/odoo" }, ""] : [200, {}, "<form>Wrong login/password</form>"]),
  ],
  [
    /^\/web\/session\/authenticate/,
    (good) => [
      200,
      {},
      good
        ? '{"jsonrpc": "2.0", "id": null, "result": {"uid": 2}}'
        : `{"jsonrpc": "2.0", "id": null, "error": ${denied}}`,
    ],
  ],
  [/^\/xmlrpc\/2\/common/, (good) => [200, {}, xml(good ? "<int>2</int>" : "<boolean>0</boolean>")]],
  [/^\/xmlrpc\/2\/object/, (good) => [200, {}, good ? xml("<boolean>0</boolean>") : fault("<int>3</int>")]],
  [
    /^\/xmlrpc\/object/,
    (good) => [200, {}, good ? xml("<boolean>0</boolean>") : fault("<string>AccessDenied</string>")],
  ],
  [
    /^\/jsonrpc/,
    (good, body) => {
      const { service } = (JSON.parse(body) as { params: { service: string } }).params;
      const wrong = service === "common" ? '"result": false' : `"error": ${denied}`;
      return [
        200,
        {},
        `{"jsonrpc": "2.0", "id": 1, ${good ? '"result": false'.replace("false", service === "common" ? "2" : "false") : wrong}}`,
      ];
    },
  ],
  [/^\/json\/2\//, (good) => (good ? [200, {}, "[]"] : [401, {}, '{"name": "werkzeug.exceptions.Unauthorized"}'])],
];
const denied =
  '{"code": 200, "message": "Odoo Server Error", "data": {"name": "odoo.exceptions.AccessDenied", "message": "Access Denied"}}';
const xml = (value: string) =>
  `<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value>${value}</value>\n</param>\n</params>\n</methodResponse>\n`;
const fault = (code: string) =>
  `<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n<value>${code}</value>\n</member>\n` +
  "<member>\n<name>faultString</name>\n<value><string>Access Denied</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n";

/**
 * Stands in for Odoo's workers: a connection takes one from its first byte until it is answered, and all others wait meanwhile.
 * It answers logins as Odoo does.
 */
export class FewWorkers {
  /** Requests that were answered, as `METHOD path`. */
  readonly served: string[] = [];
  /** Requests that took a worker, whether or not they were ever answered. */
  readonly taken: string[] = [];
  /** Headers of each request that took a worker. */
  readonly heard: http.IncomingHttpHeaders[] = [];
  /** Length of each body that came. */
  readonly bodies: number[] = [];
  #free: number;
  readonly #waiting: (() => void)[] = [];
  readonly #server: http.Server;

  constructor(workers: number) {
    this.#free = workers;
    this.#server = http.createServer((request, response) => void this.#work(request, response));
    // Caddy's own limits are what is tried.
    this.#server.requestTimeout = 0;
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #work(request: http.IncomingMessage, response: http.ServerResponse) {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free--;
    const target = request.url ?? "";
    this.taken.push(`${request.method ?? ""} ${target}`);
    this.heard.push(request.headers);
    let body = "";
    request.setEncoding("latin1").on("data", (part: string) => (body += part));
    await new Promise<void>((resolve) => request.on("end", resolve).on("close", resolve));
    this.served.push(`${request.method ?? ""} ${target}`);
    this.bodies.push(body.length);
    const good = `${body}${request.headers.authorization ?? ""}`.includes(rightPassword);
    const [status, headers, text] = (request.method === "POST"
      ? answers.find(([path]) => path.test(target))?.[1](good, body)
      : undefined) ?? [200, {}, "ok"];
    response.writeHead(status, { ...this.extra(target), ...headers }).end(text);
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }

  /** Headers that an answer has beside its own, as Odoo sets them. */
  extra(target: string): http.OutgoingHttpHeaders {
    return {
      "content-type": "text/html; charset=utf-8",
      "set-cookie": target.startsWith("/flags")
        ? ["session_id=abc; Path=/; secure; SameSite=None; httponly", "frontend_lang=en_US; Path=/"]
        : ["session_id=abc; Expires=Thu, 26 Nov 2099 01:00:00 GMT; HttpOnly; Path=/", "frontend_lang=en_US; Path=/"],
      ...(target.startsWith("/policy") ? { "content-security-policy": "default-src 'none'" } : {}),
    };
  }
}
