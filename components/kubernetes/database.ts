import * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../../settings";
import { type PostgresInput, secretKeys } from "./objects/odoo-container";
import { password, secretOf } from "./secret";

/** Arguments of PostgreSQL, wherever it runs. */
export interface OdooDatabaseArgs {
  readonly settings: Settings["doks"];
  readonly namespace: pulumi.Input<string>;
}

/**
 * PostgreSQL and its passwords. What holds data is protected.
 *
 * Each way to have it is a class: ClusterDatabase in the namespace, ManagedDatabase at DigitalOcean. Both have one type
 * token, so a stack's state does not tell them apart by name.
 */
export abstract class OdooDatabase extends pulumi.ComponentResource {
  /** Address of the server, and its roles. */
  abstract readonly postgres: PostgresInput;
  /** Secret with the password of Odoo's own role. */
  abstract readonly userSecret: pulumi.Output<string>;
  /** Secret with the admin's password, which the Job of a release alone gets. */
  abstract readonly adminSecret: pulumi.Output<string>;
  /** ConfigMap that Odoo needs for TLS; undefined where PostgreSQL makes its own certificate. */
  abstract readonly config: pulumi.Output<string> | undefined;
  /** Place where an operator finds why it does not answer. */
  abstract readonly story: string;

  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:doks:OdooDatabase", name, {}, opts);
  }

  /** Makes the Secret with a password of Odoo's own role, and answers its name. */
  protected makeUserSecret(name: string, { settings, namespace }: OdooDatabaseArgs): pulumi.Output<string> {
    const made = password(`${name}-user-password`, { parent: this, protect: !settings.allowDestroy });
    return secretOf(`${name}-user`, { namespace, files: { [secretKeys.database]: made } }, { parent: this }).metadata
      .name;
  }
}
