import list from "./prices.json";

/** List prices of DigitalOcean, in US dollars a month and without taxes. They are a guide: the invoice counts. */
export interface Prices {
  /** Day on which the list was written down, `2026-11-27`. */
  readonly date: string;
  /** Page that has those of today. */
  readonly source: string;
  /** Droplets and nodes of a cluster, by size. */
  readonly droplets: Readonly<Record<string, number>>;
  /** Managed databases of one node, by size. */
  readonly databases: Readonly<Record<string, number>>;
  /** Registries, by tier. */
  readonly registries: Readonly<Record<string, number>>;
  /** A GiB of a Volume. */
  readonly volumeGiB: number;
  readonly loadBalancer: number;
  /** What a control plane that survives the loss of a machine costs more. */
  readonly highAvailability: number;
  /** What weekly backups of a Droplet cost, as a share of its price. */
  readonly backupsShare: number;
}

/** The list that the project has. */
export const prices: Prices = list;

/** A thing that costs something each month. */
export interface Cost {
  readonly what: string;
  /** US dollars; undefined where the list does not have it. */
  readonly dollars: number | undefined;
}

/** Sums up what is known. */
export function sumOf(costs: readonly Cost[]): { readonly dollars: number; readonly whole: boolean } {
  const dollars = costs.reduce((sum, cost) => sum + (cost.dollars ?? 0), 0);
  return { dollars: Math.round(dollars * 100) / 100, whole: costs.every((cost) => cost.dollars !== undefined) };
}
