import * as digitalocean from "@pulumi/digitalocean";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../settings";
import { password, secretOf } from "./kubernetes-secret";
import { names, postgresPort } from "./kubernetes/names";
import { keepsClass, volumeClaim, within } from "./kubernetes/namespace";
import { databaseConfig, type PostgresInput, secretKeys } from "./kubernetes/odoo-pods";
import { postgresService, postgresStatefulSet } from "./kubernetes/postgres";
import type { ClusterSize } from "./kubernetes/size";

export interface OdooDatabaseArgs {
  readonly settings: Settings["doks"];
  readonly size: ClusterSize;
  /** `repository@sha256:…` */
  readonly image: string;
  readonly namespace: pulumi.Input<string>;
  /** The DigitalOcean cluster that a managed database lets in, and where it is; undefined for any other cluster. */
  readonly cluster: { readonly id: pulumi.Input<string>; readonly region: string; readonly vpc: pulumi.Input<string> } | undefined;
}

/** Port of DigitalOcean's databases; the one of its connection pools is no use to Odoo, which holds locks and listens. */
export const managedPort = 25060;

/** PostgreSQL, in the namespace or DigitalOcean's, and the passwords for it. What holds data is protected. */
export class OdooDatabase extends pulumi.ComponentResource {
  readonly postgres: PostgresInput;
  /** Secret with the password of Odoo's own role. */
  readonly userSecret: pulumi.Output<string>;
  /** Secret with the admin's, which the Job of a release alone gets. */
  readonly adminSecret: pulumi.Output<string>;
  /** ConfigMap with what Odoo needs to know for TLS; undefined inside of the namespace. */
  readonly config: pulumi.Output<string> | undefined;
  /** Where an operator finds why it does not answer. */
  readonly story: string;

  constructor(name: string, args: OdooDatabaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:doks:OdooDatabase", name, {}, opts);
    const { namespace } = args;
    const { postgres, user, admin, certificate } = args.size.db === undefined ? this.#managed(name, args) : this.#inside(name, args);
    const child = { parent: this };
    this.postgres = postgres;
    this.userSecret = secretOf(`${name}-user`, { namespace, files: { [secretKeys.database]: user } }, child).metadata.name;
    this.adminSecret = admin;
    this.config =
      certificate &&
      new kubernetes.core.v1.ConfigMap(`${name}-config`, { metadata: { namespace }, data: databaseConfig(certificate) }, child).metadata
        .name;
    this.story =
      args.size.db === undefined
        ? "the database's page in the DigitalOcean control panel"
        : `kubectl -n ${args.settings.namespace} logs statefulset/${names.database}`;
    this.registerOutputs({ host: postgres.host, port: postgres.port });
  }

  #inside(name: string, { settings, size, image, namespace }: OdooDatabaseArgs): Made {
    const child = { parent: this };
    const kept = { parent: this, protect: !settings.allowDestroy };
    const admin = secretOf(`${name}-admin`, { namespace, files: { [secretKeys.admin]: password(`${name}-admin-password`, kept) } }, child)
      .metadata.name;
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
    if (size.db === undefined) {
      throw new Error("PostgreSQL in the cluster has no size");
    }
    const set = postgresStatefulSet({ image, size: size.db, secret: admin });
    const service = postgresService();
    new kubernetes.core.v1.Service(`${name}-service`, { ...service, metadata: within(namespace, service.metadata) }, kept);
    new kubernetes.apps.v1.StatefulSet(
      `${name}-postgres`,
      { ...set, metadata: within(namespace, set.metadata) },
      { ...kept, dependsOn: volume },
    );
    return {
      postgres: { host: names.database, port: postgresPort, admin: "postgres", user: "odoo", sslmode: "require", managed: false },
      user: password(`${name}-user-password`, kept),
      admin,
      certificate: undefined,
    };
  }

  /**
   * DigitalOcean's API makes databases that belong to its admin, and knows no owner: the release makes Odoo's own, as it does on every host. What
   * Odoo needs beside it is one called `postgres`, where it asks its maintenance questions, and where the guards hold their locks. Odoo's role is the
   * release's to make, too: from PostgreSQL 16 on the admin cannot give a database to one that the API has made.
   */
  #managed(name: string, { settings, namespace, cluster }: OdooDatabaseArgs): Made {
    if (cluster === undefined) {
      throw new Error("a managed database is for a cluster of DigitalOcean");
    }
    const child = { parent: this };
    const kept = { parent: this, protect: !settings.allowDestroy };
    const server = new digitalocean.DatabaseCluster(
      `${name}-server`,
      {
        name: `${settings.name}-db`,
        engine: "pg",
        version: settings.databaseVersion,
        size: settings.databaseSize,
        region: cluster.region,
        nodeCount: settings.databaseNodes,
        privateNetworkUuid: cluster.vpc,
        ...(settings.databaseStorageGiB === 0 ? {} : { storageSizeMib: String(settings.databaseStorageGiB * 1024) }),
        maintenanceWindows: [
          { day: settings.maintenanceDay === "any" ? "sunday" : settings.maintenanceDay, hour: settings.maintenanceHour },
        ],
        tags: ["odoo"],
      },
      kept,
    );
    const clusterId = server.id;
    const maintenance = new digitalocean.DatabaseDb(`${name}-maintenance`, { clusterId, name: "postgres" }, kept);
    const firewall = new digitalocean.DatabaseFirewall(`${name}-trusted`, { clusterId, rules: [{ type: "k8s", value: cluster.id }] }, kept);
    const admin = secretOf(
      `${name}-admin`,
      { namespace, files: { [secretKeys.admin]: server.password } },
      { ...child, dependsOn: [maintenance, firewall] },
    );
    return {
      postgres: { host: server.privateHost, port: server.port, admin: server.user, user: "odoo", sslmode: "verify-full", managed: true },
      user: password(`${name}-user-password`, kept),
      admin: admin.metadata.name,
      certificate: digitalocean.getDatabaseCaOutput({ clusterId }, { parent: this }).certificate,
    };
  }
}

interface Made {
  readonly postgres: PostgresInput;
  /** Password of Odoo's own role. */
  readonly user: pulumi.Output<string>;
  /** Secret with the admin's. */
  readonly admin: pulumi.Output<string>;
  /** Authority of its certificate, PEM. */
  readonly certificate: pulumi.Output<string> | undefined;
}
