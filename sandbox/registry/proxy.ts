import * as http from "node:http";
import { pipeline } from "node:stream";
import { sendRegistryError } from "./errors";

/** Headers that belong to one connection and are not passed on, and the one that the backend has no use for. */
const dropped = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "authorization"];

/**
 * Passes requests to the backend and answers back, both as streams: a layer is never held in memory, a slow reader slows the
 * writer, and a client that breaks off an upload breaks it off at the backend, too.
 */
export class Proxy {
  private readonly agent = new http.Agent({ keepAlive: true });

  constructor(private readonly backendUrl: string) {}

  pass(request: http.IncomingMessage, response: http.ServerResponse): void {
    const { hostname, port } = new URL(this.backendUrl);
    // The client's Host goes along, so that the backend writes its Location headers for the client's address.
    const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !dropped.includes(name)));
    const upstream = http.request({
      agent: this.agent,
      hostname,
      port,
      method: request.method,
      path: request.url,
      headers,
    });

    upstream.on("response", (answer) => {
      const kept = Object.entries(answer.headers).filter(([name]) => !dropped.includes(name));
      response.writeHead(answer.statusCode ?? 502, { ...Object.fromEntries(kept), ...this.location(answer, request) });
      pipeline(answer, response, () => undefined);
    });
    upstream.on("error", (error) => {
      if (response.headersSent) {
        response.destroy();
      } else {
        sendRegistryError(response, 502, "UNKNOWN", `the registry behind does not answer: ${error.message}`);
      }
    });
    response.once("close", () => {
      if (!response.writableFinished) {
        upstream.destroy();
      }
    });
    // An answer before the end of the upload is no failure: what is left of the body is then read by Node.
    pipeline(request, upstream, () => undefined);
  }

  close(): void {
    this.agent.destroy();
  }

  /** Should the backend name itself all the same, the client must not be led past the authentication. */
  private location(answer: http.IncomingMessage, request: http.IncomingMessage): http.OutgoingHttpHeaders {
    const { location } = answer.headers;
    if (!location?.startsWith(`${this.backendUrl}/`)) {
      return {};
    }
    return { location: `http://${request.headers.host ?? ""}${location.slice(this.backendUrl.length)}` };
  }
}
