import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

import { secretKeys } from "./objects/odoo-container";
import { OdooDatabase, type OdooDatabaseArgs } from "./database";
import { names, postgresPort } from "./objects/names";
import { keepsClass, volumeClaim, within } from "./objects/namespace";
import { postgresService, postgresStatefulSet } from "./objects/postgres";
import { postgresFitsJob } from "./objects/postgres-fits";
import type { PostgresSize } from "./objects/sizes";
import { password, secretOf } from "./secret";

export interface ClusterDatabaseArgs extends OdooDatabaseArgs {
  readonly size: PostgresSize;
  /** `repository@sha256:…` */
  readonly image: string;
}

/** PostgreSQL in the namespace, on a volume of its own. */
export class ClusterDatabase extends OdooDatabase {
  readonly postgres = {
    host: names.database,
    port: postgresPort,
    admin: "postgres",
    user: "odoo",
    sslmode: "require",
    managed: false,
  } as const;
  readonly userSecret: pulumi.Output<string>;
  readonly adminSecret: pulumi.Output<string>;
  readonly config = undefined;
  readonly story: string;

  constructor(
    name: string,
    { settings, size, image, namespace }: ClusterDatabaseArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super(name, opts);
    const child = { parent: this };
    const kept = { parent: this, protect: !settings.allowDestroy };
    const adminPassword = password(`${name}-admin-password`, kept);
    this.adminSecret = secretOf(
      `${name}-admin`,
      { namespace, files: { [secretKeys.admin]: adminPassword } },
      child,
    ).metadata.name;
    const claim = volumeClaim(names.database, {
      gibibytes: settings.databaseGiB,
      storageClass: settings.blockStorageClass,
      access: "ReadWriteOnce",
    });
    const volume = new kubernetes.core.v1.PersistentVolumeClaim(
      `${name}-volume`,
      { ...claim, metadata: within(namespace, claim.metadata) },
      { ...kept, ...keepsClass },
    );
    const set = postgresStatefulSet({ image, size, secret: this.adminSecret });
    const service = postgresService();
    new kubernetes.core.v1.Service(
      `${name}-service`,
      { ...service, metadata: within(namespace, service.metadata) },
      kept,
    );
    const fits = postgresFitsJob({ image, secret: this.adminSecret });
    const fitting = new kubernetes.batch.v1.Job(
      `${name}-fits`,
      { ...fits, metadata: within(namespace, fits.metadata) },
      // The earlier image may be set again after one that did not fit, and its Job has the same name.
      { ...child, deleteBeforeReplace: true },
    );
    new kubernetes.apps.v1.StatefulSet(
      `${name}-postgres`,
      { ...set, metadata: within(namespace, set.metadata) },
      { ...kept, dependsOn: [volume, fitting] },
    );
    this.userSecret = this.makeUserSecret(name, { settings, namespace });
    this.story = `kubectl -n ${settings.namespace} logs statefulset/${names.database}`;
    this.registerOutputs({ host: this.postgres.host, port: this.postgres.port });
  }
}
