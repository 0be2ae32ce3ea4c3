import * as pulumi from "@pulumi/pulumi";

import type { Deployed } from "../odoo/target";
import { tagCommand, type TaggingArgs } from "./tag-command";

export interface ServedReleaseArgs extends Omit<TaggingArgs, "elsewhere"> {
  readonly running: readonly Pick<Deployed, "name" | "digest">[];
}

/**
 * What serves, by tags such as `latest` and `stable`. They move after the deployments: a failed one leaves them where
 * they are, and so does a target that an update leaves out (`--exclude`). A gate that looks at what was deployed goes
 * between the targets and this.
 */
export class ServedRelease extends pulumi.ComponentResource {
  constructor(name: string, args: ServedReleaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:release:ServedRelease", name, {}, opts);
    const { running, ...tagging } = args;
    const elsewhere = pulumi
      .all([args.digest, pulumi.all(running.map((target) => target.digest))])
      .apply(([digest, found]) => running.filter((_, at) => found[at] !== digest).map(({ name }) => name));
    tagCommand(`${name}-tags`, { ...tagging, elsewhere }, this);
    this.registerOutputs();
  }
}
