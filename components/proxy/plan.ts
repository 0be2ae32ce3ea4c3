import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

import { z } from "zod";

import { imageRepository } from "../registry/reference";
import type { Settings } from "../../settings";
import { ShipError } from "../shared/errors";
import { type ContextFile, contentHash, writeContext } from "../image/context";
import { pushedImages } from "../image/pushed-images";
import { refuseOtherEngine, refuseOtherPlatforms } from "../image/platform";
import { RegistryClient } from "../registry/client";
import { imageRecord, pinnedImage, readRecord } from "../registry/image-record";
import { readImagesRecord, recordOf } from "../odoo/companion-images";
import { builtAnew, ownImage } from "../signature/own-image";
import { signersOf } from "../signature/policy";

/** Everything that a build of the proxy's image needs, decided before any resource. */
export interface ProxyBuild {
  /** Folder with the build context, relative to the project. */
  readonly context: string;
  readonly args: Readonly<Record<string, string>>;
  readonly platform: string;
  /** Its tag in the repository: `proxy-` and the hash of what is built. */
  readonly tag: string;
}

/** Image that the proxy runs from. */
export interface ProxyPlan {
  /** `repository@sha256:…`; undefined while the image is yet to be built and pushed. */
  readonly image: string | undefined;
  /** Build of the image; undefined if a record names a ready one, and where nothing is built. */
  readonly build: ProxyBuild | undefined;
  /** Sentences that the operator is shown. */
  readonly warnings: readonly string[];
}

/** Label in which the image names its content, as images/proxy/Dockerfile sets it. */
const contentLabel = "odoo-ship.content";
const directory = path.join("images", "proxy");
const basesSchema = z.strictObject({ builder: imageRecord, base: imageRecord });
/** Date of every file in the context: the image must not depend on when it is built. */
const date = "2026-01-01T00:00:00Z";

/**
 * Looks for the proxy's image: one that the record names, or the one that is built from images/proxy. Staging builds
 * it, and signs it where releases are signed. Where `image:digest` says what is deployed nothing is built, and the
 * image must be in the registry, as Odoo's must.
 * @returns undefined for a stack without a host and a cluster
 * @throws ShipError IMAGE_NOT_FOUND, PLATFORM_UNSUPPORTED, SETTINGS_INVALID
 */
export async function planProxy(
  root: string,
  settings: Settings,
  registryExists: boolean,
): Promise<ProxyPlan | undefined> {
  const { vps, doks, registry, image } = settings;
  if (vps.mode === "none" && doks.mode === "none") {
    return undefined;
  }
  const { proxy } = readImagesRecord(root, ...recordOf(settings));
  if ("reference" in proxy) {
    return { image: pinnedImage(proxy), build: undefined, warnings: [] };
  }
  const build = proxyBuild(root, image);
  const repository = imageRepository(registry);
  const client = registryExists ? new RegistryClient(repository, settings.registryAccess) : undefined;
  const { digest, refused } = await ownImage(root, client, settings.registryAccess, {
    tag: build.tag,
    label: contentLabel,
    content: build.args["CONTENT_HASH"] ?? "",
    signers: signersOf(root, settings),
    known: pushedImages,
  });
  if (image.digest === "" && digest === undefined) {
    refuseOtherPlatforms(root, image.platform, [`${directory}/Dockerfile`]);
    await refuseOtherEngine(root, image.platform);
  }
  if (image.digest !== "" && digest === undefined) {
    throw new ShipError({
      code: "IMAGE_NOT_FOUND",
      summary:
        refused === undefined ? "the proxy's image is not in the registry" : "the proxy's image is not staging's",
      found: refused ?? `${repository} has no tag ${build.tag}, which is made of images/proxy in this tree`,
      expected: "the image that staging has built from the same images/proxy",
      remedy:
        refused === undefined
          ? "run staging's update from this commit first; it builds and pushes the image"
          : "run staging's update from this commit, which signs it, or builds it anew; if it was no update of yours " +
            "that has pushed it, find out who has",
    });
  }
  return {
    image: digest === undefined ? undefined : `${repository}@${digest}`,
    build: image.digest === "" ? build : undefined,
    warnings: refused === undefined ? [] : [builtAnew(refused)],
  };
}

/** Reads the sources of the image, and writes its build context. */
export function proxyBuild(
  root: string,
  { platform, caFile }: Pick<Settings["image"], "platform" | "caFile">,
): ProxyBuild {
  const bases = readBases(root);
  const files = proxyFiles(root, caFile);
  const args = {
    BUILDER_IMAGE: pinnedImage(bases.builder),
    BASE_IMAGE: pinnedImage(bases.base),
  };
  // An extra certificate authority is for the build's network, and says nothing about the image.
  const hash = contentHash(
    files.filter(({ target }) => !target.startsWith("ca/")),
    { ...args, PLATFORM: platform },
  );
  return {
    context: writeContext(root, "proxy", files, date),
    args: { ...args, CONTENT_HASH: hash },
    platform,
    tag: `proxy-${hash.slice(0, 32)}`,
  };
}

/** Lists the Go sources and the Dockerfile, sorted by name, and the extra certificate authority. */
function proxyFiles(root: string, caFile: string): ContextFile[] {
  const names = fs
    .readdirSync(path.join(root, directory))
    .filter((name) => /^(Dockerfile|go\.(mod|sum)|[a-z_]+(?<!_test)\.go)$/.test(name));
  const files = names.sort().map((name) => [path.join(root, directory, name), name]);
  const ca = path.join(root, caFile);
  if (caFile !== "" && fs.statSync(ca).size > 0) {
    files.push([ca, "ca/extra.crt"]);
  }
  return files.map(([source = "", target = ""]) => ({
    source,
    target,
    executable: false,
    sha256: createHash("sha256").update(fs.readFileSync(source)).digest("hex"),
  }));
}

function readBases(root: string): z.output<typeof basesSchema> {
  const file = path.join(directory, "base-images.json");
  return readRecord(
    root,
    file,
    basesSchema,
    (found) =>
      new ShipError({
        code: "SETTINGS_INVALID",
        summary: `the record of what the proxy's image is built on, ${file}, cannot be used`,
        found,
        expected: "builder and base, each with reference, tag, digest and date",
        remedy: "correct the file: `git checkout` brings the committed one",
      }),
  );
}
