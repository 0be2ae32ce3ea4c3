import * as pulumi from "@pulumi/pulumi";

import { tagCommand, type TaggingArgs } from "./tag-command";

/**
 * The release of a digest: from here on it may be deployed. Its tags say what it was built from. A gate that needs no
 * deployment goes between the image and this.
 */
export class ImageRelease extends pulumi.ComponentResource {
  /** The released digest, known once its tags are set. */
  readonly digest: pulumi.Output<string>;
  /** `repository@sha256:…`: what every host runs. */
  readonly reference: pulumi.Output<string>;

  constructor(name: string, args: TaggingArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:release:ImageRelease", name, {}, opts);
    const { stdout } = tagCommand(`${name}-tags`, args, this);
    this.digest = pulumi.all([args.digest, pulumi.unsecret(stdout)]).apply(([digest]) => digest);
    this.reference = pulumi.interpolate`${args.repository}@${this.digest}`;
    this.registerOutputs({ digest: this.digest, reference: this.reference });
  }
}
