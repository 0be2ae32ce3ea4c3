import { setTimeout as delay } from "node:timers/promises";
import { ApiError, ConnectionError, type KubeClient } from "../client";
import { describe, type Kind } from "../kinds";
import { annotation, isTrue, messageOf, nameOf, type KubeObject } from "../objects";
import { reasonsOf } from "./reasons";
import { ready, type Look, type Looking, type Rule } from "./rule";
import { ruleFor } from "./rules";

/** An object that exists and is not ready. `reasons` say why, most telling first. */
export class NotReady extends Error {
  constructor(
    message: string,
    readonly live: KubeObject,
    readonly reasons: readonly string[],
  ) {
    super(message);
  }
}

/** What waiting needs. */
export interface Waiting {
  readonly client: KubeClient;
  readonly kind: Kind;
  readonly path: string;
  readonly inputs: KubeObject;
  readonly before?: KubeObject | undefined;
  /** The resource's own limit, in seconds; 0 when the program gives none. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  progress(line: string): void;
}

const defaultSeconds = 600;
const shortestMs = 150;
const longestMs = 1000;
/** How often what is wrong with the pods is shown while waiting. */
const showProblemsMs = 10_000;
/** Asking why goes on for a moment after Cancel, or the answer would be lost. */
const askingMs = 10_000;

/** Waits until an object is ready, and answers it as it is then. Throws {@link NotReady}. */
export async function awaitReady(live: KubeObject, waiting: Waiting): Promise<KubeObject> {
  const rule = ruleFor(waiting.kind);
  if (rule === undefined || isTrue(waiting.inputs, "pulumi.com/skipAwait")) return live;
  return new Wait(rule, waiting).run(live);
}

/** Looks once, as a refresh does. Throws {@link NotReady}. */
export async function lookOnce(live: KubeObject, waiting: Waiting): Promise<void> {
  const rule = ruleFor(waiting.kind);
  if (rule?.onRead !== true || isTrue(waiting.inputs, "pulumi.com/skipAwait")) return;
  const looking = lookingOf(waiting, waiting.signal, true);
  const look = await rule.look(live, looking);
  if (look.ready) return;
  throw new NotReady(
    `Resource '${nameOf(live)}' was created but failed to initialize`,
    live,
    await reasonsOf(rule, live, look, looking),
  );
}

/** How long to wait: the resource's own limit, else the annotation, else ten minutes. In ms. */
export function limitMs(inputs: KubeObject, timeout: number): number {
  const asked = Number(annotation(inputs, "pulumi.com/timeoutSeconds"));
  return 1000 * (timeout > 0 ? timeout : Number.isInteger(asked) && asked > 0 ? asked : defaultSeconds);
}

class Wait {
  private readonly looking: Looking;
  private readonly deadline: number;
  private shown = "";
  private nextProblems = Date.now() + showProblemsMs;

  constructor(
    private readonly rule: Rule,
    private readonly waiting: Waiting,
  ) {
    this.looking = lookingOf(waiting, waiting.signal, false);
    const limit = Math.min(limitMs(waiting.inputs, waiting.timeout), (rule.limitSeconds ?? Infinity) * 1000);
    this.deadline = this.looking.started + limit;
  }

  async run(first: KubeObject): Promise<KubeObject> {
    let live = first;
    for (let pauseMs = shortestMs; ; pauseMs = Math.min(pauseMs * 1.5, longestMs)) {
      let look: Look;
      try {
        [live, look] = await this.look(live);
      } catch (error) {
        if (this.waiting.signal.aborted)
          return this.give(live, ready, `Resource operation was cancelled for "${nameOf(live)}"`);
        // An apiserver that is away for a moment, or has not come up whole, is no reason to give up.
        if (!(error instanceof ConnectionError || error instanceof ApiError)) throw error;
        look = { ready: false, problems: [messageOf(error)], progress: messageOf(error) };
      }
      if (look.ready) {
        if (this.shown !== "") this.waiting.progress(`${this.waiting.kind.kind} initialization complete`);
        return live;
      }
      if (look.failed === true)
        return this.give(live, look, `Resource '${nameOf(live)}' was created but failed to initialize`);
      if (Date.now() >= this.deadline) return this.give(live, look, `'${nameOf(live)}' timed out waiting to be Ready`);
      await this.show(live, look);
      await delay(pauseMs, undefined, { signal: this.waiting.signal }).catch(() => undefined);
      if (this.waiting.signal.aborted)
        return this.give(live, look, `Resource operation was cancelled for "${nameOf(live)}"`);
    }
  }

  private async look(before: KubeObject): Promise<[KubeObject, Look]> {
    const live = await this.waiting.client.find(this.waiting.path, this.waiting.signal);
    if (live === undefined)
      throw new NotReady(`${describe(this.waiting.kind, before)} was deleted while it was waited for`, before, []);
    return [live, await this.rule.look(live, this.looking)];
  }

  private async show(live: KubeObject, look: Look): Promise<void> {
    if (look.progress !== undefined && look.progress !== this.shown) this.waiting.progress(look.progress);
    this.shown = look.progress ?? this.shown;
    if (Date.now() < this.nextProblems) return;
    this.nextProblems = Date.now() + showProblemsMs;
    const [reason] = (await reasonsOf(this.rule, live, { ...look, problems: [] }, this.looking)).slice(-1);
    if (reason !== undefined) this.waiting.progress(reason);
  }

  private async give(live: KubeObject, look: Look, message: string): Promise<never> {
    const looking = lookingOf(this.waiting, AbortSignal.timeout(askingMs), false);
    throw new NotReady(message, live, await reasonsOf(this.rule, live, look, looking));
  }
}

function lookingOf({ client, before }: Waiting, signal: AbortSignal, once: boolean): Looking {
  return { client, signal, started: Date.now(), before, once };
}
