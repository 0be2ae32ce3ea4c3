import type { input as k8s } from "@pulumi/kubernetes/types";
import type * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../../../settings";
import { odooEnvironment } from "../../odoo/environment";
import { temporaryMiB } from "../../odoo/sizing";
import type { ClusterSize, OdooPodSize } from "./sizes";
import { names } from "./names";
import { mountsOf, scratch, type SecretFile, secretFiles } from "./pods";
import { channelBinding, type Postgres } from "./postgres-access";
import type { VerifierArgs } from "./verifiers";

/** Arguments of Odoo's pods. */
export interface OdooPodsArgs {
  /** `repository@sha256:…` */
  readonly image: pulumi.Input<string>;
  /** `sha256:…` */
  readonly digest: pulumi.Input<string>;
  /** Port at which its guard answers probes; undefined in an image from before it did. */
  readonly probePort: number | undefined;
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
  /** ConfigMap with the authority of a managed PostgreSQL; undefined inside of the namespace. */
  readonly databaseConfig: pulumi.Input<string> | undefined;
  /** Undefined where releases are not signed. */
  readonly verifier?: VerifierArgs | undefined;
}

export type PostgresInput = { readonly [K in keyof Postgres]: pulumi.Input<Postgres[K]> };

/** Names of the Secrets that Odoo's pods read. */
export interface OdooSecretNames {
  readonly database: pulumi.Input<string>;
  readonly master: pulumi.Input<string>;
  /** Undefined where no option of Odoo is secret. */
  readonly options: pulumi.Input<string> | undefined;
}

/** Files in containers. */
export const paths = {
  filestore: "/var/lib/odoo",
  /** The whole volume, in the Job of a release only. */
  data: "/data",
  /** The part of the volume that Odoo has. */
  filestorePart: "odoo",
  secrets: "/run/secrets",
  // Not /etc/odoo: the odoo.conf of the image is there.
  databaseConfig: "/etc/odoo-database",
  databaseCa: "/etc/odoo-database/database-ca.pem",
} as const;

export const secretKeys = {
  database: "odoo-db-password",
  master: "odoo-master-password",
  options: "odoo-options",
  admin: "postgres-password",
  firstLogin: "first-password",
} as const;

/** Variables of Odoo in a pod of this size. */
export function podEnvironment(
  args: Pick<OdooPodsArgs, "digest" | "odoo" | "postgres" | "databaseConfig">,
  size: OdooPodSize,
): Record<string, pulumi.Input<string> | number> {
  const environment = odooEnvironment<pulumi.Input<string>>({
    digest: args.digest,
    odoo: args.odoo,
    connection: databaseEnvironment(args),
    user: args.postgres.user,
    files: {
      role: `${paths.secrets}/${secretKeys.database}`,
      master: `${paths.secrets}/${secretKeys.master}`,
      options: `${paths.secrets}/${secretKeys.options}`,
    },
    processes: size,
  });
  const { ODOO_OPTIONS: options } = environment;
  // Kubernetes takes $(NAME) for a variable of its own, and two dollars for one.
  return typeof options === "string" ? { ...environment, ODOO_OPTIONS: options.replaceAll("$", "$$$$") } : environment;
}

/**
 * Variables that say where PostgreSQL is and how it is known. By libpq's own name the mode counts for the worker, too,
 * and for Odoo 19 in an image from before DB_SSLMODE.
 */
export function databaseEnvironment(
  args: Pick<OdooPodsArgs, "postgres" | "databaseConfig">,
): Record<"DB_HOST" | "DB_PORT" | "DB_SSLMODE" | "PGSSLMODE", pulumi.Input<string>> &
  Partial<Record<"PGSSLROOTCERT" | "PGCHANNELBINDING", string>> {
  return {
    DB_HOST: args.postgres.host,
    DB_PORT: port(args.postgres.port),
    DB_SSLMODE: args.postgres.sslmode,
    PGSSLMODE: args.postgres.sslmode,
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
  passwords: readonly SecretFile[] = [
    { secret: secrets.database, key: secretKeys.database },
    { secret: secrets.master, key: secretKeys.master },
  ],
): k8s.core.v1.Volume[] {
  const options = secrets.options === undefined ? [] : [{ secret: secrets.options, key: secretKeys.options }];
  return [
    { name: "filestore", persistentVolumeClaim: { claimName: names.filestore } },
    // An upload is kept in /tmp while it comes in.
    scratch("tmp", `${temporaryMiB(bodyMegabytes)}Mi`),
    scratch("run", "16Mi"),
    scratch("addons", "1Mi"),
    secretFiles("secrets", [...passwords, ...options]),
    ...(databaseConfig === undefined ? [] : [{ name: "database-config", configMap: { name: databaseConfig } }]),
  ];
}

/** Files that Odoo and the worker know a managed PostgreSQL by. */
export function databaseConfig(certificate: pulumi.Input<string>): Record<string, pulumi.Input<string>> {
  return { "database-ca.pem": certificate };
}
