import assert from "node:assert/strict";
import { mock } from "node:test";
import { parse } from "yaml";
import { isMap, isSecret, reveal, unknown, type Value, type ValueMap } from "../../plugins/values";
import { DropletPlugin, urns } from "../helpers/droplet-plugin";
import { PluginError } from "../helpers/plugin-client";

const minimal = {
  name: "erp",
  region: "fra1",
  version: "1.33.6-do.0",
  nodePool: { name: "web", size: "s-2vcpu-4gb", nodeCount: 2 },
};

describe("The stand-in's VPCs", () => {
  const running = new DropletPlugin();
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());
  const urn = urns.vpc;
  const inputs = { name: "doks", region: "fra1", ipRange: "10.200.0.0/20", description: "of the tests" };

  it("are made, read, imported, changed and deleted", async () => {
    const made = await running.plugin.create(urn, inputs);
    assert.deepEqual(
      { ...made.state, createdAt: "" },
      { ...inputs, createdAt: "", default: false, vpcUrn: `do:vpc:${made.id}` },
    );
    assert.match(String(made.state["createdAt"]), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC$/);
    const read = await running.plugin.read(urn, made.id, made.state, inputs);
    assert.deepEqual([read.state, read.inputs], [made.state, inputs]);
    assert.deepEqual((await running.plugin.read(urn, made.id, {}, {})).inputs, inputs);
    const news = { ...inputs, name: "net", description: "other" };
    assert.deepEqual((await running.plugin.diff(urn, made.state, inputs, news)).replacesList, []);
    const updated = await running.plugin.update(urn, made.id, made.state, inputs, news);
    assert.deepEqual([updated["name"], updated["description"]], ["net", "other"]);
    for (const change of [{ ipRange: "10.201.0.0/20" }, { region: "nyc3" }]) {
      assert.deepEqual(
        (await running.plugin.diff(urn, made.state, inputs, { ...inputs, ...change })).replacesList,
        Object.keys(change),
      );
    }
    const { ipRange, ...without } = inputs;
    assert.equal(
      (await running.plugin.diff(urn, made.state, { ...without, ipRange }, without)).changes,
      1,
      "a chosen range is no change",
    );
    await running.plugin.delete(urn, made.id, updated, news);
    assert.equal((await running.plugin.read(urn, made.id, updated, news)).id, "");
  });

  it("wait with their deletion for a cluster that is on its way out", async () => {
    const vpc = await running.plugin.create(urn, inputs);
    const cluster = await running.plugin.create(urns.cluster, { ...minimal, vpcUuid: vpc.id });
    const release = running.clusters.hold();
    await running.plugin.delete(urns.cluster, cluster.id, cluster.state, minimal);
    setTimeout(release, 200);
    await running.plugin.delete(urn, vpc.id, vpc.state, inputs);
    assert.equal((await running.api("GET", `/v2/vpcs/${vpc.id}`)).status, 404);
  });

  it("are refused at Check, each for its reason", async () => {
    const tries = async (more: ValueMap): Promise<string> =>
      (await running.plugin.check(urn, { ...inputs, ...more })).failures.join("; ");
    assert.match(await tries({ ipRange: "10.200.0.0" }), /"ipRange" must be a network in CIDR notation/);
    assert.match(await tries({ name: "" }), /"name" must not be empty/);
    assert.match(await tries({ description: "x".repeat(256) }), /at most 255/);
    assert.equal(await tries({ region: unknown }), "");
  });
});

describe("The stand-in's Kubernetes clusters", () => {
  const running = new DropletPlugin();
  const { clusters } = running;
  before(() => running.start());
  afterEach(() => mock.timers.reset());
  afterEach(() => running.clear());
  after(() => running.remove());
  const urn = urns.cluster;

  /** As Check leaves them: with the defaults. */
  const checked = async (more: ValueMap = {}): Promise<ValueMap> => {
    const { inputs, failures } = await running.plugin.check(urn, { ...minimal, ...more });
    assert.deepEqual(failures, []);
    return inputs;
  };
  const pool = (state: ValueMap): ValueMap => (isMap(state["nodePool"]) ? state["nodePool"] : {});
  const config = (state: ValueMap): ValueMap => {
    const [first] = reveal(state["kubeConfigs"] ?? null) as Value[];
    return isMap(first) ? first : {};
  };

  it("run when they are made, with secret credentials and a kubeconfig that holds them", async () => {
    const inputs = await checked({ maintenancePolicy: { day: "sunday", startTime: "03:00" }, tags: ["erp"], ha: true });
    assert.deepEqual(
      ["surgeUpgrade", "registryIntegration", "destroyAllAssociatedResources"].map((name) => inputs[name]),
      [true, false, false],
    );
    const { id, state } = await running.plugin.create(urn, inputs);
    assert.ok(isSecret(state["kubeConfigs"]));
    const { rawConfig, clusterCaCertificate, expiresAt, host, token } = config(state);
    assert.deepEqual(
      [host, clusterCaCertificate],
      ["https://127.0.0.20:6443", Buffer.from("the authority's certificate").toString("base64")],
    );
    assert.match(String(expiresAt), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const kubeconfig = parse(String(rawConfig)) as { users: unknown; "current-context": string };
    assert.deepEqual(kubeconfig.users, [{ name: "do-fra1-erp-admin", user: { token } }]);
    assert.deepEqual(state["maintenancePolicy"], { day: "sunday", startTime: "03:00", duration: "4h0m0s" });
    assert.deepEqual(
      ["status", "ha", "endpoint", "ipv4Address", "clusterUrn", "tags"].map((name) => state[name]),
      ["running", true, "https://127.0.0.20:6443", "", `do:kubernetes:${id}`, ["erp"]],
    );
    assert.deepEqual([pool(state)["actualNodeCount"], pool(state)["tags"]], [2, []]);
    const { tags } = (await running.api("GET", `/v2/kubernetes/clusters/${id}/node_pools`)).at("node_pools", 0) as {
      tags: string[];
    };
    assert.ok(tags.includes("terraform:default-node-pool"));
  });

  it("show no change after a refresh, and keep credentials that are still good", async () => {
    const inputs = await checked();
    const { id, state } = await running.plugin.create(urn, inputs);
    const read = await running.plugin.read(urn, id, state, inputs);
    assert.deepEqual(config(read.state), config(state));
    assert.equal((await running.plugin.diff(urn, read.state, read.inputs, inputs)).changes, 1);
  });

  it("renew expired credentials in a refresh or with a change, and not in an update that changes nothing of them", async () => {
    const inputs = await checked({ kubeconfigExpireSeconds: 300 });
    const { id, state } = await running.plugin.create(urn, inputs);
    mock.timers.enable({ apis: ["Date"], now: Date.now() + 300_000 });
    assert.equal((await running.plugin.diff(urn, state, inputs, inputs)).changes, 1, "an update does not even ask");
    const read = await running.plugin.read(urn, id, state, inputs);
    assert.notEqual(config(read.state)["token"], config(state)["token"]);
    const renewed = await running.plugin.update(urn, id, state, inputs, { ...inputs, tags: ["new"] });
    assert.notEqual(config(renewed)["token"], config(state)["token"]);
    assert.deepEqual(renewed["tags"], ["new"]);
  });

  it("are changed in place, but for region, networks, the size of their pool and an older version", async () => {
    const inputs = await checked();
    const { state } = await running.plugin.create(urn, inputs);
    const replaced = async (change: ValueMap): Promise<readonly string[]> =>
      (await running.plugin.diff(urn, state, inputs, { ...inputs, ...change })).replacesList;
    const nodePool = pool(inputs);
    for (const name of ["region", "vpcUuid", "clusterSubnet", "serviceSubnet"]) {
      assert.deepEqual(await replaced({ [name]: name === "region" ? "nyc3" : "10.1.0.0/16" }), [name]);
    }
    assert.deepEqual(await replaced({ version: "1.32.10-do.0" }), ["version"]);
    assert.deepEqual(await replaced({ version: "1.33.5-do.9" }), ["version"]);
    assert.deepEqual(await replaced({ nodePool: { ...nodePool, size: "s-4vcpu-8gb" } }), ["nodePool"]);
    const changes: readonly ValueMap[] = [
      { version: "1.34.3-do.0" },
      { version: "1.33.6-do.1" },
      { name: "books" },
      { ha: true },
      { autoUpgrade: true },
      { nodePool: { ...nodePool, nodeCount: 3 } },
    ];
    for (const change of changes) {
      const diff = await running.plugin.diff(urn, state, inputs, { ...inputs, ...change });
      assert.deepEqual([diff.changes, diff.replacesList], [2, []], JSON.stringify(change));
    }
  });

  it("take what is changed: version, pool, window, registry", async () => {
    await running.createRegistry();
    const inputs = await checked();
    const { id, state } = await running.plugin.create(urn, inputs);
    const news = await checked({
      version: "1.34.3-do.0",
      registryIntegration: true,
      maintenancePolicy: { day: "monday", startTime: "01:00" },
      nodePool: { ...minimal.nodePool, autoScale: true, minNodes: 1, maxNodes: 3, labels: { kind: "web" } },
    });
    const updated = await running.plugin.update(urn, id, state, inputs, news);
    assert.deepEqual([updated["version"], updated["registryIntegration"]], ["1.34.3-do.0", true]);
    assert.equal(clusters.logins.get(id)?.secretName, "team");
    assert.deepEqual(
      ["autoScale", "minNodes", "maxNodes", "nodeCount", "labels"].map((name) => pool(updated)[name]),
      [true, 1, 3, 2, { kind: "web" }],
    );
    assert.equal(pool(updated)["id"], pool(state)["id"]);
    const off = await checked({ version: "1.34.3-do.0", nodePool: news["nodePool"] ?? null });
    const back = await running.plugin.update(urn, id, updated, news, off);
    assert.deepEqual([back["registryIntegration"], clusters.logins.has(id)], [false, false]);
    await running.api("DELETE", "/v2/registry");
  });

  it("are closed to all but the given addresses, and stay closed when the program does not say so any more", async () => {
    const firewall = { enabled: true, allowedAddresses: ["203.0.113.0/24"] };
    const inputs = await checked({ controlPlaneFirewall: firewall });
    const { id, state } = await running.plugin.create(urn, inputs);
    assert.deepEqual(state["controlPlaneFirewall"], firewall);
    const wider = await checked({
      controlPlaneFirewall: { enabled: true, allowedAddresses: ["203.0.113.0/24", "198.51.100.7/32"] },
    });
    assert.equal((await running.plugin.diff(urn, state, inputs, wider)).changes, 2);
    const updated = await running.plugin.update(urn, id, state, inputs, wider);
    assert.deepEqual(updated["controlPlaneFirewall"], wider["controlPlaneFirewall"]);
    const silent = await checked();
    assert.equal((await running.plugin.diff(urn, updated, wider, silent)).changes, 1);
    const renamed = await running.plugin.update(urn, id, updated, wider, { ...silent, name: "books" });
    assert.deepEqual(renamed["controlPlaneFirewall"], wider["controlPlaneFirewall"]);
    const { state: open } = await running.plugin.create(urn, await checked({ name: "open" }));
    assert.deepEqual(open["controlPlaneFirewall"], { enabled: false, allowedAddresses: [] });
  });

  it("whose count the autoscaler has moved show that only to who says a count", async () => {
    const auto = { name: "web", size: "s-2vcpu-4gb", autoScale: true, minNodes: 1, maxNodes: 3 };
    const inputs = await checked({ nodePool: auto });
    const { id, state } = await running.plugin.create(urn, inputs);
    assert.deepEqual([pool(state)["actualNodeCount"], pool(state)["nodeCount"]], [1, undefined]);
    await running.api("PUT", `/v2/kubernetes/clusters/${id}/node_pools/${String(pool(state)["id"])}`, {
      name: "web",
      count: 3,
    });
    const read = await running.plugin.read(urn, id, state, inputs);
    assert.equal(pool(read.state)["actualNodeCount"], 3);
    assert.equal((await running.plugin.diff(urn, read.state, read.inputs, inputs)).changes, 1);
    const said = await checked({ nodePool: { ...auto, nodeCount: 1 } });
    const saidState = { ...read.state, nodePool: { ...pool(read.state), nodeCount: 3 } };
    assert.equal((await running.plugin.diff(urn, saidState, { ...said, nodePool: pool(saidState) }, said)).changes, 2);
  });

  it("are imported with their only pool, and not when it is not clear which one is theirs", async () => {
    const id = await running.cluster("found");
    const read = await running.plugin.read(urn, id, {}, {});
    assert.deepEqual([read.inputs["name"], pool(read.inputs)["name"]], ["found", "web"]);
    // The program says nothing of it; the import after a killed update must not become a replacement.
    const said = Object.fromEntries(Object.entries(read.inputs).filter(([name]) => name !== "workerSubnetUuid"));
    const diff = await running.plugin.diff(urn, read.state, { ...said, workerSubnetUuid: "" }, said);
    assert.deepEqual(diff.replacesList, []);
    const other = await running.cluster("twins");
    await running.api("POST", `/v2/kubernetes/clusters/${other}/node_pools`, {
      name: "cron",
      size: "s-2vcpu-4gb",
      count: 1,
    });
    await assert.rejects(running.plugin.read(urn, other, {}, {}), /Cluster contains multiple node pools/);
  });

  it("are not in the state when they do not come up, and are when only the registry cannot be integrated", async () => {
    clusters.failing.add("create");
    const failed = await running.plugin.create(urn, await checked()).catch((error: unknown) => error);
    assert.ok(failed instanceof PluginError && failed.unfinished === undefined);
    assert.match(failed.message, /could not be made: the sandbox could not start it/);
    clusters.failing.clear();
    await running.clear();
    const inputs = await checked({ registryIntegration: true });
    const half = await running.plugin.create(urn, inputs).catch((error: unknown) => error);
    assert.ok(half instanceof PluginError && half.unfinished !== undefined);
    await running.createRegistry();
    const mended = await running.plugin.update(urn, half.unfinished.id, half.unfinished.state, inputs, inputs);
    assert.deepEqual([mended["registryIntegration"], clusters.logins.has(half.unfinished.id)], [true, true]);
    await running.api("DELETE", "/v2/registry");
  });

  it("go, with all that belongs to them when the program says so", async () => {
    const inputs = await checked({ destroyAllAssociatedResources: true });
    const { id, state } = await running.plugin.create(urn, inputs);
    await running.plugin.delete(urn, id, state, inputs);
    const last = running.servers.api.log.list().findLast(({ method }) => method === "DELETE");
    assert.match(last?.path ?? "", /destroy_with_associated_resources\/dangerous$/);
    assert.equal(await running.clusterState(id, "gone"), "gone");
    await running.plugin.delete(urn, id, state, inputs);
    assert.equal((await running.plugin.read(urn, id, state, inputs)).id, "");
  });

  it("are refused at Check, each for its reason", async () => {
    const tries = async (more: ValueMap): Promise<string> =>
      (await running.plugin.check(urn, { ...minimal, ...more })).failures.join("; ");
    assert.match(
      await tries({ maintenancePolicy: { day: "someday" } }),
      /"maintenancePolicy.day" must be one of any, monday/,
    );
    assert.match(await tries({ routingAgent: { enabled: true } }), /"routingAgent" is not supported .* do not have it/);
    assert.match(await tries({ isolatedWorkers: true }), /"isolatedWorkers" cannot be true/);
    assert.match(await tries({ kubeconfigExpireSeconds: -1 }), /"kubeconfigExpireSeconds" must be at least 0/);
    assert.match(await tries({ clusterSubnet: "all" }), /"clusterSubnet" must be a network in CIDR/);
    assert.match(await tries({ nodePool: { name: "web" } }), /missing required property "nodePool.size"/);
    assert.match(await tries({ nodePool: { ...minimal.nodePool, name: "" } }), /"nodePool.name" must not be empty/);
    assert.match(await tries({ tags: ["a b"] }), /"tags"/);
    const taints = [{ key: "a", value: "b", effect: "Never" }];
    assert.match(await tries({ nodePool: { ...minimal.nodePool, taints } }), /effect must be NoSchedule/);
    assert.equal(await tries({ version: unknown, nodePool: { ...minimal.nodePool, size: unknown } }), "");
  });
});

describe("The stand-in's node pools", () => {
  const running = new DropletPlugin();
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());
  const urn = urns.nodePool;

  it("are made, changed, imported and deleted", async () => {
    const clusterId = await running.cluster("erp");
    const given = {
      clusterId,
      name: "cron",
      size: "s-2vcpu-4gb",
      nodeCount: 1,
      tags: ["night"],
      labels: { kind: "cron" },
    };
    const { inputs } = await running.plugin.check(urn, given);
    const { id, state } = await running.plugin.create(urn, inputs);
    assert.deepEqual(
      ["actualNodeCount", "nodeCount", "autoScale", "tags", "labels"].map((name) => state[name]),
      [1, 1, false, ["night"], { kind: "cron" }],
    );
    const read = await running.plugin.read(urn, id, state, inputs);
    assert.equal((await running.plugin.diff(urn, read.state, read.inputs, inputs)).changes, 1);
    assert.deepEqual((await running.plugin.diff(urn, state, inputs, { ...inputs, size: "s-4vcpu-8gb" })).replacesList, [
      "size",
    ]);
    const news = { ...inputs, nodeCount: 2, name: "night" };
    assert.deepEqual((await running.plugin.diff(urn, state, inputs, news)).replacesList, []);
    const updated = await running.plugin.update(urn, id, state, inputs, news);
    assert.deepEqual([updated["name"], updated["actualNodeCount"]], ["night", 2]);
    assert.equal((await running.plugin.read(urn, id, {}, {})).inputs["clusterId"], clusterId);
    await running.plugin.delete(urn, id, updated, news);
    assert.equal((await running.plugin.read(urn, id, updated, news)).id, "");
  });

  it("are not imported when they are a cluster's own, or nobody's", async () => {
    const { inputs } = await running.plugin.check(urns.cluster, minimal);
    const { state } = await running.plugin.create(urns.cluster, inputs);
    const own = isMap(state["nodePool"]) ? String(state["nodePool"]["id"]) : "";
    await assert.rejects(running.plugin.read(urn, own, {}, {}), /has the default node pool tag set/);
    await assert.rejects(
      running.plugin.read(urn, "elsewhere", {}, {}),
      /Did not find the cluster owning the node pool elsewhere/,
    );
  });
});

describe("The stand-in's functions for Kubernetes", () => {
  const running = new DropletPlugin();
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());

  it("tell the versions on offer, newest first", async () => {
    const versions = async (args: ValueMap) =>
      (await running.plugin.invoke("digitalocean:index/getKubernetesVersions:getKubernetesVersions", args)).result;
    const all = await versions({});
    assert.deepEqual([all["latestVersion"], (all["validVersions"] as Value[]).length], ["1.34.3-do.0", 3]);
    assert.deepEqual((await versions({ versionPrefix: "1.33." }))["validVersions"], ["1.33.6-do.0"]);
    assert.equal((await versions({ versionPrefix: "2." }))["latestVersion"], undefined);
  });

  it("find a cluster by name, with credentials that are secret", async () => {
    const { inputs } = await running.plugin.check(urns.cluster, minimal);
    const { id } = await running.plugin.create(urns.cluster, inputs);
    const token = "digitalocean:index/getKubernetesCluster:getKubernetesCluster";
    const { result } = await running.plugin.invoke(token, { name: "erp" });
    assert.deepEqual(
      [result["id"], result["version"], result["endpoint"]],
      [id, "1.33.6-do.0", "https://127.0.0.20:6443"],
    );
    assert.ok(isSecret(result["kubeConfigs"]));
    assert.equal((result["nodePools"] as Value[]).length, 1);
    await assert.rejects(running.plugin.invoke(token, { name: "other" }), /Unable to find cluster with name: other/);
    await running.cluster("by-hand");
    assert.deepEqual((await running.plugin.invoke(token, { name: "by-hand" })).result["nodePools"], []);
  });
});
