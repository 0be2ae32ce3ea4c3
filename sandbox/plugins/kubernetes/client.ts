import * as http from "node:http";
import * as https from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import { isMap, type Value, type ValueMap } from "../values";
import type { Connection } from "./kubeconfig";
import { messageOf, textAt } from "./objects";

/** An answer of the apiserver that is a failure. */
export class ApiError extends Error {
  constructor(
    readonly code: number,
    /** Kubernetes's word for it: NotFound, AlreadyExists, Conflict, Invalid, Forbidden. */
    readonly reason: string,
    message: string,
    readonly status: ValueMap,
  ) {
    super(message);
  }
}

/** The apiserver did not answer. */
export class ConnectionError extends Error {}

/** One request. */
export interface Request {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Value;
  readonly contentType?: string;
  readonly signal: AbortSignal;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  /** Seconds, when the server asks for another try. */
  readonly retryAfter: number | undefined;
}

const requestTimeoutMs = 60_000;
const mostRetries = 10;

/** The apiserver's HTTP API. */
export class KubeClient {
  private readonly agent: http.Agent;
  private readonly base: URL;

  constructor(private readonly connection: Connection) {
    this.base = new URL(connection.server);
    const options = { keepAlive: true, maxSockets: 32 };
    this.agent =
      this.base.protocol === "http:" ? new http.Agent(options) : new https.Agent({ ...options, ...connection.tls });
  }

  /** The answer's JSON. Throws {@link ApiError} with the server's own words, {@link ConnectionError} without an answer. */
  async request(method: string, path: string, request: Request): Promise<ValueMap> {
    const { status, text } = await this.sendPatiently(method, path, request);
    const answer = parse(text);
    if (status < 300) return answer;
    const message = textAt(answer, "message");
    throw new ApiError(
      status,
      textAt(answer, "reason"),
      message === "" ? `the server answered ${status}: ${text.slice(0, 200)}` : message,
      answer,
    );
  }

  /** Like {@link request} with GET, but `undefined` for what does not exist. */
  async find(
    path: string,
    signal: AbortSignal,
    query: Readonly<Record<string, string>> = {},
  ): Promise<ValueMap | undefined> {
    try {
      return await this.request("GET", path, { signal, query });
    } catch (error) {
      if (isReason(error, "NotFound")) return undefined;
      throw error;
    }
  }

  /** An answer that is plain text: logs. */
  async text(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<string> {
    const { status, text } = await this.send("GET", path, { query, signal });
    if (status >= 300) throw new ApiError(status, "", text, {});
    return text;
  }

  /** Sends again what an overloaded server asks for again. */
  private async sendPatiently(method: string, path: string, request: Request): Promise<Answer> {
    for (let attempt = 0; ; attempt += 1) {
      let answer = await this.send(method, path, request);
      if (answer.status === 401 && this.connection.forgetToken()) answer = await this.send(method, path, request);
      if (answer.retryAfter === undefined || attempt >= mostRetries) return answer;
      await delay(1000 * answer.retryAfter, undefined, { signal: request.signal });
    }
  }

  private send(method: string, path: string, request: Request): Promise<Answer> {
    const url = new URL(this.base.pathname.replace(/\/$/, "") + path, this.base);
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const authorization = this.connection.authorization();
    const headers = {
      accept: "application/json",
      ...(authorization !== "" && { authorization }),
      ...(body !== undefined && {
        "content-type": request.contentType ?? "application/json",
        "content-length": Buffer.byteLength(body),
      }),
    };
    const options = { method, headers, agent: this.agent, signal: request.signal, timeout: requestTimeoutMs };
    const send = url.protocol === "http:" ? http.request : https.request;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        if (request.signal.aborted) reject(error);
        // The server had closed a connection that was kept for reuse: it has not seen the request.
        else if (sent.reusedSocket && "code" in error && error.code === "ECONNRESET")
          resolve(this.send(method, path, request));
        else reject(new ConnectionError(`${method} ${url.origin}${path}: ${reasonOf(error)}`));
      };
      const sent = send(url, options, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", fail);
        response.on("end", () => resolve(answerOf(response, Buffer.concat(chunks).toString("utf8"))));
      });
      sent.on("timeout", () => sent.destroy(new Error(`no answer within ${requestTimeoutMs / 1000} s`)));
      sent.on("error", fail);
      sent.end(body);
    });
  }
}

function answerOf({ statusCode = 0, headers }: http.IncomingMessage, text: string): Answer {
  const after = Number(headers["retry-after"]);
  const asks = (statusCode === 429 || statusCode >= 500) && Number.isFinite(after);
  return { status: statusCode, text, retryAfter: asks ? after : undefined };
}

/** Whether the apiserver gave this reason. */
export function isReason(error: unknown, reason: string): error is ApiError {
  return error instanceof ApiError && error.reason === reason;
}

function parse(text: string): ValueMap {
  try {
    const value = JSON.parse(text) as Value;
    return isMap(value) ? value : {};
  } catch {
    return {};
  }
}

// A refused connection to several addresses is an AggregateError without a message.
function reasonOf(error: Error): string {
  return error instanceof AggregateError ? error.errors.map(messageOf).join(", ") : error.message;
}
