import { setTimeout as delay } from "node:timers/promises";
import { isMap, type Value } from "../values";
import { ApiError, type Api } from "./api";

/** How long anything may take. The official provider waits for an hour; ten minutes tell as much. */
export const limitMs = 10 * 60_000;
/** A cluster is different: on a machine's first run its parts may still be compiled while it is awaited. */
export const clusterLimitMs = 60 * 60_000;

const firstPauseMs = 100;
const longestPauseMs = 2000;

/** Asks until there is an answer. Throws when that takes too long, saying what was waited for. */
export async function until<T>(
  what: string,
  limit: number,
  signal: AbortSignal,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const end = Date.now() + limit;
  for (let pause = firstPauseMs; ; pause = Math.min(pause * 1.5, longestPauseMs)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() + pause > end) throw new Error(`${what} within ${limit / 1000} s`);
    await delay(pause, undefined, { signal });
  }
}

/** Waits for the end of an action that an answer of the API names. */
export async function waitForAction(
  api: Api,
  action: Value | undefined,
  signal: AbortSignal,
  limit = limitMs,
): Promise<void> {
  const { id, type } = isMap(action) ? action : {};
  if (typeof id !== "number") throw new Error("the API's answer holds no action");
  await until(`action ${String(type)} (${id}) did not end`, limit, signal, async () => {
    const { action: now } = await api.request("GET", `/v2/actions/${id}`, signal);
    const status = isMap(now) ? now["status"] : undefined;
    if (status === "errored") throw new Error(`action ${String(type)} (${id}) ended with an error`);
    return status === "completed" ? true : undefined;
  });
}

/** Orders an action and waits for its end; waits first while the droplet has another one under way. */
export async function act(
  api: Api,
  path: string,
  signal: AbortSignal,
  body: Readonly<Record<string, Value>>,
): Promise<void> {
  const action = await until(`${path} did not take the action ${String(body["type"])}`, limitMs, signal, async () => {
    try {
      return (await api.request("POST", `${path}/actions`, signal, body))["action"];
    } catch (error) {
      if (error instanceof ApiError && error.status === 422 && error.message.includes("pending event"))
        return undefined;
      throw error;
    }
  });
  await waitForAction(api, action, signal);
}
