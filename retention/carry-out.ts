import type { RegistryClient } from "../components/registry/client";
import { imageRepository } from "../components/registry/reference";
import type { Places } from "../releases/sources";
import type { Settings } from "../settings";
import { inventory, type ManifestReader } from "./inventory";
import { planAgain, planRetention, type RetentionPlan } from "./plan";
import { refused } from "./refused";
import type { Shelf } from "./shelf";
import { readStacks, type StatefulStack } from "./stacks";
import { planText } from "./words";

/** A repository, as it is read and cleared. */
export interface Repository {
  readonly shelf: Shelf;
  readonly client: ManifestReader & Pick<RegistryClient, "digestOf">;
}

/** Where all of it is; a test has made-up ones. */
export interface Means {
  /** The project's folder. */
  readonly root: string;
  readonly stacks: readonly StatefulStack[];
  /** Hosts and clusters; by default the real ones. */
  readonly places?: Places;
  repository(settings: Settings): Repository;
  /** Lists the stacks that are being updated. */
  locked(): Promise<string[]>;
  now(): Date;
}

/** Those who hear of it. */
export interface Listener {
  say(text: string): void;
  /** Whether somebody agrees with the plan that was said. */
  agrees(): Promise<boolean>;
  /** Takes the plan, for a program or a summary. */
  planned(plan: RetentionPlan, repository: string): void;
}

/**
 * Says what a repository keeps and what goes; with `apply` removes that. What it has not listed it does not remove.
 * Wherever it is killed, the next run goes on.
 * @returns the exit status
 * @throws ShipError RETENTION_REFUSED, and what the registry's client and DigitalOcean's API throw
 */
export async function retain(means: Means, apply: boolean, listener: Listener): Promise<number> {
  const { settings, plan } = await look(means);
  const { kind } = settings.registry;
  const repository = imageRepository(settings.registry);
  listener.planned(plan, repository);
  listener.say(planText(repository, plan));
  if (!apply) return 0;
  if (kind === "ghcr") {
    throw refused(
      "GitHub's registry removes nothing by the registry's protocol; nothing was removed",
      `registry:kind is ghcr, ${repository}`,
      "a registry that removes images: DigitalOcean's, or a generic one",
      "remove what the plan lists at GitHub, in the order of `--json`: Packages, the package, Manage versions",
    );
  }
  if (!(await listener.agrees())) {
    listener.say("nothing was removed");
    return 1;
  }
  const { plan: again, shelf, client } = await look(means, plan);
  let removed = 0;
  for (const { digest, tags } of again.goes) {
    // An update may find its candidate here, and release it: each image waits for stacks at rest.
    if (tags.length > 0) await refuseLocked(means, removed);
    for (const tag of tags) {
      if ((await client.digestOf(tag)) === digest) await shelf.untag(tag);
    }
    await shelf.remove(digest);
    removed += 1;
  }
  listener.say(`${removed} manifests were removed from ${repository}.`);
  await refuseLocked(means, removed);
  listener.say(await shelf.collect());
  return 0;
}

async function look(means: Means, earlier?: RetentionPlan) {
  await refuseLocked(means, 0);
  const { settings, named } = await readStacks(means.root, means.stacks, means.places);
  const { shelf, client } = means.repository(settings);
  const held = await inventory(shelf, client);
  // One that began meanwhile may have named something else.
  await refuseLocked(means, 0);
  const plan =
    earlier === undefined ? planRetention(held, named, means.now()) : planAgain(held, named, means.now(), earlier);
  return { settings, plan, shelf, client };
}

async function refuseLocked({ locked }: Means, removed: number): Promise<void> {
  const names = await locked();
  if (names.length === 0) return;
  throw refused(
    `a stack is being updated; ${removed === 0 ? "nothing was removed" : `it ended after ${removed} manifests`}`,
    `Pulumi's lock on ${names.join(" and ")}`,
    "stacks at rest",
    "run the same command again once the update has ended. A killed one has left its lock: pulumi cancel",
  );
}
