import type * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../../settings";
import type { ImageRegistry } from "../registry/image-registry";
import type { Attempt } from "../shared/attempt";
import type { NamedSecrets } from "../shared/secret-desk";
import type { Proof } from "../signature/proof";

/** Facts about an update that are known before anything is declared. */
export interface Update {
  /** The project's folder. */
  readonly root: string;
  readonly settings: Settings;
  /** Digest of the image, `sha256:…`, if it is in the registry already. */
  readonly digest: string | undefined;
  /** Port at which the image's guard answers probes; undefined in an image from before it did. */
  readonly probePort: number | undefined;
  /** The proxy's image, `repository@sha256:…`, if it is. */
  readonly proxy: string | undefined;
}

/** Facts about the release that targets deploy. */
export interface Release {
  /** `project/stack` */
  readonly stack: string;
  /** `sha256:…`, known once it is released, so nothing is deployed before. */
  readonly digest: pulumi.Output<string>;
  /** What the target verifies the image by before it runs it; undefined where releases are not signed. */
  readonly proof?: pulumi.Output<Proof> | undefined;
  /** The proxy's image, `repository@sha256:…`. */
  readonly proxy: pulumi.Input<string>;
  readonly registry: ImageRegistry;
  /** Seconds since 1970 where another try is needed, else undefined (components/shared/attempt.ts). */
  readonly attempt: Attempt;
}

/** Place where Odoo runs. Each is a folder beside this one, with a `target.ts`; index.ts lists them. */
export interface Target {
  /**
   * Reads, decides, and refuses what can be refused. It declares and changes nothing, in previews too.
   * @returns undefined if the stack has no such target
   * @throws ShipError
   */
  plan(update: Update): Promise<PlannedTarget | undefined>;
}

/** A target that the stack has, and what its plan has decided. */
export interface PlannedTarget {
  /** Sentences that the operator is shown. */
  readonly warnings: readonly string[];
  /** Secrets that programs of the deployment fetch from the stack's desk. */
  readonly secrets: NamedSecrets;
  /** Declares what runs the release. */
  deploy(release: Release): Promise<Deployed>;
}

/** Facts about a target that was deployed to. */
export interface Deployed {
  /** Short name of the target, for messages. */
  readonly name: string;
  /** Digest that the target runs, `sha256:…`, known once its deployment has succeeded. */
  readonly digest: pulumi.Output<string>;
  /** When it began to, as the deployment has told it, RFC 3339; empty if it did not tell. */
  readonly since: pulumi.Output<string>;
  /** Outputs of the stack, by name. */
  readonly outputs: Readonly<Record<string, pulumi.Output<unknown>>>;
}
