import * as assert from "node:assert/strict";
import { parse } from "yaml";
import { registryAddress } from "../../config";
import { DropletServers, refusal, smallestCluster } from "../helpers/droplet-servers";

const path = "/v2/kubernetes/clusters";

describe("Kubernetes clusters in the sandbox's DigitalOcean API", () => {
  const running = new DropletServers();
  const { clusters } = running;
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());

  const read = (id: string) => running.api("GET", `${path}/${id}`);
  const fact = async (id: string, ...keys: (string | number)[]) => (await read(id)).at("kubernetes_cluster", ...keys);

  it("are provisioning until their machine runs, and tell its address then", async () => {
    const release = clusters.hold();
    const made = await running.api("POST", path, { ...smallestCluster, name: "erp", tags: ["prod"] });
    const id = String(made.at("kubernetes_cluster", "id"));
    assert.deepEqual([made.status, made.at("kubernetes_cluster", "status", "state")], [201, "provisioning"]);
    assert.deepEqual(
      ["ipv4", "endpoint"].map((key) => made.at("kubernetes_cluster", key)),
      ["", ""],
    );
    assert.equal(made.at("kubernetes_cluster", "node_pools", 0, "nodes", 0, "status", "state"), "provisioning");
    assert.equal((await running.api("GET", `${path}/${id}/credentials`)).status, 412);
    release();
    assert.equal(await running.clusterState(id, "running"), "running");
    assert.deepEqual(await Promise.all(["ipv4", "endpoint", "tags", "vpc_uuid"].map((key) => fact(id, key))), [
      "127.0.0.20",
      "https://127.0.0.20:6443",
      ["k8s", `k8s:${id}`, "prod"],
      made.at("kubernetes_cluster", "vpc_uuid"),
    ]);
    const [order] = clusters.orders.splice(0);
    const pool = (await read(id)).at("kubernetes_cluster", "node_pools", 0) as {
      id: string;
      nodes: { name: string }[];
    };
    assert.deepEqual(order, {
      id,
      name: "erp",
      version: "1.34.3-do.0",
      slot: 0,
      pools: [{ id: pool.id, name: "web", nodes: pool.nodes.map(({ name }) => name) }],
    });
    assert.equal(pool.nodes.length, 2);
    assert.deepEqual((await running.api("GET", path)).all("kubernetes_clusters", "name"), ["erp"]);
  });

  it("have an address each, up to the sandbox's limit", async () => {
    await running.cluster("one");
    const second = await running.cluster("two", { ha: true });
    assert.deepEqual([await fact(second, "endpoint"), await fact(second, "ipv4")], ["https://127.0.0.22:6443", ""]);
    await running.cluster("three");
    assert.match(
      refusal(await running.api("POST", path, { ...smallestCluster, name: "four" })),
      /^422 cluster limit reached: the sandbox has 3 clusters, and there are one \(.*, running\), two \(.*\), three/,
    );
  });

  it("end in an error that says where to look when the machine cannot be made", async () => {
    clusters.failing.add("create");
    const made = await running.api("POST", path, { ...smallestCluster, name: "erp" });
    const id = String(made.at("kubernetes_cluster", "id"));
    assert.equal(await running.clusterState(id, "running"), "error");
    assert.match(String(await fact(id, "status", "message")), /npm run sandbox -- logs/);
    assert.match(refusal(await running.api("GET", `${path}/${id}/kubeconfig`)), /^412 cluster is error/);
  });

  it("are changed: name, tags, maintenance window, upgrades; high availability for good", async () => {
    const id = await running.cluster("erp", { ha: true, surge_upgrade: true });
    assert.deepEqual(await fact(id, "maintenance_policy"), { day: "any", start_time: "04:00", duration: "4h0m0s" });
    const changed = await running.api("PUT", `${path}/${id}`, {
      name: "books",
      tags: ["k8s", `k8s:${id}`, "team"],
      maintenance_policy: { day: "sunday", start_time: "02:30", duration: "" },
      auto_upgrade: true,
      // As the official client tells what is off.
      routing_agent: { enabled: false },
      control_plane_firewall: { enabled: null, allowed_addresses: null },
      cluster_autoscaler_configuration: {},
    });
    assert.equal(changed.status, 202, JSON.stringify(changed.body));
    assert.deepEqual(await fact(id, "maintenance_policy"), { day: "sunday", start_time: "02:30", duration: "4h0m0s" });
    assert.deepEqual(await Promise.all(["name", "tags", "auto_upgrade", "surge_upgrade"].map((key) => fact(id, key))), [
      "books",
      ["k8s", `k8s:${id}`, "team"],
      true,
      true,
    ]);
    assert.deepEqual(await fact(id, "control_plane_firewall"), { enabled: false, allowed_addresses: [] });
    const closed = { enabled: true, allowed_addresses: ["203.0.113.0/24", "2001:db8::7"] };
    await running.api("PUT", `${path}/${id}`, { name: "books", control_plane_firewall: closed });
    await running.api("PUT", `${path}/${id}`, { name: "books", auto_upgrade: true });
    assert.deepEqual(await fact(id, "control_plane_firewall"), closed);
    const tries = async (body: Readonly<Record<string, unknown>>): Promise<string> =>
      refusal(await running.api("PUT", `${path}/${id}`, { name: "books", ...body }));
    assert.match(
      await tries({ control_plane_firewall: { enabled: true, allowed_addresses: ["office"] } }),
      /must be an IP address or a range/,
    );
    assert.match(await tries({ ha: false }), /^422 .*high availability cannot be disabled/);
    assert.match(
      await tries({ maintenance_policy: { day: "someday" } }),
      /maintenance_policy.day must be one of any, monday/,
    );
    assert.match(await tries({ maintenance_policy: { start_time: "25:00" } }), /start_time must be a time of day/);
    assert.match(await tries({ version: "1.33.6-do.0" }), /Unrecognized key: "version"/);
    assert.match(await tries({ routing_agent: { enabled: true } }), /routing_agent.enabled cannot be true/);
  });

  it("are upgraded to a newer patch or to the next minor version, and never back", async () => {
    const offered = (await running.api("GET", "/v2/kubernetes/options")).at("options", "versions") as {
      slug: string;
    }[];
    assert.deepEqual(
      offered.map(({ slug }) => slug),
      ["1.34.3-do.0", "1.33.6-do.0", "1.32.10-do.0"],
    );
    const id = await running.cluster("erp", { version: "1.32" });
    assert.equal(await fact(id, "version"), "1.32.10-do.0");
    const possible = await running.api("GET", `${path}/${id}/upgrades`);
    assert.deepEqual(possible.all("available_upgrade_versions", "slug"), ["1.33.6-do.0"]);
    const upgrade = (version: string) => running.api("POST", `${path}/${id}/upgrade`, { version });
    assert.match(
      refusal(await upgrade("1.34.3-do.0")),
      /^422 validation error: invalid version slug: 1.32.10-do.0 can be upgraded to: 1.33.6-do.0/,
    );
    const release = clusters.hold();
    assert.equal((await upgrade("1.33.6-do.0")).status, 202);
    assert.equal(refusal(await upgrade("1.34.3-do.0")), "409 cluster is upgrading");
    release();
    assert.equal(await running.clusterState(id, "running"), "running");
    assert.equal((await upgrade("1.34.3-do.0")).status, 202);
    assert.equal(await running.clusterState(id, "running"), "running");
    assert.equal((await running.api("GET", `${path}/${id}/upgrades`)).at("available_upgrade_versions"), null);
    assert.equal((await upgrade("1.33.6-do.0")).status, 422);
    assert.equal(await fact(id, "version"), "1.34.3-do.0");
  });

  it("give credentials that tell when they expire: after seven days, or as asked for", async () => {
    const id = await running.cluster("erp");
    const expiry = async (query: string): Promise<number> => {
      const answer = await running.api("GET", `${path}/${id}/credentials${query}`);
      return Math.round((Date.parse(String(answer.at("expires_at"))) - Date.now()) / 1000);
    };
    const near = (one: number, other: number) => assert.ok(Math.abs(one - other) < 250, `${one} is not near ${other}`);
    near(await expiry(""), 7 * 24 * 3600);
    near(await expiry("?expiry_seconds=0"), 7 * 24 * 3600);
    near(await expiry("?expiry_seconds=300"), 300);
    assert.equal((await running.api("GET", `${path}/${id}/credentials?expiry_seconds=-1`)).status, 422);
    const credentials = await running.api("GET", `${path}/${id}/credentials`);
    assert.equal(
      Buffer.from(String(credentials.at("certificate_authority_data")), "base64").toString(),
      "the authority's certificate",
    );
    assert.equal(credentials.at("client_key_data"), null);
    const { apiUrl, token } = running.servers;
    const response = await fetch(`${apiUrl}${path}/${id}/kubeconfig`, {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(response.headers.get("content-type"), "application/yaml");
    const config = parse(await response.text()) as Record<string, unknown>;
    assert.equal(config["current-context"], "do-fra1-erp");
    assert.deepEqual(config["users"], [{ name: "do-fra1-erp-admin", user: { token: "token-5" } }]);
  });

  it("pull from the account's registry once it is integrated, and no longer when it is not", async () => {
    const id = await running.cluster("erp");
    const integrate = (method: string) => running.api(method, "/v2/kubernetes/registry", { cluster_uuids: [id] });
    assert.equal(refusal(await integrate("POST")), "404 registry not found");
    await running.createRegistry();
    assert.equal((await integrate("POST")).status, 204);
    assert.equal(await fact(id, "registry_enabled"), true);
    const login = clusters.logins.get(id);
    assert.deepEqual([login?.server, login?.secretName], [registryAddress, "team"]);
    const pulls = async (password: string | undefined) =>
      (await running.token(login?.username ?? "", password ?? "", "repository:team/odoo:pull")).answer.status;
    assert.equal(await pulls(login?.password), 200);

    await running.restart();
    assert.equal(await running.clusterState(id, "running"), "running");
    const renewed = clusters.logins.get(id)?.password;
    assert.notEqual(renewed, login?.password);
    assert.deepEqual([await pulls(renewed), await pulls(login?.password)], [200, 401]);

    assert.equal((await integrate("DELETE")).status, 204);
    assert.deepEqual(
      [await fact(id, "registry_enabled"), clusters.logins.has(id), await pulls(renewed)],
      [false, false, 401],
    );
    await running.api("DELETE", "/v2/registry");
  });

  it("get their machines back when the API starts, and go on with what was interrupted", async () => {
    const running1 = await running.cluster("one");
    const gone = await running.cluster("two");
    clusters.news();
    clusters.failing.add("create");
    await running.restart();
    while ((await fact(running1, "status", "message")) === "starting")
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(await fact(running1, "status", "state"), "degraded", "it is tried again at the next start");
    assert.match(String(await fact(running1, "status", "message")), /npm run sandbox -- logs/);
    clusters.failing.clear();
    const release = clusters.hold();
    await running.restart();
    assert.equal((await running.api("DELETE", `${path}/${gone}`)).status, 204);
    assert.equal(await fact(gone, "status", "state"), "deleting");
    release();
    assert.equal(await running.clusterState(running1, "running"), "running");
    assert.equal(await running.clusterState(gone, "gone"), "gone");
    assert.equal(clusters.news().at(-1), "remove");
  });

  it("are deleted with what belongs to them, by each of the three ways", async () => {
    for (const way of [
      "",
      "/destroy_with_associated_resources/dangerous",
      "/destroy_with_associated_resources/selective",
    ]) {
      const id = await running.cluster("erp");
      const associated = await running.api("GET", `${path}/${id}/destroy_with_associated_resources`);
      assert.deepEqual(associated.at("load_balancers"), []);
      assert.equal((await running.api("DELETE", `${path}/${id}${way}`)).status, 204);
      assert.equal(await running.clusterState(id, "gone"), "gone");
      assert.equal((await running.api("DELETE", `${path}/${id}`)).status, 404);
    }
  });

  it("are refused, each for its reason", async () => {
    await running.cluster("taken");
    const tries = async (body: Readonly<Record<string, unknown>>): Promise<string> =>
      refusal(await running.api("POST", path, { ...smallestCluster, name: "erp", ...body }));
    const pool = smallestCluster.node_pools[0];
    assert.equal(await tries({ version: "1.31.1-do.0" }), "422 validation error: invalid version slug");
    assert.equal(await tries({ region: "moon1" }), "422 validation error: invalid region slug");
    assert.match(await tries({ name: "taken" }), /a cluster with this name already exists/);
    assert.match(await tries({ name: "Big" }), /name must be lowercase/);
    assert.match(await tries({ node_pools: [] }), /must hold at least one node pool/);
    assert.match(await tries({ node_pools: [{ ...pool, size: "s-1vcpu-1gb" }] }), /invalid size slug: s-1vcpu-1gb/);
    assert.match(await tries({ node_pools: [{ ...pool, count: 0 }] }), /count must be at least 1/);
    assert.match(await tries({ node_pools: [pool, pool] }), /node pool name web is already in use/);
    assert.match(await tries({ vpc_uuid: "f0000000-0000-4000-8000-000000000000" }), /could not be found in fra1/);
    assert.match(await tries({ isolated_workers: true }), /Unrecognized key: "isolated_workers"/);
    assert.match(await tries({ coredns_autoscaler: { enabled: true } }), /cannot be true/);
    assert.deepEqual((await running.api("GET", path)).all("kubernetes_clusters", "name"), ["taken"]);
  });
});

describe("node pools in the sandbox's DigitalOcean API", () => {
  const running = new DropletServers();
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());

  it("are added, scaled and taken away", async () => {
    const pools = `${path}/${await running.cluster("erp")}/node_pools`;
    const made = await running.api("POST", pools, {
      name: "cron",
      size: "s-2vcpu-4gb",
      count: 1,
      tags: ["night"],
      labels: { kind: "cron" },
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const pool = `${pools}/${String(made.at("node_pool", "id"))}`;
    const kept = String(made.at("node_pool", "nodes", 0, "name"));
    const grown = await running.api("PUT", pool, { name: "nights", count: 3 });
    assert.deepEqual([grown.status, grown.at("node_pool", "name"), grown.at("node_pool", "count")], [202, "nights", 3]);
    assert.equal(grown.at("node_pool", "nodes", 0, "name"), kept, "a node stays when others come");
    assert.ok((grown.at("node_pool", "tags") as string[]).includes("k8s:worker"));
    assert.deepEqual((await running.api("GET", pools)).all("node_pools", "name"), ["web", "nights"]);
    assert.equal((await running.api("DELETE", pool)).status, 204);
    assert.equal((await running.api("GET", pool)).status, 404);
  });

  it("scale by themselves within bounds, which are told as 0 without that", async () => {
    const pools = `${path}/${await running.cluster("erp")}/node_pools`;
    const made = await running.api("POST", pools, {
      name: "cron",
      size: "s-2vcpu-4gb",
      auto_scale: true,
      min_nodes: 2,
      max_nodes: 4,
    });
    const pool = `${pools}/${String(made.at("node_pool", "id"))}`;
    assert.deepEqual([made.at("node_pool", "count"), made.at("node_pool", "max_nodes")], [2, 4]);
    assert.equal((await running.api("PUT", pool, { name: "cron", min_nodes: 3 })).at("node_pool", "count"), 3);
    const fixed = await running.api("PUT", pool, { name: "cron", auto_scale: false, count: 1 });
    assert.deepEqual(
      ["count", "min_nodes", "max_nodes"].map((key) => fixed.at("node_pool", key)),
      [1, 0, 0],
    );
    assert.match(
      refusal(await running.api("PUT", pool, { name: "cron", auto_scale: true, min_nodes: 3, max_nodes: 2 })),
      /max_nodes must be/,
    );
    assert.match(refusal(await running.api("PUT", pool, { name: "web" })), /node pool name web is already in use/);
    const taint = { key: "a", value: "b", effect: "Never" };
    assert.match(
      refusal(await running.api("PUT", pool, { name: "cron", taints: [taint] })),
      /effect must be NoSchedule/,
    );
  });

  it("lose or replace a node, but not the one that is the cluster's machine", async () => {
    const id = await running.cluster("erp");
    const nodes = async (): Promise<string[]> =>
      (
        (await running.api("GET", `${path}/${id}`)).at("kubernetes_cluster", "node_pools", 0, "nodes") as {
          id: string;
        }[]
      ).map((node) => node.id);
    const pool = `${path}/${id}/node_pools/${String((await running.api("GET", `${path}/${id}/node_pools`)).at("node_pools", 0, "id"))}`;
    const [first = "", second = ""] = await nodes();
    assert.equal((await running.api("DELETE", `${pool}/nodes/${second}?replace=1`)).status, 202);
    const [same, replaced] = await nodes();
    assert.deepEqual([same, replaced === second], [first, false]);
    assert.equal((await running.api("POST", `${pool}/recycle`, { nodes: [replaced] })).status, 202);
    assert.equal((await running.api("DELETE", `${pool}/nodes/${(await nodes())[1]}`)).status, 202);
    assert.equal((await nodes()).length, 1);
    assert.match(
      refusal(await running.api("DELETE", `${pool}/nodes/${first}`)),
      /^422 the sandbox cannot take this node away/,
    );
    assert.match(refusal(await running.api("DELETE", pool)), /^412 cluster must have at least one node pool/);
    assert.equal((await running.api("DELETE", `${pool}/nodes/${second}`)).status, 404);
  });
});
