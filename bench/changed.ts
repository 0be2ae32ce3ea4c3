import type { Endpoint } from "../test/support/endpoint";
import { type Closed, closedFor } from "./door";
import { seconds } from "./measure";
import type { OwnStack } from "./own-stack";
import type { Serving } from "./serving";

/** Seconds from a change to the first answer of its code, and those of them in which nobody was let in. */
export async function changedAndClosed(
  serving: Serving,
  door: Endpoint,
  stack: OwnStack,
  deploy: (plan: Awaited<ReturnType<OwnStack["plan"]>>) => Promise<void>,
): Promise<{ served: number; closed: Closed }> {
  let plan = await stack.plan();
  let closed: Promise<Closed> = Promise.resolve({ seconds: 0, refusals: [] });
  const { served } = await changed(
    { serving },
    async () => void (plan = await stack.changeAddon()),
    () => {
      const deploying = deploy(plan);
      closed = closedFor(door, () => deploying);
      closed.catch(() => undefined);
      return deploying;
    },
  );
  return { served: served.serving, closed: await closed };
}

/**
 * Seconds from a change to the end of the command that deploys it, and to the first answer of the new code of each that
 * serves it. `change` itself is not counted.
 */
export async function changed<Name extends string>(
  servings: Readonly<Record<Name, Serving>>,
  change: () => Promise<unknown>,
  deploy: () => Promise<void>,
): Promise<{ command: number; served: Record<Name, number> }> {
  const all = Object.entries(servings) as [Name, Serving][];
  const before = new Map(
    await Promise.all(all.map(async ([name, serving]) => [name, await serving.content()] as const)),
  );
  await change();
  const failed = new AbortController();
  const waits = all.map(async ([name, serving]) => {
    const taken = await seconds(() => serving.changedFrom(before.get(name) ?? "", failed.signal));
    return [name, taken] as const;
  });
  const served = Promise.all(waits);
  // Awaited below, after the command; until then a failure is not unhandled.
  served.catch(() => undefined);
  try {
    const command = await seconds(deploy);
    return { command, served: Object.fromEntries(await served) as Record<Name, number> };
  } catch (error) {
    failed.abort(error);
    throw error;
  }
}
