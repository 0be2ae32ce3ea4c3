import type { RegistryClient } from "../registry/client";
import { atOnce } from "../shared/at-once";
import { ShipError } from "../shared/errors";
import { isVersionTag } from "../shared/git";
import { probePortOf } from "../odoo/probe-port";
import { releaseTag, servedTag } from "./tags";

/** Part of a registry's client that tells what was released. */
export type ReleaseReader = Pick<RegistryClient, "repository" | "tags" | "digestOf" | "imageOf">;

const servedForm = /^served-[0-9a-f]{64}$/;

/** Tag of a release that names the commit and the content, in this form alone. */
export function isReleaseTag(tag: string): boolean {
  return /^sha-[0-9a-f]{12}-[0-9a-f]{8}$/.test(tag);
}

/**
 * Refuses a digest that is not a release: a candidate that was pushed and whose gates have not passed, or an image with
 * uncommitted changes. What `stable` names was looked at when production got it.
 * @param digest `sha256:…`
 * @throws ShipError PROMOTION_REFUSED, and what the registry's client throws
 */
export async function requireReleased(registry: ReleaseReader, digest: string): Promise<void> {
  const names = async (tag: string) => (await registry.digestOf(tag)) === digest;
  if (await names("stable")) return;
  const { revision, contentHash } = await imageSays(registry, digest);
  // What the image says of itself leads to the tag. That the tag names it is what counts.
  if (revision !== "" && contentHash !== "" && (await names(releaseTag(revision, contentHash)))) return;
  // A release alone has these. `latest` is none: a staging stack that runs a digest by its name moves it, too.
  const others = (await registry.tags()).filter((tag) => isReleaseTag(tag) || isVersionTag(tag));
  if ((await atOnce(others, names)).includes(true)) return;
  throw new ShipError({
    code: "PROMOTION_REFUSED",
    summary: "production runs releases alone, and this image is none; nothing was changed",
    found:
      `no tag of a release names ${registry.repository}@${digest}: its gates have not passed, it was built from ` +
      "uncommitted changes, or its tags were deleted",
    expected: "a digest that has a tag sha-<commit>-<content>, which staging's update sets",
    remedy:
      "npm run promote -- --from staging --to prod takes the one that staging runs. npm run releases -- --stack prod " +
      "lists the others",
  });
}

/**
 * Refuses a release for production that nothing says staging has run. What production runs itself may stay.
 * @param digest `sha256:…`
 * @param word digest for which the stack's own file speaks, `release:unstaged`; empty for none
 * @throws ShipError PROMOTION_REFUSED, and what the registry's client throws
 */
export async function requireServed(registry: ReleaseReader, digest: string, word: string): Promise<void> {
  if (word === digest || (await isTried(registry, digest))) return;
  throw new ShipError({
    code: "PROMOTION_REFUSED",
    summary: "production runs what staging has run, and no tag says so of this release; nothing was changed",
    found:
      `neither latest nor served-<content> names ${registry.repository}@${digest}: staging's update with it did not ` +
      "come to its end, left a target out, or was before there were such tags",
    expected: "a release that staging runs or has run",
    remedy:
      "npm run promote -- --from staging --to prod takes the one that staging runs; npm run rollback -- --stack prod " +
      "goes back to one that production has run. Where you know that it may serve: " +
      `pulumi config set release:unstaged ${digest} --stack prod`,
  });
}

/**
 * Tells whether tags say that a release was tried before production gets it: production runs it, staging runs it or has
 * run it. Where no image has a tag that says so, nobody sets them, and any release counts.
 */
export async function isTried(registry: ReleaseReader, digest: string): Promise<boolean> {
  for (const tag of ["stable", "latest"]) {
    if ((await registry.digestOf(tag)) === digest) return true;
  }
  if (await hasServed(registry, digest)) return true;
  return !(await registry.tags()).some((tag) => servedForm.test(tag));
}

/** Tells whether every target of the stack that built an image has run it. */
export async function hasServed(registry: ReleaseReader, digest: string): Promise<boolean> {
  const { contentHash } = await imageSays(registry, digest);
  return contentHash !== "" && (await registry.digestOf(servedTag(contentHash))) === digest;
}

/** Label in which an image names the content that it was built from. */
export const contentLabel = "io.odoo.content-hash";

/** What an image says of itself. */
export interface ImageSays {
  /** Commit and content that it was built from, 40 and 64 digits; empty where it says none. */
  readonly revision: string;
  readonly contentHash: string;
  /** Port at which its guard answers probes. */
  readonly probePort: number | undefined;
}

/** Reads what an image says of itself. Commit and content become part of an address: nothing else is taken. */
export async function imageSays(registry: ReleaseReader, digest: string): Promise<ImageSays> {
  const image = await registry.imageOf(digest).catch(unreadable);
  const label = (name: string, form: RegExp) => form.exec(image?.labels[name] ?? "")?.[0] ?? "";
  return {
    // With uncommitted changes it ends in -dirty, and has no tag.
    revision: label("org.opencontainers.image.revision", /^[0-9a-f]{40}$/),
    contentHash: label(contentLabel, /^[0-9a-f]{64}$/),
    probePort: probePortOf(image?.labels),
  };
}

/** An image without JSON where JSON belongs says nothing. */
function unreadable(error: unknown): undefined {
  if (!(error instanceof SyntaxError)) throw error;
}
