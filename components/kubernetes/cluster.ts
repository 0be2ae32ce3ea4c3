import * as digitalocean from "@pulumi/digitalocean";
import * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../../settings";
import type { ClusterAddress } from "./kubeconfig";

export interface OdooClusterArgs {
  readonly settings: Settings["doks"];
  /** Whether its nodes pull from DigitalOcean's registry, with a secret that DigitalOcean keeps. */
  readonly integrateRegistry: boolean;
  /** Id of the cluster of that name, if there is one already. */
  readonly existing: string | undefined;
}

/**
 * A DigitalOcean Kubernetes cluster in a network of its own. It is protected: a change of region, network or node size
 * is refused, since it would replace the cluster with everything in it. Only `doks:version` moves its version
 * (components/kubernetes/cluster-version.ts).
 */
export class OdooCluster extends pulumi.ComponentResource {
  /** DigitalOcean's id. */
  readonly id: pulumi.Output<string>;
  /** Address of the API, without credentials. */
  readonly address: pulumi.Output<ClusterAddress>;
  /** Network of the cluster. */
  readonly vpc: pulumi.Output<string>;
  /** Addresses of that network, such as `10.114.0.0/20`. */
  readonly vpcRange: pulumi.Output<string>;

  constructor(name: string, args: OdooClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:doks:OdooCluster", name, {}, opts);
    const { settings, integrateRegistry, existing } = args;
    const { region, nodesMin, nodesMax } = settings;
    const kept = { parent: this, protect: !settings.allowDestroy };
    const vpc = new digitalocean.Vpc(
      `${name}-vpc`,
      {
        name: settings.name,
        region,
        ...(settings.vpcRange === "" ? {} : { ipRange: settings.vpcRange }),
        description: "Odoo on Kubernetes",
      },
      kept,
    );
    const cluster = new digitalocean.KubernetesCluster(
      `${name}-cluster`,
      {
        name: settings.name,
        region,
        version: settings.version,
        vpcUuid: vpc.id,
        autoUpgrade: false,
        surgeUpgrade: settings.surgeUpgrade,
        ha: settings.highAvailability,
        maintenancePolicy: { day: settings.maintenanceDay, startTime: settings.maintenanceHour },
        registryIntegration: integrateRegistry,
        // Without this input the provider leaves the firewall as it is: an empty setting must not open what somebody
        // has closed elsewhere.
        ...(settings.apiFrom.length === 0
          ? {}
          : { controlPlaneFirewall: { enabled: true, allowedAddresses: [...settings.apiFrom] } }),
        nodePool: {
          name: `${settings.name}-nodes`,
          size: settings.nodeSize,
          tags: ["odoo"],
          ...(nodesMin === nodesMax
            ? { autoScale: false, nodeCount: nodesMin }
            : { autoScale: true, minNodes: nodesMin, maxNodes: nodesMax }),
        },
        tags: ["odoo"],
        // Volumes and load balancers that the cluster has made stay: a person decides about their removal.
        destroyAllAssociatedResources: false,
      },
      // The autoscaler decides how many nodes its pool has. A cluster that a killed update left behind is taken over if
      // it is in this stack's network; the stack's own cluster stays what it is.
      {
        ...kept,
        ignoreChanges: nodesMin === nodesMax ? [] : ["nodePool.nodeCount"],
        ...(existing && { import: existing }),
      },
    );
    this.id = cluster.id;
    this.vpc = vpc.id;
    this.vpcRange = vpc.ipRange;
    // A kubeconfig is secret as a whole; the address and the authority's certificate in it are not.
    this.address = pulumi.all([cluster.id, pulumi.unsecret(cluster.kubeConfigs)]).apply(([id, [config]]) => ({
      id,
      server: config?.host ?? "",
      certificateAuthority: config?.clusterCaCertificate ?? "",
    }));
    this.registerOutputs({ id: this.id, address: this.address, vpc: this.vpc });
  }
}
