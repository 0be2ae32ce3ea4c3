import assert from "node:assert/strict";
import { unknown, type ValueMap } from "../../plugins/values";
import { DropletPlugin, urns } from "../helpers/droplet-plugin";
import { PluginError } from "../helpers/plugin-client";

describe("The stand-in's firewalls", () => {
  const running = new DropletPlugin();
  const { machines } = running;
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());

  const urn = urns.firewall;
  const ssh = { protocol: "tcp", portRange: "22", sourceAddresses: ["203.0.113.0/24", "::/0"] };
  const ping = { protocol: "icmp", sourceAddresses: ["0.0.0.0/0"] };
  const out = { protocol: "tcp", portRange: "all", destinationAddresses: ["0.0.0.0/0"] };
  const given = { name: "web", inboundRules: [ssh, ping], outboundRules: [out] };

  it("apply to their droplets, and show no change after a refresh", async () => {
    const id = await running.droplet("shop");
    const inputs = { ...given, dropletIds: [id], tags: ["web"] };
    const made = await running.plugin.create(urn, inputs);
    assert.ok(machines.news().includes(`firewall ${id} 22`));
    assert.deepEqual(made.state, {
      ...inputs,
      createdAt: (await running.api("GET", `/v2/firewalls/${made.id}`)).at("firewall", "created_at"),
      pendingChanges: [],
      status: "succeeded",
    });
    const read = await running.plugin.read(urn, made.id, made.state, inputs);
    assert.deepEqual([read.state, read.inputs], [made.state, inputs]);
    assert.deepEqual((await running.plugin.read(urn, made.id, {}, {})).inputs, inputs);
  });

  it("are changed in place, whatever changes, and not for another order or an empty list", async () => {
    const id = await running.droplet("shop");
    const { id: firewall, state } = await running.plugin.create(urn, given);
    const news = { name: "shop", inboundRules: [{ ...ssh, portRange: "8000-8001" }], dropletIds: [id] };
    assert.deepEqual((await running.plugin.diff(urn, state, given, news)).replacesList, []);
    const updated = await running.plugin.update(urn, firewall, state, given, news);
    assert.deepEqual([updated["inboundRules"], updated["outboundRules"]], [news.inboundRules, []]);
    assert.equal(machines.news().at(-1), `firewall ${id} 8000,8001`);
    const same = {
      ...given,
      inboundRules: [ping, { ...ssh, sourceAddresses: [...ssh.sourceAddresses].reverse(), sourceTags: [] }],
      dropletIds: [],
    };
    assert.equal((await running.plugin.diff(urn, given, given, same)).changes, 1);
    assert.deepEqual((await running.plugin.diff(urn, given, given, { ...given, dropletIds: [unknown] })).diffsList, [
      "dropletIds",
    ]);
  });

  it("go, and are noticed when they have gone", async () => {
    const { id, state } = await running.plugin.create(urn, given);
    await running.plugin.delete(urn, id, state, given);
    assert.equal((await running.plugin.read(urn, id, state, given)).id, "");
    await running.plugin.delete(urn, id, state, given);
  });

  it("are refused at Check, each for its reason", async () => {
    const tries = async (inputs: ValueMap): Promise<string> =>
      (await running.plugin.check(urn, inputs)).failures.join("; ");
    assert.match(await tries({ name: "web" }), /at least one rule must be specified/);
    assert.match(
      await tries({ inboundRules: [{ ...ssh, protocol: "gre" }] }),
      /"inboundRules\[0\].protocol" must be one of tcp, udp, icmp/,
    );
    assert.match(
      await tries({ inboundRules: [{ protocol: "tcp", sourceAddresses: ["::/0"] }] }),
      /portRange" is required if the protocol is tcp/,
    );
    for (const portRange of ["", "ssh", "0-5", "9-8", "65536"]) {
      assert.match(
        await tries({ inboundRules: [{ ...ssh, portRange }] }),
        /portRange" must be a port, a range/,
        portRange,
      );
    }
    assert.match(await tries({ outboundRules: [{ protocol: "icmp" }] }), /another of the rule's targets must be given/);
    assert.match(await tries({ inboundRules: [{ ...ssh, action: "deny" }] }), /action" is not supported/);
    assert.match(
      await tries({ inboundRules: [{ ...ssh, sourceKubernetesIds: ["x"] }] }),
      /sourceKubernetesIds" is not supported .* no clusters/,
    );
    assert.match(
      await tries({ inboundRules: [{ portRange: "22" }] }),
      /missing required property "inboundRules\[0\].protocol"/,
    );
    assert.equal(await tries({ inboundRules: unknown }), "");
    assert.equal(await tries({ inboundRules: [{ ...ssh, portRange: unknown, sourceAddresses: unknown }] }), "");
  });
});

describe("The stand-in's reserved addresses", () => {
  const running = new DropletPlugin();
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());

  const holder = async (ip: string): Promise<unknown> =>
    (await running.api("GET", `/v2/reserved_ips/${ip}`)).at("reserved_ip", "droplet", "id");

  it("are reserved for a region, and given back", async () => {
    const inputs = { region: "fra1" };
    const { id, state } = await running.plugin.create(urns.reservedIp, inputs);
    assert.deepEqual(
      [id, state],
      ["127.0.0.11", { ...inputs, ipAddress: "127.0.0.11", reservedIpUrn: "do:reservedip:127.0.0.11" }],
    );
    assert.deepEqual((await running.plugin.diff(urns.reservedIp, state, inputs, { region: "nyc3" })).replacesList, [
      "region",
    ]);
    await running.plugin.delete(urns.reservedIp, id, state, inputs);
    assert.equal((await running.plugin.read(urns.reservedIp, id, state, inputs)).id, "");
  });

  it("follow the droplet that the program names", async () => {
    const droplet = await running.droplet("shop");
    const inputs = { region: "fra1", dropletId: droplet };
    const { id, state } = await running.plugin.create(urns.reservedIp, inputs);
    assert.equal(await holder(id), droplet);
    assert.deepEqual((await running.plugin.read(urns.reservedIp, id, {}, {})).inputs, { ...inputs, ipAddress: id });
    const freed = await running.plugin.update(urns.reservedIp, id, state, inputs, { region: "fra1" });
    assert.deepEqual([await holder(id), freed["dropletId"]], [undefined, undefined]);
    const again = await running.plugin.update(urns.reservedIp, id, freed, { region: "fra1" }, inputs);
    assert.equal(await holder(id), droplet);
    await running.plugin.delete(urns.reservedIp, id, again, inputs);
    assert.equal((await running.api("GET", `/v2/reserved_ips/${id}`)).status, 404);
  });

  it("are in the state when they could be reserved and not assigned", async () => {
    const error = await running.plugin
      .create(urns.reservedIp, { region: "fra1", dropletId: 7 })
      .catch((refusal: unknown) => refusal);
    assert.ok(error instanceof PluginError);
    assert.equal(error.unfinished?.id, "127.0.0.11");
  });

  it("are assigned by a resource of its own, which goes when someone else takes the address", async () => {
    const dropletId = await running.droplet("shop");
    const { id: ipAddress } = await running.plugin.create(urns.reservedIp, { region: "fra1" });
    const urn = urns.reservedIpAssignment;
    const inputs = { dropletId, ipAddress };
    const { id, state } = await running.plugin.create(urn, inputs);
    assert.match(id, new RegExp(`^${dropletId}-127\\.0\\.0\\.11-[0-9a-f]{26}$`));
    assert.equal(await holder(ipAddress), dropletId);
    assert.deepEqual((await running.plugin.read(urn, id, state, inputs)).state, inputs);
    const imported = await running.plugin.read(urn, `${ipAddress},${dropletId}`, {}, {});
    assert.deepEqual(imported.inputs, inputs);
    assert.deepEqual((await running.plugin.diff(urn, state, inputs, { ...inputs, dropletId: 7 })).replacesList, [
      "dropletId",
    ]);
    await running.plugin.delete(urn, id, state, inputs);
    assert.equal(await holder(ipAddress), undefined);
    assert.equal((await running.plugin.read(urn, id, state, inputs)).id, "");
    await running.plugin.delete(urn, id, state, inputs);
  });

  it("are assigned once the droplet has nothing else under way", async () => {
    const dropletId = await running.droplet("shop");
    const { id: ipAddress } = await running.plugin.create(urns.reservedIp, { region: "fra1" });
    await running.api("POST", `/v2/droplets/${dropletId}/actions`, { type: "reboot" });
    await running.plugin.create(urns.reservedIpAssignment, { dropletId, ipAddress });
    assert.equal(await holder(ipAddress), dropletId);
  });

  it("are refused when they are no address, or the sandbox cannot assign them", async () => {
    const check = await running.plugin.check(urns.reservedIpAssignment, { ipAddress: "shop", dropletId: 0 });
    assert.match(check.failures.join(), /"ipAddress" must be an IPv4 address.*"dropletId" must not be 0/);
    const { id: ipAddress } = await running.plugin.create(urns.reservedIp, { region: "fra1" });
    await running.droplet("first");
    const dropletId = await running.droplet("second");
    await assert.rejects(
      running.plugin.create(urns.reservedIpAssignment, { dropletId, ipAddress }),
      /this is the sandbox's limit/,
    );
  });
});

describe("The stand-in's volumes", () => {
  const running = new DropletPlugin();
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());

  const urn = urns.volume;
  const given = {
    name: "data",
    region: "fra1",
    size: 5,
    initialFilesystemType: "ext4",
    initialFilesystemLabel: "odoo",
  };

  it("are created, and show no change after a refresh", async () => {
    const inputs = { ...given, tags: ["books"], description: "the books" };
    const { id, state } = await running.plugin.create(urn, inputs);
    assert.deepEqual(state, {
      ...inputs,
      dropletIds: [],
      filesystemLabel: "odoo",
      filesystemType: "ext4",
      volumeUrn: `do:volume:${id}`,
    });
    const read = await running.plugin.read(urn, id, state, inputs);
    assert.deepEqual([read.state, read.inputs], [state, inputs]);
    await running.plugin.delete(urn, id, state, inputs);
    assert.equal((await running.plugin.read(urn, id, state, inputs)).id, "");
    await running.plugin.delete(urn, id, state, inputs);
  });

  it("grow in place, are tagged, and never shrink", async () => {
    const { id, state } = await running.plugin.create(urn, given);
    const updated = await running.plugin.update(urn, id, state, given, { ...given, size: 9, tags: ["books"] });
    assert.deepEqual([updated["size"], updated["tags"]], [9, ["books"]]);
    await assert.rejects(
      running.plugin.diff(urn, updated, { ...given, size: 9 }, given),
      /can only be expanded and not shrunk: it is 9, and 5/,
    );
    const replacing: readonly ValueMap[] = [
      { name: "x" },
      { region: "nyc3" },
      { initialFilesystemType: "xfs" },
      { initialFilesystemLabel: "x" },
      { description: "x" },
    ];
    for (const change of replacing) {
      assert.deepEqual(
        (await running.plugin.diff(urn, given, given, { ...given, ...change })).replacesList,
        Object.keys(change),
      );
    }
    assert.deepEqual(
      (await running.plugin.diff(urn, given, given, { ...given, size: 6, tags: ["a"] })).replacesList,
      [],
    );
  });

  it("are attached to a droplet and detached, and a lost attachment is noticed", async () => {
    const dropletId = await running.droplet("shop");
    const { id: volumeId, state: volume } = await running.plugin.create(urn, given);
    const inputs = { dropletId, volumeId };
    const { id, state } = await running.plugin.create(urns.volumeAttachment, inputs);
    assert.match(id, new RegExp(`^${dropletId}-${volumeId}-`));
    assert.deepEqual((await running.plugin.read(urn, volumeId, volume, given)).state["dropletIds"], [dropletId]);
    assert.equal((await running.plugin.read(urns.volumeAttachment, id, state, inputs)).id, id);
    await assert.rejects(running.plugin.delete(urn, volumeId, volume, given), /409 .*attached/);
    // Once more, as after a lost answer: it is attached already.
    await running.plugin.create(urns.volumeAttachment, inputs);
    await running.plugin.delete(urns.volumeAttachment, id, state, inputs);
    assert.deepEqual((await running.plugin.read(urn, volumeId, volume, given)).state["dropletIds"], []);
    assert.equal((await running.plugin.read(urns.volumeAttachment, id, state, inputs)).id, "");
    await running.plugin.delete(urns.volumeAttachment, id, state, inputs);
    const diff = await running.plugin.diff(urns.volumeAttachment, state, inputs, { dropletId: 7, volumeId: "x" });
    assert.deepEqual([...diff.replacesList].sort(), ["dropletId", "volumeId"]);
  });

  it("fail to attach with the action's error", async () => {
    const dropletId = await running.droplet("shop");
    const { id: volumeId } = await running.plugin.create(urn, given);
    running.machines.failing.add("attach");
    await assert.rejects(
      running.plugin.create(urns.volumeAttachment, { dropletId, volumeId }),
      /action attach_volume \(\d+\) ended with an error/,
    );
  });

  it("are refused at Check, each for its reason", async () => {
    const tries = async (more: ValueMap): Promise<string> =>
      (await running.plugin.check(urn, { ...given, ...more })).failures.join("; ");
    assert.match(await tries({ name: "Data" }), /"name" must be lowercase/);
    assert.match(await tries({ size: 0 }), /"size" must be at least 1/);
    assert.match(await tries({ size: 1.5 }), /"size" must be an integer/);
    assert.match(await tries({ initialFilesystemType: "zfs" }), /must be one of ext4, xfs/);
    assert.match(await tries({ filesystemType: "ext4" }), /conflicts with "initialFilesystemType"/);
    assert.match(await tries({ snapshotId: "x" }), /"snapshotId" is not supported .* no snapshots/);
    assert.match(
      (await running.plugin.check(urns.volumeAttachment, { dropletId: 0, volumeId: "" })).failures.join(),
      /must not be 0.*must not be empty/,
    );
    assert.equal(await tries({ size: unknown, tags: unknown }), "");
  });
});
