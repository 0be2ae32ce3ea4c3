import { setTimeout as sleep } from "node:timers/promises";

import { ShipError } from "./errors";

/** Limits of one call to an outside API. Milliseconds. */
export interface Patience {
  /** A single request, its body included. */
  readonly requestMs: number;
  /** All tries of one call together. */
  readonly totalMs: number;
}

export const defaultPatience: Patience = { requestMs: 15_000, totalMs: 60_000 };

/** A whole answer: status, headers, and the body, as text unless something else is made of it. */
export interface Answer<Body = string> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** A header `authorization`, and the only hosts that it is for. */
export interface Credential {
  readonly value: string;
  /** `host` for every port of it, or `host:port`. */
  readonly hosts: readonly string[];
}

const loopbackName = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Tells whether `host[:port]` is this machine itself: the only place that may be talked to in plain text. */
export function isLoopback(host: string): boolean {
  return loopbackName.test(host.replace(/:\d+$/, ""));
}

/** Tells whether it is an address over HTTPS, or one of this machine's own. */
export function isSafeAddress(address: string): boolean {
  const url = URL.parse(address);
  return url !== null && (url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.host)));
}

/** Tells whether a credential for these hosts may be sent to an address. */
export function mayBeTold(hosts: readonly string[], address: string): boolean {
  const url = URL.parse(address);
  if (url === null || !isSafeAddress(address)) {
    return false;
  }
  // On this machine every port may be somebody else's, so a loopback host counts only with its port.
  return hosts.some((host) => host === url.host || (host === url.hostname && !isLoopback(host)));
}

/**
 * Sends a request, and tries again after 429, 5xx and broken connections, as long as `patience.totalMs` allows; a
 * `retry-after` of the server is kept. The last answer is returned, whatever its status.
 *
 * Only this function sends credentials. A credential goes to the hosts that it is for, over HTTPS or to this machine
 * itself. If an answer redirects to any other host, the request goes on without it.
 * @param what what is asked for, for messages; never with a secret in it
 * @param init without `authorization`, which is `credential`'s
 * @throws ShipError NETWORK_TIMEOUT when no answer came at all in time, NETWORK_FAILURE when the address cannot be
 *   reached
 */
export async function request(
  what: string,
  url: string,
  init: Asked,
  patience: Patience = defaultPatience,
  credential?: Credential,
): Promise<Answer> {
  return requestAs((response) => response.text(), what, url, init, patience, credential);
}

/**
 * The same for a body that is no text, as one that goes to a file.
 * @param read is called for each answer that is not redirected, an error's and one that is tried again included
 */
export async function requestAs<Body>(
  read: (response: Response) => Promise<Body>,
  what: string,
  url: string,
  init: Asked,
  patience: Patience,
  credential?: Credential,
): Promise<Answer<Body>> {
  const end = Date.now() + patience.totalMs;
  for (let attempt = 0; ; attempt++) {
    const limitMs = Math.min(patience.requestMs, Math.max(1, end - Date.now()));
    const outcome = await once(read, url, init, credential, limitMs);
    const pause = "status" in outcome ? retryPause(outcome, attempt) : backoff(attempt);
    if (pause === undefined || Date.now() + pause >= end) {
      if ("status" in outcome) {
        return outcome;
      }
      throw unanswered(what, url, outcome.reason, patience);
    }
    await sleep(pause);
  }
}

/** Request in a form that can be sent again. */
export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

async function once<Body>(
  read: (response: Response) => Promise<Body>,
  url: string,
  init: Asked,
  credential: Credential | undefined,
  limitMs: number,
): Promise<Answer<Body> | { reason: Error }> {
  const signal = AbortSignal.timeout(limitMs);
  try {
    for (let [address, hops] = [url, 0]; ; hops++) {
      const headers = new Headers(init.headers);
      if (credential !== undefined && mayBeTold(credential.hosts, address)) {
        headers.set("authorization", credential.value);
      }
      const response = await fetch(address, { ...init, headers, redirect: "manual", signal });
      const next = hops < mostHops ? redirection(response, address, init.method ?? "GET") : undefined;
      if (next === undefined) {
        return { status: response.status, headers: response.headers, body: await read(response) };
      }
      await response.body?.cancel();
      address = next;
    }
  } catch (error) {
    return { reason: error instanceof Error ? error : new Error(String(error)) };
  }
}
const mostHops = 5;

/**
 * Returns where the answer redirects to, if that may be followed. A read follows to anywhere that is safe. A write
 * stays at its host, and follows only where the method is kept: a write that turned into a read would look as if it had
 * succeeded.
 */
function redirection(response: Response, from: string, method: string): string | undefined {
  const location = response.headers.get("location");
  if (location === null || ![301, 302, 303, 307, 308].includes(response.status)) {
    return undefined;
  }
  const to = URL.parse(location, from);
  // An answer from the network must not lead to a program that listens on this machine only.
  if (to === null || !isSafeAddress(to.href) || (isLoopback(to.host) && !isLoopback(new URL(from).host))) {
    return undefined;
  }
  const reads = method === "GET" || method === "HEAD";
  const staysPut = to.host === new URL(from).host && response.status >= 307;
  return reads || staysPut ? to.href : undefined;
}

function retryPause(answer: Answer<unknown>, attempt: number): number | undefined {
  if (answer.status !== 429 && answer.status < 500) {
    return undefined;
  }
  const seconds = Number(answer.headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) ? Math.max(seconds * 1000, 100) : backoff(attempt);
}

function backoff(attempt: number): number {
  return Math.min(500 * 2 ** attempt, 10_000);
}

function unanswered(what: string, url: string, reason: Error, patience: Patience): ShipError {
  const timedOut = reason.name === "TimeoutError";
  const cause = reason.cause instanceof Error ? reason.cause.message : reason.message;
  return new ShipError({
    code: timedOut ? "NETWORK_TIMEOUT" : "NETWORK_FAILURE",
    summary: `${what} did not succeed`,
    found: timedOut
      ? `no answer from ${new URL(url).host} in time`
      : `${new URL(url).host} cannot be reached: ${cause}`,
    expected: `an answer within ${patience.requestMs / 1000} s, tried again for up to ${patience.totalMs / 1000} s`,
    remedy: "check the network and the address, then run the same command again; nothing was changed",
  });
}
