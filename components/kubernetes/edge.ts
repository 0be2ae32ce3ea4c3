import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { spoolMegabytes } from "../proxy/site";
import type { PodResources } from "./objects/sizes";
import type { Settings } from "../../settings";
import {
  certificatesGiB,
  edgeDeployment,
  edgeFiles,
  edgeReplicas,
  edgeService,
  keepsCertificates,
  tlsKeyFile,
} from "./objects/edge";
import { keepsClass, volumeClaim, within } from "./objects/namespace";
import { names } from "./objects/names";
import { disruptionBudget } from "./objects/odoo-pods";
import { secretOutput } from "../shared/secret-output";
import { secretOf } from "./secret";

export interface OdooEdgeArgs {
  readonly settings: Settings["doks"];
  readonly size: PodResources;
  /** `repository@sha256:…` */
  readonly image: pulumi.Input<string>;
  readonly namespace: pulumi.Output<string>;
}

/**
 * The proxy and its load balancer (docs/adr/0006-the-edge.md). It exists before Odoo does, and answers the maintenance
 * page until then.
 */
export class OdooEdge extends pulumi.ComponentResource {
  /** Address of the load balancer, to which the domain's DNS record must lead. */
  readonly address: pulumi.Output<string>;

  constructor(name: string, args: OdooEdgeArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:doks:OdooEdge", name, {}, opts);
    const { settings, size, image, namespace } = args;
    const { tls } = settings;
    const child = { parent: this };
    const kept = { parent: this, protect: !settings.allowDestroy };

    const claim = volumeClaim(names.edge, {
      gibibytes: certificatesGiB,
      storageClass: settings.blockStorageClass,
      access: "ReadWriteOnce",
    });
    const certificates = keepsCertificates(tls)
      ? [
          new kubernetes.core.v1.PersistentVolumeClaim(
            `${name}-certificates`,
            { ...claim, metadata: within(namespace, claim.metadata) },
            { ...kept, ...keepsClass },
          ),
        ]
      : [];
    const config = new kubernetes.core.v1.ConfigMap(
      `${name}-config`,
      { metadata: { namespace }, data: edgeFiles(settings) },
      child,
    );
    const tlsKey =
      tls === "files" && settings.tlsKey !== undefined
        ? secretOf(`${name}-tls`, { namespace, files: { [tlsKeyFile]: secretOutput(settings.tlsKey) } }, child).metadata
            .name
        : undefined;
    const deployment = edgeDeployment({
      image,
      size,
      spoolMegabytes: spoolMegabytes(settings),
      tls,
      config: config.metadata.name,
      tlsKey,
    });
    const pods = new kubernetes.apps.v1.Deployment(
      `${name}-deployment`,
      { ...deployment, metadata: within(namespace, deployment.metadata) },
      { ...kept, dependsOn: certificates },
    );
    if (edgeReplicas(tls) > 1) {
      const budget = disruptionBudget("edge");
      new kubernetes.policy.v1.PodDisruptionBudget(
        `${name}-budget`,
        { ...budget, metadata: within(namespace, budget.metadata) },
        child,
      );
    }
    const service = edgeService();
    // Deleting it deletes the load balancer, and the address that the domain's DNS record names.
    const balanced = new kubernetes.core.v1.Service(
      `${name}-service`,
      { ...service, metadata: within(namespace, service.metadata) },
      { ...kept, dependsOn: pods },
    );
    this.address = balanced.status.apply(addressOf);
    this.registerOutputs({ address: this.address });
  }
}

/** Returns a load balancer's address; empty if an update has left its Service out before it was ever made. */
function addressOf(status: kubernetes.types.output.core.v1.ServiceStatus | undefined): string {
  const [first] = status?.loadBalancer.ingress ?? [];
  return first?.ip ?? first?.hostname ?? "";
}
