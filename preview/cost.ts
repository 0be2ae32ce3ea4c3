import { prices } from "../components/shared/prices";
import type { Snapshot } from "./snapshot";

/** What DigitalOcean asks for a stack each month. */
export interface Cost {
  /** US dollars for the smallest and for the largest number of nodes. */
  readonly least: number;
  readonly most: number;
  /** Sizes that the table has no price of: they are in neither. */
  readonly unpriced: readonly string[];
}

interface Part {
  readonly least: number;
  readonly most: number;
  readonly unpriced?: string;
}

type Inputs = Snapshot["resources"][number]["inputs"];

/** One row for each type of resource whose price follows from its inputs. */
const parts: Readonly<Record<string, (inputs: Inputs) => Part[]>> = {
  "digitalocean:index/droplet:Droplet": (inputs) => {
    const backups = inputs["backups"] === "true" ? 1 + prices.backupsShare : 1;
    return [sized(prices.droplets, inputs["size"], backups)];
  },
  "digitalocean:index/volume:Volume": ({ size }) => [fixed(Number(size) * prices.volumeGiB)],
  "digitalocean:index/kubernetesCluster:KubernetesCluster": (inputs) => {
    const count = (name: string) => Number(inputs[`nodePool.${name}`] ?? inputs["nodePool.nodeCount"] ?? 1);
    return [
      sized(prices.droplets, inputs["nodePool.size"], count("minNodes"), count("maxNodes")),
      fixed(inputs["ha"] === "true" ? prices.highAvailability : 0),
    ];
  },
  "digitalocean:index/databaseCluster:DatabaseCluster": (inputs) => [
    sized(prices.databases, inputs["size"], Number(inputs["nodeCount"] ?? 1)),
  ],
  "digitalocean:index/containerRegistry:ContainerRegistry": (inputs) => [
    sized(prices.registries, inputs["subscriptionTierSlug"]),
  ],
  // The one by which a cluster is reached.
  "kubernetes:core/v1:Service": (inputs) => [fixed(inputs["spec.type"] === "LoadBalancer" ? prices.loadBalancer : 0)],
  "kubernetes:core/v1:PersistentVolumeClaim": (inputs) => [
    fixed(gibibytes(inputs["spec.resources.requests.storage"] ?? "") * prices.volumeGiB),
  ],
};

/** Adds up what a stack would cost, as `npm run init` does from its settings. Traffic and taxes are not in it. */
export function costOf({ resources }: Pick<Snapshot, "resources">): Cost {
  const all = resources.flatMap(({ type, inputs }) => parts[type]?.(inputs) ?? []);
  return {
    least: all.reduce((sum, one) => sum + one.least, 0),
    most: all.reduce((sum, one) => sum + one.most, 0),
    unpriced: all.flatMap(({ unpriced }) => unpriced ?? []),
  };
}

/** `about 42 USD`, `about 42 to 84 USD`, each rounded to whole dollars. */
export function dollars({ least, most }: Pick<Cost, "least" | "most">): string {
  const [low, high] = [Math.round(least), Math.round(most)];
  return low === high ? `about ${low} USD` : `about ${low} to ${high} USD`;
}

/** Day of the table. */
export const pricesOf = prices.date;

function sized(table: Readonly<Record<string, number>>, size = "", least = 1, most = least): Part {
  const price = table[size];
  return price === undefined ? { least: 0, most: 0, unpriced: size } : { least: price * least, most: price * most };
}

function fixed(price: number): Part {
  return { least: price, most: price };
}

function gibibytes(text: string): number {
  const [, number = "0"] = /^(\d+)Gi$/.exec(text) ?? [];
  return Number(number);
}
