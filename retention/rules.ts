import type { Held } from "./held";

/** Releases that are kept whatever their age. */
export const newestReleases = 10;
/** Days for which everything is kept. */
export const youngDays = 30;

/** Tags whose image is kept at any age, each with the reason. */
const lasting: readonly [form: RegExp, reason: string][] = [
  [/^(latest|stable)$/, "what serves"],
  [/^v\d+\.\d+\.\d+$/, "a version"],
  [/^\d+(\.\d+)?$/, "newest of a version"],
  // Each checkout names the proxy's image by what it is made of, so any of them may be asked for again.
  [/^proxy-[0-9a-f]+$/, "the proxy's image"],
];

const isRelease = ({ tags }: Held) => tags.some((tag) => /^(sha-[0-9a-f]|v\d+\.\d+\.\d+$)/.test(tag));

/** Why manifests are kept for their own sake, by digest. */
export type Reasons = ReadonlyMap<string, readonly string[]>;

/**
 * Applies the rules, whose union is kept.
 * @param named who names a digest, by digest
 * @param now moment from which ages count
 */
export function keptForThemselves(held: readonly Held[], named: Reasons, now: Date): Reasons {
  const newest = oldestOfTheNewest(held);
  const young = now.getTime() - youngDays * 86_400_000;
  const reasonsOf = (one: Held): string[] => [
    ...lasting.flatMap(([form, reason]) => one.tags.filter((tag) => form.test(tag)).map((tag) => `${tag}: ${reason}`)),
    ...(named.get(one.digest) ?? []),
    ...(isRelease(one) && newest !== undefined && timeOf(one) >= newest
      ? [`one of the newest ${newestReleases} releases`]
      : []),
    // A date that cannot be read is none, and counts as young.
    ...(Number.isFinite(timeOf(one)) ? [] : ["its date is not known"]),
    ...(timeOf(one) > young ? [`younger than ${youngDays} days`] : []),
  ];
  return new Map(held.map((one) => [one.digest, reasonsOf(one)] as const).filter(([, reasons]) => reasons.length > 0));
}

/** Of several with the same date, all are among the newest: which of them came last is not known. */
function oldestOfTheNewest(held: readonly Held[]): number | undefined {
  const times = held.filter(isRelease).map(timeOf).filter(Number.isFinite);
  return times
    .sort((a, b) => b - a)
    .slice(0, newestReleases)
    .at(-1);
}

function timeOf({ date }: Held): number {
  return Date.parse(date);
}
