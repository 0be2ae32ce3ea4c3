import assert from "node:assert/strict";

import { odooAddress, render, type Rendered } from "../../../support/kubernetes-objects";
import { refusalPolicy } from "../../../../components/kubernetes/objects/network-policies";
import { within } from "../../../support/ranges";

interface Peer {
  readonly podSelector?: { readonly matchLabels?: Record<string, string> };
  readonly namespaceSelector?: { readonly matchLabels: Record<string, string> };
  readonly ipBlock?: { readonly cidr: string; readonly except?: string[] };
}
interface Rule {
  readonly from?: Peer[];
  readonly to?: Peer[];
  readonly ports?: { protocol: string; port: number }[];
}
interface Policy {
  readonly podSelector: { readonly matchLabels?: Record<string, string> };
  readonly policyTypes: string[];
  readonly ingress?: Rule[];
  readonly egress?: Rule[];
}
/** Someone who sends or is sent to: a pod of a namespace by its labels, or an address outside. */
type Party = { readonly namespace: string; readonly labels: Record<string, string> } | { readonly address: string };

const own = (app: string): Party => ({ namespace: "odoo", labels: { app } });
const [web, cron, db, edge, upgrade] = ["odoo", "odoo-cron", "odoo-db", "odoo-edge", "odoo-upgrade"].map(own) as [
  Party,
  Party,
  Party,
  Party,
  Party,
];
const stranger: Party = { namespace: "default", labels: { app: "odoo" } };
const unknown: Party = { namespace: "odoo", labels: { app: "something" } };
const dns: Party = { namespace: "kube-system", labels: { "k8s-app": "kube-dns" } };
const internet: Party = { address: "198.51.100.7" };
const metadata: Party = { address: "169.254.169.254" };
/** What Azure's machines have in the place of the metadata address. */
const azure: Party = { address: "168.63.129.16" };
const neighbour: Party = { address: "10.114.0.5" };

/** NetworkPolicy as its specification reads; whether a cluster's network enforces it is not shown here. */
class Analyser {
  readonly #policies: Policy[];

  constructor(objects: readonly Rendered[]) {
    this.#policies = objects.filter(({ kind }) => kind === "NetworkPolicy").map(({ spec }) => spec as Policy);
  }

  allows(from: Party, to: Party, port: number, protocol = "TCP"): boolean {
    return this.#side("egress", from, to, port, protocol) && this.#side("ingress", to, from, port, protocol);
  }

  #side(side: "ingress" | "egress", subject: Party, other: Party, port: number, protocol: string): boolean {
    if ("address" in subject || subject.namespace !== "odoo") {
      return true;
    }
    const type = side === "ingress" ? "Ingress" : "Egress";
    const selecting = this.#policies.filter(
      ({ podSelector, policyTypes }) =>
        policyTypes.includes(type) && matches(podSelector.matchLabels ?? {}, subject.labels),
    );
    return (
      selecting.length === 0 ||
      selecting.some((policy) =>
        (policy[side] ?? []).some((rule) => {
          const peers = rule.from ?? rule.to;
          const portFits =
            rule.ports === undefined ||
            rule.ports.some((allowed) => allowed.port === port && allowed.protocol === protocol);
          return portFits && (peers === undefined || peers.some((peer) => fits(peer, other)));
        }),
      )
    );
  }
}

function fits({ ipBlock, namespaceSelector, podSelector }: Peer, party: Party): boolean {
  if (ipBlock !== undefined) {
    return (
      "address" in party &&
      within(party.address, ipBlock.cidr) &&
      !(ipBlock.except ?? []).some((range) => within(party.address, range))
    );
  }
  if ("address" in party) {
    return false;
  }
  const here =
    namespaceSelector === undefined
      ? party.namespace === "odoo"
      : namespaceSelector.matchLabels["kubernetes.io/metadata.name"] === party.namespace;
  return here && matches(podSelector?.matchLabels ?? {}, party.labels);
}

function matches(wanted: Record<string, string>, labels: Record<string, string>): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

function analyser(changes: Record<string, string> = {}): Analyser {
  return new Analyser(render(changes).objects);
}

// That they are enforced is a matter of the cluster's network; DigitalOcean's does.
describe("the network policies", () => {
  it("let pods look up names by the cluster's resolver, and by that of a node, which answers nothing else", () => {
    const policies = analyser();
    const nodeLocal: Party = { address: "169.254.20.10" };
    for (const party of [web, cron, upgrade]) {
      for (const resolver of [dns, nodeLocal]) assert.ok(policies.allows(party, resolver, 53, "UDP"));
      assert.ok(!policies.allows(party, nodeLocal, 443) && !policies.allows(party, metadata, 53, "UDP"));
    }
  });

  it("let in whoever comes to the edge, and nobody anywhere else", () => {
    const policies = analyser();
    for (const party of [internet, neighbour, stranger]) {
      assert.ok(policies.allows(party, edge, 8080) && policies.allows(party, edge, 8443));
      assert.ok(!policies.allows(party, edge, 2020), "the health check is the node's alone");
      for (const [target, port] of [
        [web, 8069],
        [web, 8072],
        [cron, 8069],
        [db, 5432],
        [upgrade, 8069],
      ] as const) {
        assert.ok(!policies.allows(party, target, port), JSON.stringify([party, target, port]));
      }
    }
  });

  it("let the edge to Odoo, and Odoo, cron and the release to PostgreSQL", () => {
    const policies = analyser();
    assert.ok(policies.allows(edge, web, 8069) && policies.allows(edge, web, 8072));
    assert.ok(
      !policies.allows(edge, cron, 8069) && !policies.allows(edge, db, 5432) && !policies.allows(edge, web, 22),
    );
    for (const party of [web, cron, upgrade]) {
      assert.ok(policies.allows(party, db, 5432));
      assert.ok(!policies.allows(party, web, 8069) && !policies.allows(party, edge, 8443));
    }
    assert.ok(!policies.allows(unknown, db, 5432) && !policies.allows(unknown, internet, 443));
    assert.ok(!policies.allows(db, internet, 443) && !policies.allows(db, dns, 53, "UDP"));
  });

  it("let the edge alone hear that Odoo's Service refuses, and nobody by a rule without an address", () => {
    const policies = analyser();
    const service: Party = { address: odooAddress };
    assert.ok(policies.allows(edge, service, 8069) && policies.allows(edge, service, 8072));
    assert.ok(!policies.allows(edge, service, 443) && !policies.allows(edge, { address: "10.245.3.5" }, 8069));
    for (const party of [web, cron, upgrade, unknown]) assert.ok(!policies.allows(party, service, 8069));
    assert.deepEqual(refusalPolicy([]).spec, {
      podSelector: { matchLabels: { app: "odoo-edge" } },
      policyTypes: ["Egress"],
      egress: [],
    });
    assert.ok(JSON.stringify(refusalPolicy(["10.245.3.4", "fd12::4"])).includes('"fd12::4/128"'));
  });

  it("let everybody but PostgreSQL look names up", () => {
    const policies = analyser();
    for (const party of [web, cron, upgrade, edge]) {
      assert.ok(policies.allows(party, dns, 53, "UDP") && policies.allows(party, dns, 53));
    }
  });

  it("let Odoo out to the Internet, and to nothing private", () => {
    const policies = analyser();
    for (const party of [web, cron]) {
      for (const port of [25, 443, 587, 990]) {
        assert.ok(policies.allows(party, internet, port));
      }
      for (const hidden of [
        metadata,
        neighbour,
        { address: "192.168.1.1" },
        { address: "172.20.0.1" },
        { address: "100.64.0.1" },
        azure,
      ]) {
        assert.ok(!policies.allows(party, hidden, 443), JSON.stringify(hidden));
      }
    }
  });

  it("let Odoo out by IPv6 where the setting says, and to nothing private", () => {
    const [there, elsewhere] = [{ address: "2001:db8::7" }, { address: "2001:db9::7" }];
    assert.ok(!analyser().allows(web, there, 443), "IPv6 is asked for");
    const policies = analyser({ "doks:egress": '["::/0"]' });
    assert.ok(policies.allows(web, there, 443) && policies.allows(cron, elsewhere, 25));
    // The metadata service of a cloud, a machine of the same link, and 169.254.169.254 and a neighbour behind a translator.
    for (const address of ["fd00:ec2::254", "fe80::1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a72:5"]) {
      assert.ok(!policies.allows(web, { address }, 443), address);
    }
    const own = analyser({ "doks:egress": '["2001:db8::/32", "fd12:3456::/32"]' });
    assert.ok(own.allows(web, there, 443) && !own.allows(web, elsewhere, 443));
    assert.ok(own.allows(web, { address: "fd12:3456::5" }, 443) && !own.allows(web, { address: "fd12:3457::5" }, 443));
  });

  it("let the release reach PostgreSQL only, so that no rehearsal sends mail", () => {
    const policies = analyser();
    assert.ok(![25, 443, 587].some((port) => policies.allows(upgrade, internet, port)));
  });

  it("let the release out to where its setting says, by that port alone", () => {
    const store = '["198.51.100.0/24:443", "10.114.0.0/24:9000", "[2001:db8::/32]:443"]';
    const policies = analyser({ "release:egress": store, "release:rehearse": "false" });
    assert.ok(policies.allows(upgrade, internet, 443) && !policies.allows(upgrade, internet, 25));
    assert.ok(policies.allows(upgrade, neighbour, 9000) && !policies.allows(upgrade, neighbour, 443));
    assert.ok(policies.allows(upgrade, { address: "2001:db8::1" }, 443));
    assert.ok(!policies.allows(upgrade, { address: "203.0.113.1" }, 443) && !policies.allows(upgrade, metadata, 443));
    const wide = analyser({ "release:egress": '["0.0.0.0/0:443"]', "release:rehearse": "false" });
    assert.ok(wide.allows(upgrade, internet, 443));
    for (const hidden of [metadata, neighbour]) assert.ok(!wide.allows(upgrade, hidden, 443));
  });

  it("let Odoo out to where the setting says, private or not", () => {
    const policies = analyser({ "doks:egress": '["10.114.0.0/24", "198.51.100.0/24"]' });
    assert.ok(policies.allows(web, neighbour, 25) && policies.allows(web, internet, 443));
    assert.ok(
      !policies.allows(web, { address: "203.0.113.1" }, 443) && !policies.allows(web, { address: "10.115.0.1" }, 25),
    );
    const none = analyser({ "doks:egress": "[]" });
    assert.ok(!none.allows(web, internet, 443) && none.allows(web, db, 5432));
  });

  it("let the edge out only for certificates that it fetches itself", () => {
    assert.ok(analyser().allows(edge, internet, 443));
    assert.ok(!analyser().allows(edge, internet, 80) && !analyser().allows(edge, neighbour, 443));
    assert.ok(!analyser({ "doks:tls": "internal" }).allows(edge, internet, 443));
  });

  it("let the edge to another ACME authority by its port, and to a private one only where it is meant", () => {
    const server = (url: string, egress = '["0.0.0.0/0"]') =>
      analyser({ "doks:acmeServer": url, "doks:egress": egress });
    const staging = server("https://acme-staging-v02.api.letsencrypt.org/directory", '["198.51.100.0/24"]');
    assert.ok(staging.allows(edge, internet, 443) && staging.allows(edge, { address: "203.0.113.1" }, 443));
    assert.ok(!staging.allows(edge, neighbour, 443) && !staging.allows(edge, internet, 80));
    const named = "https://ca.corp.internal:9000/acme/directory";
    assert.ok(server(named).allows(edge, internet, 9000));
    assert.ok(!server(named).allows(edge, internet, 443) && !server(named).allows(edge, neighbour, 9000));
    const within = server(named, '["0.0.0.0/0", "10.114.0.0/24"]');
    assert.ok(within.allows(edge, neighbour, 9000) && within.allows(edge, internet, 9000));
    assert.ok(!within.allows(edge, neighbour, 443) && !within.allows(edge, { address: "10.115.0.1" }, 9000));
    assert.ok(!within.allows(edge, metadata, 9000));
    const numbered = server("https://10.114.0.5/acme/directory", "[]");
    assert.ok(numbered.allows(edge, neighbour, 443) && !numbered.allows(edge, { address: "10.114.0.6" }, 443));
    assert.ok(!numbered.allows(edge, internet, 443) && !numbered.allows(web, neighbour, 443));
    assert.ok(!analyser({ "doks:acmeServer": named, "doks:tls": "internal" }).allows(edge, internet, 9000));
  });

  it("let Odoo and the release to a managed PostgreSQL by its port, in its own network", () => {
    const policies = analyser({ "doks:databaseMode": "managed", "doks:databaseSize": "db-s-4vcpu-8gb" });
    for (const party of [web, cron, upgrade]) {
      assert.ok(policies.allows(party, neighbour, 25060) && !policies.allows(party, neighbour, 5432));
      // Its own network is 10.114.0.0/20: whoever listens at that port elsewhere is not it.
      assert.ok(!policies.allows(party, { address: "10.114.16.5" }, 25060));
    }
    assert.ok(!policies.allows(upgrade, internet, 25060));
    assert.ok(!policies.allows(edge, neighbour, 25060));
  });
});
