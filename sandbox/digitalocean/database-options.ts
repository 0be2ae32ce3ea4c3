import { regionSlugs } from "./catalog";
import { unprocessable } from "./errors";
import type { Route } from "./router";

/** What the sandbox's image has: another version is refused rather than lied about. */
const versions = ["17"];

// [slug, memory in GiB, storage in MiB that belongs to it]
const sizeRows: readonly (readonly [string, number, number])[] = [
  ["db-s-1vcpu-1gb", 1, 10_240],
  ["db-s-1vcpu-2gb", 2, 30_720],
  ["db-s-2vcpu-4gb", 4, 61_440],
  ["db-s-4vcpu-8gb", 8, 143_360],
  ["db-s-6vcpu-16gb", 16, 296_960],
  ["db-s-8vcpu-32gb", 32, 593_920],
  ["db-s-16vcpu-64gb", 64, 1_146_880],
];

/** Of the connections, those that are kept for the superuser. */
export const reservedConnections = 3;
const mostConnections = 1000;

/** A size on offer. */
export interface DatabaseSize {
  readonly slug: string;
  readonly storageMib: number;
  /** 25 for each GiB of memory, of which three are reserved. */
  readonly maxConnections: number;
}

/** `/v2/databases/options`: PostgreSQL, and no other engine. */
export function databaseOptionRoutes(): readonly Route[] {
  const sizes = sizeRows.map(([slug]) => slug);
  const layouts = [
    { num_nodes: 1, sizes },
    { num_nodes: 2, sizes: sizes.slice(1) },
    { num_nodes: 3, sizes: sizes.slice(1) },
  ];
  const pg = { regions: regionSlugs, versions, layouts, default_version: versions[0] };
  const availability = versions.map((version) => ({
    version,
    end_of_life: "2029-11-08T00:00:00Z",
    end_of_availability: null,
  }));
  const body = { options: { pg }, version_availability: { pg: availability } };
  return [{ method: "GET", path: "/v2/databases/options", handle: () => ({ status: 200, body }) }];
}

/** The version that a new database gets. */
export function databaseVersion(wanted: string | null | undefined): string {
  const version = wanted ?? versions[0] ?? "";
  if (!versions.includes(version)) {
    throw unprocessable(`invalid version: the sandbox has PostgreSQL ${versions.join(", ")}, not ${version}`);
  }
  return version;
}

/** A size that is on offer for so many nodes. */
export function databaseSize(slug: string, nodes: number): DatabaseSize {
  const row = sizeRows.find(([known]) => known === slug);
  if (row === undefined) {
    throw unprocessable(`invalid size: ${slug}`);
  }
  const [, memoryGib, storageMib] = row;
  if (nodes < 1 || nodes > 3 || (nodes > 1 && memoryGib === 1)) {
    throw unprocessable(`invalid num_nodes: ${nodes} nodes are not available with size ${slug}`);
  }
  return { slug, storageMib, maxConnections: Math.min(25 * memoryGib, mostConnections) };
}
