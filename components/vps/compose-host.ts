import * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../../settings";
import { VpsDroplet } from "./droplet";
import { sshPort } from "./names";
import type { HostPlan } from "./plan";
import type { RegistryLogin } from "../registry/image-registry";
import type { Proof } from "../signature/proof";
import { VpsDeployment } from "./deployment";

export interface ComposeHostArgs {
  readonly settings: Settings["vps"];
  readonly plan: HostPlan;
  /** `project/stack`, whose desk has the plan's secrets. */
  readonly stack: string;
  /** The released digest, `sha256:…`: known once it is released, so nothing is deployed before. */
  readonly digest: pulumi.Input<string>;
  /** The proxy's image, `repository@sha256:…`. */
  readonly proxy: pulumi.Input<string>;
  /** What the host verifies the image by; undefined where releases are not signed. */
  readonly proof?: pulumi.Input<Proof> | undefined;
  /** Login that the host pulls with. */
  readonly pull: RegistryLogin;
  /**
   * Seconds since 1970 if the host does not run what was deployed last; undefined if it does, or if that is unknown.
   */
  readonly attempt: number | undefined;
}

/** One host with Docker Compose, made or adopted, that runs the released image. */
export class ComposeHost extends pulumi.ComponentResource {
  /** Address where users find Odoo, known once it serves. */
  readonly url: pulumi.Output<string>;
  /** Digest that the host runs. */
  readonly digest: pulumi.Output<string>;
  /** Since when; empty if the host did not tell. */
  readonly since: pulumi.Output<string>;
  /** Address of the host, to which the domain's DNS record must lead. */
  readonly address: pulumi.Output<string>;
  /** The host's pinned SSH key. */
  readonly hostKey: pulumi.Output<string>;

  constructor(name: string, args: ComposeHostArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:vps:ComposeHost", name, {}, opts);
    const { settings, plan, pull, stack } = args;
    const { privateKey, secrets, accountKey } = plan;
    const created = settings.mode === "create";
    const host = created
      ? new VpsDroplet(`${name}-host`, { settings, privateKey, accountKey, secrets, stack }, { parent: this })
      : { address: pulumi.output(settings.host), hostKey: pulumi.output(settings.hostKey) };

    const request = pulumi.secret(
      pulumi
        .all([args.digest, args.proxy, pull.username, pull.password, pulumi.output(args.proof)])
        .apply(([digest, proxy, username, password, proof]) =>
          plan.request(digest, proxy, { username, password }, proof),
        ),
    );
    const deployment = new VpsDeployment(
      `${name}-odoo`,
      {
        connection: {
          host: host.address,
          port: created ? sshPort : settings.port,
          user: settings.user,
          hostKey: host.hostKey,
          privateKey,
        },
        request,
        secrets,
        stack,
        worker: plan.worker,
        fresh: created,
        attempt: args.attempt,
      },
      // Pulumi removes first what was declared last. As that is protected, a host that is given up by mistake keeps its
      // address and firewall, too.
      { parent: this, protect: created && !settings.allowDestroy },
    );
    this.url = deployment.url;
    this.digest = deployment.digest;
    this.since = deployment.since;
    this.address = host.address;
    this.hostKey = host.hostKey;
    this.registerOutputs({ url: this.url, address: this.address, hostKey: this.hostKey });
  }
}
