import * as pulumi from "@pulumi/pulumi";

import type { PlannedTarget, Release, Target, Update } from "../odoo/target";
import { SecretDesk } from "../shared/secret-desk";
import { ComposeHost } from "./compose-host";
import { planHost } from "./plan";

/** One host with Docker Compose. */
export const vps: Target = {
  async plan({ root, settings, digest, proxy }: Update): Promise<PlannedTarget | undefined> {
    const plan = await planHost(root, settings, digest, proxy);
    return (
      plan && {
        warnings: plan.warnings,
        async deploy({ stack, digest, proxy, registry, attempt }: Release) {
          // A preview starts nothing that would ask.
          if (!pulumi.runtime.isDryRun()) {
            await SecretDesk.open(stack, plan.secrets);
          }
          const { url, address, hostKey } = new ComposeHost("vps", {
            settings: settings.vps,
            plan,
            stack,
            digest,
            proxy,
            pull: registry.pull,
            attempt: attempt(plan.drifted),
          });
          return { vpsUrl: url, vpsAddress: address, vpsHostKey: hostKey };
        },
      }
    );
  },
};
