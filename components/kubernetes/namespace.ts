import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import type { PullWay } from "./plan";
import { accounts, namespace, pullSecret, serviceAccount, within } from "./objects/namespace";
import { type NetworkArgs, networkPolicies } from "./objects/network-policies";
import type { RegistryLogin } from "../registry/image-registry";

export interface OdooNamespaceArgs {
  readonly name: string;
  readonly network: NetworkArgs;
  readonly managedDatabase: boolean;
  readonly pull: PullWay;
  readonly registry: { readonly server: string; readonly login: RegistryLogin };
  readonly allowDestroy: boolean;
  /** For the namespace itself; undefined for the inherited one. */
  readonly provider: pulumi.ProviderResource | undefined;
}

/**
 * The namespace, with all that must hold before anything runs in it: the restricted standard, network policies, and
 * accounts without tokens.
 */
export class OdooNamespace extends pulumi.ComponentResource {
  /** Its name, known once it is there. */
  readonly namespace: pulumi.Output<string>;

  constructor(name: string, args: OdooNamespaceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("odoo:doks:OdooNamespace", name, {}, opts);
    const child = { parent: this };
    const made = new kubernetes.core.v1.Namespace(`${name}-namespace`, namespace(args.name), {
      ...child,
      protect: !args.allowDestroy,
      ...(args.provider && { provider: args.provider }),
    });
    this.namespace = made.metadata.name;

    for (const policy of networkPolicies(args.network)) {
      new kubernetes.networking.v1.NetworkPolicy(
        `${name}-network-${policy.metadata.name}`,
        { ...policy, metadata: within(this.namespace, policy.metadata) },
        child,
      );
    }
    for (const account of accounts(args.managedDatabase).map((one) => serviceAccount(one, [args.pull.secret]))) {
      new kubernetes.core.v1.ServiceAccount(
        `${name}-account-${account.metadata.name}`,
        { ...account, metadata: within(this.namespace, account.metadata) },
        child,
      );
    }
    if (args.pull.way === "brought") {
      const { server, login } = args.registry;
      const content = pulumi
        .secret(pulumi.all([login.username, login.password]))
        .apply(([username, password]) => pullSecret({ server, username, password }));
      // Its name stays when the credentials are renewed. No pod restarts then, since none reads the Secret as a value.
      new kubernetes.core.v1.Secret(
        `${name}-registry`,
        {
          metadata: within(this.namespace, { name: args.pull.secret }),
          type: "kubernetes.io/dockerconfigjson",
          data: content,
        },
        { ...child, deleteBeforeReplace: true },
      );
    }
    this.registerOutputs({ namespace: this.namespace });
  }
}
