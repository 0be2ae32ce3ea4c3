import type { input as k8s } from "@pulumi/kubernetes/types";
import type * as pulumi from "@pulumi/pulumi";

/**
 * Names of objects that people type. ConfigMaps and Secrets have auto-names instead, so that a change of one rolls its
 * pods.
 */
export const names = {
  web: "odoo",
  cron: "odoo-cron",
  upgrade: "odoo-upgrade",
  dump: "odoo-dump",
  operator: "odoo-ship",
  database: "odoo-db",
  edge: "odoo-edge",
  filestore: "odoo-filestore",
  firstLogin: "odoo-first-login",
} as const;

/** Purpose of a pod. */
export type Part = "web" | "cron" | "upgrade" | "dump" | "database" | "edge";

const program: Record<Part, string> = {
  web: "odoo",
  cron: "odoo",
  upgrade: "odoo",
  dump: "odoo",
  database: "postgresql",
  edge: "caddy",
};

/** Labels that never change: selectors are made of them. `app` is what everyone types. */
export function selector(part: Part): { app: string } {
  return { app: names[part] };
}

/**
 * Kubernetes' standard labels beside the selector's.
 * @param version of the release that a pod runs; absent for what no release changes
 */
export function labels(part: Part, version?: pulumi.Input<string>): Record<string, pulumi.Input<string>> {
  return {
    ...selector(part),
    "app.kubernetes.io/name": program[part],
    "app.kubernetes.io/instance": names[part],
    "app.kubernetes.io/component": part,
    ...general,
    ...(version === undefined ? {} : { "app.kubernetes.io/version": version }),
  };
}

/** Labels of objects that belong to no single pod. */
export const general = { "app.kubernetes.io/part-of": "odoo", "app.kubernetes.io/managed-by": "pulumi" } as const;

/** Label of every pod that mounts the filestore: such pods share a node if the volume is on one. */
export const filestoreLabel = { "odoo-ship/filestore": names.filestore } as const;

/** Ports of Odoo, in its pods and at its Service. */
export const odooPorts = { http: 8069, websocket: 8072 } as const;
export const postgresPort = 5432;

/** Metadata as plain text: a test reads them. */
export interface Metadata {
  readonly name: pulumi.Input<string>;
  readonly labels?: Readonly<Record<string, pulumi.Input<string>>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: k8s.meta.v1.OwnerReference[];
}

/** An object of Kubernetes before it is put into a namespace. */
export type Unplaced<Kind extends { metadata?: unknown }> = Omit<Kind, "metadata"> & {
  readonly metadata: Metadata & { readonly name: string };
};
