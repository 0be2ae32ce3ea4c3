import type { input as k8s } from "@pulumi/kubernetes/types";
import type * as pulumi from "@pulumi/pulumi";

import { clusterPorts } from "../../proxy/site";
import { authorityReach, dumpReach, outsideOf, type Reach, wayOut } from "../../shared/egress";
import { general, labels, names, odooPorts, type Part, postgresPort, selector, type Unplaced } from "./names";

export interface NetworkArgs {
  /** Ranges outside that Odoo may connect to: `doks:egress`. */
  readonly egress: readonly string[];
  /** Ranges outside, with a port, that the Job of a release may connect to: `release:egress`. */
  readonly tasks: readonly string[];
  /**
   * URL of the ACME directory from which the proxy fetches certificates; empty for Let's Encrypt's, undefined if it
   * fetches none.
   */
  readonly acmeServer: string | undefined;
  /** `backup:destination`; empty where no dump leaves the cluster. */
  readonly dumps: string;
  /** Port of a managed PostgreSQL, and the private network that it is in; undefined for the one in the namespace. */
  readonly managed: { readonly port: number; readonly range: pulumi.Input<string> } | undefined;
}

type Policy = Unplaced<k8s.networking.v1.NetworkPolicy>;
type Egress = k8s.networking.v1.NetworkPolicyEgressRule;

/**
 * Renders the network policies: what they do not name is forbidden. They name labels and ports, since addresses of pods
 * change.
 *
 * Odoo may reach the Internet by default. An ERP talks to mail servers, banks, shops and tax offices on ports that
 * nobody can list beforehand, and a release that silently sends no invoices is worse than one that could send data
 * somewhere.
 *
 * Odoo may not reach private addresses. If somebody talks it into a request, it finds no metadata service, no kubelet
 * and no neighbour.
 *
 * The Job of a release reaches PostgreSQL and nothing else, so the copy that it rehearses on sends no mail. Where the
 * settings name ways out for it, there is no rehearsal.
 */
export function networkPolicies({ egress, tasks, acmeServer, dumps, managed }: NetworkArgs): Policy[] {
  const toPostgres: Egress =
    managed === undefined
      ? { to: [pods("database")], ports: [tcp(postgresPort)] }
      : // Its address changes with its machines, but never leaves the network; TLS tells that it is the one.
        { to: [{ ipBlock: { cidr: managed.range } }], ports: [tcp(managed.port)] };
  const outside: Egress[] = egress.length === 0 ? [] : [{ to: egress.map((range) => block(outsideOf(range))) }];
  const odoo = [toDns, toPostgres, ...outside];
  const clients: Part[] = ["web", "cron", "upgrade", ...(dumps === "" ? [] : ["dump" as const])];
  return [
    {
      metadata: { name: "default-deny", labels: { ...general } },
      spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
    },
    policy("edge", {
      ingress: [{ ports: [tcp(clusterPorts.http), tcp(clusterPorts.https)] }],
      egress: [
        toDns,
        { to: [pods("web")], ports: toOdoo },
        ...(acmeServer === undefined ? [] : [toAuthority(acmeServer, egress)]),
      ],
    }),
    policy("web", {
      ingress: [{ from: [pods("edge")], ports: toOdoo }],
      egress: odoo,
    }),
    policy("cron", { egress: odoo }),
    policy("upgrade", { egress: [toDns, toPostgres, ...tasks.map(wayFor)] }),
    ...(dumps === "" ? [] : [policy("dump", { egress: [toDns, toPostgres, toDumps(dumps)] })]),
    ...(managed === undefined
      ? [
          policy("database", {
            ingress: [{ from: clients.map(pods), ports: [tcp(postgresPort)] }],
          }),
        ]
      : []),
  ];
}

/**
 * Renders what lets the proxy hear that Odoo's Service refuses while it has no pod. Some networks look at the policies
 * before they refuse, and then the Service's own address counts: without this each user would wait until the proxy
 * gives up. Where there is a pod, its address counts.
 * @param addresses of the Service: `spec.clusterIPs`
 */
export function refusalPolicy(addresses: pulumi.Output<string[]> | readonly string[]): Policy {
  const egress = "apply" in addresses ? addresses.apply(toService) : toService(addresses);
  return {
    metadata: { name: `${names.web}-refusal`, labels: labels("edge") },
    spec: { podSelector: { matchLabels: selector("edge") }, policyTypes: ["Egress"], egress },
  };
}

/** A rule that names nobody would allow everybody. */
function toService(addresses: readonly string[]): Egress[] {
  const to = addresses.map((address) => block({ cidr: `${address}/${address.includes(":") ? 128 : 32}`, except: [] }));
  return to.length === 0 ? [] : [{ to, ports: toOdoo }];
}

function wayFor(text: string): Egress {
  const { port, ...reach } = wayOut(text);
  return { to: [block(reach)], ports: [tcp(port)] };
}

function toAuthority(server: string, egress: readonly string[]): Egress {
  const { port, to } = authorityReach(server, egress);
  return { to: to.map(block), ports: [tcp(port)] };
}

function toDumps(destination: string): Egress {
  const { port, to } = dumpReach(destination);
  return { to: to.map((cidr) => block({ cidr, except: [] })), ports: [tcp(port)] };
}

function policy(
  part: Part,
  rules: { ingress?: k8s.networking.v1.NetworkPolicyIngressRule[]; egress?: Egress[] },
): Policy {
  return {
    metadata: { name: names[part], labels: labels(part) },
    spec: { podSelector: { matchLabels: selector(part) }, policyTypes: ["Ingress", "Egress"], ...rules },
  };
}

function pods(part: Part): k8s.networking.v1.NetworkPolicyPeer {
  return { podSelector: { matchLabels: selector(part) } };
}

function tcp(port: number): k8s.networking.v1.NetworkPolicyPort {
  return { protocol: "TCP", port };
}

const toOdoo = [tcp(odooPorts.http), tcp(odooPorts.websocket)];

/** Where NodeLocal DNSCache answers on each node, in the clusters that have it. */
const nodeLocalDns = "169.254.20.10/32";

const toDns: Egress = {
  to: [
    { ipBlock: { cidr: nodeLocalDns } },
    {
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
      podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
    },
  ],
  ports: [
    { protocol: "UDP", port: 53 },
    { protocol: "TCP", port: 53 },
  ],
};

function block({ cidr, except }: Reach): k8s.networking.v1.NetworkPolicyPeer {
  return { ipBlock: { cidr, ...(except.length === 0 ? {} : { except: [...except] }) } };
}
