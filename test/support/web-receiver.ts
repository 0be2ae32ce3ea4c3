import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A receiver of Slack's and PagerDuty's messages on loopback, which notes each that is posted. */
export class WebReceiver {
  readonly posted: { readonly path: string; readonly body: Record<string, unknown> }[] = [];
  /** Answer to the next ones. */
  status = 202;

  private constructor(private readonly server: http.Server) {
    server.on("request", (asked: http.IncomingMessage, answer: http.ServerResponse) => {
      void text(asked).then((body) => {
        this.posted.push({ path: asked.url ?? "", body: JSON.parse(body) as Record<string, unknown> });
        answer.writeHead(this.status).end();
      });
    });
  }

  static async start(): Promise<WebReceiver> {
    const server = http.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new WebReceiver(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
