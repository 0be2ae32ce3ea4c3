import type { KubeClient } from "../client";
import type { Kind } from "../kinds";
import type { KubeObject } from "../objects";

/** What a rule may ask. */
export interface Looking {
  readonly client: KubeClient;
  readonly signal: AbortSignal;
  /** When the waiting began, in ms. */
  readonly started: number;
  /** The object as it was before the update; `undefined` for a new one, and for a refresh. */
  readonly before: KubeObject | undefined;
  /** A refresh looks once, and does not wait for things to settle. */
  readonly once: boolean;
}

/** What a look at an object found. */
export interface Look {
  readonly ready: boolean;
  /** It will not become ready: waiting is over. */
  readonly failed?: boolean;
  /** What is missing, in the official plugin's words. */
  readonly problems: readonly string[];
  /** A line of progress. */
  readonly progress?: string;
}

/** When objects of a kind are ready. */
export interface Rule {
  readonly group: string;
  readonly kind: string;
  /** How long at most, in seconds, whatever the program's own limit is. */
  readonly limitSeconds?: number;
  /** A refresh looks, too: an object that is not ready then is updated by the next update. */
  readonly onRead: boolean;
  look(live: KubeObject, looking: Looking): Promise<Look>;
  /** The objects between this one and its pods, and the pods, for telling what is wrong. */
  related?(live: KubeObject, looking: Looking): Promise<Related>;
}

/** What belongs to an object. */
export interface Related {
  /** Objects whose events tell more. */
  readonly owners: readonly KubeObject[];
  readonly pods: readonly KubeObject[];
}

export const ready: Look = { ready: true, problems: [] };

/** Whether a rule is for a kind. */
export function isFor(rule: Rule, kind: Kind): boolean {
  return rule.group === kind.group && rule.kind === kind.kind;
}
