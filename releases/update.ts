import { isTried } from "../components/release/released";
import type { RollbackPlan } from "./plan";
import type { Known } from "./sources";
import type { Stack } from "./stack";
import { fileOf } from "./stack-name";

/** Those who hear of it. */
export interface Listener {
  say(text: string): void;
  /** Whether somebody agrees with the plan that was said. */
  agrees(): Promise<boolean>;
}

/**
 * Brings a stack to another digest, as a rollback or a promotion has planned it: the plan, a word of agreement, the
 * digest in the stack's file, an update. The file is written before the update begins. So whatever is killed goes on
 * with the next run of the same command, or of `pulumi up`.
 * @param text the plan in words
 * @param rules arguments of Pulumi by which the update keeps the rules of docs/policy.md; a rollback waits for none
 * @returns the exit status
 */
export async function update(
  stack: Stack,
  { settings, registry, updated, configured }: Known,
  plan: RollbackPlan,
  text: string,
  listener: Listener,
  rules: readonly string[],
): Promise<number> {
  const { point, to, fits } = plan;
  const { restore } = settings.release;
  if (point === undefined && updated === to && configured === to && fits.every(({ kind }) => kind === "serves")) {
    listener.say(`${to} serves, and the stack says so: there is nothing to do`);
    return 0;
  }
  listener.say(text);
  if (!(await listener.agrees())) {
    listener.say("nothing was done");
    return 1;
  }
  const { environment } = settings;
  // Whoever planned this knows that it has run: the update sees the registry alone, whose tags may not say so.
  const untold = environment === "production" && settings.release.unstaged !== to && !(await isTried(registry, to));
  await stack.set({
    "image:digest": to,
    ...(untold ? { "release:unstaged": to } : {}),
    // One of an earlier try, with another release's data, would fail the update.
    ...(point !== undefined ? { "release:restore": point.id } : restore === "" ? {} : { "release:restore": "" }),
  });
  if (untold) listener.say(`No tag says that staging has run it: release:unstaged in ${fileOf(stack.name)} does now.`);
  const status = await stack.up(rules);
  if (status !== 0) {
    listener.say(unfinished(stack.name, plan));
    return status;
  }
  if (point !== undefined) await stack.unset("release:restore");
  listener.say(finished(stack.name, plan, environment));
  return 0;
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
    `${fileOf(stack)} has image:digest now: commit it, or the next update from your repository deploys the other ` +
      "release again.",
    ...(environment === "production"
      ? []
      : [`To build from the sources again: pulumi config rm image:digest --stack ${stack}`]),
    ...(from === undefined || from === to
      ? []
      : [`To take this back: npm run rollback -- --stack ${stack} --to ${from}` + (point ? " --with-data" : "")]),
  ].join("\n");
}
