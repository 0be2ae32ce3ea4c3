import { setTimeout as delay } from "node:timers/promises";
import type { ActionWork } from "./actions";
import type { Store } from "./state";

/** Work that goes on behind an answer and has no record of its own: the thing's own status tells how far it is. */
export class Background {
  private readonly stopped = new AbortController();
  private readonly running = new Set<{ readonly what: string }>();

  constructor(
    private readonly store: Store,
    /** How long anything takes at least: a client that does not wait for it is to be found out. */
    private readonly momentMs: number,
  ) {}

  /** Does the work, then changes the state. A server that stops leaves the state as it is; the next start deals with it. */
  async run(what: string, { work, done, failed }: ActionWork): Promise<void> {
    const task = { what };
    this.running.add(task);
    try {
      await delay(this.momentMs, undefined, { signal: this.stopped.signal });
      await work();
      this.change(done);
    } catch (error) {
      if (this.stopped.signal.aborted) return;
      console.error(`DigitalOcean API, ${what}:`, error);
      this.change(failed);
    } finally {
      this.running.delete(task);
    }
  }

  /** What is under way, in words. */
  underWay(): readonly string[] {
    return [...this.running].map(({ what }) => what);
  }

  /** From here on nothing changes the state. */
  close(): void {
    this.stopped.abort();
  }

  private change(change: ActionWork["done"]): void {
    if (change !== undefined && !this.stopped.signal.aborted) this.store.update(change);
  }
}
