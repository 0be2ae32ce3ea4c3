import type { PlannedTarget, Release, Target, Update } from "../odoo/target";
import { ComposeHost } from "./compose-host";
import { planHost } from "./plan";

/** One host with Docker Compose. */
export const vps: Target = {
  async plan({ root, settings, digest, proxy }: Update): Promise<PlannedTarget | undefined> {
    const plan = await planHost(root, settings, digest, proxy);
    return (
      plan && {
        warnings: plan.warnings,
        secrets: plan.secrets,
        deploy({ stack, digest, proof, proxy, registry, attempt }: Release) {
          const host = new ComposeHost("vps", {
            settings: settings.vps,
            plan,
            stack,
            digest,
            proof,
            proxy,
            pull: registry.pull,
            attempt: attempt(plan.drifted),
          });
          return Promise.resolve({
            name: "vps",
            digest: host.digest,
            since: host.since,
            outputs: { vpsUrl: host.url, vpsAddress: host.address, vpsHostKey: host.hostKey },
          });
        },
      }
    );
  },
};
