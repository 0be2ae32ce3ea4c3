import type { TargetHistory, TargetReport } from "../components/odoo/history";
import { isDigest } from "../components/registry/reference";
import { ShipError } from "../components/shared/errors";
import { misused } from "./arguments";
import { shortDigest } from "./words";

/** What `--to` names. */
export interface Choice {
  /** `sha256:…` */
  readonly digest: string;
  /** The restore point, if one is named: then the data go back, too. */
  readonly point: string | undefined;
}

interface ChoiceArgs {
  readonly to: string;
  /** Digest of the last update that came to its end. */
  readonly updated: string | undefined;
  readonly reports: readonly TargetReport[];
  /** Digest that a tag names in the registry. */
  digestOf(tag: string): Promise<string | undefined>;
}

const tagForm = /^(sha-[0-9a-f]{7,40}(-[0-9a-f]{8})?|v\d+\.\d+\.\d+)$/;
const digestBeginning = /^sha256:[0-9a-f]{12,63}$/;
const pointForm = /^\d{8}t\d{6}z$/;

/**
 * Finds what is meant: `previous`, a digest or its beginning, a release's tag, or a restore point.
 * @param usage of the command, for messages
 * @throws ShipError ROLLBACK_REFUSED, IMAGE_NOT_FOUND; SETTINGS_INVALID for a word of no such form
 */
export async function choose(usage: string, args: ChoiceArgs): Promise<Choice> {
  const { to, reports } = args;
  if (to === "previous") {
    return { digest: previous(args), point: undefined };
  }
  if (isDigest(to)) {
    return { digest: to, point: undefined };
  }
  if (digestBeginning.test(to)) {
    return { digest: completed(to, reports), point: undefined };
  }
  if (pointForm.test(to)) {
    const point = histories(reports).flatMap(({ points }) => points.filter(({ id }) => id === to))[0];
    if (point !== undefined) {
      return { digest: point.digest, point: to };
    }
    throw refused("there is no such restore point", to, knownPoints(reports), reports);
  }
  if (!tagForm.test(to)) {
    throw misused(usage, `--to ${to}`);
  }
  const digest = await args.digestOf(to);
  if (digest === undefined) {
    throw new ShipError({
      code: "IMAGE_NOT_FOUND",
      summary: "no release has this tag",
      found: `the registry has no tag ${to}`,
      expected: "a tag of a release that retention has kept",
      remedy: "npm run releases lists them",
    });
  }
  return { digest, point: undefined };
}

/**
 * Returns the release that the last update's came after. A rollback that was killed has not come to its end: so the
 * same command says the same release until it has, also where a target has gone there already. An update that broke off
 * when a target was at its release already is left for the one before it.
 */
function previous({ updated, reports }: ChoiceArgs): string {
  // A rollback takes what it left out of the lineage.
  if (updated !== undefined && histories(reports).some(({ lineage }) => lineage.slice(0, -1).includes(updated))) {
    return updated;
  }
  const found = histories(reports).flatMap((history) => {
    const now = history.releases.find(({ digest }) => digest === updated) ?? history.releases[0];
    return now === undefined ? [] : [now.before];
  });
  const digests = [...new Set(found.filter((digest) => digest !== null))];
  const [digest, ...others] = digests;
  if (digest !== undefined && others.length === 0) {
    return digest;
  }
  throw refused(
    digest === undefined ? "there is no earlier release" : "the targets have different releases before this one",
    digest === undefined ? "no release before the one that serves" : digests.map(shortDigest).join(" and "),
    "one release, by its digest or tag",
    reports,
  );
}

function completed(beginning: string, reports: readonly TargetReport[]): string {
  const known = histories(reports).flatMap(({ releases, points }) => [...releases, ...points]);
  const matches = [...new Set(known.map(({ digest }) => digest))].filter((digest) => digest.startsWith(beginning));
  const [digest] = matches;
  if (digest !== undefined && matches.length === 1) {
    return digest;
  }
  const found = matches.length === 0 ? `no target has run ${beginning}…` : `${matches.length} digests begin so`;
  throw refused("this beginning of a digest names no single release", found, "the whole digest", reports);
}

function histories(reports: readonly TargetReport[]): TargetHistory[] {
  return reports.flatMap(({ history }) => (history === undefined ? [] : [history]));
}

/** Lists the points of the targets, each with the release that its data belong to. */
export function knownPoints(reports: readonly TargetReport[]): string {
  const points = histories(reports).flatMap((history) => history.points);
  return points.length === 0
    ? "a restore point; none is known"
    : `one of ${points.map(({ id, digest }) => `${id} (data of ${shortDigest(digest)})`).join(", ")}`;
}

/** Error about a choice; what could not be read is told, since it may be there. */
function refused(summary: string, found: string, expected: string, reports: readonly TargetReport[]): ShipError {
  const unread = reports.flatMap(({ target, problem }) =>
    problem === "" ? [] : [`\nnot read: ${target}: ${problem}`],
  );
  return new ShipError({
    code: "ROLLBACK_REFUSED",
    summary: `${summary}; nothing was changed`,
    found: found + unread.join(""),
    expected,
    remedy: "npm run releases lists what there is; name one with --to",
  });
}
