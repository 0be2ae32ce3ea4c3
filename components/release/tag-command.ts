import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { Attempt } from "../shared/attempt";
import type { TagOrder } from "./tag-order";
import type { PlannedTags } from "./tags";

export interface TaggingArgs extends Pick<TagOrder, "stack" | "repository"> {
  readonly digest: pulumi.Input<string>;
  readonly tags: PlannedTags;
  /** Targets that do not run the digest: while there is one, no tag is set. */
  readonly elsewhere?: pulumi.Input<readonly string[]>;
  readonly attempt: Attempt;
}

/** Declares the program that sets tags of a digest. */
export function tagCommand(name: string, args: TaggingArgs, parent: pulumi.Resource): command.local.Command {
  const { attempt, tags: planned, ...order } = args;
  const { areSet, ...tags } = planned;
  const another = attempt(!areSet);
  return new command.local.Command(
    name,
    {
      create: "node --import tsx ops/release-tags.ts",
      environment: { RELEASE: pulumi.jsonStringify({ ...order, ...tags }) },
      triggers: [args.digest, JSON.stringify(tags), another ?? 0],
    },
    // A tag that was moved by hand makes the attempt a change.
    { parent, ignoreChanges: another === undefined ? ["triggers[2]"] : [] },
  );
}
