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

/** A whole answer: status, headers, and the body as text. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/**
 * Sends a request and tries again after 429, 5xx and broken connections, as long as `patience.totalMs` allows; a `retry-after` of the
 * server is kept. The last answer is returned, whatever its status.
 * @param what what is asked for, for messages; never with a secret in it
 * @throws ShipError NETWORK_TIMEOUT when no answer came at all in time, NETWORK_FAILURE when the address cannot be reached
 */
export async function request(what: string, url: string, init: RequestInit, patience: Patience = defaultPatience): Promise<Answer> {
  const end = Date.now() + patience.totalMs;
  for (let attempt = 0; ; attempt++) {
    const outcome = await once(url, init, Math.min(patience.requestMs, Math.max(1, end - Date.now())));
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

async function once(url: string, init: RequestInit, limitMs: number): Promise<Answer | { reason: Error }> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(limitMs) });
    return { status: response.status, headers: response.headers, body: await response.text() };
  } catch (error) {
    return { reason: error instanceof Error ? error : new Error(String(error)) };
  }
}

function retryPause(answer: Answer, attempt: number): number | undefined {
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
    found: timedOut ? `no answer from ${new URL(url).host} in time` : `${new URL(url).host} cannot be reached: ${cause}`,
    expected: `an answer within ${patience.requestMs / 1000} s, tried again for up to ${patience.totalMs / 1000} s`,
    remedy: "check the network and the address, then run the same command again; nothing was changed",
  });
}
