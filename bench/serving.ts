import { sleep } from "../sandbox/process";
import { type Answer, Endpoint } from "../test/support/endpoint";
import type { Deployed } from "./own-stack";

const everyMs = 250;
const limitMs = 15 * 60_000;

/** An Odoo that is asked, as a client does, which release its code in memory is of: addons/release_info tells. */
export class Serving {
  readonly #endpoint: Endpoint;
  #session: string | undefined;
  #last = "nothing";
  #answered = 0;
  #silentMs = 0;

  constructor(
    private readonly name: string,
    private readonly deployed: Deployed,
  ) {
    this.#endpoint = new Endpoint(deployed.address);
  }

  /** Hash of the image's content, of what answers now. Waits for an answer. */
  content(): Promise<string> {
    return this.#until(() => true);
  }

  /**
   * Returns as soon as an answer comes from other code than `before`. `signal` ends the wait when nothing is going to
   * change any more.
   */
  async changedFrom(before: string, signal: AbortSignal): Promise<void> {
    [this.#answered, this.#silentMs] = [performance.now(), 0];
    await this.#until((found) => found !== before, signal);
  }

  /** Seconds of the longest time between two answers in the last such wait. */
  get silent(): number {
    return this.#silentMs / 1000;
  }

  close(): void {
    this.#endpoint.close();
  }

  async #until(wanted: (content: string) => boolean, signal?: AbortSignal): Promise<string> {
    const end = Date.now() + limitMs;
    for (;;) {
      const found = await this.#ask();
      if (found !== undefined) this.#heard();
      if (found !== undefined && wanted(found)) return found;
      signal?.throwIfAborted();
      if (Date.now() > end)
        throw new Error(`${this.name} has not answered as it should for ${limitMs / 60_000} minutes: ${this.#last}`);
      await sleep(everyMs);
    }
  }

  #heard(): void {
    const now = performance.now();
    this.#silentMs = Math.max(this.#silentMs, now - this.#answered);
    this.#answered = now;
  }

  /** Undefined: whoever answers, it is not Odoo at work. */
  async #ask(): Promise<string | undefined> {
    try {
      this.#session ??= await this.#logIn();
      if (this.#session === undefined) return undefined;
      const params = { model: "release.info", method: "current", args: [], kwargs: {} };
      const found = await this.#rpc("/web/dataset/call_kw/release.info/current", params, { cookie: this.#session });
      const { result } = JSON.parse(found.body.toString()) as { result?: { contentHash: string } };
      // A session that is lost is made anew.
      if (found.status === 200 && result === undefined) this.#session = undefined;
      return result?.contentHash;
    } catch (error) {
      // Closed connections and the maintenance page are no answers.
      this.#last = String(error);
      return undefined;
    }
  }

  async #logIn(): Promise<string | undefined> {
    const { headers } = await this.#rpc("/web/session/authenticate", {
      db: this.deployed.database ?? "odoo",
      login: "admin",
      password: this.deployed.password,
    });
    return (headers["set-cookie"] ?? [])
      .map((line) => line.split(";")[0])
      .find((line) => line?.startsWith("session_id="));
  }

  async #rpc(path: string, params: object, headers: Record<string, string> = {}): Promise<Answer> {
    const answer = await this.#endpoint.request("POST", path, {
      // A connection of its own for each question: a kept one would ask the same process until its end.
      headers: { ...headers, "content-type": "application/json", connection: "close" },
      body: JSON.stringify({ jsonrpc: "2.0", method: "call", id: 1, params }),
      // Longer than a proxy holds a request while servers change: one that is given up is asked again, from the start.
      limitMs: 30_000,
    });
    this.#last = `status ${answer.status}: ${answer.body.toString().slice(0, 300)}`;
    return answer;
  }
}
