import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";

import type { BuildPlan } from "./build-plan";
import type { RegistryLogin } from "./registry";
import { candidateTag } from "./tags";

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

/** The Odoo image, built from the plan's context and pushed once, as the unreleased `candidate-<content hash>`. */
export class OdooImage extends pulumi.ComponentResource {
  /** `sha256:…` of the image in the registry. */
  readonly digest: pulumi.Output<string>;

  constructor(name: string, args: OdooImageArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:image:OdooImage", name, {}, opts);
    const { build, digest } = args;

    // docker.Image compares its inputs with the state and never asks the registry. ATTEMPT, which the Dockerfile does not declare,
    // makes an image that is gone from the registry a change; for one that is there it stays as it was.
    const image = new docker.Image(
      `${name}-build`,
      {
        imageName: `${args.repository}:${candidateTag(build.contentHash)}`,
        registry: { server: args.server, username: args.login.username, password: args.login.password },
        buildOnPreview: false,
        // Only for a stack that has no state of an image that is there: it is built, and nothing in the registry moves.
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
    // What the registry already has for this content wins: same inputs, same digest, also after a lost state and a rebuild.
    this.digest = digest === undefined ? image.repoDigest.apply(digestOf) : pulumi.output(digest);
    this.registerOutputs({ digest: this.digest });
  }
}

function digestOf(repoDigest: string): string {
  const [, digest] = repoDigest.split("@");
  if (digest === undefined) {
    throw new Error(`docker.Image answered ${repoDigest}, not repository@sha256:…`);
  }
  return digest;
}
