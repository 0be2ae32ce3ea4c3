import * as digitalocean from "@pulumi/digitalocean";
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

import { databaseConfig, type PostgresInput, secretKeys } from "./objects/odoo-container";
import { OdooDatabase, type OdooDatabaseArgs } from "./database";
import { secretOf } from "./secret";

export interface ManagedDatabaseArgs extends OdooDatabaseArgs {
  /** The DigitalOcean cluster that may connect, and its region and network. */
  readonly cluster: { readonly id: pulumi.Input<string>; readonly region: string; readonly vpc: pulumi.Input<string> };
}

/**
 * Port of DigitalOcean's databases. Odoo cannot use the port of their connection pools, since it holds session locks
 * and listens for notifications.
 */
export const managedPort = 25060;

/**
 * PostgreSQL at DigitalOcean.
 *
 * Its API makes databases that belong to its admin, and knows no owner. So the release makes Odoo's database, as on
 * every host, and Odoo's role: from PostgreSQL 16 on the admin cannot give a database to a role that the API has made.
 *
 * Odoo needs a database called `postgres` beside its own, for maintenance queries and for the guards' locks.
 */
export class ManagedDatabase extends OdooDatabase {
  readonly postgres: PostgresInput;
  readonly userSecret: pulumi.Output<string>;
  readonly adminSecret: pulumi.Output<string>;
  readonly config: pulumi.Output<string>;
  readonly story = "the database's page in the DigitalOcean control panel";

  constructor(name: string, args: ManagedDatabaseArgs, opts?: pulumi.ComponentResourceOptions) {
    super(name, opts);
    const { settings, namespace, cluster } = args;
    const child = { parent: this };
    const kept = { parent: this, protect: !settings.allowDestroy };
    const server = this.#server(name, args);
    const clusterId = server.id;
    const maintenance = new digitalocean.DatabaseDb(`${name}-maintenance`, { clusterId, name: "postgres" }, kept);
    const rules = [{ type: "k8s", value: cluster.id }];
    const firewall = new digitalocean.DatabaseFirewall(`${name}-trusted`, { clusterId, rules }, kept);
    this.adminSecret = secretOf(
      `${name}-admin`,
      { namespace, files: { [secretKeys.admin]: server.password } },
      { ...child, dependsOn: [maintenance, firewall] },
    ).metadata.name;
    this.postgres = {
      host: server.privateHost,
      port: server.port,
      admin: server.user,
      user: "odoo",
      sslmode: "verify-full",
      managed: true,
    };
    this.userSecret = this.makeUserSecret(name, { settings, namespace });
    const authority = digitalocean.getDatabaseCaOutput({ clusterId }, { parent: this }).certificate;
    const data = databaseConfig(authority);
    this.config = new kubernetes.core.v1.ConfigMap(
      `${name}-config`,
      { metadata: { namespace }, data },
      child,
    ).metadata.name;
    this.registerOutputs({ host: server.privateHost, port: server.port });
  }

  #server(name: string, { settings, cluster }: ManagedDatabaseArgs): digitalocean.DatabaseCluster {
    return new digitalocean.DatabaseCluster(
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
          {
            day: settings.maintenanceDay === "any" ? "sunday" : settings.maintenanceDay,
            hour: settings.maintenanceHour,
          },
        ],
        tags: ["odoo"],
      },
      { parent: this, protect: !settings.allowDestroy },
    );
  }
}
