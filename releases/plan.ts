import type { TargetHistory, TargetReport } from "../components/odoo/history";
import { ShipError } from "../components/shared/errors";
import { knownPoints } from "./choice";
import type { Fit, ImagePair } from "./fit";
import { duration, moduleChanges, nameOf, shortDigest } from "./words";

/** How the data are treated, as somebody has said; undefined if nobody has. */
export type Way = "with-data" | "code-only" | undefined;

type Point = TargetHistory["points"][number];

/** A rollback that was decided on, or a promotion, which keeps the data. */
export interface RollbackPlan {
  readonly from: string | undefined;
  readonly to: string;
  readonly images: ImagePair;
  readonly fits: readonly Fit[];
  readonly reports: readonly TargetReport[];
  /** The point whose data come back; undefined where the data stay. */
  readonly point: Point | undefined;
}

/**
 * Decides whether and how the data go back.
 * @param named the point that `--to` names; undefined for the newest of the release
 * @throws ShipError ROLLBACK_REFUSED, with both choices explained where one is wanted
 */
export function decide(plan: Omit<RollbackPlan, "point">, way: Way, named: string | undefined): RollbackPlan {
  const found = pointsOf(plan, named);
  const [point] = found;
  if (way === "with-data") {
    if (plan.reports.length !== 1) throw severalTargets(plan);
    if (point === undefined) throw noPoint(plan);
    return { ...plan, point };
  }
  const unfit = plan.fits.filter(({ kind }) => kind === "unfit");
  const open = plan.fits.filter(({ kind }) => kind === "unknown" || kind === "upgrades");
  if (unfit.length > 0 || (open.length > 0 && way === undefined)) {
    throw choiceNeeded(plan, [...unfit, ...open], way, point);
  }
  return { ...plan, point: undefined };
}

function pointsOf({ reports, to }: Pick<RollbackPlan, "reports" | "to">, named: string | undefined): Point[] {
  return reports
    .flatMap(({ history }) => history?.points ?? [])
    .filter(({ id, digest }) => digest === to && (named === undefined || id === named));
}

function choiceNeeded(
  { to, reports }: Pick<RollbackPlan, "to" | "reports">,
  against: readonly Fit[],
  way: Way,
  point: Point | undefined,
): ShipError {
  const impossible = against.some(({ kind }) => kind === "unfit");
  const withData =
    reports.length > 1
      ? "--with-data: not through a stack with several targets"
      : point === undefined
        ? "--with-data: not possible, as no restore point has the data of that release"
        : `--with-data: database and attachments become those of ${point.id}: ${lost(point)}`;
  const codeOnly = impossible
    ? "--code-only: not possible, as the older code cannot run on the data of now"
    : "--code-only: the data stay; the release itself looks, and refuses what does not fit before it touches anything";
  return new ShipError({
    code: "ROLLBACK_REFUSED",
    summary:
      way === "code-only"
        ? "that code cannot run on the data of now; nothing was changed"
        : "somebody has to say whether the data go back, too; nothing was changed",
    found: against.flatMap(({ target, reasons }) => reasons.map((text) => `${target}: ${text}`)).join("\n"),
    expected: `${withData}\n${codeOnly}`,
    remedy: impossible
      ? "go back with the data, or go forward: raise the modules' versions, and release the older code as a new release"
      : `choose one of the two, with --to ${shortDigest(to)}`,
  });
}

function severalTargets({ reports }: Pick<RollbackPlan, "reports">): ShipError {
  return new ShipError({
    code: "ROLLBACK_REFUSED",
    summary: "the data of several targets do not go back together; nothing was changed",
    found: reports.length === 0 ? "a stack without a target" : reports.map(({ target }) => target).join(" and "),
    expected: "one target: each has data and restore points of its own",
    remedy: 'on the VPS: `odoo-ship rollback --with-data`, then docs/rollback.md, "Tell Pulumi"',
  });
}

function noPoint({ to, reports }: Pick<RollbackPlan, "to" | "reports">): ShipError {
  const unread = reports.filter(({ problem }) => problem !== "").map(({ target, problem }) => `${target}: ${problem}`);
  return new ShipError({
    code: "ROLLBACK_REFUSED",
    summary: "there are no data of that release to go back to; nothing was changed",
    found: [`no restore point has the data of ${to}`, ...unread].join("\n"),
    expected: knownPoints(reports),
    remedy: "npm run releases lists them; a dump is restored as docs/backup.md says",
  });
}

/** A line of a plan: its head of at most nine letters, and the text. */
export type Row = readonly [string, string];

/**
 * Renders the plan, for whoever is to say yes.
 * @param more lines that only this kind of plan has
 */
export function planText(stack: string, plan: RollbackPlan, more: readonly Row[] = []): string {
  const { from, to, images, fits, reports, point } = plan;
  const { from: now, to: then } = images;
  const old = from === undefined ? {} : now?.modules;
  const changes =
    old === undefined || then?.modules === undefined
      ? "not known: the registry does not tell what is in the images"
      : moduleChanges(old, then.modules).join(", ") || "the same in both";
  const rows: Row[] = [
    ["stack", stack],
    ["from", from === undefined ? "nothing that is known" : nameOf(from, now)],
    ["to", nameOf(to, then)],
    ...more,
    ["modules", changes],
    ...fits.map(({ target, kind, reasons }): Row => [target, `${said[kind]}${reasonsOf(reasons)}`]),
    [
      "data",
      point === undefined ? "stay as they are" : `become those of ${point.id}, ${point.at}: ${lost(point)}. ` + kept,
    ],
    ["door", door(reports, fits, point)],
    [
      "also",
      "what the stack's settings or this checkout have changed since the last update: `pulumi preview` shows it",
    ],
    ...reports.flatMap(({ target, problem }): Row[] => (problem === "" ? [] : [["not read", `${target}: ${problem}`]])),
  ];
  return rows.map(([head, text]) => `${head.padEnd(9)} ${text}`).join("\n");
}

const kept = "They are kept as a new restore point, and are not in use any more";
const said: Readonly<Record<Fit["kind"], string>> = {
  serves: "runs it already",
  fits: "schema not moved: its data fit this code",
  upgrades: "schema moves, as in any release",
  unfit: "schema moved: its data do not fit this code",
  unknown: "schema not known",
};

function reasonsOf(reasons: readonly string[]): string {
  return reasons.length === 0 ? "" : `: ${reasons.join("; ")}`;
}

function lost({ minutes, rows }: Point): string {
  const number = rows === null ? "an unknown number of rows" : `about ${rows.toLocaleString("en")} rows`;
  return `what was written in the ${duration(minutes * 60)} since then is left out (${number})`;
}

/** Seconds for which the last release that closed a target's door kept users out; undefined if none was noted. */
export function lastDoor(reports: readonly TargetReport[]): number | undefined {
  return reports
    .flatMap(({ history }) => history?.releases ?? [])
    .flatMap(({ door: seconds }) => (seconds === null ? [] : [seconds]))[0];
}

/** Says how long users are kept out: by what the target has noted of a release that closed. */
function door(reports: readonly TargetReport[], fits: readonly Fit[], point: Point | undefined): string {
  if (point === undefined && fits.every(({ kind }) => kind === "fits" || kind === "serves")) {
    return "stays open: no module is upgraded. Requests may wait for seconds while one server takes the other's place";
  }
  const noted = lastDoor(reports);
  return noted === undefined
    ? "closed for an unknown time: no earlier release has noted how long it took"
    : `closed for about ${duration(noted)}, as at the last release that closed it`;
}
