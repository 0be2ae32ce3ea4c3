import { setTimeout as delay } from "node:timers/promises";
import { text } from "../schema";
import { isMap, type Value, type ValueMap } from "../values";

const requestTimeoutMs = 60_000;

/** An answer of the API that is an error. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** DigitalOcean's API v2 for the rows: one token, retries of 429 and 5xx, a time limit for each request. */
export class Api {
  private endpoint = "https://api.digitalocean.com";
  private token: string | undefined;
  // The official provider's defaults; waits are in seconds.
  private retries = 4;
  private waitMin = 1;
  private waitMax = 30;

  /** Takes the provider's configuration; the environment fills in what it lacks, as in the official provider. */
  configure(config: ValueMap): void {
    this.endpoint = text(config, "apiEndpoint") ?? process.env["DIGITALOCEAN_API_URL"] ?? this.endpoint;
    this.token = text(config, "token") ?? process.env["DIGITALOCEAN_TOKEN"] ?? process.env["DIGITALOCEAN_ACCESS_TOKEN"];
    this.retries = number(config["httpRetryMax"]) ?? this.retries;
    this.waitMin = number(config["httpRetryWaitMin"]) ?? this.waitMin;
    this.waitMax = number(config["httpRetryWaitMax"]) ?? this.waitMax;
  }

  /** The answer's JSON ({} when it has none). Throws {@link ApiError} with the API's own words. */
  async request(method: string, path: string, signal: AbortSignal, body?: ValueMap): Promise<ValueMap> {
    for (let attempt = 0; ; attempt += 1) {
      const answer = await this.attempt(method, path, signal, body);
      if (!answer.retry) return answer.body;
      if (attempt >= this.retries) throw answer.error;
      await delay(this.waitMs(attempt, answer.waitSeconds), undefined, { signal });
    }
  }

  /** Like {@link request}, but `undefined` for 404. */
  async find(path: string, signal: AbortSignal): Promise<ValueMap | undefined> {
    try {
      return await this.request("GET", path, signal);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Deletes what is there; what is gone already is no failure. */
  async remove(path: string, signal: AbortSignal): Promise<void> {
    try {
      await this.request("DELETE", path, signal);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  }

  private async attempt(
    method: string,
    path: string,
    signal: AbortSignal,
    body: ValueMap | undefined,
  ): Promise<Attempt> {
    if (this.token === undefined)
      throw new Error("no DigitalOcean token: set digitalocean:token or DIGITALOCEAN_TOKEN");
    const call = `${method} ${this.endpoint}${path}`;
    let response: Response;
    let answer: string;
    try {
      response = await fetch(new URL(path, this.endpoint), {
        method,
        headers: {
          authorization: `Bearer ${this.token}`,
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
      });
      answer = await response.text();
    } catch (error) {
      signal.throwIfAborted();
      return { retry: true, waitSeconds: undefined, error: new Error(`${call}: ${reason(error)}`) };
    }
    if (response.ok) return { retry: false, body: parse(answer) };
    const error = new ApiError(response.status, `${call}: ${response.status} ${apiMessage(answer)}`);
    if (response.status !== 429 && (response.status < 500 || response.status === 501)) throw error;
    return { retry: true, waitSeconds: waitSeconds(response.headers), error };
  }

  private waitMs(attempt: number, asked: number | undefined): number {
    const backOff = Math.min(this.waitMax, this.waitMin * 2 ** attempt);
    // A server may ask for longer than our own longest wait, but an operator should not wait an hour for a retry.
    return 1000 * (asked === undefined ? backOff : Math.min(Math.max(asked, 0), Math.max(this.waitMax, 120)));
  }
}

type Attempt =
  | { readonly retry: false; readonly body: ValueMap }
  | { readonly retry: true; readonly waitSeconds: number | undefined; readonly error: Error };

/** `Retry-After` in seconds, else the time until `RateLimit-Reset` when nothing remains. */
function waitSeconds(headers: Headers): number | undefined {
  const after = headers.get("retry-after");
  if (after !== null && /^\d+$/.test(after)) return Number(after);
  const reset = headers.get("ratelimit-reset");
  if (headers.get("ratelimit-remaining") === "0" && reset !== null && /^\d+$/.test(reset))
    return Number(reset) - Date.now() / 1000;
  return undefined;
}

function parse(answer: string): ValueMap {
  const value = answer === "" ? {} : (JSON.parse(answer) as Value);
  if (!isMap(value)) throw new Error("the API's answer is not a JSON object");
  return value;
}

// {"id": "unprocessable_entity", "message": "…"}; a proxy in between may answer something else.
function apiMessage(answer: string): string {
  try {
    const { id, message } = parse(answer);
    return [id, message].filter((part) => typeof part === "string").join(": ");
  } catch {
    return answer.slice(0, 200);
  }
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${requestTimeoutMs / 1000} s`;
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

function number(value: Value | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}
