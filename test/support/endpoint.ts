import * as http from "node:http";
import * as https from "node:https";

/** Where an Odoo answers, and how to trust it. */
export interface Address {
  /** Address to connect to. */
  readonly host: string;
  readonly port: number;
  /** Name in the certificate and the Host header; without it, plain HTTP. */
  readonly domain?: string;
  /** Certificate authority that signed the certificate, PEM. */
  readonly ca?: string;
}

/**
 * For a shell on a host: the proxy's own authority, PEM. Copied, not read by a process in the container: on a busy machine runc loses one of
 * those now and then.
 */
export const readAuthority = "docker cp -q odoo-proxy:/data/caddy/pki/authorities/local/root.crt - | tar -xO";

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An HTTP client of one address that keeps up to `connections` connections. */
export class Endpoint {
  readonly #agent: http.Agent;

  constructor(
    readonly address: Address,
    connections = 8,
  ) {
    const options = { keepAlive: true, maxSockets: connections, scheduling: "fifo" as const };
    this.#agent =
      address.domain === undefined
        ? new http.Agent(options)
        : new https.Agent({
            ...options,
            servername: address.domain,
            ...(address.ca === undefined ? {} : { ca: address.ca }),
          });
  }

  /** @throws the socket's error, or one with the code ETIMEDOUT; no status is an error here */
  request(
    method: string,
    path: string,
    options: { headers?: Record<string, string>; body?: string; limitMs?: number } = {},
  ): Promise<Answer> {
    const { host, port, domain } = this.address;
    const { headers = {}, body, limitMs = 60_000 } = options;
    return new Promise((resolve, reject) => {
      const request = (domain === undefined ? http : https).request(
        {
          host,
          port,
          method,
          path,
          agent: this.#agent,
          headers: {
            host: domain ?? `${host}:${port}`,
            ...headers,
            ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body).toString() }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
          );
        },
      );
      request.setTimeout(limitMs, () =>
        request.destroy(Object.assign(new Error(`no answer within ${limitMs} ms`), { code: "ETIMEDOUT" })),
      );
      request.on("error", reject);
      request.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** An error that Odoo answered: the request came through, and its transaction was rolled back. */
export class OdooError extends Error {}

/** An answer that is no answer of Odoo's JSON-RPC: the proxy's page, say. */
export class StatusError extends Error {
  constructor(readonly answer: Answer) {
    super(`status ${answer.status}: ${answer.body.toString().slice(0, 300)}`);
  }
}

/** Odoo's JSON-RPC as a client uses it, logged in to one database. */
export class RpcClient {
  private constructor(
    readonly endpoint: Endpoint,
    readonly database: string,
    readonly user: number,
    private readonly password: string,
  ) {}

  static async login(endpoint: Endpoint, database: string, login: string, password: string): Promise<RpcClient> {
    const user = await rpc(endpoint, "common", "login", [database, login, password]);
    if (typeof user !== "number") throw new OdooError(`${login} cannot log in to ${database}`);
    return new RpcClient(endpoint, database, user, password);
  }

  /** @throws OdooError, StatusError, or the socket's error */
  call(model: string, method: string, args: unknown[] = [], options: object = {}): Promise<unknown> {
    return rpc(this.endpoint, "object", "execute_kw", [
      this.database,
      this.user,
      this.password,
      model,
      method,
      args,
      options,
    ]);
  }
}

async function rpc(endpoint: Endpoint, service: string, method: string, args: unknown[]): Promise<unknown> {
  const answer = await endpoint.request("POST", "/jsonrpc", {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", method: "call", id: 1, params: { service, method, args } }),
  });
  if (answer.status !== 200) throw new StatusError(answer);
  const { result, error } = JSON.parse(answer.body.toString()) as {
    result?: unknown;
    error?: { data?: { message?: string } };
  };
  if (error !== undefined) throw new OdooError(error.data?.message ?? JSON.stringify(error));
  return result;
}
