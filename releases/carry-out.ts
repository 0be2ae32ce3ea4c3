import { ShipError } from "../components/shared/errors";
import { choose } from "./choice";
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
  const plan = await planned(known, order);
  const { digest: configured } = settings.image;
  const { restore } = settings.release;
  const { point, to, fits } = plan;
  const arrived = updated === to && configured === to && fits.every(({ kind }) => kind === "serves");
  if (arrived && restore !== "" && reports.some(({ history }) => history?.live?.restored === restore)) {
    await stack.unset("release:restore");
    listener.say(`${to} serves with the data of ${restore}: release:restore was left of it, and is gone now`);
    return 0;
  }
  if (arrived && point === undefined) {
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
  const status = await stack.up();
  if (status !== 0) {
    listener.say(unfinished(stack.name, plan));
    return status;
  }
  if (point !== undefined) await stack.unset("release:restore");
  listener.say(finished(stack.name, plan, settings.environment));
  return 0;
}

async function planned(known: Known, { to: wanted, way, usage }: RollbackOrder): Promise<RollbackPlan> {
  const { registry, reports, updated, settings } = known;
  const digestOf = async (tag: string) => (await registry.imageOf(tag))?.digest;
  const { digest: to, point } = await choose(usage, { to: wanted, updated, reports, digestOf });
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
  const images = { from: from === undefined ? undefined : (await orProblem(readImage(registry, from))).found };
  const pair = { ...images, to: target.found };
  const fits = reports.map((report): Fit => fitOf(report, to, pair));
  return decide({ from, to, images: pair, fits, reports }, point === undefined ? way : "with-data", point);
}

function unfinished(stack: string, { from, to, point }: RollbackPlan): string {
  const restore = point === undefined ? "" : `\n  pulumi config rm release:restore --stack ${stack}`;
  return [
    "The update did not come to its end; what it has said above tells why. The stack's file names the release to go to.",
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
