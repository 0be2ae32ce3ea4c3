import assert from "node:assert/strict";
import { isSecret, reveal, unknown, type ValueMap } from "../../plugins/values";
import { DropletPlugin, urns } from "../helpers/droplet-plugin";

const minimal = { name: "books", region: "fra1", engine: "pg", version: "17", size: "db-s-1vcpu-1gb", nodeCount: 1 };

describe("The stand-in's managed databases", () => {
  const running = new DropletPlugin();
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());
  const urn = urns.database;

  it("are online when they are made, with secret passwords, and show no change after a refresh", async () => {
    const inputs = { ...minimal, tags: ["erp"], maintenanceWindows: [{ day: "sunday", hour: "02:00" }] };
    const { id, state } = await running.plugin.create(urn, inputs);
    for (const name of ["password", "uri", "privateUri"]) assert.ok(isSecret(state[name]), name);
    assert.deepEqual(
      ["host", "port", "user", "database", "privateHost", "clusterUrn", "storageSizeMib", "tags"].map(
        (name) => state[name],
      ),
      ["198.18.77.40", 25060, "doadmin", "defaultdb", "198.18.77.40", `do:dbaas:${id}`, "10240", ["erp"]],
    );
    assert.equal(
      reveal(state["uri"] ?? null),
      `postgresql://doadmin:${String(reveal(state["password"] ?? null))}@198.18.77.40:25060/defaultdb?sslmode=require`,
    );
    const read = await running.plugin.read(urn, id, state, inputs);
    assert.deepEqual(read.state["maintenanceWindows"], [{ day: "sunday", hour: "02:00:00" }]);
    assert.equal((await running.plugin.diff(urn, read.state, read.inputs, inputs)).changes, 1);
    const imported = await running.plugin.read(urn, id, {}, {});
    assert.deepEqual([imported.inputs["name"], imported.inputs["maintenanceWindows"]], ["books", undefined]);
  });

  it("grow, are maintained and tagged in place, and are replaced for another name, engine, network or project", async () => {
    const { id, state } = await running.plugin.create(urn, minimal);
    const news = {
      ...minimal,
      size: "db-s-1vcpu-2gb",
      nodeCount: 2,
      tags: ["erp"],
      maintenanceWindows: [{ day: "monday", hour: "3:00" }],
    };
    assert.deepEqual((await running.plugin.diff(urn, state, minimal, news)).replacesList, []);
    const updated = await running.plugin.update(urn, id, state, minimal, news);
    assert.deepEqual(
      ["size", "nodeCount", "tags", "storageSizeMib", "maintenanceWindows"].map((name) => updated[name]),
      ["db-s-1vcpu-2gb", 2, ["erp"], "30720", [{ day: "monday", hour: "03:00:00" }]],
    );
    assert.ok(running.databases.told.includes("create books 50"));
    for (const name of ["name", "engine", "privateNetworkUuid", "projectId"]) {
      assert.deepEqual((await running.plugin.diff(urn, state, minimal, { ...minimal, [name]: "other" })).replacesList, [
        name,
      ]);
    }
    for (const change of [{ version: "18" }, { region: "nyc3" }] as const) {
      assert.deepEqual((await running.plugin.diff(urn, state, minimal, { ...minimal, ...change })).replacesList, []);
      await assert.rejects(running.plugin.update(urn, id, state, minimal, { ...minimal, ...change }), /422/);
    }
    await running.plugin.delete(urn, id, updated, news);
    assert.equal((await running.plugin.read(urn, id, updated, news)).id, "");
  });

  it("are refused at Check, each for its reason", async () => {
    const tries = async (more: ValueMap): Promise<string> =>
      (await running.plugin.check(urn, { ...minimal, ...more })).failures.join("; ");
    const { version, ...without } = minimal;
    assert.equal(version, "17");
    assert.match((await running.plugin.check(urn, without)).failures.join("; "), /The argument "version" is required/);
    assert.match(await tries({ evictionPolicy: "noeviction" }), /"evictionPolicy" is not supported .* PostgreSQL only/);
    assert.match(await tries({ backupRestore: { databaseName: "old" } }), /no backups/);
    assert.match(
      await tries({ maintenanceWindows: [{ day: "someday", hour: "1:00" }] }),
      /must name a day of the week/,
    );
    assert.match(await tries({ size: "" }), /"size" must not be empty/);
    assert.equal(await tries({ privateNetworkUuid: unknown }), "");
  });

  it("have users, databases and trusted sources of their own", async () => {
    const { id: clusterId } = await running.plugin.create(urn, minimal);
    const user = await running.plugin.create(urns.databaseUser, { clusterId, name: "odoo" });
    assert.deepEqual(
      [user.id, user.state["role"], isSecret(user.state["password"])],
      [`${clusterId}/user/odoo`, "normal", true],
    );
    const imported = await running.plugin.read(urns.databaseUser, `${clusterId},odoo`, {}, {});
    assert.deepEqual([imported.id, imported.inputs], [user.id, { clusterId, name: "odoo" }]);
    await assert.rejects(running.plugin.read(urns.databaseUser, "odoo", {}, {}), /joined with a comma/);

    const db = await running.plugin.create(urns.databaseDb, { clusterId, name: "postgres" });
    assert.deepEqual([db.id, db.state], [`${clusterId}/database/postgres`, { clusterId, name: "postgres" }]);
    assert.deepEqual(
      (await running.plugin.diff(urns.databaseDb, db.state, db.state, { clusterId, name: "odoo" })).replacesList,
      ["name"],
    );
    assert.equal((await running.plugin.read(urns.databaseDb, `${clusterId},postgres`, {}, {})).id, db.id);

    const rules = [
      { type: "ip_addr", value: "203.0.113.7" },
      { type: "ip_addr", value: "198.18.77.0/24" },
    ];
    const inputs = { clusterId, rules };
    const firewall = await running.plugin.create(urns.databaseFirewall, inputs);
    assert.match(firewall.id, new RegExp(`^${clusterId}-[0-9a-f]{26}$`));
    const read = await running.plugin.read(urns.databaseFirewall, firewall.id, firewall.state, inputs);
    assert.equal((await running.plugin.diff(urns.databaseFirewall, read.state, read.inputs, inputs)).changes, 1);
    const turned = { clusterId, rules: [...rules].reverse() };
    assert.equal((await running.plugin.diff(urns.databaseFirewall, firewall.state, inputs, turned)).changes, 1);
    const news = { clusterId, rules: rules.slice(0, 1) };
    assert.deepEqual((await running.plugin.diff(urns.databaseFirewall, firewall.state, inputs, news)).replacesList, []);
    const updated = await running.plugin.update(urns.databaseFirewall, firewall.id, firewall.state, inputs, news);
    assert.ok(running.databases.told.includes("sources 203.0.113.7/32"));
    assert.match((await running.plugin.read(urns.databaseFirewall, clusterId, {}, {})).id, /-/);
    await running.plugin.delete(urns.databaseFirewall, firewall.id, updated, news);
    assert.ok(running.databases.told.includes("sources everybody"));

    for (const [one, made] of [
      [urns.databaseUser, user],
      [urns.databaseDb, db],
    ] as const) {
      await running.plugin.delete(one, made.id, made.state, {});
      assert.equal((await running.plugin.read(one, made.id, made.state, {})).id, "");
    }
    const check = async (one: string, more: ValueMap) =>
      (await running.plugin.check(one, { clusterId, ...more })).failures.join("; ");
    assert.match(
      await check(urns.databaseFirewall, { rules: [{ type: "host", value: "" }] }),
      /must be one of ip_addr.*must not be empty/,
    );
    assert.match(await check(urns.databaseUser, { mysqlAuthPlugin: "x" }), /PostgreSQL only/);
    assert.match(await check(urns.databaseDb, { name: "" }), /"name" must not be empty/);
  });

  it("tell their certificate authority, and are found by name with secret passwords", async () => {
    const { id } = await running.plugin.create(urn, minimal);
    const ca = await running.plugin.invoke("digitalocean:index/getDatabaseCa:getDatabaseCa", { clusterId: id });
    assert.deepEqual(ca.result, { certificate: "the authority's certificate", clusterId: id, id });
    const token = "digitalocean:index/getDatabaseCluster:getDatabaseCluster";
    const { result } = await running.plugin.invoke(token, { name: "books" });
    assert.deepEqual([result["id"], result["urn"], isSecret(result["uri"])], [id, `do:dbaas:${id}`, true]);
    await assert.rejects(
      running.plugin.invoke(token, { name: "other" }),
      /Unable to find any database cluster with name: other/,
    );
  });
});
