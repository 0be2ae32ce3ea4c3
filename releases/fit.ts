import type { TargetHistory, TargetReport } from "../components/odoo/history";
import { printable } from "../components/shared/printable";
import type { BakedModules, ReleasedImage } from "./images";
import { moduleChange } from "./words";

/**
 * Whether a release's code may run on the data that a target has now.
 * - `serves`: it runs there already
 * - `fits`: no installed module differs
 * - `upgrades`: the data were never those of its modules; it upgrades them, as any release does
 * - `unfit`: its code is older than the data, or lacks a module
 * - `unknown`: the release itself finds out, and refuses what does not fit before anything is touched
 */
export interface Fit {
  readonly target: string;
  readonly kind: "serves" | "fits" | "upgrades" | "unfit" | "unknown";
  /** Why, one sentence each; empty for `serves` and `fits`. */
  readonly reasons: readonly string[];
}

/** The image that serves and the one that is to; undefined where the registry does not tell. */
export interface ImagePair {
  readonly from: ReleasedImage | undefined;
  readonly to: ReleasedImage | undefined;
}

/** Judges a digest for a target, by what the target and the two images tell. */
export function fitOf({ target, history, problem }: TargetReport, digest: string, images: ImagePair): Fit {
  if (history === undefined) {
    return { target, kind: "unknown", reasons: [`what its data need is not known: ${problem}`] };
  }
  if (history.live === null) {
    return { target, kind: "fits", reasons: [] };
  }
  if (history.live.digest === digest) {
    return { target, kind: "serves", reasons: [] };
  }
  const { changed, missing, lower, unknown } = differences(history, digest, images);
  const older = history.lineage.slice(0, -1).includes(digest);
  const names = (modules: readonly string[]) =>
    modules.map((name) => printable(moduleChange(name, images.from?.modules, images.to?.modules))).join(", ");
  const unfit = [
    ...(missing.length > 0 ? [`it lacks modules that the database has installed: ${missing.join(", ")}`] : []),
    ...(older && changed.length > 0 ? [`the data are those of newer modules: ${names(changed)}`] : []),
    ...(!older && lower.length > 0 ? [`it has older modules than the database: ${names(lower)}`] : []),
  ];
  if (unfit.length > 0) {
    return { target, kind: "unfit", reasons: unfit };
  }
  if (unknown !== "") {
    return { target, kind: "unknown", reasons: [unknown] };
  }
  return changed.length > 0
    ? { target, kind: "upgrades", reasons: [`it upgrades ${names(changed)}`] }
    : { target, kind: "fits", reasons: [] };
}

interface Differences {
  readonly changed: readonly string[];
  readonly missing: readonly string[];
  readonly lower: readonly string[];
  /** What could not be compared; empty if all could. */
  readonly unknown: string;
}

/**
 * Compares what is installed. Of a release that has run here the target knows most; of modules that came later, and of
 * a release that never ran here, the images do. They list the team's own modules; Odoo's are those of the base image.
 */
function differences(history: TargetHistory, digest: string, { from, to }: ImagePair): Differences {
  const record = history.releases.find((one) => one.digest === digest);
  const open = record === undefined ? history.installed : record.added;
  const [now, then] = [from?.modules, to?.modules];
  if (open.length > 0 && (now === undefined || then === undefined)) {
    const unknown = `no image tells whether it has ${few(open)}`;
    return { changed: record?.changed ?? [], missing: [], lower: [], unknown };
  }
  const own = open.filter((name) => now?.[name] !== undefined);
  const ofBase = open.filter((name) => now?.[name] === undefined && then?.[name] === undefined);
  const differing = own.filter((name) => then?.[name] !== undefined && then[name]?.hash !== now?.[name]?.hash);
  const sameBase = from?.base !== "" && from?.base === to?.base;
  return {
    changed: [...(record?.changed ?? []), ...differing],
    missing: own.filter((name) => then?.[name] === undefined),
    lower: differing.filter((name) => isLower(name, now, then)),
    unknown: sameBase || ofBase.length === 0 ? "" : `it has another base image, with Odoo's own ${few(ofBase)}`,
  };
}

function isLower(name: string, now: BakedModules = {}, then: BakedModules = {}): boolean {
  const [left, right] = [now[name], then[name]].map((one) => (one?.version ?? "").split(".").map(Number));
  for (const [at, part] of (left ?? []).entries()) {
    const other = right?.[at] ?? 0;
    if (other !== part) return other < part;
  }
  return false;
}

function few(names: readonly string[]): string {
  return names.length <= 3 ? names.join(", ") : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`;
}
