import type { input as k8s } from "@pulumi/kubernetes/types";
import type * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../../../settings";
import { odooEnvironment } from "../../odoo/environment";
import { temporaryMiB } from "../../odoo/sizing";
import type { ClusterSize, OdooPodSize } from "./sizes";
import { names } from "./names";
import { mountsOf, scratch, type SecretFile, secretFiles } from "./pods";
import { channelBinding, type Postgres } from "./postgres-access";

/** Arguments of Odoo's pods. */
export interface OdooPodsArgs {
  /** `repository@sha256:…` */
  readonly image: pulumi.Input<string>;
  /** `sha256:…` */
  readonly digest: pulumi.Input<string>;
  /** Names the release in labels: at most 63 characters. */
  readonly version: pulumi.Input<string>;
  readonly odoo: Settings["odoo"];
  readonly postgres: PostgresInput;
  readonly size: ClusterSize;
  readonly replicas: number;
  /** 0: the number of pods stays as it is. */
  readonly replicasMax: number;
  /** Percent of the requested processors. */
  readonly replicasCpu: number;
  /** Largest request that the edge accepts. */
  readonly bodyMegabytes: number;
  readonly filestoreAccess: "ReadWriteOnce" | "ReadWriteMany";
  readonly readySeconds: number;
  readonly secrets: OdooSecretNames;
  /** ConfigMap with odoo.conf and the authority of a managed PostgreSQL; undefined inside of the namespace. */
  readonly databaseConfig: pulumi.Input<string> | undefined;
}

export type PostgresInput = { readonly [K in keyof Postgres]: pulumi.Input<Postgres[K]> };

/** Names of the Secrets that Odoo's pods read. */
export interface OdooSecretNames {
  readonly database: pulumi.Input<string>;
  readonly master: pulumi.Input<string>;
}

/** Files in containers. */
export const paths = {
  filestore: "/var/lib/odoo",
  /** The whole volume, in the Job of a release only. */
  data: "/data",
  /** The part of the volume that Odoo has. */
  filestorePart: "odoo",
  secrets: "/run/secrets",
  databaseConfig: "/etc/odoo",
  databaseCa: "/etc/odoo/database-ca.pem",
} as const;

export const secretKeys = {
  database: "odoo-db-password",
  master: "odoo-master-password",
  admin: "postgres-password",
  firstLogin: "first-password",
} as const;

/** Variables of Odoo in a pod of this size. */
export function podEnvironment(
  args: Pick<OdooPodsArgs, "digest" | "odoo" | "postgres" | "databaseConfig">,
  size: OdooPodSize,
): Record<string, pulumi.Input<string> | number> {
  return odooEnvironment<pulumi.Input<string>>({
    digest: args.digest,
    odoo: args.odoo,
    connection: databaseEnvironment(args),
    user: args.postgres.user,
    passwordFiles: { role: `${paths.secrets}/${secretKeys.database}`, master: `${paths.secrets}/${secretKeys.master}` },
    processes: size,
  });
}

/**
 * Variables that say where PostgreSQL is and, by libpq's own names, how it is known. The sslmode in odoo.conf decides
 * whether the authority's file counts.
 */
export function databaseEnvironment(
  args: Pick<OdooPodsArgs, "postgres" | "databaseConfig">,
): Record<"DB_HOST" | "DB_PORT", pulumi.Input<string>> & Partial<Record<"PGSSLROOTCERT" | "PGCHANNELBINDING", string>> {
  return {
    DB_HOST: args.postgres.host,
    DB_PORT: port(args.postgres.port),
    ...(args.databaseConfig === undefined ? channelBinding : { PGSSLROOTCERT: paths.databaseCa }),
  };
}

function port(value: pulumi.Input<number>): pulumi.Input<string> {
  return typeof value === "number" ? String(value) : (value as pulumi.Output<number>).apply(String);
}

export function odooMounts({ databaseConfig }: Pick<OdooPodsArgs, "databaseConfig">): k8s.core.v1.VolumeMount[] {
  return [
    { name: "filestore", mountPath: paths.filestore, subPath: paths.filestorePart },
    // Odoo loads modules from there before those of the image. What an intruder leaves there must not outlive a pod.
    { name: "addons", mountPath: `${paths.filestore}/addons` },
    ...mountsOf({ tmp: "/tmp", run: "/run" }),
    { name: "secrets", mountPath: paths.secrets, readOnly: true },
    ...databaseConfigMounts({ databaseConfig }),
  ];
}

export function databaseConfigMounts({
  databaseConfig,
}: Pick<OdooPodsArgs, "databaseConfig">): k8s.core.v1.VolumeMount[] {
  return databaseConfig === undefined
    ? []
    : mountsOf({ "database-config": paths.databaseConfig }).map((mount) => ({ ...mount, readOnly: true }));
}

export function odooVolumes(
  { secrets, databaseConfig }: Pick<OdooPodsArgs, "secrets" | "databaseConfig">,
  bodyMegabytes: number,
  files: readonly SecretFile[] = [
    { secret: secrets.database, key: secretKeys.database },
    { secret: secrets.master, key: secretKeys.master },
  ],
): k8s.core.v1.Volume[] {
  return [
    { name: "filestore", persistentVolumeClaim: { claimName: names.filestore } },
    // An upload is kept in /tmp while it comes in.
    scratch("tmp", `${temporaryMiB(bodyMegabytes)}Mi`),
    scratch("run", "16Mi"),
    scratch("addons", "1Mi"),
    secretFiles("secrets", files),
    ...(databaseConfig === undefined ? [] : [{ name: "database-config", configMap: { name: databaseConfig } }]),
  ];
}

/** Odoo's configuration beside its variables, for a managed PostgreSQL. */
export function databaseConfig(certificate: pulumi.Input<string>): Record<string, pulumi.Input<string>> {
  return {
    "odoo.conf":
      "[options]\n; Everything else comes from the environment and the image's defaults.\ndb_sslmode = verify-full\n",
    "database-ca.pem": certificate,
  };
}
