import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { droplet } from "../../plugins/digitalocean/droplet";
import { Api } from "../../plugins/digitalocean/api";
import { isSecret, reveal, secret, unknown, type ValueMap } from "../../plugins/values";
import { DropletPlugin, urns } from "../helpers/droplet-plugin";
import { PluginError } from "../helpers/plugin-client";

const urn = urns.droplet;
const given = { name: "shop", image: "ubuntu-24-04-x64", size: "s-1vcpu-1gb", region: "fra1" };
const script = "#!/bin/sh\necho top-secret";
const sha1 = createHash("sha1").update(script).digest("hex");
const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEJlZ2lubmluZ09mQVRlc3RLZXlPZjMyQnl0ZXMh team@example.com";

describe("The stand-in's droplets", () => {
  const running = new DropletPlugin();
  const { machines } = running;
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());

  const check = async (inputs: ValueMap): Promise<ValueMap> => {
    const { inputs: checked, failures } = await running.plugin.check(urn, inputs);
    assert.deepEqual(failures, []);
    return checked;
  };
  const create = async (more: ValueMap = {}): Promise<{ id: string; inputs: ValueMap; state: ValueMap }> => {
    const inputs = await check({ ...given, ...more });
    return { inputs, ...(await running.plugin.create(urn, inputs)) };
  };
  const fetched = async (id: string, ...keys: (string | number)[]): Promise<unknown> =>
    (await running.api("GET", `/v2/droplets/${id}`)).at("droplet", ...keys);

  it("wait until the droplet runs, and tell what the official provider does", async () => {
    const { id, state } = await create({ tags: ["web"], userData: script });
    assert.equal(await fetched(id, "status"), "active");
    assert.deepEqual(state, {
      ...given,
      tags: ["web"],
      userData: sha1,
      backups: false,
      gracefulShutdown: false,
      ipv6: false,
      monitoring: false,
      resizeDisk: true,
      createdAt: await fetched(id, "created_at"),
      disk: 25,
      dropletUrn: `do:droplet:${id}`,
      ipv4Address: "127.0.0.10",
      ipv4AddressPrivate: "198.18.77.10",
      ipv6Address: "",
      locked: false,
      memory: 1024,
      priceHourly: 0.00893,
      priceMonthly: 6,
      privateNetworking: true,
      publicNetworking: true,
      status: "active",
      vcpus: 1,
      volumeIds: [],
      vpcUuid: await fetched(id, "vpc_uuid"),
    });
    assert.equal(machines.orders.at(-1)?.userData, script);
  });

  it("keep a secret script secret, hash included, and see in the hash that it has not changed", async () => {
    const { id, inputs, state } = await create({ userData: secret(script) });
    assert.ok(isSecret(state["userData"]));
    assert.equal(reveal(state["userData"] ?? null), sha1);
    const read = await running.plugin.read(urn, id, state, inputs);
    assert.equal(reveal(read.inputs["userData"] ?? null), sha1);
    assert.ok(isSecret(read.inputs["userData"]));
    assert.ok(!JSON.stringify(read).includes("top-secret"));
    assert.equal((await running.plugin.diff(urn, read.state, read.inputs, inputs)).changes, 1);
    const other = await running.plugin.diff(urn, read.state, read.inputs, {
      ...inputs,
      userData: secret("#!/bin/sh\nfalse"),
    });
    assert.deepEqual([other.replacesList, other.deletebeforereplace], [["userData"], true]);
  });

  it("show no change after a refresh, and what has drifted", async () => {
    const { id, inputs, state } = await create({ tags: ["web", "shop"], monitoring: true });
    const same = await running.plugin.read(urn, id, state, inputs);
    assert.deepEqual([same.state, same.inputs], [state, inputs]);
    await running.act(`/v2/droplets/${id}`, { type: "rename", name: "renamed" });
    const drifted = await running.plugin.read(urn, id, state, inputs);
    assert.equal(drifted.inputs["name"], "renamed");
    assert.deepEqual((await running.plugin.diff(urn, drifted.state, drifted.inputs, inputs)).diffsList, ["name"]);
    await running.api("DELETE", `/v2/droplets/${id}`);
    assert.equal((await running.plugin.read(urn, id, state, inputs)).id, "");
  });

  it("are imported with what a program would say of them, which is no change then", async () => {
    const { id, inputs } = await create({ tags: ["web"] });
    const imported = await running.plugin.read(urn, id, {}, {});
    assert.deepEqual(
      [imported.inputs["image"], imported.inputs["resizeDisk"], imported.inputs["tags"]],
      [given.image, true, ["web"]],
    );
    assert.deepEqual((await running.plugin.check(urn, imported.inputs)).failures, []);
    assert.equal((await running.plugin.diff(urn, imported.state, imported.inputs, inputs)).changes, 1);
  });

  it("are replaced for what the official provider replaces for, and changed in place for the rest", async () => {
    const old: ValueMap = { ...given, sshKeys: ["1", "2"], tags: ["a", "b"], backups: false, monitoring: false };
    const replaces = async (more: ValueMap): Promise<readonly string[]> => {
      const diff = await running.plugin.diff(urn, old, old, { ...old, ...more });
      assert.ok(diff.diffsList.length > 0, JSON.stringify(more));
      return diff.replacesList;
    };
    const changes: readonly ValueMap[] = [
      { image: "debian-12-x64" },
      { region: "nyc3" },
      { sshKeys: ["1"] },
      { monitoring: true },
      { userData: "x" },
      { vpcUuid: "x" },
      { dropletAgent: true },
      { publicNetworking: true },
    ];
    for (const change of changes) assert.deepEqual(await replaces(change), Object.keys(change));
    const inPlace: readonly ValueMap[] = [
      { size: "s-2vcpu-4gb" },
      { name: "x" },
      { backups: true },
      { tags: ["a"] },
      { gracefulShutdown: true },
    ];
    for (const change of inPlace) {
      assert.deepEqual(await replaces(change), []);
    }
    const sets = await running.plugin.diff(urn, old, old, { ...old, sshKeys: ["2", "1"], tags: ["b", "a"] });
    assert.equal(sets.changes, 1);
  });

  it("grow through off, resize and on, are renamed, tagged and backed up, and take volumes that are named", async () => {
    const volume = String(
      (await running.api("POST", "/v2/volumes", { name: "data", region: "fra1", size_gigabytes: 5 })).at(
        "volume",
        "id",
      ),
    );
    const { id, inputs, state } = await create({ tags: ["web"] });
    machines.news();
    const news = await check({
      ...given,
      name: "store",
      size: "s-2vcpu-4gb",
      tags: ["books"],
      backups: true,
      backupPolicy: { plan: "daily", hour: 4 },
      volumeIds: [volume],
    });
    const updated = await running.plugin.update(urn, id, state, inputs, news);
    assert.deepEqual(
      [updated["size"], updated["memory"], updated["disk"], updated["status"]],
      ["s-2vcpu-4gb", 4096, 80, "active"],
    );
    assert.deepEqual(
      [updated["name"], updated["tags"], updated["volumeIds"], updated["backups"]],
      ["store", ["books"], [volume], true],
    );
    assert.deepEqual(
      machines.news().map((line) => line.split(" ")[0]),
      ["off", "on", "firewall", "firewall", "firewall", "attach"],
    );
    const policy = await running.api("GET", `/v2/droplets/${id}/backups/policy`);
    assert.deepEqual(policy.at("policy", "backup_policy"), { plan: "daily", hour: 4 });
    const last = await running.plugin.update(urn, id, updated, news, {
      ...news,
      backups: false,
      backupPolicy: null,
      volumeIds: [],
    });
    assert.deepEqual([last["backups"], last["volumeIds"]], [false, []]);
  });

  it("are turned on again when a resize is refused", async () => {
    const { id, inputs, state } = await create();
    await assert.rejects(
      running.plugin.update(urn, id, state, inputs, { ...inputs, size: "s-1vcpu-512mb-10gb" }),
      /smaller disk/,
    );
    assert.equal(await fetched(id, "status"), "active");
  });

  it("that fail to come up are in the state, and an update says so again", async () => {
    machines.failing.add("create");
    const inputs = await check({ ...given, userData: secret(script) });
    const error = await running.plugin.create(urn, inputs).catch((refusal: unknown) => refusal);
    assert.ok(error instanceof PluginError);
    assert.match(error.message, /creating Droplet "vps": droplet \d+ has the status "archive", not "active"/);
    const { id = "", state = {}, inputs: kept = {} } = error.unfinished ?? {};
    assert.equal(await fetched(id, "name"), "shop");
    assert.deepEqual(kept, inputs);
    assert.equal(reveal(state["userData"] ?? null), sha1);
    await assert.rejects(running.plugin.update(urn, id, state, inputs, inputs), /has the status "archive"/);
    await running.plugin.delete(urn, id, state, inputs);
    assert.equal(await fetched(id, "name"), undefined);
  });

  it("that were cancelled while they came up are in the state, and an update waits for them", async () => {
    const inputs = await check(given);
    const release = machines.hold();
    const creating = running.plugin.create(urn, inputs).catch((refusal: unknown) => refusal);
    while ((await running.api("GET", "/v2/droplets")).at("meta", "total") !== 1)
      await new Promise((resolve) => setTimeout(resolve, 2));
    await running.plugin.cancel();
    const error = await creating;
    release();
    await running.startPlugin();
    assert.ok(error instanceof PluginError && error.message.includes("cancelled"), String(error));
    const { id = "", state = {} } = error.unfinished ?? {};
    assert.equal(state["status"], "new");
    assert.equal((await running.plugin.update(urn, id, state, inputs, inputs))["status"], "active");
  });

  it("are not waited for without end", async () => {
    const api = new Api();
    api.configure({ apiEndpoint: running.servers.apiUrl, token: running.servers.token });
    const call = {
      urn,
      name: "vps",
      inputs: { ...given },
      signal: new AbortController().signal,
      progress: () => undefined,
      info: () => undefined,
    };
    const release = machines.hold();
    await assert.rejects(droplet(api, 1).create(call), /droplet \d+ did not become active within 0.001 s/);
    release();
    const [id] = (await running.api("GET", "/v2/droplets")).all("droplets", "id");
    while ((await fetched(String(id), "locked")) === true) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it("go with a clean shutdown when that is asked, and have gone already when they have", async () => {
    const { id, inputs, state } = await create({ gracefulShutdown: true });
    machines.news();
    await running.plugin.delete(urn, id, state, inputs);
    assert.deepEqual(machines.news(), [`off ${id}`, `remove ${id}`]);
    await running.plugin.delete(urn, id, state, inputs);
    assert.deepEqual(machines.news(), []);
  });

  it("are refused at Check, each for its reason, and not for what is not known yet", async () => {
    const tries = async (more: ValueMap): Promise<string> =>
      (await running.plugin.check(urn, { ...given, ...more })).failures.join("; ");
    assert.match(await tries({ name: "under_score" }), /"name" must hold valid hostname characters only/);
    assert.match(await tries({ size: "" }), /"size" must not be empty/);
    assert.match(await tries({ tags: ["a b"] }), /tags may contain lowercase letters/);
    assert.match(await tries({ ipv6: true }), /"ipv6" is not supported .* no IPv6/);
    assert.match(await tries({ publicNetworking: false }), /"publicNetworking" cannot be false/);
    assert.match(
      await tries({ backupPolicy: { plan: "daily" } }),
      /backupPolicy" can only be set when backups are enabled/,
    );
    assert.match(
      await tries({ backups: true, backupPolicy: { plan: "hourly", hour: 21 } }),
      /plan" must be one of.*hour" must be between/,
    );
    assert.match(await tries({ gpuPartitionMode: "x" }), /"gpuPartitionMode" is not supported .* no GPUs/);
    assert.match(await tries({ sshKey: "x" }), /unknown property "sshKey"/);
    assert.match(
      (await running.plugin.check(urn, { name: "x" })).failures.join(),
      /missing required property "image".*"size"/,
    );
    assert.equal(await tries({ name: unknown, tags: [unknown], userData: unknown }), "");
  });

  it("have a name of their own when the program gives none", async () => {
    const { inputs } = await running.plugin.check(urn, { image: given.image, size: given.size });
    assert.match(String(inputs["name"]), /^vps-[0-9a-f]{7}$/);
  });
});

describe("The stand-in's SSH keys", () => {
  const running = new DropletPlugin();
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());

  it("are created, renamed in place, read, imported and deleted", async () => {
    const inputs = { name: "team", publicKey };
    const { id, state } = await running.plugin.create(urns.sshKey, inputs);
    assert.deepEqual(Object.keys(state).sort(), ["fingerprint", "name", "publicKey"]);
    const renamed = await running.plugin.update(urns.sshKey, id, state, inputs, { ...inputs, name: "office" });
    assert.equal(renamed["name"], "office");
    assert.deepEqual((await running.plugin.read(urns.sshKey, id, {}, {})).inputs, { name: "office", publicKey });
    await running.plugin.delete(urns.sshKey, id, renamed, inputs);
    assert.equal((await running.plugin.read(urns.sshKey, id, renamed, inputs)).id, "");
    await running.plugin.delete(urns.sshKey, id, renamed, inputs);
  });

  it("are replaced for another key, the old one first, and not for a space at its end", async () => {
    const old = { name: "team", publicKey };
    const diff = await running.plugin.diff(urns.sshKey, old, old, { ...old, publicKey: "ssh-rsa AAAA" });
    assert.deepEqual([diff.replacesList, diff.deletebeforereplace], [["publicKey"], true]);
    assert.equal(
      (await running.plugin.diff(urns.sshKey, old, old, { ...old, publicKey: `${publicKey}\n` })).changes,
      1,
    );
  });

  it("are refused when they are empty or no key", async () => {
    assert.match(
      (await running.plugin.check(urns.sshKey, { publicKey: " " })).failures.join(),
      /"publicKey" must not be empty/,
    );
    await assert.rejects(running.plugin.create(urns.sshKey, { name: "team", publicKey: "hello" }), /Key invalid/);
  });
});
