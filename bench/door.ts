import { sleep } from "../sandbox/process";
import type { Endpoint } from "../test/support/endpoint";
import { answers, met } from "./trial-host";

export const everyMs = 50;
const limitMs = 10 * 60_000;
const answerMs = 5000;

/** What a client met that has asked all the time. */
export interface Closed {
  readonly seconds: number;
  /** Seconds of each refusal that said when to come back. */
  readonly refusals: readonly number[];
}

/** How long it is from the last login page before something closes the door to the first one after it; `act` does that, and opens it again. */
export async function closedFor(endpoint: Endpoint, act: () => Promise<unknown>): Promise<Closed> {
  const end = Date.now() + limitMs;
  while (!(await answers(endpoint, answerMs))) {
    if (Date.now() > end) throw new Error("Odoo does not answer before anything begins");
    await sleep(everyMs);
  }
  let ended = false;
  const acting = act().finally(() => (ended = true));
  acting.catch(() => undefined);
  let [last, closed] = [performance.now(), 0];
  const refusals: number[] = [];
  for (;;) {
    const asked = performance.now();
    const { open, refused } = await met(endpoint, answerMs);
    const now = performance.now();
    if (refused) refusals.push((now - asked) / 1000);
    if (open && closed > 0) break;
    if (open) last = now;
    else closed ||= last;
    if (ended && closed === 0) {
      await acting;
      throw new Error("the door was never closed");
    }
    if (Date.now() > end) throw new Error("the door stays closed");
    await sleep(everyMs);
  }
  const taken = (performance.now() - closed) / 1000;
  await acting;
  return { seconds: taken, refusals };
}

/** Seconds that `act` takes, and from its end to the first login page. */
export async function servedAfter(endpoint: Endpoint, act: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await act();
  while (!(await answers(endpoint, answerMs))) {
    if (performance.now() - begun > limitMs) throw new Error("Odoo does not answer");
    await sleep(everyMs);
  }
  return (performance.now() - begun) / 1000;
}
