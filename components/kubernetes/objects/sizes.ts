import type { OdooProcesses } from "../../odoo/environment";
import type { PostgresTuning } from "../../odoo/sizing";

/** Memory and processors of a container: what a node keeps for it, and its limits. */
export interface PodResources {
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly requestedMiB: number;
  readonly requestedCpus: number;
}

/** A pod of Odoo. */
export type OdooPodSize = PodResources & OdooProcesses;

/** PostgreSQL in the cluster. */
export type PostgresSize = PodResources & PostgresTuning & { readonly maxConnections: number };

/** Sizes of everything in the namespace. */
export interface ClusterSize {
  readonly web: OdooPodSize;
  readonly cron: OdooPodSize;
  /** The Job of a release, which rehearses beside the pods that serve. */
  readonly task: OdooPodSize;
  readonly edge: PodResources;
  /** Undefined where the database is a managed one. */
  readonly db: PostgresSize | undefined;
}
