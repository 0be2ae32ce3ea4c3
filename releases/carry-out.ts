import { ShipError } from "../components/shared/errors";
import { misused } from "./arguments";
import { choose, type Choice } from "./choice";
import { type Fit, fitOf } from "./fit";
import { readImage } from "./images";
import { decide, planText, type RollbackPlan, type Way } from "./plan";
import { gather, type Known, orProblem, type Places } from "./sources";
import type { Stack } from "./stack";

/** What somebody has asked for. */
export interface RollbackOrder {
  /** `previous`, a digest, a tag, or a restore point. */
  readonly to: string;
  readonly way: Way;
  /** How the command is called, for messages. */
  readonly usage: string;
}

/** Those who hear of it. */
export interface Listener {
  say(text: string): void;
  /** Whether somebody agrees with the plan that was said. */
  agrees(): Promise<boolean>;
}

/**
 * Rolls a stack back: a plan, a word of agreement, the digest in the stack's file, an update. The file is written
 * before the update begins. So whatever is killed goes on with the next run of the same command, or of `pulumi up`.
 * @returns the exit status
 * @throws ShipError ROLLBACK_REFUSED, IMAGE_NOT_FOUND, SETTINGS_INVALID, TOOL_MISSING
 */
export async function rollBack(
  root: string,
  stack: Stack,
  order: RollbackOrder,
  listener: Listener,
  places?: Places,
): Promise<number> {
  const known = await gather(root, stack, places);
  const { settings, reports, updated } = known;
  const { digest: configured } = settings.image;
  const { restore } = settings.release;
  const restored = restore !== "" && reports.some(({ history }) => history?.live?.restored === restore);
  const whole = restored && updated === configured;
  if (whole && (order.to === "previous" || (await chosen(known, order)).digest === updated)) {
    // Killed after the update: the last step is left to do, and "previous" was said of the release before that.
    await stack.unset("release:restore");
    listener.say(`${configured} serves with the data of ${restore}. release:restore was left of that, and is gone now`);
    return 0;
  }
  const plan = await planned(known, order, await chosen(known, order));
  const { point, to, fits } = plan;
  if (point === undefined && updated === to && configured === to && fits.every(({ kind }) => kind === "serves")) {
    listener.say(`${to} serves, and the stack says so: there is nothing to do`);
    return 0;
  }
  listener.say(planText(stack.name, plan));
  if (!(await listener.agrees())) {
    listener.say("nothing was done");
    return 1;
  }
  await stack.set({
    "image:digest": to,
    // One of an earlier try, with another release's data, would fail the update.
    ...(point !== undefined ? { "release:restore": point.id } : restore === "" ? {} : { "release:restore": "" }),
  });
  const status = await stack.up(settings.environment);
  if (status !== 0) {
    listener.say(unfinished(stack.name, plan));
    return status;
  }
  if (point !== undefined) await stack.unset("release:restore");
  listener.say(finished(stack.name, plan, settings.environment));
  return 0;
}

function chosen({ registry, reports, updated }: Known, { to, usage }: RollbackOrder): Promise<Choice> {
  const digestOf = async (tag: string) => (await registry.imageOf(tag))?.digest;
  return choose(usage, { to, updated, reports, digestOf });
}

async function planned(
  known: Known,
  { way, usage }: RollbackOrder,
  { digest: to, point }: Choice,
): Promise<RollbackPlan> {
  if (point !== undefined && way === "code-only") {
    throw misused(usage, "--code-only beside a restore point");
  }
  const { registry, reports, updated, settings } = known;
  const from = updated ?? reports.flatMap(({ history }) => history?.live?.digest ?? [])[0];
  const target = await orProblem(readImage(registry, to));
  if (target.problem === "" && target.found === undefined) {
    throw new ShipError({
      code: "IMAGE_NOT_FOUND",
      summary: "the image to roll back to is not in the registry; nothing was changed",
      found: `${settings.registry.host}/${settings.registry.repository} has no ${to}`,
      expected: "a release that retention has kept",
      remedy: "npm run releases lists what there is. On a VPS that still has the image: odoo-ship rollback",
    });
  }
  const imageOf = async (digest: string | undefined) =>
    digest === undefined ? undefined : (await orProblem(readImage(registry, digest))).found;
  const fits: Fit[] = [];
  for (const report of reports) {
    // What runs there may be another one than the last update's.
    fits.push(fitOf(report, to, { from: await imageOf(report.history?.live?.digest), to: target.found }));
  }
  const images = { from: await imageOf(from), to: target.found };
  return decide({ from, to, images, fits, reports }, point === undefined ? way : "with-data", point);
}

function unfinished(stack: string, { from, to, point }: RollbackPlan): string {
  const restore = point === undefined ? "" : `\n  pulumi config rm release:restore --stack ${stack}`;
  return [
    "The update did not come to its end: what it has said above tells why. The stack's file names where it goes.",
    "To go on: run the same command again. If a killed update has left its lock: pulumi cancel, then again.",
    `To give it up:${restore}`,
    `  pulumi config set image:digest ${from ?? `<what serves, not ${to}>`} --stack ${stack}`,
  ].join("\n");
}

function finished(stack: string, { from, to, point }: RollbackPlan, environment: string): string {
  return [
    `${to} serves.`,
    `Pulumi.${stack.split("/").at(-1) ?? stack}.yaml has image:digest now: commit it, or the next update from your ` +
      "repository deploys the other release again.",
    ...(environment === "production"
      ? []
      : [`To build from the sources again: pulumi config rm image:digest --stack ${stack}`]),
    ...(from === undefined || from === to
      ? []
      : [`To take this back: npm run rollback -- --stack ${stack} --to ${from}` + (point ? " --with-data" : "")]),
  ].join("\n");
}
