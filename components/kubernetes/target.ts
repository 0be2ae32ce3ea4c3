import type { PlannedTarget, Release, Target, Update } from "../odoo/target";
import { planCluster } from "./plan";

/** A Kubernetes cluster: DigitalOcean's, or any that is adopted. */
export const kubernetes: Target = {
  async plan({ root, settings, probePort }: Update): Promise<PlannedTarget | undefined> {
    const plan = await planCluster(root, settings);
    return (
      plan && {
        warnings: plan.warnings,
        secrets: {},
        async deploy({ digest, proof, proxy, registry }: Release) {
          // Kubernetes' SDK is large: a stack without a cluster does not wait for it.
          const { deployToCluster } = await import("./resources");
          const cluster = deployToCluster("doks", { settings, plan, digest, probePort, proof, proxy, registry });
          return {
            name: "cluster",
            digest: cluster.digest,
            since: cluster.since,
            outputs: { doksUrl: cluster.url, doksAddress: cluster.address, doksDigest: cluster.digest },
          };
        },
      }
    );
  },
};
