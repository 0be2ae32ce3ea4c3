import assert from "node:assert/strict";
import * as http from "node:http";
import * as http2 from "node:http2";
import type { Duplex } from "node:stream";
import { BinaryReader, BinaryWriter } from "google-protobuf";

/** What every push of the fake engine answers. */
export const digest = `sha256:${"d".repeat(64)}`;
/** What every build of the fake engine answers. */
export const imageId = `sha256:${"1".repeat(64)}`;

/** The part of the Docker engine's API that an image needs, on a socket. What it does not prove: that a real engine builds. */
export class FakeDockerEngine {
  readonly requests: { readonly target: string; readonly headers: http.IncomingHttpHeaders; readonly body: Buffer }[] =
    [];
  buildAnswer: readonly object[] = [{ id: "moby.image.id", aux: { ID: imageId } }];
  pushAnswer: readonly object[] = [{ status: "Pushed", id: "1" }, { aux: { Tag: "v1", Digest: digest, Size: 1 } }];
  hold = false;
  session: { readonly headers: http.IncomingHttpHeaders; readonly connection: Duplex } | undefined;
  private readonly server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const target = request.url ?? "";
      this.requests.push({ target, headers: request.headers, body: Buffer.concat(chunks) });
      if (this.hold) return;
      const answer = target.startsWith("/build?")
        ? this.buildAnswer
        : target.includes("/push?")
          ? this.pushAnswer
          : undefined;
      response.writeHead(answer === undefined ? 404 : 200);
      response.end((answer ?? [{ message: `no ${target}` }]).map((line) => `${JSON.stringify(line)}\n`).join(""));
    });
  });

  async listen(socket: string): Promise<void> {
    this.server.on("upgrade", (request, connection) => {
      connection.on("error", () => undefined);
      connection.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
      this.session = { headers: request.headers, connection };
    });
    await new Promise<void>((resolve) => this.server.listen(socket, resolve));
  }

  /** Asks on the session as BuildKit does, and answers user and password, or nothing. */
  async askCredentials(host: string): Promise<readonly string[]> {
    const request = new BinaryWriter();
    request.writeString(1, host);
    const message = Buffer.from(request.getResultBuffer());
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    const connection = this.session?.connection;
    const client = http2.connect("http://session", { createConnection: () => connection ?? assert.fail("no session") });
    const stream = client.request({
      ":method": "POST",
      ":path": "/moby.filesync.v1.Auth/Credentials",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.end(Buffer.concat([prefix, message]));
    const answer: Buffer[] = [];
    for await (const chunk of stream as AsyncIterable<Buffer>) answer.push(chunk);
    client.destroy();
    const reader = new BinaryReader(Buffer.concat(answer).subarray(5));
    const texts: string[] = [];
    while (reader.nextField()) texts.push(reader.readString());
    return texts;
  }

  dropAll(): void {
    this.server.closeAllConnections();
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
