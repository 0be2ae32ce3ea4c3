/**
 * Sets the tags of a release through the registry's API. Run by the `ImageRelease` component; safe to run again.
 *
 * Environment: `RELEASE`, JSON of {repository, digest, fixed, moving}; `REGISTRY_USERNAME`, `REGISTRY_PASSWORD`;
 * `REGISTRY`, JSON of {kind, tokenHost}. When the login of a DigitalOcean registry has expired since an update that was
 * killed, `DO_REGISTRY_TOKEN` or `DIGITALOCEAN_TOKEN` of the update's own environment: no other registry is shown
 * those.
 */
import { ShipError } from "../components/shared/errors";
import { splitRepository } from "../components/registry/reference";
import { RegistryClient } from "../components/registry/client";
import { takesApiToken } from "../components/registry/login";
import { Secret } from "../components/shared/secret";
import type { ReleaseTags } from "../components/release/tags";

async function main(): Promise<void> {
  const release = JSON.parse(process.env["RELEASE"] ?? "{}") as ReleaseTags & { repository: string; digest: string };
  const registry = await loggedIn(release.repository);

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
    console.log(
      present === undefined || present === release.digest ? `${tag} set` : `${tag} stays at ${present}: it never moves`,
    );
  }
  for (const tag of release.moving) {
    await registry.tag(release.digest, tag);
    console.log(`${tag} set`);
  }
}

async function loggedIn(repository: string): Promise<RegistryClient> {
  const { kind = "", tokenHost = "" } = JSON.parse(process.env["REGISTRY"] ?? "{}") as {
    kind?: string;
    tokenHost?: string;
  };
  const given = new Secret(process.env["REGISTRY_PASSWORD"] ?? "");
  const registry = new RegistryClient(repository, {
    username: process.env["REGISTRY_USERNAME"] ?? "",
    password: given,
    tokenHost,
  });
  const token = process.env["DO_REGISTRY_TOKEN"] ?? process.env["DIGITALOCEAN_TOKEN"];
  try {
    await registry.probePush();
    return registry;
  } catch (error) {
    const expired = error instanceof ShipError && error.code === "REGISTRY_AUTH_FAILURE";
    if (!expired || token === undefined || !takesApiToken(kind, splitRepository(repository).host)) {
      throw error;
    }
    return new RegistryClient(repository, { username: token, password: new Secret(token) });
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
