import { candidateTag } from "../image/candidate-tag";
import type { Settings } from "../../settings";
import { describeDrift } from "../image/base-image";
import { type BuildPlan, planBuild } from "../image/plan";
import { pushedImages } from "../image/pushed-images";
import { refuseOtherEngine, refuseOtherPlatforms } from "../image/platform";
import { registryExists } from "../shared/digitalocean-api";
import { ShipError } from "../shared/errors";
import type { Exception } from "../../gates/vulnerabilities";
import { refuseOptionsOfLaterSeries, serverWideWarnings } from "../image/configuration";
import { bakedConfiguration } from "../image/context";
import { postgresImage, readImagesRecord, recordOf } from "../odoo/companion-images";
import { probePort } from "../odoo/probe-port";
import { pullLoginWarnings } from "../settings/pull-login";
import { signingWarnings } from "../settings/signing";
import { checkSigned } from "../signature/check";
import { builtAnew, ownImage } from "../signature/own-image";
import { signersOf, wantsSbom } from "../signature/policy";
import type { Signers } from "../signature/proof";
import { RegistryClient } from "../registry/client";
import { imageRepository } from "../registry/reference";
import { readExceptions } from "./exceptions";
import { contentLabel, imageSays, requireReleased, requireServed } from "./released";
import { gateWarnings } from "./optional-gates";
import { builtReleaseTags, deployedReleaseTags, type PlannedTags, type ReleaseTags, type Tags } from "./tags";

/**
 * Plan of an update, decided by reading alone, before any resource is declared. The engine compares inputs with its
 * state and does not see whether an image or a tag is still in the registry. So the program looks.
 */
export interface ReleasePlan {
  /** Build of this tree; undefined when `image:digest` names what to deploy. */
  readonly build: BuildPlan | undefined;
  /** PostgreSQL that gates try a build with, `repository@sha256:…`; undefined where none does. */
  readonly postgres: string | undefined;
  /** Whether the registry exists. If this stack is to create it and it does, it is adopted, as after a lost state. */
  readonly registryExists: boolean;
  /** Digest in the registry; undefined when the candidate is yet to be built and pushed. */
  readonly digest: string | undefined;
  /** Whose signature the image needs; undefined where releases are not signed. */
  readonly signers: Signers | undefined;
  readonly tags: { readonly [when in keyof ReleaseTags]: PlannedTags };
  /** Commit that the image was built from, `-dirty` with uncommitted changes; empty if it does not say. */
  readonly commit: string;
  /** Port at which the image's guard answers a cluster's probes; undefined in an image from before it did. */
  readonly probePort: number | undefined;
  /** Vulnerabilities that the gate `scan` lets pass for a while. */
  readonly exceptions: readonly Exception[];
  /** Sentences that the operator is shown. */
  readonly warnings: readonly string[];
  /** Word that names what is released, for resources that belong to it. */
  readonly key: string;
}

/**
 * @param dryRun whether this is a preview: then nothing is written to the registry, not even a cancelled upload
 * @throws ShipError for bad addons, another platform, refused credentials, a missing registry or digest, a full
 *   registry, a digest that is to be deployed and is not signed, one for production that is not released, or that
 *   staging has not run
 */
export async function planRelease(root: string, settings: Settings, dryRun: boolean): Promise<ReleasePlan> {
  const { image, odoo } = settings;
  if (image.digest === "") refuseOtherPlatforms(root, image.platform, [odooDockerfile]);
  const build = image.digest === "" ? await planBuild(root, image, odoo.modules) : undefined;
  const exceptions = build === undefined ? [] : readExceptions(root, settings.gates.exceptions);
  refuseOptionsOfLaterSeries(root, settings.image.baseRecord, settings.odoo);
  const baked = build === undefined ? undefined : bakedConfiguration(root);
  const serverWide = serverWideWarnings(root, baked, settings.odoo.options);
  const signers = signersOf(root, settings);
  const exists = await registryIsThere(settings);
  const client = exists ? new RegistryClient(imageRepository(settings.registry), settings.registryAccess) : undefined;

  if (build === undefined) {
    const digest = await client?.digestOf(settings.image.digest);
    if (client === undefined || digest === undefined) {
      throw digestNotFound(settings);
    }
    if (settings.environment === "production") {
      await requireReleased(client, digest);
      await requireServed(client, digest, settings.release.unstaged);
    }
    if (signers !== undefined) {
      const image = `${imageRepository(settings.registry)}@${digest}`;
      await checkSigned(root, { image, signers, sbom: wantsSbom(settings) }, settings.registryAccess);
    }
    const [{ revision, probePort }, tags] = await Promise.all([
      imageSays(client, digest),
      planTags(client, digest, deployedReleaseTags(settings.environment)),
    ]);
    return {
      build,
      postgres: undefined,
      registryExists: exists,
      digest,
      signers,
      commit: revision,
      probePort,
      tags,
      exceptions,
      warnings: [...pullLoginWarnings(settings), ...signingWarnings(settings), ...serverWide],
      key: digest.slice("sha256:".length, "sha256:".length + 12),
    };
  }
  const { tests, validation } = settings.gates;
  const tried = tests === "required" || validation === "required";
  const postgres = tried ? postgresImage(readImagesRecord(root, ...recordOf(settings))) : undefined;
  const repository = imageRepository(settings.registry);
  // It may take seconds and never fails: it goes on beside what follows.
  const drifting = describeDrift(
    build.base,
    settings.registryAccess && { repository, access: settings.registryAccess },
  );
  const { contentHash } = build;
  const candidate = candidateTag(contentHash);
  const { digest, refused } = await ownImage(root, client, settings.registryAccess, {
    tag: candidate,
    label: contentLabel,
    content: contentHash,
    signers,
    known: pushedImages,
  });
  const versioned = build.revision.versionTags.length > 0;
  const released = builtReleaseTags(build.revision, contentHash, versioned ? await client?.tags() : []);
  // The candidate's tag is set again, too: a build of this content on another machine may have moved it.
  const tags = { ...released, built: { ...released.built, moving: [candidate] } };
  if (digest === undefined) await refuseOtherEngine(root, build.platform);
  if (digest === undefined && !dryRun) {
    await client?.probePush();
  }
  const planned = await planTags(client, digest, tags);
  const drift = await drifting;
  return {
    build,
    postgres,
    registryExists: exists,
    digest,
    signers,
    commit: build.revision.id,
    probePort,
    tags: planned,
    exceptions,
    warnings: [
      ...pullLoginWarnings(settings),
      ...signingWarnings(settings),
      ...serverWide,
      ...build.warnings,
      ...gateWarnings(settings.gates),
      ...(build.revision.dirty ? [uncommitted] : []),
      ...(drift === undefined ? [] : [drift]),
      ...(refused === undefined ? [] : [builtAnew(refused)]),
    ],
    key: contentHash.slice(0, 12),
  };
}

const odooDockerfile = "images/odoo/Dockerfile";

const uncommitted =
  "What the image is built from is not all committed: no tag names this image, and latest stays where it is. Commit, " +
  "then update again.";

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

async function planTags(
  client: RegistryClient | undefined,
  digest: string | undefined,
  { built, served }: ReleaseTags,
): Promise<ReleasePlan["tags"]> {
  const digestsOf = (names: readonly string[]) => Promise.all(names.map((tag) => client?.digestOf(tag)));
  const look = async (tags: Tags): Promise<PlannedTags> => {
    if (digest === undefined) {
      return { ...tags, areSet: false };
    }
    const [fixed, moving] = await Promise.all([digestsOf(tags.fixed), digestsOf(tags.moving)]);
    return {
      ...tags,
      areSet: fixed.every((found) => found !== undefined) && moving.every((found) => found === digest),
    };
  };
  return { built: await look(built), served: await look(served) };
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
