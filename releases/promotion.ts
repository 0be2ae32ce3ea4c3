import { imageRepository, isDigest } from "../components/registry/reference";
import type { ReleaseRecord } from "../components/release/records";
import { hasServed, isReleaseTag, requireReleased } from "../components/release/released";
import { ShipError } from "../components/shared/errors";
import { policyArguments } from "../policy/arguments";
import { misused } from "./arguments";
import { compare } from "./compare";
import type { Fit } from "./fit";
import { planText } from "./plan";
import { type Proofs, realProofs } from "./proofs";
import { gather, type Known, type Places } from "./sources";
import type { ReadStack, Stack } from "./stack";
import { type Listener, update } from "./update";
import { shortDigest } from "./words";

/** What somebody has asked for. */
export interface PromotionOrder {
  /** A digest or a release's tag; undefined for what the first stack runs. */
  readonly digest: string | undefined;
  /** How the command is called, for messages. */
  readonly usage: string;
}

/**
 * Promotes to production what staging runs or has run: a plan, a word of agreement, the digest in production's file, an
 * update. Of staging only what its state tells in the open is read, and what the registry has.
 * @returns the exit status
 * @throws ShipError PROMOTION_REFUSED, IMAGE_NOT_FOUND, SETTINGS_INVALID, TOOL_MISSING; IMAGE_UNSIGNED and others of a
 *   signature
 */
export async function promote(
  root: string,
  { from, to }: { readonly from: ReadStack; readonly to: Stack },
  order: PromotionOrder,
  listener: Listener,
  places?: Places,
  proofs: Proofs = realProofs,
): Promise<number> {
  const { whole, outputs } = await from.told();
  const staged = runningIn(from.name, outputs);
  // Production's file may name no digest yet, which its settings refuse: so they are read as they will be.
  const known = await gather(root, to, places, { "image:digest": staged.digest });
  const repository = imageRepository(known.settings.registry);
  if (known.settings.environment !== "production") throw noProduction(to.name, known);
  if (staged.repository !== repository) throw anotherRepository(from.name, staged.repository, to.name, repository);
  const digest = await chosen(known, order, staged.digest);
  const plan = { ...(await compare(known, digest)), point: undefined };
  await requireReleased(known.registry, digest);
  const runs = digest === staged.digest && !runsAnother(outputs, digest);
  if (!runs && !(await hasServed(known.registry, digest))) throw neverServed(from.name, digest, staged.digest);
  refuseOlder(to.name, digest, plan.fits);
  const text = planText(to.name, plan, [
    ["released", `${from.name} ${runs ? "runs it" : `has run it, and runs ${shortDigest(staged.digest)} now`}`],
    ...(await proofs(root, known.settings, whole, digest)),
  ]);
  return update(
    to,
    known,
    plan,
    text,
    listener,
    policyArguments(root, (text) => listener.say(text)),
  );
}

/** The image that a stack's last update has deployed. */
function runningIn(name: string, outputs: Readonly<Record<string, unknown>>): { repository: string; digest: string } {
  const { imageReference } = outputs;
  const [repository = "", digest = ""] = typeof imageReference === "string" ? imageReference.split("@") : [];
  if (isDigest(digest)) return { repository, digest };
  throw refused(
    `the stack ${name} has released nothing yet`,
    "no output imageReference in its state",
    "an update of it that came to its end",
    `pulumi up --stack ${name}`,
  );
}

/** Whether a target runs another release: one that the last update has left out. */
function runsAnother({ releases }: Readonly<Record<string, unknown>>, digest: string): boolean {
  const records = Array.isArray(releases) ? (releases as readonly Partial<ReleaseRecord>[]) : [];
  return records.some((record) => record.digest !== digest && (record.targets ?? []).length > 0);
}

async function chosen({ registry }: Known, { digest, usage }: PromotionOrder, running: string): Promise<string> {
  if (digest === undefined || isDigest(digest)) return digest ?? running;
  if (!isReleaseTag(digest)) throw misused(usage, `--to-digest ${digest}`, "docs/promote.md");
  const found = await registry.digestOf(digest);
  if (found !== undefined) return found;
  throw new ShipError({
    code: "IMAGE_NOT_FOUND",
    summary: "no release has this tag; nothing was changed",
    found: `${registry.repository} has no tag ${digest}`,
    expected: "a tag of a release that retention has kept",
    remedy: "npm run releases lists them",
  });
}

/** An older release is not promoted: going back has questions of its own, and a choice of the data. */
function refuseOlder(name: string, digest: string, fits: readonly Fit[]): void {
  const unfit = fits.filter(({ kind }) => kind === "unfit");
  if (unfit.length === 0) return;
  throw refused(
    `the data of ${name} do not fit this release`,
    unfit.flatMap(({ target, reasons }) => reasons.map((text) => `${target}: ${text}`)).join("\n"),
    "modules that are no older than those of the database",
    `a newer release; or, to go back: npm run rollback -- --stack ${name} --to ${digest}`,
  );
}

function noProduction(name: string, { settings }: Known): ShipError {
  return refused(
    `the stack ${name} is no production`,
    `odoo:environment is ${settings.environment}: that stack builds what it runs`,
    "a stack whose odoo:environment is production",
    `name the right one with --to; to go back there: npm run rollback -- --stack ${name}`,
  );
}

function anotherRepository(from: string, theirs: string, to: string, ours: string): ShipError {
  return refused(
    "the two stacks have different repositories",
    `${from} releases to ${theirs}; ${to} pulls from ${ours}`,
    "one repository: production runs the very image that staging tried",
    `correct registry:host and registry:repository of one of them in Pulumi.${to}.yaml, Pulumi.${from}.yaml`,
  );
}

function neverServed(from: string, digest: string, running: string): ShipError {
  return refused(
    `${from} has never run this release to the end of an update`,
    `no tag served-<content> names ${digest}: its deployment failed, was left out, or was before there were such tags`,
    `what ${from} runs, ${running}, or has run`,
    "leave --to-digest out. Where you know that it may serve: pulumi config set release:unstaged <digest>, the same " +
      "for image:digest, then pulumi up",
  );
}

function refused(summary: string, found: string, expected: string, remedy: string): ShipError {
  return new ShipError({
    code: "PROMOTION_REFUSED",
    summary: `${summary}; nothing was changed`,
    found,
    expected,
    remedy,
  });
}
