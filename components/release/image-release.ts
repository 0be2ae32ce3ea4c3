import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../../settings";
import type { RegistryLogin } from "../registry/image-registry";
import type { ReleaseTags } from "./tags";

export interface ImageReleaseArgs {
  readonly repository: string;
  readonly digest: pulumi.Input<string>;
  readonly tags: ReleaseTags;
  readonly login: RegistryLogin;
  readonly registry: Pick<Settings["registry"], "kind" | "tokenHost">;
  /** Seconds since 1970 if a tag is not as it should be; undefined if all are. */
  readonly attempt: number | undefined;
}

/** The release of a digest: its tags in the registry. A gate goes between the image and this. */
export class ImageRelease extends pulumi.ComponentResource {
  /** The released digest, known once its tags are set. */
  readonly digest: pulumi.Output<string>;
  /** `repository@sha256:…`: what every host runs. */
  readonly reference: pulumi.Output<string>;

  constructor(name: string, args: ImageReleaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:release:ImageRelease", name, {}, opts);
    const tags = new command.local.Command(
      `${name}-tags`,
      {
        create: "node --import tsx ops/release-tags.ts",
        environment: {
          RELEASE: pulumi.jsonStringify({ repository: args.repository, digest: args.digest, ...args.tags }),
          REGISTRY: JSON.stringify({ kind: args.registry.kind, tokenHost: args.registry.tokenHost }),
          REGISTRY_USERNAME: args.login.username,
          REGISTRY_PASSWORD: args.login.password,
        },
        triggers: [args.digest, JSON.stringify(args.tags), args.attempt ?? 0],
      },
      {
        parent: this,
        // A tag that was moved by hand makes the attempt a change. New credentials alone are no change, nor is the rest
        // of the login: such a run would log in with credentials that have ended.
        ignoreChanges:
          args.attempt === undefined
            ? ["triggers[2]", ...["", "_USERNAME", "_PASSWORD"].map((part) => `environment.REGISTRY${part}`)]
            : [],
      },
    );
    // Credentials in its environment make everything of the command secret; what it released is not.
    this.digest = pulumi.unsecret(pulumi.all([args.digest, tags.stdout]).apply(([digest]) => digest));
    this.reference = pulumi.interpolate`${args.repository}@${this.digest}`;
    this.registerOutputs({ digest: this.digest, reference: this.reference });
  }
}
