import type { Settings } from "../settings";
import { type BuildPlan, planBuild } from "./build-plan";
import { registryExists } from "./digitalocean-api";
import { ShipError } from "./errors";
import { RegistryClient } from "./registry-client";
import { builtReleaseTags, candidateTag, deployedReleaseTags, type ReleaseTags } from "./tags";

/**
 * What an update is going to do, decided by reading alone and before any resource is declared. The engine compares inputs with its
 * state; whether an image or a tag is still in the registry it cannot see, so the program looks.
 */
export interface ReleasePlan {
  /** Build of this tree; undefined when `image:digest` names what to deploy. */
  readonly build: BuildPlan | undefined;
  /** Whether the registry exists already; one that this stack is to create is adopted then, as after a lost state. */
  readonly registryExists: boolean;
  /** Digest in the registry; undefined when the candidate is yet to be built and pushed. */
  readonly digest: string | undefined;
  readonly tags: ReleaseTags;
  /** Whether every tag is as it should be. */
  readonly tagged: boolean;
  /** Word that names what is released, for resources that belong to it. */
  readonly key: string;
}

/** `host/namespace/name` of the images. */
export function imageRepository(registry: Settings["registry"]): string {
  return `${registry.host}/${registry.repository}`;
}

/**
 * @param dryRun whether this is a preview: then nothing is written to the registry, not even a cancelled upload
 * @throws ShipError for bad addons, refused credentials, a missing registry or digest, a full registry
 */
export async function planRelease(root: string, settings: Settings, dryRun: boolean): Promise<ReleasePlan> {
  const build = settings.image.digest === "" ? await planBuild(root, settings.image) : undefined;
  const exists = await registryIsThere(settings);
  const client = exists ? new RegistryClient(imageRepository(settings.registry), settings.registryAccess) : undefined;

  if (build === undefined) {
    const digest = await client?.digestOf(settings.image.digest);
    if (digest === undefined) {
      throw digestNotFound(settings);
    }
    const tags = deployedReleaseTags(settings.environment);
    return {
      build,
      registryExists: exists,
      digest,
      tags,
      tagged: await tagsAreSet(client, digest, tags),
      key: digest.slice("sha256:".length, "sha256:".length + 12),
    };
  }
  const candidate = candidateTag(build.contentHash);
  const digest = await client?.digestOf(candidate);
  const released = builtReleaseTags(build.revision, build.contentHash);
  // The candidate's tag is set again too: a build of this content on another machine may have moved it.
  const tags = { ...released, moving: [candidate, ...released.moving] };
  if (digest === undefined && !dryRun) {
    await client?.probePush();
  }
  return {
    build,
    registryExists: exists,
    digest,
    tags,
    tagged: await tagsAreSet(client, digest, tags),
    key: build.contentHash.slice(0, 12),
  };
}

async function registryIsThere({ registry, digitalocean }: Settings): Promise<boolean> {
  if (registry.kind !== "digitalocean" || digitalocean.token === undefined) {
    return true;
  }
  const [name = ""] = registry.repository.split("/");
  const exists = await registryExists({ apiUrl: digitalocean.apiUrl, token: digitalocean.token }, name);
  if (!exists && registry.ownership === "adopt") {
    throw new ShipError({
      code: "REGISTRY_NOT_FOUND",
      summary: "the registry to adopt does not exist",
      found: `no DigitalOcean registry named ${name} in this account`,
      expected: "the registry that another stack has created",
      remedy: "run the update of the stack that creates it first, or set registry:ownership to create in one stack",
    });
  }
  return exists;
}

async function tagsAreSet(client: RegistryClient | undefined, digest: string | undefined, tags: ReleaseTags): Promise<boolean> {
  if (client === undefined || digest === undefined) {
    return false;
  }
  const fixed = await Promise.all(tags.fixed.map((tag) => client.digestOf(tag)));
  const moving = await Promise.all(tags.moving.map((tag) => client.digestOf(tag)));
  return fixed.every((found) => found !== undefined) && moving.every((found) => found === digest);
}

function digestNotFound({ image, registry }: Settings): ShipError {
  return new ShipError({
    code: "IMAGE_NOT_FOUND",
    summary: "the image to deploy is not in the registry",
    found: `image:digest is ${image.digest}; ${imageRepository(registry)} has no such image`,
    expected: "a digest that staging has released and retention has kept",
    remedy: "check the digest: pulumi stack output imageDigest --stack staging, or the releases listed there",
  });
}
