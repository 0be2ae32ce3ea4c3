import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { CreatedHost } from "../support/created-host";
import { undocumented } from "../support/documented-secrets";
import type { PaperVps } from "../support/paper-vps";
import { findIn } from "../support/secret-search";
import type { TestStack } from "../../sandbox/test/helpers/test-stack";

/**
 * It needs port 22 of a loopback address that no sandbox uses now; without the right to it, these tests are left out and
 * the end-to-end tests remain.
 */
describe("an update that makes its host, on the real engine", function () {
  const created = new CreatedHost();
  const { orders, firewalls, running } = created;
  let host: PaperVps;
  let stack: TestStack;

  before(async function () {
    const started = await created.start();
    if (started === undefined) return this.skip();
    ({ host, stack } = started);
  });
  after(() => created.remove());

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
    const before = running.changes;
    const { status, output } = await stack.preview();
    assert.equal(status, 0, output);
    assert.match(output, /digitalocean:index\/droplet:Droplet/);
    assert.equal(running.changes, before);
  });

  it("makes the host, pins the key that it proves, and deploys", async () => {
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    const outputs = await stack.outputs();
    assert.deepEqual(
      [outputs["vpsUrl"], outputs["vpsAddress"], outputs["vpsHostKey"]],
      ["https://erp.example.com", created.address, host.server.hostKey],
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

  it("refuses to move the host to another region, or to give it up, while it is protected", async () => {
    const { config } = stack;
    const before = running.changes;
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
    assert.equal(running.changes, before, "something was changed");
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
});
