import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { type Declared, Hidden, messageOf, type Rule, unknown } from "../../policy/declared";
import { rules } from "../../policy/rules";
import { goldenDeployment, goldenResources } from "../support/declared-resources";

const stacks = ["staging", "prod", "prod-on-kubernetes"];
const planted = "planted-value";
/** Inputs of whatever shape: a wrong change of them fails the test that makes it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Inputs = any;

/** All that a rule finds in a stack. */
function findings({ check, checkStack }: Rule, resources: readonly Declared[]): string[] {
  const single = resources.flatMap((one) => (check?.(one) ?? []).map((found) => `${one.name}: ${found}`));
  return [...single, ...(checkStack?.(resources) ?? [])];
}

/** A resource of a golden stack with one thing changed. */
function broken(
  name: string,
  change: (props: Inputs, resource: { opts: object }) => void,
  stack = "staging",
): Declared {
  const found = goldenResources(stack).find((one) => one.name === name);
  assert.ok(found, `${stack} has a resource ${name}`);
  const copy = { ...found, opts: { ...found.opts } };
  change(copy.props, copy);
  return copy;
}

const pod = (props: Inputs) => props.spec.template.spec;
const container = (props: Inputs) => pod(props).containers[0];
const web = (change: (props: Inputs) => void) => [broken("doks-odoo-web", change)];
const compose = (from: string | RegExp, to: string) => {
  let changed = false;
  const made = goldenDeployment((_, text) => {
    changed ||= text.replace(from, to) !== text;
    return text.replace(from, to);
  });
  assert.ok(changed, `${String(from)} is in a Compose file`);
  return [made];
};
const one = (type: string, props: Record<string, unknown>, opts = {}): Declared[] => [
  { type, name: "planted", props, opts },
];
const credentials = "digitalocean:index/containerRegistryDockerCredentials:ContainerRegistryDockerCredentials";
const command = "command:local:Command";

/** For each rule what breaks it, one thing at a time, and a part of what it says. */
const breaches: Record<string, [what: string, resources: () => Declared[], says: RegExp][]> = {
  "image-by-tag": [
    ["a pod", () => web((props) => (container(props).image = "odoo:18.0")), /containers odoo: odoo:18\.0/],
    [
      "an init container",
      () => web((p) => (pod(p).initContainers = [{ name: "i", image: "x" }])),
      /initContainers i: x/,
    ],
    ["a tag beside a digest", () => web((p) => (container(p).image = `odoo:18@sha256:${"d".repeat(64)}`)), /odoo:18@/],
    ["no image", () => web((props) => delete container(props).image), /no image/],
    [
      "a patch",
      () =>
        one("kubernetes:apps/v1:DeploymentPatch", { spec: { template: { spec: { containers: [{ image: "x" }] } } } }),
      /: x/,
    ],
    [
      "a Compose file",
      () => compose(/image: docker.io\/library\/postgres@\S+/, "image: postgres:17"),
      /prod\.yml db: postgres:17/,
    ],
    [
      "a build",
      () => [broken("odoo-image-build", (p) => (p.build.args.BASE_IMAGE = "odoo:18.0"))],
      /BASE_IMAGE: odoo:18/,
    ],
    [
      "a deployment",
      () => [broken("vps-odoo-release", (p) => (p.environment.IMAGE = "team/odoo:latest"))],
      /odoo:latest/,
    ],
    [
      "App Platform",
      () =>
        one("digitalocean:index/app:App", {
          spec: { services: [{ name: "w", image: { repository: "odoo", tag: "1" } }] },
        }),
      /services w: odoo/,
    ],
  ],
  "runs-as-root": [
    ["user 0 of a container", () => web((p) => (container(p).securityContext.runAsUser = 0)), /odoo: user 0/],
    ["user 0 of a pod", () => web((props) => (pod(props).securityContext.runAsUser = 0)), /user 0/],
    ["no word of a user", () => web((props) => delete pod(props).securityContext), /the image decides/],
    ["privileged", () => web((props) => (container(props).securityContext.privileged = true)), /privileged/],
    ["a Compose file", () => compose('user: "999:999"', 'user: "0:999"'), /db: user 0:999/],
    ["root by name", () => compose('user: "999:999"', "user: root"), /db: user root/],
    ["a Compose file without a user", () => compose('    user: "999:999"\n', ""), /db: no user/],
  ],
  "writable-root": [
    [
      "a pod",
      () => web((props) => (container(props).securityContext.readOnlyRootFilesystem = false)),
      /odoo: its root/,
    ],
    ["a pod that says nothing", () => web((props) => delete container(props).securityContext), /its root/],
    ["a Compose file", () => compose("    read_only: true\n", ""), /its root/],
  ],
  "limits-and-probes": [
    ["no limit of memory", () => web((props) => delete container(props).resources.limits.memory), /a limit of memory/],
    ["no limits", () => web((props) => delete container(props).resources), /memory, no a limit of processors/],
    ["no liveness", () => web((props) => delete container(props).livenessProbe), /livenessProbe/],
    ["no readiness", () => web((props) => delete container(props).readinessProbe), /readinessProbe/],
    ["a Compose file", () => compose(/memory: 741m/, "memory_: 741m"), /db: no a limit of memory/],
    [
      "a health check that is off",
      () => compose("test: [CMD, pg_isready", "disable: true\n      test: [CMD, pg_isready"),
      /db: no healthcheck/,
    ],
  ],
  "plain-secrets": [
    ["a password", () => one("x:y:Z", { password: planted }), /^planted: password is in plain/],
    ["a token in a list", () => one("x:y:Z", { a: { apiTokens: [planted] } }), /a\.apiTokens\.0 is/],
    ["a key", () => one("x:y:Z", { privateKey: planted }), /privateKey/],
    ["a command's variable", () => one(command, { environment: { SMTP_PASSWD: planted } }), /SMTP_PASSWD/],
    [
      "a pod's variable",
      () => web((p) => container(p).env.push({ name: "DB_PASSWORD", value: planted })),
      /variable DB_PASSWORD/,
    ],
    [
      "a Kubernetes Secret",
      () => one("kubernetes:core/v1:Secret", { stringData: { "a.txt": planted } }),
      /stringData\.a\.txt/,
    ],
    ["a Secret's encoded data", () => one("kubernetes:core/v1:Secret", { data: { x: "cGxhbnRlZA==" } }), /data\.x/],
    ["a key by its text", () => one(command, { create: "echo -----BEGIN OPENSSH PRIVATE KEY-----" }), /create/],
    ["a token by its text", () => one(command, { create: `curl -H dop_v1_${"a".repeat(64)}` }), /create/],
    [
      "a kubeconfig",
      () =>
        one("pulumi:providers:kubernetes", {
          kubeconfig: `{"kind":"Config","users":[{"user":{"token":"${planted}"}}]}`,
        }),
      /kubeconfig/,
    ],
    [
      "a Compose file, however it came there",
      () => compose('DB_PASSWORD_FILE: "/run/secrets/odoo-db-password"', `DB_PASSWORD: ${planted}`),
      /odoo: the variable DB_PASSWORD/,
    ],
  ],
  "public-postgresql": [
    [
      "trusted sources",
      () => [
        broken(
          "doks-database-trusted",
          (p) => p.rules.push({ type: "ip_addr", value: "0.0.0.0/0" }),
          "prod-on-kubernetes",
        ),
      ],
      /trusts 0\.0\.0\.0\/0/,
    ],
    [
      "half of the internet",
      () => [
        broken(
          "doks-database-trusted",
          (p) => p.rules.push({ type: "ip_addr", value: "128.0.0.0/1" }),
          "prod-on-kubernetes",
        ),
      ],
      /128/,
    ],
    [
      "no trusted source",
      () => [broken("doks-database-trusted", (p) => (p.rules = []), "prod-on-kubernetes")],
      /everybody/,
    ],
    [
      "no list of them",
      () => goldenResources("prod-on-kubernetes").filter(({ name }) => name !== "doks-database-trusted"),
      /1 managed databases, and 0/,
    ],
    [
      "a firewall",
      () => [
        broken("vps-host-firewall", (p) =>
          p.inboundRules.push({ protocol: "tcp", portRange: "5432", sourceAddresses: ["0.0.0.0/0"] }),
        ),
      ],
      /lets 0/,
    ],
    [
      "a firewall's range, by IPv6",
      () => [
        broken("vps-host-firewall", (p) =>
          p.inboundRules.push({ protocol: "tcp", portRange: "5000-6000", sourceAddresses: ["::/0"] }),
        ),
      ],
      /lets ::\/0/,
    ],
    [
      "a firewall's all ports",
      () => [
        broken("vps-host-firewall", (p) =>
          p.inboundRules.push({ protocol: "tcp", portRange: "all", sourceAddresses: ["0.0.0.0/0"] }),
        ),
      ],
      /lets/,
    ],
    ["a load balancer", () => [broken("doks-database-service", (p) => (p.spec.type = "LoadBalancer"))], /LoadBalancer/],
    ["a port of each node", () => [broken("doks-database-service", (p) => (p.spec.type = "NodePort"))], /NodePort/],
    [
      "an outside address",
      () => [broken("doks-database-service", (p) => (p.spec.externalIPs = ["203.0.113.1"]))],
      /externalIPs/,
    ],
    [
      "a port of the node",
      () => [broken("doks-database-postgres", (p) => (container(p).ports[0].hostPort = 5432))],
      /containers postgres/,
    ],
    [
      "the node's network",
      () => [broken("doks-database-postgres", (p) => (pod(p).hostNetwork = true))],
      /containers postgres/,
    ],
    [
      "a port of db in a Compose file",
      () => compose("    networks: [backend]\n", '    ports: ["5432:5432"]\n    networks: [backend]\n'),
      /prod\.yml db/,
    ],
    [
      "another port of it",
      () =>
        compose(
          "    networks: [backend]\n",
          "    ports: [{target: 5432, published: 15432}]\n    networks: [backend]\n",
        ),
      /db/,
    ],
    ["a service before it", () => compose("- 80:80", "- 15432:5432"), /proxy/],
  ],
  "push-credentials": [
    ["no expiry", () => one(credentials, { write: true }), /not set, which is decades/],
    ["an expiry of zero", () => one(credentials, { write: true, expirySeconds: 0 }), /expirySeconds 0/],
    ["a year", () => one(credentials, { write: true, expirySeconds: 31_536_000 }), /31536000/],
  ],
  "unprotected-data": [
    ...["vps-host-droplet", "vps-host-data", "doks-cluster-cluster", "registry-docr", "doks-odoo-filestore"].map(
      (name): [string, () => Declared[], RegExp] => [
        name,
        () => [broken(name, (_, it) => (it.opts = {}))],
        /not protected/,
      ],
    ),
    [
      "a database",
      () => [broken("doks-database-server", (_, it) => (it.opts = {}), "prod-on-kubernetes")],
      /not protected/,
    ],
    [
      "all that belongs to a cluster",
      () => [broken("doks-cluster-cluster", (p) => (p.destroyAllAssociatedResources = true))],
      /is true/,
    ],
    [
      "a bucket with all in it",
      () => one("digitalocean:index/spacesBucket:SpacesBucket", { forceDestroy: true }, { protect: true }),
      /forceDestroy is true/,
    ],
  ],
  "two-production-targets": [
    [
      "VPS and cluster",
      () => [...goldenResources("prod"), ...goldenResources("prod-on-kubernetes")],
      /a VPS \(vps\) and a cluster \(doks-odoo\)/,
    ],
  ],
};

describe("The rules of the policy pack", () => {
  const [deployment] = [goldenDeployment()];

  for (const rule of rules) {
    describe(rule.name, () => {
      for (const stack of stacks) {
        it(`passes all of ${stack}`, () => {
          const resources = [...goldenResources(stack), deployment];
          assert.ok(resources.length > 15);
          assert.deepEqual(findings(rule, resources), []);
        });
      }

      it("has something that breaks it", () => assert.ok((breaches[rule.name] ?? []).length > 0));

      for (const [what, resources, says] of breaches[rule.name] ?? []) {
        it(`refuses ${what}`, () => {
          const found = findings(rule, resources());
          assert.match(found.join("\n"), says);
          assert.ok(!found.join().includes(planted), "a secret is in the message");
        });
      }

      it("judges nothing that is not known yet", () => {
        const all = Object.fromEntries(
          ["spec", "stdin", "build", "environment", "rules", "inboundRules", "write", "expirySeconds", "password"].map(
            (name) => [name, unknown],
          ),
        );
        const kinds = ["kubernetes:apps/v1:Deployment", command, credentials, "digitalocean:index/firewall:Firewall"];
        const resources = kinds.flatMap((type) => one(type, all));
        assert.deepEqual(findings(rule, resources), []);
      });

      it("is explained, in its message and in docs/policy.md", () => {
        const message = messageOf(rule, "something");
        for (const part of ["something", rule.because, rule.remedy]) assert.ok(message.includes(part));
        const page = fs.readFileSync(path.join(__dirname, "..", "..", "docs", "policy.md"), "utf8");
        assert.ok(page.includes(`| \`${rule.name}\` |`), `docs/policy.md has no row for ${rule.name}`);
      });
    });
  }

  it("have nothing against secrets that are secret, or against two targets of staging", () => {
    const all = { password: new Hidden(planted), data: new Hidden({ x: planted }), write: true, expirySeconds: 7200 };
    const kinds = [credentials, "kubernetes:core/v1:Secret", "x:y:Z"].flatMap((type) => one(type, all));
    const found = [...kinds, ...goldenResources("staging")];
    assert.deepEqual(
      rules.flatMap((rule) => findings(rule, found)),
      [],
    );
  });
});
