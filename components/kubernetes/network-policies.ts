import { isIP } from "node:net";

import type { input as k8s } from "@pulumi/kubernetes/types";

import { clusterPorts } from "../caddyfile";
import { general, labels, names, odooPorts, type Part, postgresPort, selector, type Unplaced } from "./names";

export interface NetworkArgs {
  /** Where Odoo may connect to outside: `doks:egress`. */
  readonly egress: readonly string[];
  /** URL of the ACME directory that the proxy fetches certificates from, empty for Let's Encrypt's; undefined if it fetches none. */
  readonly acmeServer: string | undefined;
  /** Port of a managed PostgreSQL; undefined for the one in the namespace. */
  readonly managedPort: number | undefined;
}

type Policy = Unplaced<k8s.networking.v1.NetworkPolicy>;
type Egress = k8s.networking.v1.NetworkPolicyEgressRule;

/**
 * What is private: nodes, pods, other machines of the network, and the address where each cloud's machines learn their own secrets. A range of
 * `doks:egress` that lies within one of them is meant, and allowed.
 */
const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"];

/**
 * Nothing is allowed that is not here. By label and port only, as addresses of pods change.
 *
 * Odoo may reach the Internet by default: an ERP talks to mail servers, banks, shops and tax offices on ports that nobody can list beforehand,
 * and a release that silently sends no invoices is worse than one that could send data somewhere. It may not reach private addresses, so
 * that a request which Odoo is talked into making finds no metadata service, no kubelet and no neighbour. The Job of a release reaches
 * PostgreSQL and nothing else: the copy that it rehearses on can send no mail.
 */
export function networkPolicies({ egress, acmeServer, managedPort }: NetworkArgs): Policy[] {
  const toPostgres: Egress =
    managedPort === undefined
      ? { to: [pods("database")], ports: [tcp(postgresPort)] }
      : // Its address changes with its machines; who may come in is its own list, and TLS tells that it is the one.
        { to: [{ ipBlock: { cidr: "0.0.0.0/0" } }], ports: [tcp(managedPort)] };
  const outside: Egress[] = egress.length === 0 ? [] : [{ to: egress.map(outsideOf) }];
  const odoo = [toDns, toPostgres, ...outside];
  return [
    {
      metadata: { name: "default-deny", labels: { ...general } },
      spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
    },
    policy("edge", {
      ingress: [{ ports: [tcp(clusterPorts.http), tcp(clusterPorts.https)] }],
      egress: [
        toDns,
        { to: [pods("web")], ports: [tcp(odooPorts.http), tcp(odooPorts.websocket)] },
        ...(acmeServer === undefined ? [] : [toAuthority(acmeServer, egress)]),
      ],
    }),
    policy("web", { ingress: [{ from: [pods("edge")], ports: [tcp(odooPorts.http), tcp(odooPorts.websocket)] }], egress: odoo }),
    policy("cron", { egress: odoo }),
    policy("upgrade", { egress: [toDns, toPostgres] }),
    ...(managedPort === undefined
      ? [policy("database", { ingress: [{ from: [pods("web"), pods("cron"), pods("upgrade")], ports: [tcp(postgresPort)] }] })]
      : []),
  ];
}

/**
 * Authorities do not say by which addresses they answer, so all public ones are allowed. A private one is if it is meant: because it
 * stands in the setting itself, or because Odoo may go there.
 */
function toAuthority(server: string, egress: readonly string[]): Egress {
  if (server === "") {
    return { to: [outsideOf("0.0.0.0/0")], ports: [tcp(443)] };
  }
  const { hostname, port } = new URL(server);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const ranges = isIP(host) === 0 ? [...new Set(["0.0.0.0/0", ...egress])] : [`${host}/${isIP(host) === 4 ? 32 : 128}`];
  return { to: ranges.map(outsideOf), ports: [tcp(port === "" ? 443 : Number(port))] };
}

function policy(part: Part, rules: { ingress?: k8s.networking.v1.NetworkPolicyIngressRule[]; egress?: Egress[] }): Policy {
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

const toDns: Egress = {
  to: [
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

function outsideOf(cidr: string): k8s.networking.v1.NetworkPolicyPeer {
  const except = privateRanges.filter((range) => contains(cidr, range));
  return { ipBlock: { cidr, ...(except.length === 0 ? {} : { except }) } };
}

/** Whether the first range of addresses has the second one within it, and more. IPv6 has none of the private ones. */
function contains(outer: string, inner: string): boolean {
  const [a, b] = [parse(outer), parse(inner)];
  return a !== undefined && b !== undefined && a.bits < b.bits && a.address >> (32n - a.bits) === b.address >> (32n - a.bits);
}

function parse(cidr: string): { address: bigint; bits: bigint } | undefined {
  const [address = "", bits = ""] = cidr.split("/");
  return address.includes(":")
    ? undefined
    : { address: address.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n), bits: BigInt(bits) };
}
