import assert from "node:assert/strict";
import * as path from "node:path";

import * as pulumi from "@pulumi/pulumi";

import { deployToCluster } from "../../../components/kubernetes/resources";
import { planCluster } from "../../../components/kubernetes/plan";
import { probePort } from "../../../components/odoo/probe-port";
import { ImageRegistry } from "../../../components/registry/image-registry";
import type { Settings } from "../../../settings";
import { digestOf, doksSettings, shared } from "../../support/kubernetes-objects";
import {
  authority,
  clusterApi,
  clusterFunctions,
  clusterId,
  clusterOutputs,
  type PaperCluster,
} from "../../support/paper-cluster";
import { declare, type DeclaredResource, type ProgramRun, secretOf, type World } from "../../support/program";

const root = path.join(__dirname, "..", "..", "..");
let made = 0;
const outputs: World["outputs"] = {
  ...clusterOutputs,
  "digitalocean:index/containerRegistryDockerCredentials:ContainerRegistryDockerCredentials": () => ({
    dockerCredentials: JSON.stringify({
      auths: { r: { auth: Buffer.from("planted-user:planted-password").toString("base64") } },
    }),
    credentialExpirationTime: "2027-02-19T10:00:00Z",
  }),
  "command:local:Command": () => ({ stdout: `planted-${++made}` }),
  "kubernetes:batch/v1:Job": () => ({ status: { completionTime: "2026-11-21T10:00:00Z" } }),
};

/** Declares the target of the settings; the rest of the program is another test's. */
async function run(changes: Record<string, string> = {}, running?: PaperCluster, letter = "a"): Promise<ProgramRun> {
  const settings = doksSettings(changes);
  const real = globalThis.fetch;
  globalThis.fetch = (input) =>
    Promise.resolve(clusterApi(new URL(String(input)).pathname, running) ?? new Response("{}", { status: 500 }));
  try {
    return await declare("staging", {}, outputs, () => program(settings, letter), clusterFunctions);
  } finally {
    globalThis.fetch = real;
  }
}

async function program(settings: Settings, letter: string): Promise<Record<string, unknown>> {
  const plan = await planCluster(root, settings);
  assert.ok(plan);
  const registry = new ImageRegistry("registry", {
    settings: settings.registry,
    access: undefined,
    pullAccess: undefined,
    exists: true,
    releaseKey: "k",
    attempt: undefined,
    month: "2026-11",
  });
  const { url, address, digest, since } = deployToCluster("doks", {
    settings,
    plan,
    digest: pulumi.output(digestOf(letter)),
    probePort,
    proxy: `registry.example.com/proxy@${digestOf("c")}`,
    registry,
  });
  const secrets = pulumi.all([url, address, digest, since].map((output) => pulumi.isSecret(output)));
  return { url, address, digest, since, secrets };
}

interface Declared extends Omit<DeclaredResource, "inputs" | "options"> {
  readonly inputs: Record<string, unknown> & {
    readonly metadata: Record<string, unknown> & { readonly name?: string };
  };
  readonly options: {
    readonly protect?: boolean;
    readonly dependsOn?: string[];
    readonly ignoreChanges?: string[];
    readonly additionalSecretOutputs?: string[];
    readonly deleteBeforeReplace?: boolean;
  };
}

function all({ resources }: ProgramRun): Declared[] {
  return resources as Declared[];
}

function find(of: ProgramRun, name: string): Declared {
  const found = all(of).find((resource) => resource.name === name);
  assert.ok(found, `no ${name}`);
  return found;
}

function inCluster(of: ProgramRun): Declared[] {
  return all(of).filter(({ type }) => type.startsWith("kubernetes:"));
}

describe("a Kubernetes target", () => {
  let target: ProgramRun;
  before(async () => {
    target = await run();
  });

  it("tells where users find it and where the domain must lead, and what runs", () => {
    assert.deepEqual(target.outputs, {
      url: "https://erp.example.com",
      address: "203.0.113.21",
      digest: digestOf("a"),
      since: "2026-11-21T10:00:00Z",
      secrets: [false, false, false, false],
    });
  });

  it("reaches its cluster by one provider of the stack's own, and by no other", () => {
    const providers = all(target).filter(({ type }) => type === "pulumi:providers:kubernetes");
    assert.deepEqual(
      providers.map(({ name, parent }) => [name, parent]),
      [["doks-kubernetes", ""]],
    );
    assert.deepEqual([...new Set(inCluster(target).map(({ provider }) => provider))], ["doks-kubernetes"]);
  });

  it("keeps no credentials for the cluster in the state, and stays the same provider when it moves", () => {
    const { inputs } = find(target, "doks-kubernetes");
    assert.equal(inputs["clusterIdentifier"], clusterId);
    const text = String(inputs["kubeconfig"]);
    assert.match(text, /ops\/kubernetes-credential\.ts/);
    assert.ok(text.includes(authority) && !text.includes("planted"));
  });

  it("puts everything into the namespace, whose rules come first", () => {
    for (const { name, type, inputs, parent } of inCluster(target)) {
      if (type !== "kubernetes:core/v1:Namespace") {
        assert.equal(inputs.metadata["namespace"], "odoo", name);
      }
      assert.match(parent, /^doks-(namespace|database|edge|odoo)$/, name);
    }
    for (const name of ["doks-database", "doks-edge", "doks-odoo"]) {
      assert.deepEqual(find(target, name).options.dependsOn, ["doks-namespace"], name);
    }
  });

  it("upgrades before any pod of the release starts, and after the database is there", () => {
    assert.deepEqual(find(target, "doks-database-postgres").options.dependsOn, [
      "doks-database-fits",
      "doks-database-volume",
    ]);
    assert.deepEqual(find(target, "doks-odoo-upgrade").options.dependsOn, [
      "doks-database",
      "doks-odoo-filestore",
      "doks-odoo-first-login",
    ]);
    assert.deepEqual(find(target, "doks-odoo-web").options.dependsOn, ["doks-odoo-upgrade"]);
    assert.deepEqual(find(target, "doks-odoo-cron").options.dependsOn, ["doks-odoo-web"]);
  });

  it("protects what holds data, what leads to it, what opens it and what serves, and nothing else", () => {
    const kept = all(target).filter(({ options }) => options.protect === true);
    assert.deepEqual(kept.map(({ name }) => name).sort(), [
      "doks-cluster-cluster",
      "doks-cluster-vpc",
      "doks-database-admin-password",
      "doks-database-postgres",
      "doks-database-service",
      "doks-database-user-password",
      "doks-database-volume",
      "doks-edge-certificates",
      "doks-edge-deployment",
      "doks-edge-service",
      "doks-namespace-namespace",
      "doks-odoo-cron",
      "doks-odoo-filestore",
      "doks-odoo-first-password",
      "doks-odoo-master-password",
      "doks-odoo-web",
      "doks-odoo-web-service",
    ]);
  });

  it("keeps volumes of the class that they were made with, since another one would replace them; new ones outlive the namespace", async () => {
    const claims = (of: ProgramRun) => inCluster(of).filter(({ type }) => type.endsWith(":PersistentVolumeClaim"));
    assert.equal(claims(target).length, 3);
    for (const { name, inputs, options } of claims(target)) {
      assert.deepEqual(options.ignoreChanges, ["spec.storageClassName"], name);
      assert.equal((inputs["spec"] as { storageClassName: string }).storageClassName, "do-block-storage-retain", name);
    }
  });

  it("is unprotected only by the setting for it", async () => {
    assert.ok(!all(await run({ "doks:allowDestroy": "true" })).some(({ options }) => options.protect));
  });

  it("makes passwords once, and keeps them secret wherever they go", () => {
    const commands = all(target).filter(({ type }) => type === "command:local:Command");
    assert.equal(commands.length, 4);
    for (const { name, options, inputs } of commands) {
      assert.deepEqual(options.additionalSecretOutputs, ["stdout"], name);
      assert.deepEqual(options.ignoreChanges, ["create", "logging"], name);
      assert.equal(inputs["logging"], "none", name);
    }
    const open = JSON.stringify(target.resources, (_, value: unknown) =>
      secretOf(value) === undefined ? value : "[secret]",
    );
    const words = [...open.matchAll(/[A-Za-z0-9+/]{12,}={0,2}/g)].map(([word]) =>
      Buffer.from(word, "base64").toString(),
    );
    assert.ok(!open.includes("planted") && !words.some((word) => word.includes("planted")));
  });

  it("tells the Job its namespace, for the commands that its failures name", async () => {
    const { spec } = find(await run({ "doks:namespace": "books" }), "doks-odoo-upgrade").inputs as unknown as {
      spec: { template: { spec: { containers: { env: { name: string; value?: string; valueFrom?: object }[] }[] } } };
    };
    const variable = (name: string) => spec.template.spec.containers[0]?.env.find((one) => one.name === name);
    assert.equal(variable("ODOO_SHIP_DATABASE_STORY")?.value, "kubectl -n books logs statefulset/odoo-db");
    assert.deepEqual(variable("ODOO_SHIP_NAMESPACE")?.valueFrom, { fieldRef: { fieldPath: "metadata.namespace" } });
  });

  it("names ConfigMaps and Secrets anew when they change, but for the one that an operator asks for", () => {
    const fixed = inCluster(target)
      .filter(({ type }) => /:(ConfigMap|Secret)$/.test(type))
      .flatMap(({ inputs }) => inputs.metadata.name ?? []);
    assert.deepEqual(fixed, ["odoo-first-login"]);
  });

  it("takes the first password away once it is to be gone, from the cluster and from the state, and the Job starts without it", async () => {
    const gone = await run({ "doks:firstLogin": "gone" });
    assert.ok(!all(gone).some(({ name }) => name === "doks-odoo-first-login"));
    const spent = find(gone, "doks-odoo-first-password");
    // In place, since what is protected cannot be removed; a new one makes none either.
    assert.deepEqual([spent.inputs["create"], spent.inputs["update"], spent.options.protect], ["true", "true", true]);
    assert.equal(find(target, "doks-odoo-first-password").inputs["update"], undefined);
    const job = (of: ProgramRun) => find(of, "doks-odoo-upgrade").inputs;
    assert.deepEqual(job(gone), job(target), "the same Job, which is not run again");
    assert.match(JSON.stringify(job(gone)), /"name":"odoo-first-login","optional":true/);
  });

  it("lets the Job go with its request, which goes before another one comes", () => {
    const request = find(target, "doks-odoo-request");
    const { metadata, spec } = find(target, "doks-odoo-upgrade").inputs as unknown as {
      metadata: { ownerReferences: object[] };
      spec: { template: { spec: { volumes: { secret?: { secretName: string } }[] } } };
    };
    assert.deepEqual(metadata.ownerReferences, [
      { apiVersion: "v1", kind: "Secret", name: "doks-odoo-request-auto", uid: `uid-of-${request.name}` },
    ]);
    assert.ok(spec.template.spec.volumes.some(({ secret }) => secret?.secretName === "doks-odoo-request-auto"));
    assert.equal(request.options.deleteBeforeReplace, true);
  });

  it("tells the Job what to release, and names it by that", async () => {
    const request = (of: ProgramRun) => {
      const { data } = find(of, "doks-odoo-request").inputs as unknown as { data: unknown };
      const encoded = (secretOf(data) ?? data) as Record<string, unknown>;
      const text = Buffer.from(
        String(secretOf(encoded["request.json"]) ?? encoded["request.json"]),
        "base64",
      ).toString();
      return JSON.parse(text) as Record<string, unknown>;
    };
    const told = request(target);
    assert.deepEqual(told, {
      id: told["id"],
      image: `registry.digitalocean.com/team/odoo@${digestOf("a")}`,
      database: "odoo",
      url: "https://erp.example.com",
      modules: ["sale"],
      demo: false,
      release: { additive: false, rehearse: true, upgradeSeconds: 3600, readySeconds: 120, keepPoints: 5 },
      files: {},
    });
    assert.match(String(told["id"]), /^[0-9a-f]{16}$/);
    const job = (of: ProgramRun) => find(of, "doks-odoo-upgrade").inputs.metadata.name;
    assert.equal(job(target), `odoo-upgrade-${String(told["id"])}`);
    assert.equal(job(await run()), job(target));
    assert.notEqual(job(await run({}, undefined, "b")), job(target));
  });

  it("does the same again when nothing has changed", async () => {
    made = 0;
    const first = await run();
    made = 0;
    const second = await run();
    assert.deepEqual(JSON.parse(JSON.stringify(second.resources)), JSON.parse(JSON.stringify(first.resources)));
  });
});

describe("a created cluster", () => {
  it("has a network of its own, moves by its setting only, and pulls by the registry's integration", async () => {
    const { inputs, options } = find(await run(), "doks-cluster-cluster");
    assert.equal(inputs["version"], "1.34.1-do.0");
    assert.equal(inputs["autoUpgrade"], false);
    assert.equal(inputs["surgeUpgrade"], true);
    assert.equal(inputs["registryIntegration"], true);
    assert.equal(inputs["vpcUuid"], "5a4981aa-9653-4bd1-bef5-d6bff52042e4");
    assert.deepEqual(inputs["maintenancePolicy"], { day: "sunday", startTime: "02:00" });
    assert.deepEqual(inputs["nodePool"], {
      name: "odoo-nodes",
      size: "s-4vcpu-8gb",
      tags: ["odoo"],
      autoScale: true,
      minNodes: 1,
      maxNodes: 2,
    });
    assert.deepEqual(options.ignoreChanges, ["nodePool.nodeCount"]);
  });

  it("answers those who are named, and is left as it is where nobody is", async () => {
    const closed = find(await run({ "doks:apiFrom": '["203.0.113.0/24"]' }), "doks-cluster-cluster");
    assert.deepEqual(closed.inputs["controlPlaneFirewall"], { enabled: true, allowedAddresses: ["203.0.113.0/24"] });
    assert.ok(!("controlPlaneFirewall" in find(await run(), "doks-cluster-cluster").inputs));
  });

  it("has as many nodes as it is told, where that is one number", async () => {
    const { inputs, options } = find(await run({ "doks:nodesMin": "2", "doks:nodesMax": "2" }), "doks-cluster-cluster");
    const { autoScale, nodeCount } = inputs["nodePool"] as { autoScale: boolean; nodeCount: number };
    assert.deepEqual([autoScale, nodeCount, options.ignoreChanges], [false, 2, []]);
  });

  it("waits for the registry that it is integrated with", async () => {
    assert.deepEqual(find(await run(), "doks-cluster").options.dependsOn, ["registry"]);
  });
});

describe("an adopted cluster", () => {
  it("is used, and not managed", async () => {
    const target = await run({ "doks:mode": "adopt", "doks:clusterId": clusterId }, { version: "1.34.1-do.0" });
    assert.ok(!all(target).some(({ type }) => /KubernetesCluster|Vpc/.test(type)));
    assert.equal(find(target, "doks-kubernetes").inputs["clusterIdentifier"], clusterId);
  });

  it("gets a pull secret where DigitalOcean brings none, whose name stays", async () => {
    const target = await run({ "doks:mode": "adopt", "doks:clusterId": clusterId }, { version: "1.34.1-do.0" });
    const { inputs } = find(target, "doks-namespace-registry");
    assert.equal(inputs.metadata.name, "odoo-registry");
    assert.equal(inputs["type"], "kubernetes.io/dockerconfigjson");
    const account = find(target, "doks-namespace-account-odoo").inputs as unknown as {
      imagePullSecrets: { name: string }[];
    };
    assert.deepEqual(account.imagePullSecrets, [{ name: "odoo-registry" }]);
    assert.ok(!all(await run()).some(({ name }) => name === "doks-namespace-registry"));
  });

  it("is reached by a given kubeconfig, which stays a secret", async () => {
    const text = "clusters:\n- cluster:\n    server: https://192.0.2.1:6443\n";
    const target = await run({ "doks:mode": "adopt", "doks:kubeconfig": text });
    assert.equal(secretOf(find(target, "doks-kubernetes").inputs["kubeconfig"]), text);
  });
});

describe("a managed database", () => {
  let target: ProgramRun;
  before(async () => {
    target = await run({
      "doks:databaseMode": "managed",
      "doks:databaseSize": "db-s-4vcpu-8gb",
      "doks:databaseStorageGiB": "60",
    });
  });

  it("is in the cluster's network, lets the cluster in and nobody else", () => {
    const { inputs, options } = find(target, "doks-database-server");
    assert.equal(inputs["privateNetworkUuid"], "5a4981aa-9653-4bd1-bef5-d6bff52042e4");
    assert.equal(inputs["storageSizeMib"], "61440");
    assert.equal(options.protect, true);
    assert.deepEqual(find(target, "doks-database-trusted").inputs["rules"], [{ type: "k8s", value: clusterId }]);
  });

  it("has the database that Odoo asks its maintenance questions, and leaves Odoo's role to the release, which could not use the API's", () => {
    assert.equal(find(target, "doks-database-maintenance").inputs["name"], "postgres");
    assert.ok(!all(target).some(({ type }) => type.includes("DatabaseUser")));
    assert.equal(find(target, "doks-database-user-password").options.protect, true);
  });

  it("lets the cluster in before anyone connects: whoever knows the admin's password comes after its trusted sources", () => {
    assert.deepEqual(find(target, "doks-database-admin").options.dependsOn, [
      "doks-database-maintenance",
      "doks-database-trusted",
    ]);
    assert.deepEqual(find(target, "doks-odoo-upgrade").options.dependsOn, [
      "doks-database",
      "doks-odoo-filestore",
      "doks-odoo-first-login",
    ]);
  });

  it("is reached directly, by TLS, on its private name", () => {
    const web = find(target, "doks-odoo-web").inputs as unknown as {
      spec: { template: { spec: { containers: { env: { name: string; value: string }[] }[] } } };
    };
    const env = Object.fromEntries(
      (web.spec.template.spec.containers[0]?.env ?? []).map(({ name, value }) => [name, value]),
    );
    assert.deepEqual(
      [env["DB_HOST"], env["DB_PORT"], env["DB_USER"], env["PGSSLROOTCERT"]],
      ["private-odoo-db.db.ondigitalocean.com", "25060", "odoo", "/etc/odoo-database/database-ca.pem"],
    );
    const { data } = find(target, "doks-database-config").inputs as unknown as { data: Record<string, string> };
    assert.match(data["database-ca.pem"] ?? "", /BEGIN CERTIFICATE/);
  });

  it("takes the place of PostgreSQL in the cluster", () => {
    assert.ok(
      !all(target).some(({ type, inputs }) => type.endsWith(":StatefulSet") || inputs.metadata?.name === "odoo-db"),
    );
  });
});

describe("several replicas", () => {
  it("share a filestore of the given class, keep a budget, and scale where they may", async () => {
    const target = await run({ ...shared, "doks:replicasMax": "6" });
    const claim = find(target, "doks-odoo-filestore").inputs["spec"];
    assert.deepEqual(claim, {
      accessModes: ["ReadWriteMany"],
      storageClassName: "nfs",
      resources: { requests: { storage: "20Gi" } },
    });
    assert.equal(find(target, "doks-odoo-web-budget").inputs.metadata.name, "odoo");
    assert.equal(find(target, "doks-odoo-web-scaler").inputs.metadata.name, "odoo");
    assert.equal(
      (find(target, "doks-database-volume").inputs["spec"] as { storageClassName: string }).storageClassName,
      "do-block-storage-retain",
    );
    assert.ok(!all(await run()).some(({ name }) => /-(budget|scaler)$/.test(name)));
  });
});
