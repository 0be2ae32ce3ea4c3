/**
 * Sets the tags of a release through the registry's API. Run by the `ImageRelease` component; safe to run again.
 *
 * Environment: `RELEASE`, JSON of {repository, digest, fixed, moving}; `REGISTRY_USERNAME`, `REGISTRY_PASSWORD`.
 */
import { ShipError } from "../components/errors";
import { RegistryClient } from "../components/registry-client";
import { Secret } from "../components/secret";
import type { ReleaseTags } from "../components/tags";

async function main(): Promise<void> {
  const release = JSON.parse(process.env["RELEASE"] ?? "{}") as ReleaseTags & { repository: string; digest: string };
  const password = new Secret(process.env["REGISTRY_PASSWORD"] ?? "");
  const registry = new RegistryClient(release.repository, { username: process.env["REGISTRY_USERNAME"] ?? "", password });

  if ((await registry.digestOf(release.digest)) === undefined) {
    throw new ShipError({
      code: "IMAGE_NOT_FOUND",
      summary: "the image to release is not in the registry",
      found: `${release.repository} has no ${release.digest}`,
      expected: "an image that was pushed",
      remedy: "run the update again: it looks for the image and builds it if it is gone",
    });
  }
  for (const tag of release.fixed) {
    const present = await registry.digestOf(tag);
    if (present === undefined) {
      await registry.tag(release.digest, tag);
    }
    console.log(present === undefined || present === release.digest ? `${tag} set` : `${tag} stays at ${present}: it never moves`);
  }
  for (const tag of release.moving) {
    await registry.tag(release.digest, tag);
    console.log(`${tag} set`);
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
