import assert from "node:assert/strict";

import { TestStack } from "../helpers/test-stack";
import { DropletServers } from "../helpers/droplet-servers";

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEJlZ2lubmluZ09mQVRlc3RLZXlPZjMyQnl0ZXMh team@example.com";

/** A VPS as a program declares it, with all that belongs to it. Its volume can be at one droplet only: the old one goes first. */
const program = (script: string): string => `
import * as digitalocean from "@pulumi/digitalocean";
import * as pulumi from "@pulumi/pulumi";

export = async () => {
  const userData = pulumi.secret(${JSON.stringify(script)});
  const key = new digitalocean.SshKey("key", { name: "team", publicKey: "${publicKey}" });
  const droplet = new digitalocean.Droplet("vps", {
    name: "vps", image: "ubuntu-24-04-x64", size: "s-1vcpu-1gb", region: "fra1", tags: ["odoo", "web"], sshKeys: [key.fingerprint], userData,
  }, { deleteBeforeReplace: true });
  const dropletId = droplet.id.apply(Number);
  new digitalocean.Firewall("firewall", {
    name: "vps",
    dropletIds: [dropletId],
    inboundRules: [
      { protocol: "tcp", portRange: "22", sourceAddresses: ["203.0.113.0/24"] },
      { protocol: "tcp", portRange: "443", sourceAddresses: ["0.0.0.0/0", "::/0"] },
      { protocol: "icmp", sourceAddresses: ["0.0.0.0/0"] },
    ],
    outboundRules: [{ protocol: "tcp", portRange: "all", destinationAddresses: ["0.0.0.0/0"] }],
  });
  const volume = new digitalocean.Volume("data", { name: "data", region: "fra1", size: 5, initialFilesystemType: "ext4" });
  new digitalocean.VolumeAttachment("data", { dropletId, volumeId: volume.id });
  const address = new digitalocean.ReservedIp("address", { region: "fra1" });
  new digitalocean.ReservedIpAssignment("address", { dropletId, ipAddress: address.ipAddress });
  return { droplet: droplet.id, address: droplet.ipv4Address, reserved: address.ipAddress, status: droplet.status };
};
`;

// Proves what the engine makes of the stand-in; not that the official plugin does the same.
describe("A droplet and all that belongs to it, on the real engine", () => {
  const running = new DropletServers();
  const { machines } = running;
  let stack: TestStack;
  before(async () => {
    await running.start();
    stack = new TestStack(running.servers);
    stack.config = {};
    stack.write("index.ts", program("#!/bin/sh\necho top-secret"));
    await stack.init("vault");
  });
  after(async () => {
    stack.remove();
    await running.remove();
  });

  const run = async (...args: string[]): Promise<void> => {
    const { status, output } = await stack.pulumi(...args, "--non-interactive", "--color", "never");
    assert.equal(status, 0, output);
    assert.ok(!output.includes("top-secret"), output);
  };
  const up = (...args: string[]): Promise<void> => run("up", "--yes", "--skip-preview", ...args);

  it("changes nothing in a preview", async () => {
    await run("preview");
    assert.deepEqual(machines.told, []);
  });

  it("is made, and is the same in a second update and after a refresh", async () => {
    await up();
    const { droplet, address, reserved, status } = await stack.outputs();
    assert.deepEqual([address, reserved, status], ["127.0.0.10", "127.0.0.11", "active"]);
    assert.deepEqual(
      (await running.api("GET", "/v2/reserved_ips/127.0.0.11")).at("reserved_ip", "droplet", "id"),
      Number(droplet),
    );
    const news = machines.news();
    assert.equal(news[0], `create ${String(droplet)}`);
    assert.ok(
      news.includes(`attach ${String(droplet)} data 5`) && news.includes(`firewall ${String(droplet)} 22,443`),
      news.join("\n"),
    );
    await up("--expect-no-changes");
    await run("refresh", "--yes", "--skip-preview");
    await up("--expect-no-changes");
    assert.deepEqual(machines.news(), []);
    assert.ok(!stack.storedText().includes("top-secret"));
  });

  it("is replaced for another script, the old one first, and keeps its addresses and its volume", async () => {
    const before = await stack.outputs();
    stack.write("index.ts", program("#!/bin/sh\necho top-secret, and changed"));
    await up();
    const after = await stack.outputs();
    assert.notEqual(after["droplet"], before["droplet"]);
    assert.deepEqual([after["address"], after["reserved"]], [before["address"], before["reserved"]]);
    const volumes = await running.api("GET", "/v2/volumes");
    assert.deepEqual(
      [volumes.at("meta", "total"), volumes.at("volumes", 0, "droplet_ids")],
      [1, [Number(after["droplet"])]],
    );
    await up("--expect-no-changes");
  });

  it("stays in the state when it does not come up, and can be replaced then", async () => {
    machines.failing.add("create");
    stack.write("index.ts", program("#!/bin/sh\necho top-secret, once more"));
    const failed = await stack.up();
    assert.notEqual(failed.status, 0);
    assert.match(failed.output, /has the status "archive", not "active": it could not be made/);
    const [id] = (await running.api("GET", "/v2/droplets")).all("droplets", "id");
    machines.failing.clear();
    await up("--replace", "urn:pulumi:sandbox::odoo::digitalocean:index/droplet:Droplet::vps");
    const droplets = await running.api("GET", "/v2/droplets");
    assert.deepEqual([droplets.at("meta", "total"), droplets.at("droplets", 0, "status")], [1, "active"]);
    assert.notEqual(droplets.at("droplets", 0, "id"), id);
    await up("--expect-no-changes");
  });

  it("goes, and leaves nothing", async () => {
    await run("destroy", "--yes", "--skip-preview");
    for (const list of ["droplets", "firewalls", "volumes", "reserved_ips"]) {
      assert.deepEqual((await running.api("GET", `/v2/${list}`)).at(list), [], list);
    }
    assert.deepEqual((await running.api("GET", "/v2/account/keys")).at("ssh_keys"), []);
  });
});
