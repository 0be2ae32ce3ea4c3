import * as fs from "node:fs";
import * as http from "node:http";
import * as os from "node:os";
import * as path from "node:path";
import type { Duplex, Readable } from "node:stream";

type Address = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/** A request to the Docker engine. */
export interface EngineRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readable;
  readonly signal: AbortSignal;
}

/** The Docker engine's HTTP API (https://docs.docker.com/reference/api/engine/), at DOCKER_HOST or its usual sockets. */
export class DockerEngine {
  private configured: string | undefined;

  /** Takes the provider's `host`; without one DOCKER_HOST counts. */
  configure(host: string | undefined): void {
    this.configured = host;
  }

  /** The answer's body as a stream. Throws the engine's own message for a status that is an error. */
  async stream(request: EngineRequest): Promise<http.IncomingMessage> {
    const response = await this.send(request);
    if ((response.statusCode ?? 500) < 400) return response;
    const answer = await readAll(response);
    throw new Error(`the Docker engine answered ${response.statusCode ?? "nothing"}: ${engineMessage(answer)}`);
  }

  /** The answer's body as JSON. */
  async json(request: EngineRequest): Promise<unknown> {
    return JSON.parse(await readAll(await this.stream(request))) as unknown;
  }

  /** Turns a request into a raw connection (`Upgrade: h2c`), as a BuildKit session needs it. */
  async hijack(urlPath: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Duplex> {
    const address = this.address();
    return new Promise((resolve, reject) => {
      const request = http.request({
        ...address,
        method: "POST",
        path: urlPath,
        headers: { ...headers, connection: "Upgrade", upgrade: "h2c" },
        signal,
      });
      request.once("upgrade", (_response, socket: Duplex) => resolve(socket));
      request.once("response", (response) =>
        reject(new Error(`the Docker engine refused a session: ${response.statusCode ?? ""}`)),
      );
      request.once("error", (error) => reject(unreachable(address, error)));
      request.end();
    });
  }

  private async send({ method, path: urlPath, headers, body, signal }: EngineRequest): Promise<http.IncomingMessage> {
    const address = this.address();
    return new Promise((resolve, reject) => {
      const request = http.request({ ...address, method, path: urlPath, headers: { ...headers }, signal });
      request.once("response", resolve);
      request.once("error", (error) => reject(unreachable(address, error)));
      if (body === undefined) request.end();
      else body.once("error", (error) => request.destroy(error)).pipe(request);
    });
  }

  private address(): Address {
    const host = this.configured ?? process.env["DOCKER_HOST"];
    if (host === undefined || host === "") return { socketPath: usualSocket() };
    const url = new URL(host);
    if (url.protocol === "unix:") return { socketPath: decodeURIComponent(url.pathname) };
    if (["tcp:", "http:"].includes(url.protocol) && !process.env["DOCKER_TLS_VERIFY"]) {
      return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(url.port === "" ? 2375 : url.port) };
    }
    throw new Error(
      `DOCKER_HOST "${host}" is not supported by the sandbox's stand-in plugin: use unix:// or tcp:// without TLS`,
    );
  }
}

/** Everything of a stream as text. */
export async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function usualSocket(): string {
  const usual = [
    "/var/run/docker.sock",
    ...["run", "desktop"].map((folder) => path.join(os.homedir(), ".docker", folder, "docker.sock")),
  ];
  return usual.find((socket) => fs.existsSync(socket)) ?? "/var/run/docker.sock";
}

function unreachable(address: Address, error: Error): Error {
  const where = "socketPath" in address ? address.socketPath : `${address.host}:${address.port}`;
  return new Error(`the Docker engine at ${where} cannot be reached: ${error.message}`);
}

function engineMessage(answer: string): string {
  try {
    return String((JSON.parse(answer) as { message?: unknown }).message ?? answer);
  } catch {
    return answer.slice(0, 500);
  }
}
