import { type Held, subjectsOf } from "./held";
import { keptForThemselves, newestReleases, type Reasons, youngDays } from "./rules";

/** A manifest, and why it stays or goes. */
export interface Judged {
  /** `sha256:…` */
  readonly digest: string;
  readonly tags: readonly string[];
  /** RFC 3339; empty if nobody tells it. */
  readonly date: string;
  readonly reasons: readonly string[];
}

/** What a repository keeps, and what goes. */
export interface RetentionPlan {
  readonly keeps: readonly Judged[];
  /** In the order in which it is removed. */
  readonly goes: readonly Judged[];
  /** Bytes that only what goes needs. */
  readonly bytes: number;
}

/**
 * Decides what a repository keeps.
 * @param named who names a digest, by digest
 */
export function planRetention(held: readonly Held[], named: Reasons, now: Date): RetentionPlan {
  const keeps = withWhatHangs(held, keptForThemselves(held, named, now));
  const going = inOrder(held.filter(({ digest }) => !keeps.has(digest)));
  const leaves = new Set(going.map(({ digest }) => digest));
  const stays = held.filter(({ digest }) => !leaves.has(digest));
  const needed = new Set(stays.flatMap(({ blobs }) => blobs.map(({ digest }) => digest)));
  const sizes = new Map(going.flatMap(({ blobs }) => blobs.map(({ digest, size }) => [digest, size] as const)));
  return {
    keeps: stays.map((one) => judged(one, keeps.get(one.digest) ?? ["hangs on itself"])),
    goes: going.map((one) => judged(one, [reasonToGo(one)])),
    bytes: [...sizes].reduce((sum, [digest, size]) => (needed.has(digest) ? sum : sum + size), 0),
  };
}

/**
 * Makes the plan anew, of what is there now. What has come or was changed since the earlier plan is kept: nobody has
 * agreed that it goes.
 */
export function planAgain(held: readonly Held[], named: Reasons, now: Date, earlier: RetentionPlan): RetentionPlan {
  const agreed = new Map(earlier.goes.map(({ digest, tags }) => [digest, new Set(tags)]));
  const changed = held.filter(({ digest, tags }) => {
    const known = agreed.get(digest);
    return known === undefined || tags.some((tag) => !known.has(tag));
  });
  const reasons = changed.map(({ digest }) => [digest, [...(named.get(digest) ?? []), "was not in the plan"]] as const);
  return planRetention(held, new Map([...named, ...reasons]), now);
}

/** Adds what is kept for the sake of another one: parts of an index, and what hangs on an image with its image. */
function withWhatHangs(held: readonly Held[], own: Reasons): Map<string, readonly string[]> {
  const there = new Map(held.map((one) => [one.digest, one]));
  const hanging = new Map<string, string[]>();
  for (const one of held) {
    for (const subject of subjectsOf(one)) hanging.set(subject, [...(hanging.get(subject) ?? []), one.digest]);
  }
  const kept = new Map(own);
  const waiting = [...own.keys()];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const one = there.get(next);
    if (one === undefined) continue;
    const needs: [digest: string, reason: string][] = [
      ...one.children.map((child): [string, string] => [child, `part of ${one.digest}`]),
      ...(hanging.get(next) ?? []).map((digest): [string, string] => [digest, `hangs on ${one.digest}`]),
      // A new signature of an old image would be left without it.
      ...subjectsOf(one).map((subject): [string, string] => [subject, `${one.digest} hangs on it`]),
    ];
    for (const [digest, reason] of needs.filter(([digest]) => there.has(digest) && !kept.has(digest))) {
      kept.set(digest, [reason]);
      waiting.push(digest);
    }
  }
  return kept;
}

/**
 * Orders by what breaks nothing, wherever it is cut off: an index before its parts, an image before what hangs on it,
 * the oldest first. What goes round in a circle, as only somebody makes it who wants to, is left out.
 */
function inOrder(going: readonly Held[]): Held[] {
  const there = new Map(going.map((one) => [one.digest, one]));
  const after = new Map<string, Set<string>>(going.map(({ digest }) => [digest, new Set()]));
  const before = new Map<string, Set<string>>(going.map(({ digest }) => [digest, new Set()]));
  const link = (first: string, second: string) => {
    after.get(first)?.add(second);
    if (there.has(first)) before.get(second)?.add(first);
  };
  for (const one of going) {
    for (const child of one.children) link(one.digest, child);
    for (const subject of subjectsOf(one)) link(subject, one.digest);
  }
  const ready = going
    .filter(({ digest }) => before.get(digest)?.size === 0)
    .sort((a, b) => b.date.localeCompare(a.date) || b.digest.localeCompare(a.digest));
  const order: Held[] = [];
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    order.push(next);
    for (const follower of after.get(next.digest) ?? []) {
      const waitsFor = before.get(follower);
      waitsFor?.delete(next.digest);
      const one = there.get(follower);
      if (one !== undefined && waitsFor?.size === 0) ready.push(one);
    }
  }
  return order;
}

function judged({ digest, tags, date }: Held, reasons: readonly string[]): Judged {
  return { digest, tags, date, reasons };
}

function reasonToGo(one: Held): string {
  const old = `older than ${youngDays} days`;
  const [subject] = subjectsOf(one);
  if (subject !== undefined) return `hung on ${subject}, which goes or is gone`;
  if (one.tags.length === 0) return `no tag, ${old}, and part of nothing that stays`;
  if (one.tags.every((tag) => tag.startsWith("candidate-"))) return `never released, and ${old}`;
  const rank = one.tags.some((tag) => tag.startsWith("sha-")) ? `, and not of the newest ${newestReleases}` : "";
  return `${old}${rank}; no stack names it or could go back to it`;
}
