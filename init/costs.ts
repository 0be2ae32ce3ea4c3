import { certificatesGiB, keepsCertificates } from "../components/kubernetes/objects/edge";
import { type Cost, type Prices, prices, sumOf } from "../components/shared/prices";
import type { Settings } from "../settings";

/** Lists what the machines of a stack cost in a month. Traffic beyond what is included and taxes are not in it. */
export function costsOf({ registry, vps, doks }: Settings, list: Prices = prices): Cost[] {
  const made = registry.kind === "digitalocean" && registry.ownership === "create";
  return [
    ...(made ? [{ what: `registry, ${registry.tier}`, dollars: list.registries[registry.tier] }] : []),
    ...(vps.mode === "create" ? ofHost(vps, list) : []),
    ...(doks.mode === "create" ? ofCluster(doks, list) : []),
  ];
}

function ofHost({ size, backups, volumeGiB }: Settings["vps"], list: Prices): Cost[] {
  const droplet = list.droplets[size];
  return [
    { what: `Droplet ${size}`, dollars: droplet },
    ...(backups ? [{ what: "its backups", dollars: droplet && droplet * list.backupsShare }] : []),
    ...(volumeGiB > 0 ? [{ what: `Volume, ${volumeGiB} GiB`, dollars: volumeGiB * list.volumeGiB }] : []),
  ];
}

function ofCluster(doks: Settings["doks"], list: Prices): Cost[] {
  const { nodeSize, nodesMin, nodesMax, filestoreGiB, databaseGiB } = doks;
  const { databaseMode, databaseSize, databaseNodes } = doks;
  const database = list.databases[databaseSize];
  const node = list.droplets[nodeSize];
  const certificates = keepsCertificates(doks.tls) ? certificatesGiB : 0;
  const volumes = filestoreGiB + (databaseMode === "cluster" ? databaseGiB : 0) + certificates;
  const most = nodesMax > nodesMin ? `, up to ${nodesMax} under load` : "";
  return [
    { what: `${nodesMin} × node ${nodeSize}${most}`, dollars: node && node * nodesMin },
    ...(doks.highAvailability ? [{ what: "highly available control plane", dollars: list.highAvailability }] : []),
    { what: "load balancer", dollars: list.loadBalancer },
    { what: `volumes, ${volumes} GiB`, dollars: volumes * list.volumeGiB },
    ...(databaseMode === "managed"
      ? [
          {
            what: `${databaseNodes} × managed PostgreSQL ${databaseSize}`,
            dollars: database && database * databaseNodes,
          },
        ]
      : []),
  ];
}

/** Words for a terminal: each cost, and their sum. */
export function costWords(stack: string, costs: readonly Cost[], list: Prices = prices): string[] {
  const { dollars, whole } = sumOf(costs);
  const unknown = whole ? "" : `, and what is not in the list: ${list.source}`;
  return [
    `${stack}: about ${money(dollars)} a month (list prices of ${list.date}, without taxes)${unknown}`,
    ...costs.map(({ what, dollars: each }) => `  ${(each === undefined ? "?" : money(each)).padStart(9)}  ${what}`),
  ];
}

function money(dollars: number): string {
  return `$${dollars.toFixed(2)}`;
}
