import assert from "node:assert/strict";

import { RecordedClusters } from "../../sandbox/test/helpers/recorded-clusters";
import { RecordedDatabases } from "../../sandbox/test/helpers/recorded-databases";
import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { TestStack } from "../../sandbox/test/helpers/test-stack";

/** As a program declares them; what it says of versions, pools and more comes from the configuration. */
const program = `
import * as digitalocean from "@pulumi/digitalocean";
import * as pulumi from "@pulumi/pulumi";

export = async () => {
  const { versions, ...more } = new pulumi.Config("doks").requireObject<any>("cluster");
  const vpc = new digitalocean.Vpc("net", { region: "fra1", ipRange: "10.200.0.0/20" });
  const offered = await digitalocean.getKubernetesVersions({ versionPrefix: versions });
  const cluster = new digitalocean.KubernetesCluster("doks", {
    region: "fra1",
    version: offered.latestVersion,
    vpcUuid: vpc.id,
    nodePool: { name: "web", size: "s-2vcpu-4gb", autoScale: true, minNodes: 1, maxNodes: 3 },
    maintenancePolicy: { day: "sunday", startTime: "03:00" },
    registryIntegration: true,
    ...more,
  });
  const books = new digitalocean.DatabaseCluster("books", {
    region: "fra1", engine: "pg", version: "17", size: "db-s-1vcpu-2gb", nodeCount: 1, privateNetworkUuid: vpc.id,
    maintenanceWindows: [{ day: "sunday", hour: "02:00" }],
  });
  const maintenance = new digitalocean.DatabaseDb("postgres", { clusterId: books.id, name: "postgres" });
  const user = new digitalocean.DatabaseUser("odoo", { clusterId: books.id, name: "odoo" });
  new digitalocean.DatabaseFirewall("books", { clusterId: books.id, rules: [{ type: "k8s", value: cluster.id }] });
  const { certificate } = digitalocean.getDatabaseCaOutput({ clusterId: books.id });
  const night = new digitalocean.KubernetesNodePool("night", { clusterId: cluster.id, size: "s-2vcpu-4gb", nodeCount: 1, tags: ["night"] });
  return {
    endpoint: cluster.endpoint,
    version: cluster.version,
    token: cluster.kubeConfigs.apply(([config]) => config?.token),
    night: night.actualNodeCount,
    host: books.privateHost,
    password: user.password,
    maintenance: maintenance.name,
    certificate,
  };
};
`;

describe("a Kubernetes cluster with its network and database, on the real engine", () => {
  const clusters = new RecordedClusters();
  const databases = new RecordedDatabases();
  const running = new RunningServers(undefined, { actionMs: 0, clusters, databases });
  let stack: TestStack;
  const say = (cluster: Readonly<Record<string, unknown>>) =>
    (stack.config = { ...stack.config, "doks:cluster": cluster });

  before(async () => {
    await running.start();
    await running.createRegistry();
    stack = new TestStack(running.servers);
    stack.write("index.ts", program);
    say({ versions: "1.33." });
    await stack.init("vault");
  });
  after(async () => {
    stack.remove();
    await running.remove();
  });

  it("is previewed without a change, made, and not changed again", async () => {
    const before = running.changes;
    const preview = await stack.preview();
    assert.equal(preview.status, 0, preview.output);
    assert.match(preview.output, /digitalocean:index\/kubernetesCluster:KubernetesCluster/);
    assert.equal(running.changes, before);

    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    const told = await stack.pulumi("stack", "output", "--json");
    const outputs = JSON.parse(told.output) as Record<string, unknown>;
    assert.deepEqual(
      [outputs["endpoint"], outputs["version"], outputs["night"], outputs["token"]],
      ["https://127.0.0.20:6443", "1.33.6-do.0", 1, "[secret]"],
    );
    assert.deepEqual(
      [outputs["host"], outputs["password"], outputs["maintenance"], outputs["certificate"]],
      ["198.18.77.40", "[secret]", "postgres", "the authority's certificate"],
    );
    assert.ok(databases.told.includes("sources 198.18.77.20/32"), "the cluster's nodes are let in, and nobody else");
    const again = await stack.up("--expect-no-changes");
    assert.equal(again.status, 0, again.output);
    const refreshed = await stack.up("--refresh", "--expect-no-changes");
    assert.equal(refreshed.status, 0, refreshed.output);
  });

  it("keeps its credentials out of the plain state", async () => {
    const shown = (await stack.pulumi("stack", "export", "--show-secrets")).output;
    const [admin = ""] = databases.orders.map(({ adminPassword }) => adminPassword);
    const [odoo = ""] = databases.told.flatMap((line) => /^user odoo (.*)$/.exec(line)?.[1] ?? []);
    for (const secret of ["token-1", admin, odoo]) {
      assert.ok(secret.length > 6 && shown.includes(secret), "the search finds it where it is shown");
      assert.ok(!stack.storedText().includes(secret));
    }
  });

  it("is upgraded in place", async () => {
    say({ versions: "1.34." });
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.equal((await stack.outputs())["version"], "1.34.3-do.0");
    assert.equal(clusters.orders.length, 1, "one cluster, made once");
  });

  it("would be replaced for an older version", async () => {
    say({ versions: "1.33." });
    const { output } = await stack.preview();
    assert.match(output, /\+-digitalocean:index\/kubernetesCluster:KubernetesCluster: \(replace\)/);
    say({ versions: "1.34." });
  });

  it("goes with its network, which waits for it", async () => {
    const { status, output } = await stack.pulumi("destroy", "--yes", "--skip-preview", "--non-interactive");
    assert.equal(status, 0, output);
    assert.deepEqual((await running.api("GET", "/v2/kubernetes/clusters")).all("kubernetes_clusters", "name"), []);
    assert.deepEqual((await running.api("GET", "/v2/databases")).all("databases", "name"), []);
    const networks = (await running.api("GET", "/v2/vpcs?per_page=200")).all("vpcs", "default");
    assert.ok(
      networks.length > 0 && networks.every((isDefault) => isDefault === true),
      "the regions' own networks are left",
    );
  });
});
