import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { parse } from "yaml";

import type { Answer } from "../../components/shared/ask";
import { ShipError } from "../../components/shared/errors";
import { factsOf, judgeAll, verdictLines } from "../../criteria/criteria";
import { denied, type Facts, hardened, onlyEdgeOutside, probed, restricted } from "../../criteria/judges";
import { criteria } from "../../criteria/table";
import { MadeUpStack } from "../support/made-up-stack";
import { rowsOf } from "../support/markdown";

const digest = `sha256:${"a".repeat(64)}`;
const facts: Facts = { namespace: "odoo", domain: "erp.acme.io", digest, replicas: 1 };

const ready = { conditions: [{ type: "Ready", status: "True" }] };
const pod = (name: string) => ({
  metadata: { name, labels: {} },
  spec: {
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true },
    containers: [
      {
        name: "odoo",
        image: `registry.example.com/acme/odoo@${digest}`,
        securityContext: {
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
        },
        resources: { limits: { memory: "2Gi" } },
        startupProbe: {},
        readinessProbe: {},
        livenessProbe: {},
      },
    ],
    status: {},
  },
  status: ready,
});

/** Answers of a cluster in which all is as it has to be, by the beginning of the command. */
const compliant = () => ({
  "get nodes": { items: [{ metadata: { name: "n1" }, status: ready }] },
  "get jobs": { items: [{ metadata: { name: "odoo-upgrade-1" }, status: { succeeded: 1 } }] },
  "get pods -l app=odoo": { items: [pod("odoo-1")] },
  "get pods -l app=odoo-cron": { items: [pod("odoo-cron-1")] },
  "get pods -l app in (odoo, odoo-cron)": { items: [pod("odoo-1"), pod("odoo-cron-1")] },
  "get namespace odoo": { metadata: { name: "odoo", labels: { "pod-security.kubernetes.io/enforce": "restricted" } } },
  "get networkpolicies": {
    items: [{ metadata: { name: "default-deny" }, spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] } }],
  },
  "get services": {
    items: [
      { metadata: { name: "odoo-edge" }, spec: { type: "LoadBalancer" } },
      { metadata: { name: "odoo-db" }, spec: { type: "ClusterIP" } },
    ],
  },
  "get pvc": { items: [{ metadata: { name: "odoo-filestore" }, status: { phase: "Bound" } }] },
  "get pv": {
    items: [
      {
        metadata: { name: "pvc-1" },
        spec: { persistentVolumeReclaimPolicy: "Retain", claimRef: { namespace: "odoo", name: "odoo-db" } },
      },
      {
        metadata: { name: "pvc-2" },
        spec: { persistentVolumeReclaimPolicy: "Delete", claimRef: { namespace: "other", name: "x" } },
      },
    ],
  },
});
/** An entry that is there. */
function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`no entry ${index}`);
  return found;
}
type Cluster = ReturnType<typeof compliant>;
const web = {
  "https://erp.acme.io/web/health": '{"status": "pass"}',
  "https://erp.acme.io/web/login": "200",
  "http://erp.acme.io/": "308 https://erp.acme.io/",
  "https://erp.acme.io/web/database/manager": "403",
};

const answer = (stdout: string): Answer => ({ status: 0, stdout, stderr: "", problem: undefined });

function run(cluster: Cluster, site: Record<string, string | Answer> = web) {
  const kubectl = (...args: string[]) => {
    assert.deepEqual(args.slice(-2), ["-o", "json"]);
    const found = (cluster as Record<string, unknown>)[
      args
        .slice(0, -2)
        .join(" ")
        .replace(/^(get jobs).*/, "$1")
    ];
    assert.ok(found, args.join(" "));
    return Promise.resolve(answer(JSON.stringify(found)));
  };
  const curl = (...args: string[]) => {
    const found = site[args.at(-1) ?? ""];
    return Promise.resolve(typeof found === "string" ? answer(found) : (found ?? answer("")));
  };
  return judgeAll(facts, kubectl, curl);
}

async function notMet(change: (cluster: Cluster) => void): Promise<string[]> {
  const cluster = compliant();
  change(cluster);
  const verdicts = await run(cluster);
  return verdicts
    .filter(({ outcome }) => outcome !== "met")
    .map(({ what, outcome, why }) => `${outcome} ${what}: ${why}`);
}

describe("the criteria of a deployment in a cluster", () => {
  it("are met by one in which all is as it has to be", async () => {
    assert.deepEqual(await notMet(() => undefined), []);
    assert.match(verdictLines(await run(compliant())).at(-1) ?? "", /^15 of 15 criteria are met$/);
  });

  it("are met by what the program renders for production", () => {
    interface Rendered {
      readonly kind?: string;
      readonly metadata?: { readonly name: string };
      readonly spec?: { readonly template?: { readonly spec: object } };
    }
    const dump = fs.readFileSync(path.join(__dirname, "..", "golden", "prod-on-kubernetes.yaml"), "utf8");
    const { resources } = parse(dump) as { resources: { inputs?: Rendered }[] };
    const all = resources.flatMap(({ inputs }) => (inputs?.kind === undefined ? [] : [inputs]));
    const of = (kind: string) => all.filter((one) => one.kind === kind);
    const pods = of("Deployment").map(({ metadata, spec }) => ({ metadata, spec: spec?.template?.spec, status: {} }));
    const web = pods.filter(({ metadata }) => metadata?.name === "odoo");
    assert.ok(pods.length >= 3 && web.length === 1);
    const list = (items: readonly unknown[]) => JSON.stringify({ items });
    assert.equal(hardened(list(pods), facts), undefined);
    assert.equal(probed(list(web), facts), undefined);
    assert.equal(denied(list(of("NetworkPolicy")), facts), undefined);
    assert.equal(onlyEdgeOutside(list(of("Service")), facts), undefined);
    assert.equal(restricted(JSON.stringify(of("Namespace")[0]), facts), undefined);
  });

  const rows: Record<string, readonly [change: (cluster: Cluster) => void, expected: RegExp]> = {
    "a node that is not ready": [(c) => (at(c["get nodes"].items, 0).status = { conditions: [] }), /n1 is not ready/],
    "no release": [(c) => (c["get jobs"].items = []), /no release has come to its end/],
    "a release under way": [
      (c) => c["get jobs"].items.push({ metadata: { name: "j2" }, status: { active: 1 } as never }),
      /j2 is under way/,
    ],
    "too few pods": [(c) => (c["get pods -l app=odoo"].items = []), /0 pods, and 1 are asked for/],
    "another digest": [
      (c) =>
        (at(at(c["get pods -l app=odoo"].items, 0).spec.containers, 0).image = "registry.example.com/acme/odoo:latest"),
      /odoo-1 runs registry\.example\.com\/acme\/odoo:latest/,
    ],
    "two pods with scheduled jobs": [
      (c) => c["get pods -l app=odoo-cron"].items.push(pod("odoo-cron-2")),
      /2 pods, and 1 may be there/,
    ],
    "a pod without a probe": [
      (c) =>
        delete (at(c["get pods -l app=odoo"].items, 0).spec.containers[0] as { readinessProbe?: object })
          .readinessProbe,
      /odoo-1 has no readinessProbe/,
    ],
    "a namespace that lets every pod in": [
      (c) => (c["get namespace odoo"].metadata.labels = {} as never),
      /the namespace enforces nothing/,
    ],
    "no policy that forbids": [
      (c) => (at(c["get networkpolicies"].items, 0).spec.podSelector = { matchLabels: {} } as object),
      /no policy forbids/,
    ],
    "a PostgreSQL that is public": [
      (c) => (at(c["get services"].items, 1).spec.type = "NodePort"),
      /odoo-db can be reached from outside \(NodePort\)/,
    ],
    "a claim without a volume": [
      (c) => (at(c["get pvc"].items, 0).status.phase = "Pending"),
      /odoo-filestore is Pending/,
    ],
    "a disk that goes with its claim": [
      (c) => (at(c["get pv"].items, 0).spec.persistentVolumeReclaimPolicy = "Delete"),
      /the disk of odoo-db goes with its claim/,
    ],
    "an answer that is none": [(c) => (c["get nodes"] = {} as never), /the answer is not what kubectl prints/],
  };
  for (const [what, [change, expected]] of Object.entries(rows)) {
    it(`are not all met with ${what}`, async () => {
      const found = await notMet(change);
      assert.ok(found.length > 0, "all were met");
      assert.match(found.join("\n"), expected);
    });
  }

  type Container = ReturnType<typeof pod>["spec"]["containers"][0];
  const hardening: Record<string, readonly [(one: Container) => void, RegExp]> = {
    "may write to its root": [(one) => (one.securityContext.readOnlyRootFilesystem = false), /may write to its root/],
    "may gain rights": [(one) => (one.securityContext.allowPrivilegeEscalation = true), /may gain rights/],
    "has capabilities": [(one) => (one.securityContext.capabilities.drop = []), /has capabilities/],
    "has no limit": [(one) => (one.resources.limits = {} as never), /has no limit of memory/],
    "may be root": [(one) => ((one.securityContext as { runAsNonRoot?: boolean }).runAsNonRoot = false), /may be root/],
  };
  for (const [what, [change, expected]] of Object.entries(hardening)) {
    it(`are not all met with a container that ${what}`, async () => {
      const found = await notMet((c) =>
        change(at(at(c["get pods -l app in (odoo, odoo-cron)"].items, 1).spec.containers, 0)),
      );
      assert.match(found.join("\n"), expected);
      assert.equal(found.length, 1);
    });
  }

  it("are not met by a site that answers otherwise, and not checked where nothing answers", async () => {
    const verdicts = await run(compliant(), {
      "https://erp.acme.io/web/health": { status: 22, stdout: "", stderr: "curl: (22) error: 503", problem: undefined },
      "https://erp.acme.io/web/login": { status: 6, stdout: "", stderr: "curl: (6) no such host", problem: undefined },
      "http://erp.acme.io/": "200 ",
      "https://erp.acme.io/web/database/manager": "200",
    });
    const last = verdicts.slice(-4).map(({ outcome }) => outcome);
    assert.deepEqual(last, ["not met", "not checked", "not met", "not met"]);
    assert.match(verdictLines(verdicts).at(-1) ?? "", /^11 of 15/);
  });

  it("let no answer move the cursor of who reads", async () => {
    const verdicts = await run(compliant(), { ...web, "https://erp.acme.io/web/login": "\u001b[2J200" });
    const changed = compliant();
    at(at(changed["get pods -l app=odoo"].items, 0).spec.containers, 0).image = "evil\u001b[1A:latest";
    const text = verdictLines([...verdicts, ...(await run(changed))]).join("\n");
    assert.match(text, /evil\?/);
    assert.ok(!text.includes("\u001b"));
  });

  it("ask a site that is an address, too", () => {
    const commands = criteria.map(({ command }) => command({ ...facts, domain: "2001:db8::1" }).at(-1) ?? "");
    assert.ok(commands.includes("https://[2001:db8::1]/web/health"));
  });

  it("stand in docs/DOKS_DEPLOYMENT_SUCCESS_CRITERIA.md, each with its command", () => {
    const page = fs.readFileSync(
      path.join(__dirname, "..", "..", "docs", "DOKS_DEPLOYMENT_SUCCESS_CRITERIA.md"),
      "utf8",
    );
    const quoted = (part: string) => (/[ ({%]/.test(part) ? `'${part}'` : part);
    const shown = { ...facts, domain: "DOMAIN" };
    const expected = criteria.map(({ what, command }) => {
      const [program, ...args] = command(shown).map(quoted);
      return [what, `\`${[program, ...(program === "kubectl" ? ["-n", "odoo"] : []), ...args].join(" ")}\``];
    });
    assert.deepEqual(
      rowsOf(page)
        .map(([, what, command]) => [what, command])
        .filter(([what]) => what !== "what has to be so"),
      expected,
    );
  });

  it("are refused for a stack without a cluster, or without a release", async () => {
    const refusal = async (stack: MadeUpStack) => {
      const error: unknown = await factsOf(stack).catch((reason: unknown) => reason);
      assert.ok(error instanceof ShipError, String(error));
      return error.code;
    };
    assert.equal(await refusal(new MadeUpStack()), "SETTINGS_INVALID");
    const stack = new MadeUpStack();
    Object.assign(stack.settings, {
      "doks:mode": "adopt",
      "doks:clusterId": "00000000-0000-4000-8000-000000000000",
      "doks:domain": "erp.acme.io",
      "digitalocean:token": "planted",
    });
    stack.config = () =>
      Promise.resolve({ config: stack.settings, secretKeys: new Set(["registry:password", "digitalocean:token"]) });
    stack.updated = undefined;
    assert.equal(await refusal(stack), "RELEASE_INCOMPLETE");
    stack.updated = digest;
    assert.deepEqual((await factsOf(stack)).facts, facts);
  });
});
