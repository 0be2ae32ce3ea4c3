import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { imageRepository } from "../registry/reference";
import type { Settings } from "../../settings";
import { clusterIdentifier, type ClusterPlan } from "./plan";
import { kubeconfig } from "./kubeconfig";
import { OdooCluster } from "./cluster";
import { ClusterDatabase } from "./cluster-database";
import { ManagedDatabase, type ManagedDatabaseArgs, managedPort } from "./managed-database";
import type { OdooDatabase, OdooDatabaseArgs } from "./database";
import { OdooDeployment } from "./deployment";
import { OdooEdge } from "./edge";
import { OdooNamespace } from "./namespace";
import { secretOutput } from "../shared/secret-output";
import type { ImageRegistry } from "../registry/image-registry";
import type { Proof } from "../signature/proof";

export interface DoksArgs {
  readonly settings: Settings;
  readonly plan: ClusterPlan;
  /** The released digest, `sha256:…`. */
  readonly digest: pulumi.Output<string>;
  /** Port at which its guard answers probes; undefined in an image from before it did. */
  readonly probePort: number | undefined;
  /** What pods verify the image by; undefined where releases are not signed. */
  readonly proof?: pulumi.Output<Proof> | undefined;
  /** The proxy's image, `repository@sha256:…`. */
  readonly proxy: pulumi.Input<string>;
  readonly registry: ImageRegistry;
}

/** Outputs that an operator asks for. */
export interface DoksOutputs {
  readonly url: pulumi.Output<string>;
  readonly address: pulumi.Output<string>;
  readonly digest: pulumi.Output<string>;
  /** When its Job had ended; empty if that is not known. */
  readonly since: pulumi.Output<string>;
}

/**
 * Declares the Kubernetes target. It is no component: its one provider is made here, at the root of the stack, and
 * everything in the cluster inherits it.
 */
export function deployToCluster(
  name: string,
  { settings, plan, digest, probePort, proof, proxy, registry }: DoksArgs,
): DoksOutputs {
  const { doks } = settings;
  const cluster =
    doks.mode === "create"
      ? new OdooCluster(
          `${name}-cluster`,
          { settings: doks, integrateRegistry: plan.pull.way === "integrated", existing: plan.existing },
          { dependsOn: registry },
        )
      : undefined;
  const providers = [provider(`${name}-kubernetes`, settings, plan, cluster, true)];

  const managedDatabase = plan.size.db === undefined;
  const namespace = new OdooNamespace(
    `${name}-namespace`,
    {
      name: doks.namespace,
      network: {
        egress: doks.egress,
        tasks: settings.release.egress,
        acmeServer: doks.tls === "acme" ? doks.acmeServer : undefined,
        dumps: settings.backup.destination,
        managed: managedDatabase ? { port: managedPort, range: (cluster ?? plan.adopted)?.vpcRange ?? "" } : undefined,
      },
      managedDatabase,
      pull: plan.pull,
      registry: { server: settings.registry.host, login: registry.pull },
      allowDestroy: doks.allowDestroy,
      // In a cluster that others use, a namespace of this name may be theirs.
      provider:
        doks.mode === "adopt" ? provider(`${name}-kubernetes-strict`, settings, plan, cluster, false) : undefined,
    },
    { providers },
  );
  const inside = { providers, dependsOn: namespace };
  const home = cluster ? { id: cluster.id, region: doks.region, vpc: cluster.vpc } : plan.adopted;
  const database = databaseOf(
    `${name}-database`,
    { settings: doks, namespace: namespace.namespace },
    plan,
    home,
    inside,
  );
  const edge = new OdooEdge(
    `${name}-edge`,
    { settings: doks, size: plan.size.edge, image: proxy, namespace: namespace.namespace },
    inside,
  );
  const odoo = new OdooDeployment(
    `${name}-odoo`,
    {
      settings,
      plan,
      repository: imageRepository(settings.registry),
      digest,
      probePort,
      proof,
      namespace: namespace.namespace,
      database,
    },
    inside,
  );
  return { url: odoo.url, address: edge.address, digest: odoo.digest, since: odoo.since };
}

/** Declares PostgreSQL in the namespace if it has a size, else at DigitalOcean. */
function databaseOf(
  name: string,
  args: OdooDatabaseArgs,
  plan: ClusterPlan,
  cluster: ManagedDatabaseArgs["cluster"] | undefined,
  opts: pulumi.ComponentResourceOptions,
): OdooDatabase {
  if (plan.size.db !== undefined) {
    return new ClusterDatabase(name, { ...args, size: plan.size.db, image: plan.postgres }, opts);
  }
  if (cluster === undefined) {
    throw new Error("a managed database is for a cluster of DigitalOcean");
  }
  return new ManagedDatabase(name, { ...args, cluster }, opts);
}

/**
 * Makes the provider. The same cluster must stay the same provider, however its address or its credentials change:
 * another provider would mean that everything is made anew.
 * @param takeOver whether what is there already is taken over: what an update made before it was killed. So a resource
 *   is renamed with an alias only: its deletion under the old name would meet the same object.
 */
function provider(
  name: string,
  settings: Settings,
  plan: ClusterPlan,
  cluster: OdooCluster | undefined,
  takeOver: boolean,
): kubernetes.Provider {
  const { doks, digitalocean } = settings;
  if (doks.kubeconfig !== undefined) {
    return new kubernetes.Provider(name, {
      kubeconfig: secretOutput(doks.kubeconfig),
      clusterIdentifier: clusterIdentifier(doks.kubeconfig.reveal()),
      upsertExistingObjects: takeOver,
    });
  }
  const address = cluster?.address ?? (plan.adopted && pulumi.output(plan.adopted));
  if (address === undefined) {
    throw new Error("there is no cluster");
  }
  // A token in the stack's configuration is a secret. One from the environment is there for every program that needs
  // it.
  const apiToken = digitalocean.configured ? digitalocean.token?.reveal() : undefined;
  const text = address.apply((known) =>
    kubeconfig({ ...known, namespace: doks.namespace, apiUrl: digitalocean.apiUrl, apiToken }),
  );
  return new kubernetes.Provider(name, {
    kubeconfig: apiToken === undefined ? text : pulumi.secret(text),
    clusterIdentifier: address.apply(({ id }) => id),
    upsertExistingObjects: takeOver,
  });
}
