import { createHash, X509Certificate } from "node:crypto";
import * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import * as net from "node:net";
import * as tls from "node:tls";

import type { Address, Answer } from "./endpoint";

/** SHA-256 of the public key that the proxy shows, once its certificate is verified. */
export function verifiedKey({ host, port, domain, ca }: Address): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host, port, servername: domain ?? "", ca: ca ?? "" }, () => {
      const { publicKey } = new X509Certificate(socket.getPeerCertificate().raw);
      resolve(
        createHash("sha256")
          .update(publicKey.export({ type: "spki", format: "der" }))
          .digest("base64"),
      );
      socket.end();
    });
    socket.on("error", reject);
  });
}

export function overHttp2(
  { host, domain, ca }: Address,
  target: string,
): Promise<{ status: number | undefined; protocol: string | undefined }> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`https://${host}`, { ca: ca ?? "", servername: domain ?? "" });
    session.on("error", reject);
    const request = session.request({ ":path": target, ":authority": domain ?? "" });
    request.on("error", reject).on("response", (headers) => {
      resolve({ status: headers[":status"], protocol: session.alpnProtocol });
      session.close();
    });
    request.resume().end();
  });
}

/** Asks for a websocket; answers the status. */
export function upgrade({ host, domain, ca }: Address, target: string): Promise<number | undefined> {
  const headers = {
    host: domain,
    origin: `https://${domain ?? host}`,
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGVzdHRlc3R0ZXN0dGVzdA==",
  };
  return new Promise((resolve, reject) => {
    const request = https.request({
      host,
      servername: domain ?? "",
      ca: ca ?? "",
      path: target,
      agent: false,
      headers,
    });
    request.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    });
    request.on("response", (response) => resolve(response.statusCode));
    request.on("error", reject).end();
  });
}

/** Without TLS. */
export function plain({ host, domain }: Address, target: string): Promise<Pick<Answer, "status" | "headers">> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host, path: target, agent: false, headers: { host: domain } }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, headers: response.headers });
    });
    request.on("error", reject);
  });
}

export function connects(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: 1500 });
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", end(true)).once("error", end(false)).once("timeout", end(false));
  });
}
