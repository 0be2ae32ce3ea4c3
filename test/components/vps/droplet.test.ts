import assert from "node:assert/strict";

import * as pulumi from "@pulumi/pulumi";

import { sshKeyPair } from "../../../sandbox/support/ssh-key";
import type { AccountKey } from "../../../components/shared/digitalocean-api";
import { VpsDroplet } from "../../../components/vps/droplet";
import { Secret } from "../../../components/shared/secret";
import type { Settings } from "../../../settings";
import { declare, type ProgramRun, secretOf, type World } from "../../support/program";

const key = sshKeyPair();
const hostKey = sshKeyPair().publicKey;
const nonce = "c0ffee";
const outputs: World["outputs"] = {
  "digitalocean:index/sshKey:SshKey": () => ({ fingerprint: "aa:bb" }),
  "digitalocean:index/volume:Volume": () => ({}),
  "digitalocean:index/droplet:Droplet": () => ({ id: "4711" }),
  "digitalocean:index/firewall:Firewall": () => ({}),
  "digitalocean:index/reservedIp:ReservedIp": () => ({ ipAddress: "203.0.113.9" }),
  "digitalocean:index/reservedIpAssignment:ReservedIpAssignment": () => ({}),
  "command:local:Command": (_, name) => ({ stdout: name.endsWith("nonce") ? nonce : `${hostKey}\n` }),
};
const settings = {
  name: "odoo",
  region: "fra1",
  size: "s-2vcpu-4gb",
  image: "ubuntu-24-04-x64",
  sshFrom: ["203.0.113.0/24"],
  backups: true,
  monitoring: true,
  volumeGiB: 50,
  allowDestroy: false,
  user: "root",
} as unknown as Settings["vps"];

function run(changes: Partial<Settings["vps"]> = {}, accountKey?: AccountKey): Promise<ProgramRun> {
  return declare("staging", {}, outputs, () => {
    const { address, hostKey: proved } = new VpsDroplet("vps", {
      settings: { ...settings, ...changes },
      privateKey: new Secret(key.privateKey),
      accountKey,
      secrets: { "vps:privateKey": new Secret(key.privateKey) },
      stack: "odoo/staging",
    });
    const secrets = pulumi.all([address, proved].map((output) => pulumi.isSecret(output)));
    return Promise.resolve({ address, hostKey: proved, secrets });
  });
}

function find(
  { resources }: ProgramRun,
  name: string,
): { inputs: Record<string, unknown>; options: Record<string, unknown> } {
  const found = resources.find((resource) => resource.name === name);
  assert.ok(found, `no ${name}`);
  assert.ok(name === "vps" || found.parent === "vps", `${name} has the parent ${found.parent}`);
  return found as unknown as { inputs: Record<string, unknown>; options: Record<string, unknown> };
}

describe("a created host", () => {
  let made: ProgramRun;
  before(async () => {
    made = await run();
  });

  it("protects what holds data, the address and the door, and nothing else", () => {
    const protectedOnes = made.resources.filter(({ options }) => (options as { protect?: boolean }).protect === true);
    assert.deepEqual(protectedOnes.map(({ name }) => name).sort(), [
      "vps-data",
      "vps-droplet",
      "vps-firewall",
      "vps-ip",
    ]);
  });

  it("is unprotected only by the setting for it", async () => {
    const { resources } = await run({ allowDestroy: true });
    assert.ok(!resources.some(({ options }) => (options as { protect?: boolean }).protect));
  });

  it("takes over a key that the account has, as it is, and leaves one of another name there in the end", async () => {
    const publicKey = `${key.publicKey} somebody@laptop`;
    for (const [name, stays] of [
      ["laptop", true],
      ["odoo", false],
    ] as const) {
      const { inputs, options } = find(await run({}, { id: "7", name, publicKey }), "vps-ssh-key");
      assert.deepEqual(inputs, { name, publicKey });
      assert.deepEqual([options["import"], options["retainOnDelete"]], ["7", stays]);
    }
    assert.equal(find(made, "vps-ssh-key").options["import"], undefined);
  });

  it("is not replaced for what counts at the first boot only", () => {
    assert.deepEqual(find(made, "vps-droplet").options["ignoreChanges"], [
      "userData",
      "image",
      "sshKeys",
      "monitoring",
    ]);
  });

  it("has its data on a volume that is there at the first boot and has no file system of anybody's", () => {
    const { inputs } = find(made, "vps-data");
    assert.deepEqual([inputs["name"], inputs["size"], inputs["region"]], ["odoo-data", 50, "fra1"]);
    assert.equal(inputs["initialFilesystemType"], undefined);
    assert.deepEqual(find(made, "vps-droplet").inputs["volumeIds"], ["vps-data-id"]);
    assert.match(String(secretOf(find(made, "vps-droplet").inputs["userData"])), /scsi-0DO_Volume_odoo-data/);
  });

  it("keeps its data on its own disk when no volume is wanted", async () => {
    const without = await run({ volumeGiB: 0 });
    assert.ok(!without.resources.some(({ type }) => type.includes("Volume")));
    assert.doesNotMatch(String(secretOf(find(without, "vps-droplet").inputs["userData"])), /mkfs/);
  });

  it("opens SSH to the ranges of the setting, the web to all, and nothing else", () => {
    const rules = find(made, "vps-firewall").inputs["inboundRules"] as Record<string, unknown>[];
    assert.deepEqual(
      rules.map((rule) => [rule["protocol"], rule["portRange"], (rule["sourceAddresses"] as string[]).join()]),
      [
        ["tcp", "22", "203.0.113.0/24"],
        ["tcp", "80", "0.0.0.0/0,::/0"],
        ["tcp", "443", "0.0.0.0/0,::/0"],
        ["udp", "443", "0.0.0.0/0,::/0"],
        ["icmp", undefined, "0.0.0.0/0,::/0"],
      ],
    );
  });

  it("has firewall and address for itself, by its number", () => {
    assert.deepEqual(find(made, "vps-firewall").inputs["dropletIds"], [4711]);
    assert.equal(find(made, "vps-ip-assignment").inputs["dropletId"], 4711);
    assert.deepEqual(find(made, "vps-host-key").inputs["triggers"], ["4711"]);
  });

  it("takes the public half of the key that logs in", () => {
    assert.equal(find(made, "vps-ssh-key").inputs["publicKey"], key.publicKey);
  });

  it("keeps the private key out of the state, and the nonce secret wherever it goes", () => {
    assert.deepEqual(find(made, "vps-nonce").options["additionalSecretOutputs"], ["stdout"]);
    assert.equal(find(made, "vps-nonce").inputs["logging"], "none");
    const stdin = JSON.parse(String(secretOf(find(made, "vps-host-key").inputs["stdin"]))) as {
      connection: Record<string, unknown>;
    };
    const { privateKey, ...address } = stdin.connection;
    assert.deepEqual(
      { ...stdin, connection: address },
      { stack: "odoo/staging", connection: { host: "203.0.113.9", port: 22, user: "root" }, nonce },
    );
    assert.deepEqual(Object.keys(privateKey as object), ["secret", "fingerprint"]);
    assert.ok(!JSON.stringify(made.resources).includes("PRIVATE KEY"));
    const open = JSON.stringify(made.resources, (_, value: unknown) =>
      secretOf(value) === undefined ? value : "[secret]",
    );
    assert.ok(!open.includes(nonce) && !open.includes("PRIVATE KEY"), open);
  });

  it("asks a host for its proof once, whatever changes in the way to it", () => {
    assert.equal(find(made, "vps-host-key").inputs["update"], 'printf "%s" "$PULUMI_COMMAND_STDOUT"');
  });

  it("tells address and proved key, which are no secrets", () => {
    assert.deepEqual(made.outputs, { address: "203.0.113.9", hostKey, secrets: [false, false] });
  });
});
