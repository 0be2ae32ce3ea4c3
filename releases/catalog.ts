import type { TargetReport } from "../components/odoo/history";
import { type GatesTold, nothingTold } from "./gates";
import type { BakedModules, ReleasedImage } from "./images";

/** A release of a stack that can be rolled back to, or that serves. */
export interface ListedRelease {
  /** `sha256:…` */
  readonly digest: string;
  /** Tags `sha-…` of it; none if the registry was not read, or has lost them. */
  readonly tags: readonly string[];
  /** Commit that it was built from, 40 digits, or 12 where its tag alone tells it; empty if not known. */
  readonly commit: string;
  /** Name of who has written that commit; empty if this clone does not have it. */
  readonly author: string;
  /** How its gates ended. */
  readonly gates: GatesTold;
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
  /** For how long it kept users out where it was put in place; null if it did not, or if that was not noted. */
  readonly door: readonly { readonly target: string; readonly seconds: number | null }[];
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

/** What is known of a stack's releases, by who tells it. */
export interface Told {
  readonly reports: readonly TargetReport[];
  /** Undefined if the registry could not be read. */
  readonly images: readonly ReleasedImage[] | undefined;
  /** By digest. */
  readonly gates: ReadonlyMap<string, GatesTold>;
  /** Names by commit. */
  readonly authors: ReadonlyMap<string, string>;
  /** What could not be read beside the targets, one sentence each. */
  readonly problems: readonly string[];
}

/** Puts together what the registry, the targets and Git say, newest first. */
export function catalog(stack: string, told: Told): Catalog {
  const { reports, images, problems } = told;
  const all = new Set([...(images ?? []).map(({ digest }) => digest), ...digestsOf(reports)]);
  const releases = [...all].map((digest) => release(digest, told));
  return {
    stack,
    // Of two that nobody dates, the order is that of their digests.
    releases: releases.sort((a, b) => b.when.localeCompare(a.when) || a.digest.localeCompare(b.digest)),
    notRead: [...problems, ...reports.flatMap((one) => (one.problem === "" ? [] : [`${one.target}: ${one.problem}`]))],
  };
}

function release(digest: string, { reports, images, gates, authors }: Told): ListedRelease {
  const image = images?.find((one) => one.digest === digest);
  const known = reports.flatMap(({ target, history }) => (history === undefined ? [] : [{ target, history }]));
  const records = known.flatMap(({ target, history }) =>
    history.releases.filter((one) => one.digest === digest).map(({ since, door }) => ({ target, since, door })),
  );
  const points = known.flatMap(({ target, history }) =>
    history.points.filter((one) => one.digest === digest).map(({ id, at }) => ({ target, id, at })),
  );
  const commit = commitOf(image);
  return {
    digest,
    tags: image?.tags ?? [],
    commit,
    author: authors.get(commit) ?? "",
    gates: gates.get(digest) ?? nothingTold,
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
    door: records.map(({ target, door }) => ({ target, seconds: door })),
    points,
  };
}

/** The commit that an image says it was built from, or that its tag says. */
function commitOf({ revision = "", tags = [] }: Partial<ReleasedImage> = {}): string {
  return revision === "" ? (/^sha-([0-9a-f]{12})-/.exec(tags[0] ?? "")?.[1] ?? "") : revision;
}
