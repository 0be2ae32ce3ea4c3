import * as pulumi from "@pulumi/pulumi";

import type { PostgresInput } from "./objects/odoo-container";
import type { Settings } from "../../settings";

/** Arguments of PostgreSQL, wherever it runs. */
export interface OdooDatabaseArgs {
  readonly settings: Settings["doks"];
  readonly namespace: pulumi.Input<string>;
}

/**
 * PostgreSQL, and the passwords for it. What holds data is protected. One class for each way to have it: ClusterDatabase in the namespace,
 * ManagedDatabase at DigitalOcean. Both are the same type for the engine, so a stack's state does not tell them apart by name.
 */
export abstract class OdooDatabase extends pulumi.ComponentResource {
  /** Where it answers, and who logs in. */
  abstract readonly postgres: PostgresInput;
  /** Secret with the password of Odoo's own role. */
  abstract readonly userSecret: pulumi.Output<string>;
  /** Secret with the admin's password, which the Job of a release alone gets. */
  abstract readonly adminSecret: pulumi.Output<string>;
  /** ConfigMap with what Odoo needs to know for TLS; undefined where PostgreSQL brings its own certificate along. */
  abstract readonly config: pulumi.Output<string> | undefined;
  /** Where an operator finds why it does not answer. */
  abstract readonly story: string;

  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:doks:OdooDatabase", name, {}, opts);
  }
}
