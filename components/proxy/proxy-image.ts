import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";

import type { ProxyPlan } from "./plan";
import type { PushPlace } from "../image/odoo-image";
import type { RegistryLogin } from "../registry/image-registry";
import { pinnedImage } from "../registry/image-record";
import { pushedDigest } from "../registry/reference";

export interface ProxyImageArgs {
  readonly build: NonNullable<ProxyPlan["build"]>;
  /** `repository@sha256:…` if the registry has this content already; undefined if it is yet to be pushed. */
  readonly image: ProxyPlan["image"];
  /** `host/namespace/name` to push to. */
  readonly repository: string;
  /** The registry's host. */
  readonly server: string;
  readonly login: RegistryLogin;
  /** Seconds since 1970, for a content that the registry does not have. */
  readonly attempt: number | undefined;
}

/**
 * Returns the proxy's image as `repository@sha256:…`: the one that an update builds, or a ready one; empty for a stack
 * that runs no proxy.
 */
export function proxyImage(name: string, plan: ProxyPlan | undefined, place: PushPlace): pulumi.Input<string> {
  if (plan?.build === undefined) {
    return plan?.image ?? "";
  }
  const { repository, server, registry, attempt } = place;
  const { build, image } = plan;
  const args = { build, image, repository, server, login: registry.push, attempt: attempt(image === undefined) };
  return new ProxyImage(name, args, { dependsOn: registry }).image;
}

/** The proxy's image, built from images/proxy and pushed once, under a tag that says what it is made of. */
export class ProxyImage extends pulumi.ComponentResource {
  /** `repository@sha256:…` */
  readonly image: pulumi.Output<string>;

  constructor(name: string, args: ProxyImageArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:image:ProxyImage", name, {}, opts);
    const { build, repository } = args;
    // As with Odoo's image (components/image/odoo-image.ts): if the image is gone from the registry, the attempt makes
    // that a change.
    const built = new docker.Image(
      `${name}-build`,
      {
        imageName: `${repository}:${build.tag}`,
        registry: { server: args.server, username: args.login.username, password: args.login.password },
        buildOnPreview: false,
        skipPush: args.image !== undefined,
        build: {
          context: build.context,
          dockerfile: `${build.context}/Dockerfile`,
          platform: build.platform,
          builderVersion: docker.BuilderVersion.BuilderBuildKit,
          args: { ...build.args, ATTEMPT: String(args.attempt ?? 0) },
        },
      },
      { parent: this, ignoreChanges: args.image === undefined ? [] : ["build.args.ATTEMPT", "skipPush"] },
    );
    this.image =
      args.image === undefined
        ? built.repoDigest.apply((pushed) => pinnedImage({ reference: repository, digest: pushedDigest(pushed) }))
        : pulumi.output(args.image);
    this.registerOutputs({ image: this.image });
  }
}
