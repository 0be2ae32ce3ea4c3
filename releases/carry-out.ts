import { requireReleased, requireServed } from "../components/release/released";
import { misused } from "./arguments";
import { digestsOf } from "./catalog";
import { choose, type Choice } from "./choice";
import { compare } from "./compare";
import { decide, planText, type RollbackPlan, type Way } from "./plan";
import { gather, type Known, type Places } from "./sources";
import type { Stack } from "./stack";
import { type Listener, update } from "./update";

/** What somebody has asked for. */
export interface RollbackOrder {
  /** `previous`, a digest, a tag, or a restore point. */
  readonly to: string;
  readonly way: Way;
  /** How the command is called, for messages. */
  readonly usage: string;
}

/**
 * Rolls a stack back: a plan, a word of agreement, the digest in the stack's file, an update.
 * @returns the exit status
 * @throws ShipError ROLLBACK_REFUSED, PROMOTION_REFUSED, IMAGE_NOT_FOUND, SETTINGS_INVALID, TOOL_MISSING
 */
export async function rollBack(
  root: string,
  stack: Stack,
  order: RollbackOrder,
  listener: Listener,
  places?: Places,
): Promise<number> {
  const known = await gather(root, stack, places);
  const { settings, reports, updated, configured } = known;
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
  if (settings.environment === "production") {
    await requireReleased(known.registry, plan.to);
    // What production has run needs no tag of staging's: it may be from before there were such tags.
    const ran = digestsOf(reports).includes(plan.to);
    if (!ran) await requireServed(known.registry, plan.to, settings.release.unstaged);
  }
  return update(stack, known, plan, planText(stack.name, plan), listener, []);
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
  return decide(await compare(known, to), point === undefined ? way : "with-data", point);
}
