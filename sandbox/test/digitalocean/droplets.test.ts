import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { waitForDroplets } from "../../droplets";
import { DropletServers, refusal, smallest } from "../helpers/droplet-servers";

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEJlZ2lubmluZ09mQVRlc3RLZXlPZjMyQnl0ZXMh team@example.com";

describe("droplets in the sandbox's DigitalOcean API", () => {
  const running = new DropletServers();
  const { machines } = running;
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());

  const get = async (id: number, ...keys: (string | number)[]): Promise<unknown> =>
    (await running.api("GET", `/v2/droplets/${id}`)).at("droplet", ...keys);
  const act = (id: number, body: Readonly<Record<string, unknown>>): Promise<string> =>
    running.act(`/v2/droplets/${id}`, body);

  it("are new and locked at first, and active with their addresses when the action that makes them has ended", async () => {
    const release = machines.hold();
    const created = await running.api("POST", "/v2/droplets", { ...smallest, name: "shop" });
    assert.equal(created.status, 202);
    const id = Number(created.at("droplet", "id"));
    assert.deepEqual([created.at("droplet", "status"), created.at("droplet", "locked")], ["new", true]);
    assert.deepEqual(created.at("droplet", "networks"), { v4: [], v6: [] });
    assert.equal(
      refusal(await running.api("DELETE", `/v2/droplets/${id}`)),
      "422 Droplet already has a pending event.",
    );
    release();

    const action = Number(created.at("links", "actions", 0, "id"));
    assert.equal(await running.ended(action), "completed");
    assert.deepEqual([await get(id, "status"), await get(id, "locked")], ["active", false]);
    assert.equal(await get(id, "networks", "v4", 1, "ip_address"), "127.0.0.10");
    assert.deepEqual([await get(id, "memory"), await get(id, "vcpus"), await get(id, "disk")], [1024, 1, 25]);
    assert.deepEqual([await get(id, "size", "price_monthly"), await get(id, "size", "price_hourly")], [6, 0.00893]);
    assert.deepEqual([await get(id, "region", "slug"), await get(id, "image", "slug")], ["fra1", "ubuntu-24-04-x64"]);
    const listed = await running.api("GET", `/v2/droplets/${id}/actions`);
    assert.deepEqual(listed.all("actions", "type"), ["create"]);
    assert.equal((await running.api("GET", `/v2/droplets/${id}/actions/${action}`)).at("action", "resource_id"), id);
  });

  it("become machines with their keys, volumes and user data, which no answer tells", async () => {
    const key = await running.api("POST", "/v2/account/keys", { name: "team", public_key: publicKey });
    const volume = await running.api("POST", "/v2/volumes", { name: "data", region: "fra1", size_gigabytes: 5 });
    const user_data = "#!/bin/sh\necho top-secret";
    const id = await running.droplet("shop", {
      user_data,
      ssh_keys: [key.at("ssh_key", "fingerprint")],
      volumes: [{ id: volume.at("volume", "id") }],
    });
    assert.deepEqual(machines.orders.at(-1), {
      id,
      name: "shop",
      slot: 0,
      userData: user_data,
      authorizedKeys: [publicKey],
      volumes: [{ id: volume.at("volume", "id"), name: "data", sizeGiB: 5 }],
    });
    assert.deepEqual(machines.news(), [`create ${id}`, `firewall ${id} open`]);
    assert.deepEqual(await get(id, "volume_ids"), [volume.at("volume", "id")]);
    for (const target of ["/v2/droplets", `/v2/droplets/${id}`, "/v2/actions"]) {
      assert.ok(!JSON.stringify((await running.api("GET", target)).body).includes("top-secret"), target);
    }
  });

  it("are found by name and by tag", async () => {
    const shop = await running.droplet("shop", { tags: ["web"] });
    const other = await running.droplet("other");
    const ids = async (query: string): Promise<readonly unknown[]> =>
      (await running.api("GET", `/v2/droplets${query}`)).all("droplets", "id");
    assert.deepEqual(await ids(""), [shop, other]);
    assert.deepEqual(await ids("?name=Shop"), [shop]);
    assert.deepEqual(await ids("?tag_name=web"), [shop]);
    assert.deepEqual(await ids("?tag_name=db"), []);
  });

  it("are refused, each for its reason, and leave nothing behind then", async () => {
    const create = async (more: Readonly<Record<string, unknown>>): Promise<string> =>
      refusal(await running.api("POST", "/v2/droplets", { ...smallest, name: "shop", ...more }));
    assert.match(await create({ name: "no_underscore" }), /^422 name Only valid hostname characters/);
    assert.match(await create({ size: "huge" }), /invalid size/);
    assert.match(await create({ region: "moon1" }), /invalid region/);
    assert.match(await create({ image: "windows" }), /invalid image/);
    assert.match(await create({ ssh_keys: [12] }), /12 are invalid key identifiers/);
    assert.match(await create({ ipv6: true }), /ipv6 cannot be true: the sandbox has no IPv6/);
    assert.match(await create({ public_networking: false }), /public_networking cannot be false/);
    assert.match(
      await create({ vpc_uuid: "5a4981aa-9653-4bd1-bef5-d6bff52042e4" }),
      /VPC .* could not be found in fra1/,
    );
    assert.match(await create({ volumes: [{ id: "none" }] }), /volume none cannot be attached/);
    assert.match(
      await create({ backup_policy: { plan: "daily" } }),
      /backup_policy can only be set when backups are enabled/,
    );
    assert.match(await create({ gpu_partition_mode: "x" }), /Unrecognized key: "gpu_partition_mode"/);
    assert.match(await create({ user_data: "x".repeat(65_537) }), /user_data is too long/);
    assert.deepEqual((await running.api("GET", "/v2/droplets")).at("droplets"), []);
    assert.equal((await running.api("GET", "/v2/droplets/1")).status, 404);
    assert.deepEqual(machines.news(), []);
  });

  it("are three at most, and a slot that is free again is taken again", async () => {
    const [first] = [await running.droplet("one"), await running.droplet("two"), await running.droplet("three")];
    const refused = refusal(await running.api("POST", "/v2/droplets", { ...smallest, name: "four" }));
    assert.match(
      refused,
      /^422 .*exceed your droplet limit: the sandbox has 3 machines, and there are one \(\d+\), two/,
    );
    assert.equal((await running.api("DELETE", `/v2/droplets/${first ?? 0}`)).status, 204);
    assert.equal(await get(await running.droplet("four"), "networks", "v4", 1, "ip_address"), "127.0.0.10");
  });

  it("go off, on and through a reboot, and say why they do not", async () => {
    const id = await running.droplet("shop");
    machines.news();
    assert.equal(await act(id, { type: "power_off" }), "completed");
    assert.equal(await get(id, "status"), "off");
    assert.equal(await act(id, { type: "power_off" }), "422 Droplet is already powered off.");
    assert.equal(await act(id, { type: "reboot" }), "422 Droplet is powered off.");
    assert.equal(await act(id, { type: "power_on" }), "completed");
    assert.equal(await get(id, "status"), "active");
    assert.equal(await act(id, { type: "reboot" }), "completed");
    assert.deepEqual(machines.news(), [
      `off ${id}`,
      `on ${id}`,
      `firewall ${id} open`,
      `reboot ${id}`,
      `firewall ${id} open`,
    ]);
    assert.match(
      await act(id, { type: "rebuild", image: "x" }),
      /^422 the action rebuild is not supported by the sandbox; supported: /,
    );
    assert.match(await act(id, {}), /^422 type is required/);
  });

  it("grow when they are off, with their disk only when that is asked, and never shrink", async () => {
    const id = await running.droplet("shop");
    const resize = (size: string, disk: boolean): Promise<string> => act(id, { type: "resize", size, disk });
    assert.equal(await resize("s-2vcpu-4gb", true), "422 Droplet must be powered off to resize.");
    await act(id, { type: "power_off" });
    assert.equal(await resize("s-2vcpu-4gb", false), "completed");
    assert.deepEqual(
      [await get(id, "size_slug"), await get(id, "memory"), await get(id, "disk")],
      ["s-2vcpu-4gb", 4096, 25],
    );
    assert.equal(await resize("s-4vcpu-8gb", true), "completed");
    assert.equal(await get(id, "disk"), 160);
    assert.match(await resize("s-1vcpu-1gb", false), /smaller disk/);
    assert.match(await resize("huge", false), /invalid size/);
  });

  it("are renamed, and have backups by a policy or by the usual one", async () => {
    const id = await running.droplet("shop");
    const policy = async (): Promise<unknown> =>
      (await running.api("GET", `/v2/droplets/${id}/backups/policy`)).at("policy", "backup_policy");
    assert.equal(await act(id, { type: "rename", name: "store" }), "completed");
    assert.equal(await get(id, "name"), "store");
    assert.equal(
      await act(id, { type: "change_backup_policy", backup_policy: { plan: "daily" } }),
      "422 Backups are not enabled on this Droplet.",
    );
    assert.equal(await act(id, { type: "enable_backups" }), "completed");
    assert.deepEqual(await policy(), { plan: "weekly", weekday: "SUN", hour: 0 });
    assert.ok(((await get(id, "features")) as string[]).includes("backups"));
    assert.equal(
      await act(id, { type: "change_backup_policy", backup_policy: { plan: "daily", hour: 4 } }),
      "completed",
    );
    assert.deepEqual(await policy(), { plan: "daily", hour: 4 });
    assert.match(
      await act(id, { type: "change_backup_policy", backup_policy: { plan: "daily", hour: 3 } }),
      /must be one of 0, 4, 8/,
    );
    assert.match(
      await act(id, { type: "change_backup_policy", backup_policy: { plan: "weekly" } }),
      /weekday is required/,
    );
    assert.equal(await act(id, { type: "disable_backups" }), "completed");
    assert.equal(await policy(), undefined);
  });

  it("take one action at a time", async () => {
    const id = await running.droplet("shop");
    const release = machines.hold();
    const first = await running.api("POST", `/v2/droplets/${id}/actions`, { type: "reboot" });
    assert.deepEqual(
      [first.status, first.at("action", "status"), first.at("action", "completed_at")],
      [201, "in-progress", null],
    );
    assert.equal(await act(id, { type: "rename", name: "x" }), "422 Droplet already has a pending event.");
    release();
    assert.equal(await running.ended(Number(first.at("action", "id"))), "completed");
  });

  it("are archived when their machine cannot be made, and can be deleted then", async () => {
    machines.failing.add("create");
    const created = await running.api("POST", "/v2/droplets", { ...smallest, name: "shop" });
    assert.equal(await running.ended(Number(created.at("links", "actions", 0, "id"))), "errored");
    const id = Number(created.at("droplet", "id"));
    assert.deepEqual([await get(id, "status"), await get(id, "locked")], ["archive", false]);
    assert.equal((await running.api("DELETE", `/v2/droplets/${id}`)).status, 204);
  });

  it("stay when their machine cannot be removed, and leave their volumes, firewalls, addresses and project when it is", async () => {
    const volume = await running.api("POST", "/v2/volumes", { name: "data", region: "fra1", size_gigabytes: 5 });
    const volumeId = String(volume.at("volume", "id"));
    const id = await running.droplet("shop", { volumes: [{ id: volumeId }] });
    await running.api("POST", "/v2/reserved_ips", { droplet_id: id });
    await running.api("POST", "/v2/firewalls", {
      name: "web",
      droplet_ids: [id],
      inbound_rules: [{ protocol: "icmp", sources: { addresses: ["0.0.0.0/0"] } }],
    });
    const inProject = async (): Promise<boolean> =>
      (await running.api("GET", "/v2/projects/default/resources")).all("resources", "urn").includes(`do:droplet:${id}`);
    assert.equal(await inProject(), true);
    machines.failing.add("remove");
    assert.equal((await running.api("DELETE", `/v2/droplets/${id}`)).status, 500);
    assert.equal(await get(id, "status"), "active");
    machines.failing.clear();
    assert.equal((await running.api("DELETE", `/v2/droplets/${id}`)).status, 204);
    assert.equal((await running.api("GET", `/v2/droplets/${id}`)).status, 404);
    assert.deepEqual((await running.api("GET", `/v2/volumes/${volumeId}`)).at("volume", "droplet_ids"), []);
    assert.equal((await running.api("GET", "/v2/reserved_ips/127.0.0.11")).at("reserved_ip", "droplet"), null);
    assert.deepEqual((await running.api("GET", "/v2/firewalls")).at("firewalls", 0, "droplet_ids"), []);
    assert.equal(await inProject(), false);
  });

  it("get their machine back at the API's start, as it was, when it is gone or off", async () => {
    const lost = await running.droplet("lost", { user_data: "#!/bin/sh\ntrue" });
    const stopped = await running.droplet("stopped");
    const wanted = await running.droplet("wanted-off");
    await act(wanted, { type: "power_off" });
    const told: string[] = [];
    machines.lose(lost);
    await machines.powerOffMachine(stopped);
    machines.news();
    const before = machines.orders.find(({ id }) => id === lost);
    const release = machines.hold();
    await running.restart();
    assert.deepEqual(
      [await get(lost, "locked"), await get(stopped, "locked"), await get(wanted, "locked")],
      [true, true, false],
    );
    await waitForDroplets(running.servers, (line) => {
      told.push(line);
      release();
    });
    assert.deepEqual(told, ["starting lost, stopped"]);
    assert.deepEqual([await get(lost, "locked"), await get(stopped, "locked")], [false, false]);
    assert.deepEqual(
      machines.news().sort(),
      [`create ${lost}`, `firewall ${lost} open`, `firewall ${stopped} open`, `on ${stopped}`].sort(),
    );
    assert.deepEqual(machines.orders.at(-1), before);
    assert.equal(await get(wanted, "status"), "off");
  });

  it("that were being made when the API stopped are made after its start; other actions have failed", async () => {
    const id = await running.droplet("old");
    const release = machines.hold();
    const created = await running.api("POST", "/v2/droplets", { ...smallest, name: "shop" });
    const reboot = await running.api("POST", `/v2/droplets/${id}/actions`, { type: "reboot" });
    await running.restart();
    release();
    assert.equal(await running.ended(Number(created.at("links", "actions", 0, "id"))), "completed");
    assert.equal(await get(Number(created.at("droplet", "id")), "status"), "active");
    assert.equal(await running.ended(Number(reboot.at("action", "id"))), "errored");
  });

  it("are on paper when the API has no machines, also after a restart", async () => {
    const paper = new DropletServers({ onPaper: true });
    try {
      await paper.start();
      const id = await paper.droplet("shop");
      assert.equal(await paper.act(`/v2/droplets/${id}`, { type: "reboot" }), "completed");
      await paper.restart();
      assert.equal((await paper.api("GET", `/v2/droplets/${id}`)).at("droplet", "status"), "active");
      assert.equal((await paper.api("DELETE", `/v2/droplets/${id}`)).status, 204);
      assert.deepEqual(paper.machines.told, []);
    } finally {
      await paper.remove();
    }
  });

  it("are unknown to a state file of an earlier version, which loads all the same", async () => {
    const file = path.join(running.stateDir, "digitalocean.json");
    const project = await running.api("POST", "/v2/projects", { name: "kept", purpose: "IoT" });
    const later = ["droplets", "volumes", "firewalls", "reservedIps", "sshKeys", "tags", "actions", "nextId"];
    const state = JSON.parse(fs.readFileSync(file, "utf8")) as Record<string, unknown>;
    assert.deepEqual(
      later.filter((key) => !(key in state)),
      [],
    );
    await running.servers.close();
    fs.writeFileSync(
      file,
      JSON.stringify(Object.fromEntries(Object.entries(state).filter(([key]) => !later.includes(key)))),
    );
    await running.start();
    assert.equal((await running.api("GET", `/v2/projects/${String(project.at("project", "id"))}`)).status, 200);
    assert.deepEqual((await running.api("GET", "/v2/droplets")).at("droplets"), []);
    await running.droplet("shop");
  });

  it("have sizes, regions, images and networks to choose from", async () => {
    const size = (
      (await running.api("GET", "/v2/sizes?per_page=200")).at("sizes") as { slug: string; memory: number }[]
    ).find(({ slug }) => slug === "s-2vcpu-4gb");
    assert.equal(size?.memory, 4096);
    assert.ok((await running.api("GET", "/v2/regions")).all("regions", "slug").includes("fra1"));
    const image = await running.api("GET", "/v2/images/ubuntu-24-04-x64");
    assert.equal(
      (await running.api("GET", `/v2/images/${String(image.at("image", "id"))}`)).at("image", "slug"),
      "ubuntu-24-04-x64",
    );
    assert.equal((await running.api("GET", "/v2/images/windows")).status, 404);

    const vpc = (
      ((await running.api("GET", "/v2/vpcs")).at("vpcs") as { id: string; region: string; default: boolean }[]) ?? []
    ).find(({ region }) => region === "fra1");
    assert.equal(vpc?.default, true);
    const id = await running.droplet("shop", { vpc_uuid: vpc?.id });
    assert.equal(await get(id, "vpc_uuid"), vpc?.id);
    assert.equal((await running.api("GET", `/v2/vpcs/${vpc?.id ?? ""}`)).at("vpc", "name"), "default-fra1");
    assert.deepEqual((await running.api("GET", `/v2/vpcs/${vpc?.id ?? ""}/members`)).all("members", "name"), ["shop"]);
    assert.equal((await running.api("GET", "/v2/vpcs/none")).status, 404);
  });
});
