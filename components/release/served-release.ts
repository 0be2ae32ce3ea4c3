import * as pulumi from "@pulumi/pulumi";

import type { Deployed } from "../odoo/target";
import type { ReleasePlan } from "./plan";
import { recordsOf, type ReleaseRecord, type Run } from "./records";
import { isReleaseTag } from "./released";
import { tagCommand, type TaggingArgs } from "./tag-command";
import { servedTag } from "./tags";

export interface ServedReleaseArgs extends Omit<TaggingArgs, "elsewhere" | "tags"> {
  readonly running: readonly Pick<Deployed, "name" | "digest" | "since">[];
  readonly plan: Pick<ReleasePlan, "tags" | "commit">;
}

/**
 * What serves, by tags such as `latest` and `stable`. They move after the deployments: a failed one leaves them where
 * they are, and so does a target that an update leaves out (`--exclude`). A gate that looks at what was deployed goes
 * between the targets and this.
 */
export class ServedRelease extends pulumi.ComponentResource {
  /** The release, and others that targets run: what the stack's output `releases` has. */
  readonly releases: pulumi.Output<readonly ReleaseRecord[]>;

  constructor(name: string, args: ServedReleaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:release:ServedRelease", name, {}, opts);
    const { running, plan, ...tagging } = args;
    const { commit, tags } = plan;
    const runs = pulumi.all(
      running.map(({ name, digest, since }): pulumi.Output<Run> =>
        pulumi.all([digest, since]).apply(([digest, since]) => ({ name, digest, since })),
      ),
    );
    const elsewhere = pulumi
      .all([args.digest, runs])
      .apply(([digest, found]) => found.filter((one) => one.digest !== digest).map((one) => one.name));
    const { stdout } = tagCommand(`${name}-tags`, { ...tagging, tags: tags.served, elsewhere }, this);
    this.releases = pulumi
      .all([args.digest, runs, elsewhere, pulumi.unsecret(stdout)])
      .apply(([digest, found, left]) => {
        const served = left.length === 0 ? tags.served.moving.filter((tag) => !tag.startsWith(servedTag(""))) : [];
        return recordsOf({ digest, commit, tags: [...tags.built.fixed.filter(isReleaseTag), ...served] }, found);
      });
    this.registerOutputs({ releases: this.releases });
  }
}
