import type { TargetReport } from "../components/odoo/history";
import type { BakedModules, ReleasedImage } from "./images";

/** A release of a stack that can be rolled back to, or that serves. */
export interface ListedRelease {
  /** `sha256:…` */
  readonly digest: string;
  /** Tags `sha-…` of it; none if the registry was not read, or has lost them. */
  readonly tags: readonly string[];
  /** When it was last put in place on a target, else the date of its commit; RFC 3339, empty if neither is known. */
  readonly when: string;
  /** Modules of the team in it; null if not known. */
  readonly modules: BakedModules | null;
  /** Whether the registry has its image; null if the registry was not read. */
  readonly inRegistry: boolean | null;
  /** Targets that run it now. */
  readonly serves: readonly string[];
  /** Targets that have run it. */
  readonly served: readonly string[];
  /** Restore points with data of it, newest first. */
  readonly points: readonly { readonly target: string; readonly id: string; readonly at: string }[];
}

/** The whole list, as `--json` prints it. */
export interface Catalog {
  readonly stack: string;
  readonly releases: readonly ListedRelease[];
  /** What could not be read, one sentence each: the list may lack what is told there. */
  readonly notRead: readonly string[];
}

/** Lists every digest that targets have run or keep data of. */
export function digestsOf(reports: readonly TargetReport[]): string[] {
  return reports.flatMap(({ history }) =>
    history === undefined ? [] : [...history.releases, ...history.points].map(({ digest }) => digest),
  );
}

/**
 * Puts together what the registry and the targets say, newest first.
 * @param images undefined if the registry could not be read, for the reason `problem`
 */
export function catalog(
  stack: string,
  reports: readonly TargetReport[],
  images: readonly ReleasedImage[] | undefined,
  problem: string,
): Catalog {
  const all = new Set([...(images ?? []).map(({ digest }) => digest), ...digestsOf(reports)]);
  const releases = [...all].map((digest) => release(digest, reports, images));
  return {
    stack,
    // Of two that nobody dates, the order is that of their digests.
    releases: releases.sort((a, b) => b.when.localeCompare(a.when) || a.digest.localeCompare(b.digest)),
    notRead: [
      ...(images === undefined ? [`the registry: ${problem}`] : []),
      ...reports.flatMap((one) => (one.problem === "" ? [] : [`${one.target}: ${one.problem}`])),
    ],
  };
}

function release(
  digest: string,
  reports: readonly TargetReport[],
  images: readonly ReleasedImage[] | undefined,
): ListedRelease {
  const image = images?.find((one) => one.digest === digest);
  const known = reports.flatMap(({ target, history }) => (history === undefined ? [] : [{ target, history }]));
  const records = known.flatMap(({ target, history }) =>
    history.releases.filter((one) => one.digest === digest).map((one) => ({ target, since: one.since })),
  );
  const points = known.flatMap(({ target, history }) =>
    history.points.filter((one) => one.digest === digest).map(({ id, at }) => ({ target, id, at })),
  );
  return {
    digest,
    tags: image?.tags ?? [],
    when:
      records
        .map(({ since }) => since)
        .sort()
        .at(-1) ??
      image?.created ??
      "",
    modules: image?.modules ?? null,
    inRegistry: images === undefined ? null : image !== undefined,
    serves: known.filter(({ history }) => history.live?.digest === digest).map(({ target }) => target),
    served: records.map(({ target }) => target),
    points,
  };
}
