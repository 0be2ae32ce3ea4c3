import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";

import { hostKeyProof } from "../../components/vps/host-key-proof";
import { type MachineOrder, paperMachines, reservedAddress, slots } from "../../sandbox/digitalocean/machines";
import { RunningServers } from "../../sandbox/test/helpers/running-servers";
import { undocumented } from "../support/documented-secrets";
import { PaperVps } from "../support/paper-vps";
import { scopesFor } from "../support/documented-scopes";
import { Runbook } from "../support/runbook";
import { findIn } from "../support/secret-search";
import { TestStack } from "../../sandbox/test/helpers/test-stack";

/**
 * Behind the API stands a real SSH server that proves its key as the user data says, and does nothing else. It needs port 22 of a loopback
 * address that no sandbox uses now; without the right to it, these tests are left out and the end-to-end tests remain.
 */
describe("an update that makes its host, on the real engine", function () {
  const runbook = new Runbook("The host is lost");
  let host = new PaperVps();
  const orders: MachineOrder[] = [];
  const firewalls: (number[] | undefined)[] = [];
  const running = new RunningServers(undefined, {
    actionMs: 0,
    machines: {
      ...paperMachines(),
      createMachine: (order) => {
        if (order.name === "other") {
          return Promise.resolve();
        }
        orders.push(order);
        const [, nonce = ""] = /b"([0-9a-f]{64})"/.exec(order.userData) ?? [];
        host.proofs = ["", hostKeyProof(nonce, host.server.hostKey)];
        host.setup = ["installing Docker", "done"];
        host.report["mounted"] = "/mnt/odoo-data";
        return Promise.resolve();
      },
      setFirewall: (_, ports) => {
        firewalls.push(ports);
        return Promise.resolve();
      },
    },
  });
  const changes = () =>
    running.servers.api.log.list().filter(({ method, status }) => !["GET", "HEAD"].includes(method) && status < 400)
      .length;
  let stack: TestStack;
  let digest: string;
  let slot: number;

  before(async function () {
    const free = await freeSlot();
    if (free === undefined) {
      this.skip();
    }
    slot = free;
    await running.start();
    await running.api("POST", "/v2/registry", { name: "team", subscription_tier_slug: "basic", region: "fra1" });
    for (let other = 0; other < slot; other++) {
      await running.api("POST", "/v2/droplets", {
        name: "other",
        region: "ams3",
        size: "s-1vcpu-1gb",
        image: "ubuntu-24-04-x64",
      });
    }
    await host.server.start(22, reservedAddress(slot));
    digest = await running.push("team/odoo", "v1");
    // A token with what is documented for such a stack, and no more.
    const token = running.servers.api.limitedToken(scopesFor("registry, adopted", "host, created"));
    stack = new TestStack(
      { ...running.servers, token },
      {
        "registry:ownership": "adopt",
        "image:digest": digest,
        "vps:mode": "create",
        "vps:domain": "erp.example.com",
        "vps:region": "fra1",
        "vps:size": "s-2vcpu-4gb",
        "vps:sshFrom": ["127.0.0.0/8"],
      },
    );
    stack.setVariable("VPS_SSH_PRIVATE_KEY", host.user.privateKey);
    await stack.init();
  });
  after(async () => {
    stack?.remove();
    await host.server.close();
    await running.remove();
  });

  it("is refused while the proxy's image is not in the registry, and finds it there", async () => {
    const record = fs.readFileSync(path.join(stack.project, "images", "vps-images.json"), "utf8");
    stack.write(
      "images/vps-images.json",
      fs.readFileSync(path.join(__dirname, "..", "..", "images", "vps-images.json"), "utf8"),
    );
    const refused = await stack.preview();
    assert.notEqual(refused.status, 0, refused.output);
    const tag = /has no tag (proxy-[0-9a-f]{32})/.exec(refused.output)?.[1] ?? "";
    assert.match(refused.output, /IMAGE_NOT_FOUND: the proxy's image is not in the registry/);
    await running.push("team/odoo", tag);
    const { status, output } = await stack.preview();
    assert.equal(status, 0, output);
    assert.ok(!output.includes("docker:index/image:Image"), output);
    stack.write("images/vps-images.json", record);
  });

  it("changes nothing in a preview", async () => {
    const before = changes();
    const { status, output } = await stack.preview();
    assert.equal(status, 0, output);
    assert.match(output, /digitalocean:index\/droplet:Droplet/);
    assert.equal(changes(), before);
  });

  it("makes the host, pins the key that it proves, and deploys", async () => {
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    const outputs = await stack.outputs();
    assert.deepEqual(
      [outputs["vpsUrl"], outputs["vpsAddress"], outputs["vpsHostKey"]],
      ["https://erp.example.com", reservedAddress(slot), host.server.hostKey],
    );
    const [order, ...more] = orders;
    assert.equal(more.length, 0);
    assert.deepEqual(
      order?.authorizedKeys.map((key) => key.split(" ")[1]),
      [host.user.publicKey.split(" ")[1]],
    );
    assert.deepEqual(
      order?.volumes.map(({ name }) => name),
      ["odoo-data"],
      "the volume is there at the first boot",
    );
    assert.deepEqual([...(firewalls.at(-1) ?? [])].sort(), [22, 443, 80]);
    assert.equal(host.requests[0]?.request["dataDirectory"], "/mnt/odoo-data");
    assert.match(output, /waiting for .* to boot: no proof on the host yet/);
  });

  it("changes nothing when run again", async () => {
    const { status, output } = await stack.up("--expect-no-changes");
    assert.equal(status, 0, output);
  });

  it("keeps the host whatever is changed that counts at its first boot only", async () => {
    const { config } = stack;
    stack.config = { ...config, "vps:image": "debian-13-x64", "vps:monitoring": false };
    const { status, output } = await stack.up("--expect-no-changes");
    stack.config = config;
    assert.equal(status, 0, output);
  });

  for (const [what, withVolume] of [
    ["with the Volume of the lost one, which it finds its data on", true],
    ["with another Volume where that is lost, too", false],
  ] as const) {
    it(`makes another host by the runbook's own commands, ${what}`, async () => {
      const before = await stack.outputs();
      const [droplet] = (await running.api("GET", "/v2/droplets")).all("droplets", "id").slice(-1);
      assert.equal((await running.api("DELETE", `/v2/droplets/${String(droplet)}`)).status, 204);
      const kept = orders.at(-1)?.volumes[0]?.id ?? "";
      if (!withVolume) assert.equal((await running.api("DELETE", `/v2/volumes/${kept}`)).status, 204);
      await host.server.close();
      host = new PaperVps(host.user);
      await host.server.start(22, reservedAddress(slot));

      const output = await runbook.type(stack, "lost-host");
      assert.equal(/\+ {2}digitalocean:index:Volume .* created/.test(output), !withVolume, output);
      const volume = orders.at(-1)?.volumes[0]?.id ?? "";
      assert.notEqual(volume, "");
      assert.equal(volume === kept, withVolume);
      const outputs = await stack.outputs();
      assert.deepEqual([outputs["vpsAddress"], outputs["vpsHostKey"]], [before["vpsAddress"], host.server.hostKey]);
      assert.notEqual(outputs["vpsHostKey"], before["vpsHostKey"]);
      assert.deepEqual([host.live?.digest, host.requests.length], [digest, 1]);
      const nonces = orders.map(({ userData }) => /b"([0-9a-f]{64})"/.exec(userData)?.[1]);
      assert.equal(new Set(nonces).size, orders.length, "whoever was on the lost host knows its nonce");
      assert.deepEqual([...(firewalls.at(-1) ?? [])].sort(), [22, 443, 80]);
      if (withVolume) return;
      const again = await stack.preview("--expect-no-changes");
      assert.equal(again.status, 0, again.output);
    });
  }

  it("has typed all that the runbook says is tried of it", () => assert.deepEqual(runbook.left, []));

  it("refuses to move the host to another region, or to give it up, while it is protected", async () => {
    const { config } = stack;
    const before = changes();
    for (const change of [{ "vps:region": "ams3" }, { "vps:mode": "none" }]) {
      stack.config = { ...config, ...change };
      const { status, output } = await stack.up();
      assert.notEqual(status, 0, output);
      assert.match(output, /protect/);
    }
    stack.config = config;
    const destroyed = await stack.pulumi("destroy", "--yes", "--skip-preview", "--non-interactive");
    assert.notEqual(destroyed.status, 0, destroyed.output);
    assert.match(destroyed.output, /protect/);
    assert.equal(changes(), before, "something was changed");
  });

  it("has no key in the state at all, and the nonce encrypted only", async () => {
    const [, nonce = ""] = /b"([0-9a-f]{64})"/.exec(orders.at(-1)?.userData ?? "") ?? [];
    const key = host.user.privateKey.split("\n")[2] ?? "";
    const places = { shown: await stack.decrypted(), stored: stack.storedText() };
    // The nonce is one of those that docs/secrets-in-the-state.md tells of.
    assert.deepEqual(findIn(places, { nonce, key }), { shown: ["nonce"], stored: [] });
    assert.deepEqual(undocumented(places.shown), []);
  });

  it("gives the host up once its protection is lifted", async () => {
    stack.config = { ...stack.config, "vps:allowDestroy": true };
    const lifted = await stack.up();
    assert.equal(lifted.status, 0, lifted.output);
    stack.config = { ...stack.config, "vps:mode": "none" };
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    assert.deepEqual((await running.api("GET", "/v2/volumes")).all("volumes", "name"), []);
    assert.deepEqual(await keys(), []);
  });

  it("takes over a key that the account has under another name, and leaves it there with the host gone", async () => {
    const uploaded = { name: "laptop", public_key: `${host.user.publicKey.trim()} somebody@laptop` };
    assert.equal((await running.api("POST", "/v2/account/keys", uploaded)).status, 201);
    assert.equal((await running.api("POST", "/v2/account/keys", uploaded)).status, 422, "an account takes a key once");
    for (const [mode, more] of [
      ["create", []],
      ["create", ["--expect-no-changes"]],
      ["none", []],
    ] as const) {
      stack.config = { ...stack.config, "vps:mode": mode };
      const { status, output } = await stack.up(...more);
      assert.equal(status, 0, output);
      assert.deepEqual(await keys(), ["laptop"]);
    }
    assert.deepEqual(
      orders.at(-1)?.authorizedKeys.map((key) => key.split(" ")[1]),
      [host.user.publicKey.split(" ")[1]],
    );
  });

  async function keys(): Promise<unknown> {
    return (await running.api("GET", "/v2/account/keys")).all("ssh_keys", "name");
  }

  /** The first slot whose address nothing uses at port 22. */
  async function freeSlot(): Promise<number | undefined> {
    for (const candidate of slots) {
      const free = await new Promise<boolean>((resolve) => {
        const probe = net.createServer();
        probe.once("error", () => resolve(false));
        probe.listen(22, reservedAddress(candidate), () => probe.close(() => resolve(true)));
      });
      if (free) {
        return candidate;
      }
    }
    return undefined;
  }
});
