import { createHash } from "node:crypto";

import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { HostRequest } from "./request";
import type { Secret } from "../shared/secret";
import { type NamedSecrets, withReferences } from "../shared/secret-desk";

export interface VpsDeploymentArgs {
  readonly connection: {
    readonly host: pulumi.Input<string>;
    readonly port: number;
    readonly user: string;
    /** The pinned key. */
    readonly hostKey: pulumi.Input<string>;
    readonly privateKey: Secret;
  };
  /** Request to the host; it has secrets. */
  readonly request: pulumi.Output<HostRequest>;
  /**
   * Secrets of connection and request that are fetched from the stack's desk, so that the state has no copy of them.
   */
  readonly secrets: NamedSecrets;
  /** `project/stack`, whose desk it is. */
  readonly stack: string;
  /** Names the worker's files, which are sent along. */
  readonly worker: string;
  /** Whether this update may have made the host, so that it is waited for while it boots. */
  readonly fresh: boolean;
  /** Seconds since 1970 if the host does not run what was deployed last; undefined if it does. */
  readonly attempt: number | undefined;
}

/** Output of ops/vps-deploy.ts. */
interface Outcome {
  readonly url: string;
  readonly digest?: string;
  readonly since?: string;
  readonly warnings: readonly string[];
}

/**
 * A release on a host, by its worker.
 *
 * All that matters is handed over by standard input, since there are secrets in it; those of the stack are references,
 * because the state keeps the input. The environment has what a preview may show. A change updates in place: the worker
 * finds out what it means for the host.
 *
 * Renewed pull credentials change the input. So once a month an update hands them to the host, which needs valid ones
 * when an operator deploys by hand. They are no part of the request's id: the worker keeps them, and answers that it
 * runs this request already. Nothing restarts.
 */
export class VpsDeployment extends pulumi.ComponentResource {
  /** Address where users find Odoo, known once the release serves. */
  readonly url: pulumi.Output<string>;
  /** Digest that the host runs. */
  readonly digest: pulumi.Output<string>;
  /** Since when; empty if the host did not tell. */
  readonly since: pulumi.Output<string>;
  readonly warnings: pulumi.Output<readonly string[]>;

  constructor(name: string, args: VpsDeploymentArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:vps:VpsDeployment", name, {}, opts);
    const { connection, fresh, attempt } = args;
    const shown = pulumi.unsecret(args.request.apply(({ id, image, files }) => ({ id, image, files: hashes(files) })));
    const script = "node --import tsx ops/vps-deploy.ts";
    const release = new command.local.Command(
      `${name}-release`,
      {
        create: fresh ? `${script} --fresh` : script,
        update: script,
        stdin: pulumi.secret(
          pulumi.all([connection.host, connection.hostKey, args.request]).apply(([host, hostKey, request]) =>
            JSON.stringify({
              stack: args.stack,
              ...(withReferences(
                { connection: { ...connection, host, hostKey, privateKey: connection.privateKey.reveal() }, request },
                args.secrets,
              ) as object),
            }),
          ),
        ),
        environment: {
          IMAGE: shown.image,
          REQUEST: shown.id,
          FILES: shown.files,
          WORKER: args.worker,
          ATTEMPT: String(attempt ?? 0),
        },
        logging: command.local.Logging.Stderr,
      },
      // If the host does not run what it should, the attempt is a change. Else it stays as it was.
      { parent: this, ignoreChanges: attempt === undefined ? ["environment.ATTEMPT"] : [] },
    );
    // Its input makes everything of the command secret; what it prints is not.
    const outcome = pulumi.unsecret(release.stdout).apply((text) => JSON.parse(text) as Outcome);
    this.url = outcome.url;
    this.digest = outcome.apply(({ digest = "" }) => digest);
    this.since = outcome.apply(({ since = "" }) => since);
    this.warnings = outcome.warnings;
    this.registerOutputs({ url: this.url, digest: this.digest, warnings: this.warnings });
  }
}

/** Renders one line `<12 digits> <file>` for each file, so that a preview shows which change. */
function hashes(files: Readonly<Record<string, string>>): string {
  return Object.entries(files)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, text]) => `${createHash("sha256").update(text).digest("hex").slice(0, 12)} ${file}`)
    .join("\n");
}
