import * as assert from "node:assert/strict";
import { waitForDroplets } from "../../droplets";
import { DropletServers, refusal, smallestDatabase } from "../helpers/droplet-servers";

const path = "/v2/databases";

describe("managed databases in the sandbox's DigitalOcean API", () => {
  const running = new DropletServers();
  const { databases } = running;
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());

  const read = (id: string) => running.api("GET", `${path}/${id}`);
  const fact = async (id: string, ...keys: (string | number)[]) => (await read(id)).at("database", ...keys);

  it("are creating until they take connections, and tell how to connect", async () => {
    const release = databases.hold();
    const made = await running.api("POST", path, { ...smallestDatabase, name: "books", tags: ["erp"] });
    const id = String(made.at("database", "id"));
    assert.deepEqual(
      [made.status, made.at("database", "status"), made.at("database", "users")],
      [201, "creating", null],
    );
    assert.equal(
      refusal(await running.api("POST", `${path}/${id}/dbs`, { name: "odoo" })),
      "409 cluster is not yet online",
    );
    release();
    await running.online(id);
    const { adminPassword, ...order } = databases.orders.at(-1) ?? { adminPassword: "" };
    assert.deepEqual(order, { id, name: "books", slot: 0, maxConnections: 25, sources: undefined });
    const connection = (await read(id)).at("database", "connection") as Record<string, unknown>;
    assert.deepEqual(connection, {
      protocol: "postgresql",
      uri: `postgresql://doadmin:${adminPassword}@198.18.77.40:25060/defaultdb?sslmode=require`,
      database: "defaultdb",
      host: "198.18.77.40",
      port: 25060,
      user: "doadmin",
      password: adminPassword,
      ssl: true,
    });
    assert.deepEqual(await fact(id, "private_connection"), connection);
    assert.deepEqual(await fact(id, "users"), [{ name: "doadmin", role: "primary", password: adminPassword }]);
    assert.deepEqual(await Promise.all(["db_names", "tags", "storage_size_mib"].map((key) => fact(id, key))), [
      ["defaultdb"],
      ["erp"],
      10240,
    ]);
    const certificate = String((await running.api("GET", `${path}/${id}/ca`)).at("ca", "certificate"));
    assert.equal(Buffer.from(certificate, "base64").toString(), "the authority's certificate");
    assert.deepEqual((await running.api("GET", path)).all("databases", "name"), ["books"]);
  });

  it("are in the network that they were asked for in, and keep it from being deleted", async () => {
    const vpc = await running.api("POST", "/v2/vpcs", { name: "net", region: "fra1" });
    const uuid = String(vpc.at("vpc", "id"));
    const id = await running.database("books", { private_network_uuid: uuid });
    assert.equal(await fact(id, "private_network_uuid"), uuid);
    assert.deepEqual((await running.api("GET", `/v2/vpcs/${uuid}/members`)).all("members", "urn"), [`do:dbaas:${id}`]);
    assert.equal((await running.api("DELETE", `/v2/vpcs/${uuid}`)).status, 409);
    assert.equal((await running.api("DELETE", `${path}/${id}`)).status, 204);
    assert.deepEqual(databases.news().at(-1), "remove");
    assert.equal((await read(id)).status, 404);
    assert.equal((await running.api("DELETE", `/v2/vpcs/${uuid}`)).status, 204);
  });

  it("take more connections in a bigger size, and never get a smaller disk", async () => {
    const id = await running.database("books");
    const resize = (size: string, num_nodes = 1) => running.api("PUT", `${path}/${id}/resize`, { size, num_nodes });
    const release = databases.hold();
    assert.equal((await resize("db-s-2vcpu-4gb")).status, 202);
    assert.equal(await fact(id, "status"), "resizing");
    release();
    await running.online(id);
    assert.equal(databases.news().at(-1), "create books 100");
    assert.equal(await fact(id, "storage_size_mib"), 61440);
    // The disk stays as big as it is where nobody says otherwise.
    assert.equal((await resize("db-s-1vcpu-2gb", 2)).status, 202);
    await running.online(id);
    assert.deepEqual(
      [await fact(id, "size"), await fact(id, "num_nodes"), await fact(id, "storage_size_mib")],
      ["db-s-1vcpu-2gb", 2, 61440],
    );
    const smaller = { size: "db-s-1vcpu-2gb", num_nodes: 1, storage_size_mib: 30720 };
    assert.match(
      refusal(await running.api("PUT", `${path}/${id}/resize`, smaller)),
      /^422 invalid size: cannot be resized to a smaller disk/,
    );
    assert.match(
      refusal(await resize("db-s-1vcpu-1gb", 2)),
      /^422 invalid num_nodes: 2 nodes are not available with size db-s-1vcpu-1gb/,
    );
    assert.match(refusal(await resize("db-s-2vcpu-4gb", 4)), /^422 invalid num_nodes/);
  });

  it("have users with passwords that are made, told and made anew", async () => {
    const id = await running.database("books");
    databases.news();
    const made = await running.api("POST", `${path}/${id}/users`, { name: "odoo" });
    const password = String(made.at("user", "password"));
    assert.deepEqual([made.status, made.at("user", "role")], [201, "normal"]);
    assert.deepEqual(databases.news(), [`user odoo ${password}`]);
    assert.equal((await running.api("GET", `${path}/${id}/users/odoo`)).at("user", "password"), password);
    const reset = await running.api("POST", `${path}/${id}/users/odoo/reset_auth`);
    assert.notEqual(reset.at("user", "password"), password);
    assert.deepEqual((await running.api("GET", `${path}/${id}/users`)).all("users", "name"), ["doadmin", "odoo"]);
    const admin = String((await running.api("POST", `${path}/${id}/users/doadmin/reset_auth`)).at("user", "password"));
    assert.equal(await fact(id, "connection", "password"), admin);
    assert.equal(
      refusal(await running.api("POST", `${path}/${id}/users`, { name: "odoo" })),
      "409 user already exists",
    );
    assert.match(
      refusal(await running.api("POST", `${path}/${id}/users`, { name: "postgres" })),
      /^422 user name postgres is reserved/,
    );
    assert.match(
      refusal(await running.api("POST", `${path}/${id}/users`, { name: 'a"b' })),
      /^422 name must be letters/,
    );
    databases.failing.add("no user");
    assert.equal((await running.api("DELETE", `${path}/${id}/users/odoo`)).status, 500);
    assert.equal((await running.api("GET", `${path}/${id}/users/odoo`)).status, 200, "what failed has not happened");
    databases.failing.clear();
    assert.equal((await running.api("DELETE", `${path}/${id}/users/odoo`)).status, 204);
    assert.equal((await running.api("GET", `${path}/${id}/users/odoo`)).status, 404);
    assert.match(
      refusal(await running.api("DELETE", `${path}/${id}/users/doadmin`)),
      /^422 user doadmin cannot be deleted/,
    );
  });

  it("hold databases, one called postgres only when somebody makes it", async () => {
    const id = await running.database("books");
    databases.news();
    assert.equal((await running.api("GET", `${path}/${id}/dbs/postgres`)).status, 404);
    for (const name of ["postgres", "odoo"])
      assert.equal((await running.api("POST", `${path}/${id}/dbs`, { name })).status, 201);
    assert.deepEqual(databases.news(), ["db postgres", "db odoo"]);
    assert.deepEqual((await running.api("GET", `${path}/${id}/dbs`)).all("dbs", "name"), [
      "defaultdb",
      "postgres",
      "odoo",
    ]);
    assert.equal(
      refusal(await running.api("POST", `${path}/${id}/dbs`, { name: "odoo" })),
      "409 database name already exists",
    );
    assert.equal((await running.api("DELETE", `${path}/${id}/dbs/odoo`)).status, 204);
    assert.match(
      refusal(await running.api("DELETE", `${path}/${id}/dbs/defaultdb`)),
      /^422 database defaultdb cannot be deleted/,
    );
  });

  it("let in whom their trusted sources name, by address, droplet, cluster or tag, and follow them", async () => {
    const id = await running.database("books");
    const cluster = await running.cluster("erp", { tags: ["team"] });
    const droplet = await running.droplet("shop");
    databases.news();
    const trust = (...rules: readonly (readonly [string, string])[]) =>
      running.api("PUT", `${path}/${id}/firewall`, {
        rules: rules.map(([type, value]) => ({ type, value, uuid: "", cluster_uuid: "" })),
      });
    assert.equal((await trust(["k8s", cluster], ["ip_addr", "203.0.113.7"])).status, 204);
    assert.deepEqual(databases.news(), ["sources 198.18.77.20/32 203.0.113.7/32"]);
    const before = await running.api("GET", `${path}/${id}/firewall`);
    assert.deepEqual(before.all("rules", "cluster_uuid"), [id, id]);
    await trust(["k8s", cluster], ["droplet", String(droplet)], ["tag", "team"], ["ip_addr", "198.18.77.0/24"]);
    assert.deepEqual(databases.news(), ["sources 198.18.77.0/24 198.18.77.10/32 198.18.77.20/32"]);
    const after = await running.api("GET", `${path}/${id}/firewall`);
    assert.equal(after.all("rules", "uuid")[0], before.all("rules", "uuid")[0], "a rule that stays is the same one");

    await trust(["tag", "team"]);
    databases.news();
    await running.api("POST", "/v2/tags/team/resources", {
      resources: [{ resource_id: String(droplet), resource_type: "droplet" }],
    });
    await running.api("DELETE", `/v2/kubernetes/clusters/${cluster}`);
    while (databases.told.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(databases.news(), ["sources 198.18.77.10/32 198.18.77.20/32", "sources 198.18.77.10/32"]);
    await trust();
    assert.deepEqual(databases.news(), ["sources everybody"]);
    assert.match(
      refusal(await trust(["k8s", cluster.replace(/.$/, "z")])),
      /^422 invalid firewall rule: k8s .* could not be found/,
    );
    assert.match(refusal(await trust(["ip_addr", "everywhere"])), /could not be found/);
    assert.match(refusal(await trust(["app", "x"])), /must be ip_addr, droplet, k8s or tag: the sandbox has no apps/);
  });

  it("trust nobody when all that they trust is gone", async () => {
    const cluster = await running.cluster("erp");
    const id = await running.database("books", { rules: [{ type: "k8s", value: cluster }] });
    assert.deepEqual(databases.orders.at(-1)?.sources, ["198.18.77.20/32"]);
    databases.news();
    await running.api("DELETE", `/v2/kubernetes/clusters/${cluster}`);
    await running.clusterState(cluster, "gone");
    await running.restart();
    await running.online(id);
    while (databases.orders.at(-1)?.sources?.length !== 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it("are brought back when the API starts, with what holds then", async () => {
    const id = await running.database("books");
    await running.api("PUT", `${path}/${id}/firewall`, { rules: [{ type: "ip_addr", value: "203.0.113.7" }] });
    const count = databases.orders.length;
    databases.failing.add("create");
    await running.restart();
    while (databases.orders.length === count) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal((await running.api("GET", `${path}/${id}/users/doadmin`)).status, 200);
    databases.failing.clear();
    await running.restart();
    while (databases.orders.length === count + 1) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(databases.orders.at(-1)?.sources, ["203.0.113.7/32"]);
  });

  it("are waited for by who starts the sandbox, as clusters are", async () => {
    const id = await running.database("books");
    const cluster = await running.cluster("erp");
    await running.restart();
    const release = [databases.hold(), running.clusters.hold()];
    let said = "";
    const waiting = waitForDroplets(running.servers, (line) => {
      said = line;
      release.forEach((go) => go());
    });
    await waiting;
    assert.equal(said, `making the Kubernetes cluster ${cluster}, making the database ${id}`);
    assert.deepEqual((await running.api("GET", "/_sandbox/under-way")).at("under_way"), []);
  });

  it("are maintained when they are told to be, tagged, and not upgraded to what there is not", async () => {
    const id = await running.database("books");
    assert.equal((await running.api("PUT", `${path}/${id}/maintenance`, { day: "Tuesday", hour: "2:30" })).status, 204);
    const { day, hour } = (await fact(id, "maintenance_window")) as Record<string, unknown>;
    assert.deepEqual([day, hour], ["tuesday", "02:30:00"]);
    assert.equal((await running.api("PUT", `${path}/${id}/maintenance`, { day: "someday", hour: "25" })).status, 422);
    await running.api("POST", "/v2/tags", { name: "erp" });
    const resources = [{ resource_id: id, resource_type: "database" }];
    assert.equal((await running.api("POST", "/v2/tags/erp/resources", { resources })).status, 204);
    assert.deepEqual((await running.api("GET", `${path}?tag_name=erp`)).all("databases", "id"), [id]);
    assert.equal((await running.api("GET", "/v2/tags/erp")).at("tag", "resources", "databases", "count"), 1);
    assert.match(
      refusal(await running.api("PUT", `${path}/${id}/upgrade`, { version: "18" })),
      /^422 invalid version: the sandbox has PostgreSQL 17/,
    );
    assert.match(
      refusal(await running.api("PUT", `${path}/${id}/upgrade`, { version: "17" })),
      /already on version 17/,
    );
    assert.match(
      refusal(await running.api("PUT", `${path}/${id}/migrate`, { region: "nyc3" })),
      /cannot move a database/,
    );
    assert.match(refusal(await running.api("POST", `${path}/${id}/pools`, {})), /no connection pools/);
    assert.deepEqual((await running.api("GET", `${path}/${id}/pools`)).at("pools"), []);
  });

  it("are refused, each for its reason", async () => {
    await running.database("taken");
    const tries = async (body: Readonly<Record<string, unknown>>): Promise<string> =>
      refusal(await running.api("POST", path, { ...smallestDatabase, name: "books", ...body }));
    assert.match(await tries({ name: "taken" }), /^422 cluster name is not available/);
    assert.match(await tries({ name: "Books" }), /name must be lowercase/);
    assert.match(await tries({ engine: "mysql" }), /engine must be pg: the sandbox has PostgreSQL only/);
    assert.match(await tries({ version: "16" }), /^422 invalid version: the sandbox has PostgreSQL 17, not 16/);
    assert.match(await tries({ size: "db-s-big" }), /^422 invalid size: db-s-big/);
    assert.match(await tries({ region: "moon1" }), /^422 invalid region/);
    assert.match(await tries({ storage_size_mib: 5 }), /invalid storage_size_mib: must be at least 10240/);
    assert.match(await tries({ private_network_uuid: "elsewhere" }), /VPC elsewhere could not be found in fra1/);
    assert.match(await tries({ project_id: "elsewhere" }), /project elsewhere could not be found/);
    assert.match(
      await tries({ backup_restore: { database_name: "old" } }),
      /backup_restore is not supported: the sandbox has no backups/,
    );
    assert.match(await tries({ eviction_policy: "x" }), /Unrecognized key/);
    await running.database("second");
    await running.database("third");
    assert.match(await tries({}), /^422 database limit reached: the sandbox has 3 databases, and there are taken/);
    const options = (await running.api("GET", `${path}/options`)).at("options", "pg") as { versions: string[] };
    assert.deepEqual(options.versions, ["17"]);
  });
});
