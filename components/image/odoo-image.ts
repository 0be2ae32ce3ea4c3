import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";

import { candidateTag } from "./candidate-tag";
import type { BuildPlan } from "./plan";
import type { ImageRegistry, RegistryLogin } from "../registry/image-registry";
import { pushedDigest } from "../registry/reference";
import type { Attempt } from "../shared/attempt";

export interface OdooImageArgs {
  readonly build: BuildPlan;
  /** `host/namespace/name` to push to. */
  readonly repository: string;
  /** The registry's host. */
  readonly server: string;
  readonly login: RegistryLogin;
  /** Digest of this content if the registry has it; undefined if it is yet to be pushed. */
  readonly digest: string | undefined;
  /** Seconds since 1970, for a content that the registry does not have. */
  readonly attempt: number | undefined;
}

/** The part of the release plan that concerns the image. */
export interface ImagePlan {
  /** Build of this tree; undefined when nothing is built. */
  readonly build: BuildPlan | undefined;
  /** Digest in the registry; undefined when the image is yet to be built and pushed. */
  readonly digest: string | undefined;
}

/** Place to which an update pushes what it builds. */
export interface PushPlace {
  /** `host/namespace/name` */
  readonly repository: string;
  /** The registry's host. */
  readonly server: string;
  readonly registry: ImageRegistry;
  /** Seconds since 1970 where another try is needed, else undefined. */
  readonly attempt: Attempt;
}

/** Place, and what is to be done before anything is built. */
export interface GuardedPush extends PushPlace {
  readonly after: readonly pulumi.Resource[];
}

/** Digest that an update releases: of the image that it builds, or the one that `image:digest` names. */
export function odooImage(name: string, { build, digest }: ImagePlan, place: GuardedPush): pulumi.Output<string> {
  if (build === undefined) {
    return pulumi.output(digest ?? "");
  }
  const { repository, server, registry, attempt, after } = place;
  const args = { build, repository, server, login: registry.push, digest, attempt: attempt(digest === undefined) };
  return new OdooImage(name, args, { dependsOn: [registry, ...after] }).digest;
}

/** The Odoo image, built from the plan's context and pushed once, as the unreleased `candidate-<content hash>`. */
export class OdooImage extends pulumi.ComponentResource {
  /** `sha256:…` of the image in the registry. */
  readonly digest: pulumi.Output<string>;

  constructor(name: string, args: OdooImageArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:image:OdooImage", name, {}, opts);
    const { build, digest } = args;

    // docker.Image compares its inputs with the state and never asks the registry. If the image is gone from the
    // registry, ATTEMPT makes that a change; the Dockerfile does not declare it. If the image is there, ATTEMPT stays
    // as it was.
    const image = new docker.Image(
      `${name}-build`,
      {
        imageName: `${args.repository}:${candidateTag(build.contentHash)}`,
        registry: { server: args.server, username: args.login.username, password: args.login.password },
        buildOnPreview: false,
        // This matters only if the stack lost its state and the image is there: the image is built, and nothing in the
        // registry moves.
        skipPush: digest !== undefined,
        build: {
          context: build.context,
          dockerfile: `${build.context}/Dockerfile`,
          target: "runtime",
          platform: build.platform,
          builderVersion: docker.BuilderVersion.BuilderBuildKit,
          args: { ...build.args, ATTEMPT: String(args.attempt ?? 0) },
        },
      },
      { parent: this, ignoreChanges: digest === undefined ? [] : ["build.args.ATTEMPT", "skipPush"] },
    );
    // The registry's digest for this content wins: same inputs, same digest, also after a lost state and a rebuild.
    this.digest = digest === undefined ? image.repoDigest.apply(pushedDigest) : pulumi.output(digest);
    this.registerOutputs({ digest: this.digest });
  }
}
