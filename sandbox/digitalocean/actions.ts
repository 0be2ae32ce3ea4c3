import { setTimeout as delay } from "node:timers/promises";
import { findRegion } from "./catalog";
import { notFound, unprocessable } from "./errors";
import { page } from "./pages";
import type { Call, Context, Reply, Route } from "./router";
import type { Action, State, Store } from "./state";

/** What an action is about; its number, state and times are given. */
export type ActionFacts = Pick<Action, "type" | "resource_id" | "resource_type" | "region" | "droplet" | "about">;

/** What an action does outside, and what becomes of the state then. */
export interface ActionWork {
  readonly work: () => Promise<void>;
  readonly done?: (draft: State) => void;
  readonly failed?: (draft: State) => void;
}

/** How an action ended. */
export type Outcome = "completed" | "errored";

/** Finished actions that are kept. */
const kept = 500;

/** Runs actions behind the answers that announce them, and keeps their record. A droplet has one at a time. */
export class Actions {
  private readonly stopped = new AbortController();
  private readonly running = new Set<Promise<unknown>>();

  constructor(
    private readonly store: Store,
    /** How long an action takes at least: a client that does not wait for it is to be found out. */
    private readonly momentMs: number,
  ) {}

  /** Records a new action; refuses one on a droplet that has another under way. */
  begin(draft: State, facts: ActionFacts): Action {
    if (facts.droplet !== undefined && isBusy(draft, facts.droplet)) {
      throw unprocessable("Droplet already has a pending event.");
    }
    const action: Action = {
      id: nextId(draft),
      status: "in-progress",
      started_at: new Date().toISOString(),
      completed_at: null,
      ...facts,
    };
    draft.actions.unshift(action);
    const finished = draft.actions.filter(({ status }) => status !== "in-progress").slice(kept);
    draft.actions = draft.actions.filter((one) => !finished.includes(one));
    return action;
  }

  /**
   * Does an action's work in the background; its end and the work's outcome are one change of the state. Whoever wants to wait
   * gets how it ended; `undefined` when the server stopped.
   */
  run(action: Action, work: ActionWork): Promise<Outcome | undefined> {
    const task = this.attempt(action, work);
    this.running.add(task);
    void task.finally(() => this.running.delete(task));
    return task;
  }

  private async attempt(
    { id, type, resource_type, resource_id }: Action,
    { work, done, failed }: ActionWork,
  ): Promise<Outcome | undefined> {
    try {
      await delay(this.momentMs, undefined, { signal: this.stopped.signal });
      await work();
      return this.finish(id, "completed", done);
    } catch (error) {
      if (!this.stopped.signal.aborted) {
        console.error(`DigitalOcean API, ${type} of ${resource_type} ${String(resource_id)}:`, error);
      }
      return this.finish(id, "errored", failed);
    }
  }

  /** {@link begin} and {@link run} in one: the answer to a request for an action. */
  start(prepare: (draft: State) => ActionFacts, work: ActionWork): Action {
    const action = this.store.update((draft) => this.begin(draft, prepare(draft)));
    void this.run(action, work);
    return action;
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.running.size > 0) {
      await Promise.all(this.running);
    }
  }

  /** From here on no action changes the state. */
  close(): void {
    this.stopped.abort();
  }

  private finish(id: number, status: Outcome, change: ((draft: State) => void) | undefined): Outcome | undefined {
    // A server that stops leaves the action under way; the next start deals with it.
    if (this.stopped.signal.aborted) {
      return undefined;
    }
    this.store.update((draft) => {
      change?.(draft);
      endAction(draft, id, status);
    });
    return status;
  }
}

/** Whether an action on this droplet is under way. */
export function isBusy(state: Readonly<State>, droplet: number): boolean {
  return state.actions.some((action) => action.droplet === droplet && action.status === "in-progress");
}

/** A number that nothing else has. */
export function nextId(draft: State): number {
  const id = draft.nextId;
  draft.nextId += 1;
  return id;
}

/** Ends an action in the record. */
export function endAction(draft: State, id: number, status: Outcome): void {
  const action = draft.actions.find((one) => one.id === id);
  if (action !== undefined) {
    Object.assign(action, { status, completed_at: new Date().toISOString() });
  }
}

/** An action as the API tells it. */
export function actionView({ id, status, type, started_at, completed_at, resource_id, resource_type, region }: Action) {
  return {
    id,
    status,
    type,
    started_at,
    completed_at,
    resource_id,
    resource_type,
    region: findRegion(region) ?? null,
    region_slug: region,
  };
}

/** `GET` of one action among those that fit, by the path's `:action`. */
export function oneAction(state: Readonly<State>, call: Call, fits: (action: Action) => boolean): Reply {
  const found = state.actions.find((action) => String(action.id) === call.param("action") && fits(action));
  if (found === undefined) {
    throw notFound();
  }
  return { status: 200, body: { action: actionView(found) } };
}

/** `GET` of all actions that fit, the newest first. */
export function listActions(state: Readonly<State>, call: Call, fits: (action: Action) => boolean): Reply {
  return page(call, "actions", state.actions.filter(fits).map(actionView));
}

/** Actions of all kinds: `/v2/actions`. */
export function actionRoutes({ store }: Context): readonly Route[] {
  const all = (): boolean => true;
  return [
    { method: "GET", path: "/v2/actions", handle: (call) => listActions(store.state, call, all) },
    { method: "GET", path: "/v2/actions/:action", handle: (call) => oneAction(store.state, call, all) },
  ];
}
