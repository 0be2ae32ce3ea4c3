import { randomInt } from "node:crypto";
import * as fs from "node:fs";
import type * as http from "node:http";
import * as net from "node:net";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ShipError } from "../../components/shared/errors";

/** Listens on 127.0.0.1; answers the port (0 asks for any free one). A taken port is a `PORT_TAKEN` that names it. */
export async function listen(server: http.Server, port: number, what: string): Promise<number> {
  bePatient(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? portTaken(port, what) : error),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
  return (server.address() as net.AddressInfo).port;
}

/** No port is found twice, though the program does not listen there yet. */
const given = new Set<number>();

/**
 * Finds a free port for a program that is told its port. It is below 32768, from where Linux takes the ports of
 * outgoing connections: one of those could have it before the program does.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 30_000);
    if (given.has(port) || !(await isFree(`127.0.0.1:${port}`))) continue;
    given.add(port);
    return port;
  }
}

/** Whether something can listen at `host:port`. */
export async function isFree(address: string): Promise<boolean> {
  return (await troubleOf(address)) === undefined;
}

/** The system's word for why nothing can listen at `host:port`; `undefined` when it can. */
export function troubleOf(address: string): Promise<string | undefined> {
  const [hostname, port] = address.split(":");
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(Number(port), hostname, () => server.close(() => resolve(undefined)));
  });
}

/** Listens on a Unix socket; what a killed run has left there is taken away. */
export async function listenOnSocket(server: http.Server, file: string): Promise<void> {
  bePatient(server);
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  fs.rmSync(file, { force: true });
  // A socket's path is limited to about 100 characters, and a checkout may lie deeper than that.
  const relative = path.relative(process.cwd(), file);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(relative.length < file.length ? relative : file, resolve);
  });
}

/** Uploads of a large layer take longer than Node's five minutes; Go's clients reuse idle connections for a minute and more. */
function bePatient(server: http.Server): void {
  server.requestTimeout = 0;
  server.keepAliveTimeout = 120_000;
}

/** Stops listening and drops every connection, also one that a fault holds open. */
export async function closeServer(server: http.Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

/** The error for a port that something else holds. */
export function portTaken(port: number, what: string): ShipError {
  return new ShipError({
    code: "PORT_TAKEN",
    summary: `${what} cannot listen on 127.0.0.1:${port}.`,
    found: `another process listens on port ${port}`,
    expected: `port ${port} to be free`,
    remedy: `find the process with \`ss -ltnp 'sport = :${port}'\` and end it, or, if it is another sandbox, run \`npm run sandbox -- down\` there`,
  });
}

/** Waits for a fault's delay, or until the client has gone away. */
export async function hold(seconds: number, response: http.ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  await delay(seconds * 1000, undefined, { signal: gone.signal, ref: false }).catch(() => undefined);
}
