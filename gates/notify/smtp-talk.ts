import type * as net from "node:net";
import * as tls from "node:tls";

/** One conversation with a mail server: a line is said, its answer is waited for. */
export class SmtpTalk {
  #socket: net.Socket;
  #heard = "";
  #problem: Error | undefined;
  #wake: () => void = () => undefined;
  readonly #timer: NodeJS.Timeout;

  constructor(socket: net.Socket, limitMs: number) {
    this.#socket = socket;
    this.#listen();
    this.#timer = setTimeout(() => this.#break(new Error(`no end within ${limitMs / 1000} s`)), limitMs);
  }

  /** Says a line and returns the text of its answer, whose number begins with `expected`. */
  async say(line: string, expected: string): Promise<string> {
    this.#socket.write(`${line}\r\n`);
    return this.answer(expected);
  }

  /** Waits for an answer. All its lines but the last have a hyphen behind their number. */
  async answer(expected: string): Promise<string> {
    for (;;) {
      const whole = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\r?\n/.exec(this.#heard)?.[0];
      if (whole !== undefined) {
        this.#heard = this.#heard.slice(whole.length);
        const lines = whole.trim().split(/\r?\n/);
        if (!whole.startsWith(expected)) throw new Error(`it answered: ${lines.join(" ").slice(0, 200)}`);
        return lines.map((one) => one.slice(4)).join("\n");
      }
      if (this.#problem !== undefined) throw this.#problem;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Goes on encrypted. What came before in plain text does not count: anybody may have put it there. */
  async secure(options: tls.ConnectionOptions): Promise<void> {
    if (this.#heard !== "") throw new Error("it spoke in plain text after STARTTLS");
    this.#socket.removeAllListeners("data");
    const socket = tls.connect({ ...options, socket: this.#socket });
    this.#socket = socket;
    this.#listen();
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
      socket.once("close", () => reject(this.#problem ?? new Error("it hung up")));
    });
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#socket.end("QUIT\r\n");
    // A server that does not hang up would keep this process.
    setTimeout(() => this.#socket.destroy(), 1000).unref();
  }

  #listen(): void {
    this.#socket.setEncoding("utf8").on("data", (text: string) => {
      this.#heard += text;
      this.#wake();
    });
    this.#socket.on("error", (error) => this.#break(error));
    this.#socket.on("close", () => this.#break(new Error("it hung up")));
  }

  #break(problem: Error): void {
    this.#problem ??= problem;
    this.#wake();
    this.#socket.destroy();
  }
}
