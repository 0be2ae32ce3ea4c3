import * as net from "node:net";
import * as tls from "node:tls";

export interface MailServerOptions {
  /** Certificate and key, PEM: then it offers STARTTLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Kinds of login that it offers; `PLAIN` by default. */
  readonly login?: string;
  /** Answers in the place of the usual ones, by the beginning of what was said. */
  readonly answers?: Readonly<Record<string, string>>;
}

/** A mail server on loopback that writes down each line it is told, marked with `+` once the talk is encrypted. */
export class MailServer {
  readonly said: string[] = [];
  readonly #sockets = new Set<net.Socket>();

  private constructor(
    private readonly server: net.Server,
    private readonly options: MailServerOptions,
  ) {
    server.on("connection", (socket) => {
      socket.write("220-mail.test\r\n220 ready\r\n");
      this.#serve(socket, false);
    });
  }

  static async start(options: MailServerOptions = {}): Promise<MailServer> {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new MailServer(server, options);
  }

  /** `host:port` */
  get address(): string {
    return `127.0.0.1:${(this.server.address() as net.AddressInfo).port}`;
  }

  /** The text of the one mail that came. */
  get text(): string {
    const end = this.said.findIndex((line) => line.replace("+", "") === "");
    return Buffer.from(this.said.slice(end).join("").replaceAll("+.", "."), "base64").toString();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #serve(socket: net.Socket, encrypted: boolean): void {
    this.#sockets.add(socket);
    let heard = "";
    let data = false;
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      heard += chunk.toString();
      const lines = heard.split("\r\n");
      heard = lines.pop() ?? "";
      for (const line of lines) {
        this.said.push((encrypted ? "+" : "") + line);
        if (data && line !== ".") continue;
        socket.write(`${this.#answer(line, encrypted)}\r\n`);
        data = line === "DATA";
        if (line === "STARTTLS" && this.options.tls !== undefined) {
          socket.removeAllListeners("data");
          this.#serve(new tls.TLSSocket(socket, { isServer: true, ...this.options.tls }), true);
        }
      }
    });
  }

  #answer(line: string, encrypted: boolean): string {
    const { answers = {}, login = "PLAIN", tls: secured } = this.options;
    const own = Object.keys(answers).find((start) => line.startsWith(start));
    if (own !== undefined) return answers[own] ?? "";
    const [word = ""] = line.split(" ");
    if (word === "EHLO")
      return secured === undefined || encrypted
        ? `250-mail.test\r\n250 AUTH ${login}`
        : "250-mail.test\r\n250 STARTTLS";
    if (line === "AUTH LOGIN") return "334 VXNlcm5hbWU6";
    const usual: Readonly<Record<string, string>> = {
      DATA: "354 go",
      AUTH: "235 in",
      STARTTLS: "220 go",
      QUIT: "221 bye",
    };
    return usual[word] ?? "250 ok";
  }
}
