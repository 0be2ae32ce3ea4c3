/**
 * Sets tags of a release through the registry's API. Run by `ImageRelease` and `ServedRelease`; safe to run again.
 *
 * Environment: `RELEASE`, JSON of {stack, repository, digest, fixed, moving}, and `elsewhere`, the targets
 * that run another digest: if there are any, no tag is set. The registry's login is fetched from the stack's desk
 * (components/shared/secret-desk.ts).
 */
import "../components/shared/compile-cache";
import { onCancel } from "../components/shared/cancel";
import { ShipError } from "../components/shared/errors";
import { RegistryClient } from "../components/registry/client";
import { taggingLogin, type TagOrder } from "../components/release/tag-order";

async function main(): Promise<void> {
  const order = JSON.parse(process.env["RELEASE"] ?? "{}") as TagOrder;
  const { repository, digest, fixed, moving, elsewhere = [] } = order;
  const names = [...fixed, ...moving];
  if (names.length === 0) {
    console.log("no tag is to be set");
    return;
  }
  if (elsewhere.length > 0) {
    console.log(`${names.join(", ")} stay where they are: ${elsewhere.join(" and ")} ran another digest in the end`);
    return;
  }
  const registry = new RegistryClient(repository, await taggingLogin(order));
  if ((await registry.digestOf(digest)) === undefined) {
    throw new ShipError({
      code: "IMAGE_NOT_FOUND",
      summary: "the image to release is not in the registry",
      found: `${repository} has no ${digest}`,
      expected: "an image that was pushed",
      remedy: "run the update again: it looks for the image and builds it if it is gone",
    });
  }
  for (const tag of fixed) {
    const present = await registry.digestOf(tag);
    if (present === undefined) {
      await registry.tag(digest, tag);
    }
    console.log(
      present === undefined || present === digest ? `${tag} set` : `${tag} stays at ${present}: it never moves`,
    );
  }
  for (const tag of moving) {
    await registry.tag(digest, tag);
    console.log(`${tag} set`);
  }
}

onCancel((how) => {
  console.error(`${how}: tags that were not named above may be where they were; the next update sets them.`);
  process.exit(130);
});

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
