import * as assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { DropletServers, refusal } from "../helpers/droplet-servers";

describe("volumes in the sandbox's DigitalOcean API", () => {
  const running = new DropletServers();
  const { machines } = running;
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());

  // As the official client sends it: everything, empty where it is not set.
  const asSent = {
    name: "data",
    region: "fra1",
    size_gigabytes: 5,
    description: "",
    snapshot_id: "",
    filesystem_type: "",
    filesystem_label: "",
    tags: [],
  };
  const create = async (more: Readonly<Record<string, unknown>> = {}): Promise<string> => {
    const answer = await running.api("POST", "/v2/volumes", { ...asSent, ...more });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return String(answer.at("volume", "id"));
  };

  it("are created, and found by name and region", async () => {
    const id = await create({ filesystem_type: "ext4", filesystem_label: "odoo", tags: ["books"] });
    await create({ region: "nyc3" });
    const found = await running.api("GET", "/v2/volumes?name=data&region=fra1");
    assert.deepEqual(found.all("volumes", "id"), [id]);
    assert.deepEqual(
      [found.at("volumes", 0, "filesystem_type"), found.at("volumes", 0, "size_gigabytes")],
      ["ext4", 5],
    );
    assert.equal(found.at("volumes", 0, "region", "slug"), "fra1");
    assert.equal((await running.api("GET", "/v2/volumes")).at("meta", "total"), 2);
    assert.equal((await running.api("GET", "/v2/tags/books")).at("tag", "resources", "volumes", "count"), 1);
    assert.equal(
      refusal(await running.api("POST", "/v2/volumes", asSent)),
      "409 a volume with this name already exists in this region",
    );
  });

  it("are attached to one droplet at a time, and detached", async () => {
    const [first, second] = [await running.droplet("first"), await running.droplet("second")];
    const elsewhere = await running.droplet("elsewhere", { region: "nyc3" });
    machines.news();
    const id = await create();
    const target = `/v2/volumes/${id}`;
    assert.match(await running.act(target, { type: "attach", droplet_id: elsewhere }), /same region/);
    assert.equal(await running.act(target, { type: "attach", droplet_id: first, region: "fra1" }), "completed");
    assert.deepEqual((await running.api("GET", target)).at("volume", "droplet_ids"), [first]);
    assert.deepEqual((await running.api("GET", `/v2/droplets/${first}`)).at("droplet", "volume_ids"), [id]);
    assert.equal(
      await running.act(target, { type: "attach", droplet_id: second }),
      "422 Volume is already attached to a Droplet.",
    );
    assert.equal(
      await running.act(target, { type: "detach", droplet_id: second }),
      "422 Volume is not attached to this Droplet.",
    );
    assert.equal(
      refusal(await running.api("DELETE", target)),
      "409 cannot delete a volume that is attached to a Droplet",
    );
    assert.equal(await running.act(target, { type: "detach", droplet_id: first }), "completed");
    assert.deepEqual(machines.news(), [`attach ${first} data 5`, `detach ${first} data`]);
    const actions = await running.api("GET", `${target}/actions`);
    assert.deepEqual(actions.all("actions", "type"), ["detach_volume", "attach_volume"]);
    const one = await running.api("GET", `${target}/actions/${String(actions.at("actions", 0, "id"))}`);
    assert.deepEqual([one.at("action", "resource_type"), one.at("action", "region_slug")], ["volume", "fra1"]);
  });

  it("keep a failed attachment out of the state, and a droplet busy while it is tried", async () => {
    const droplet = await running.droplet("shop");
    const [id, other] = [await create(), await create({ name: "other" })];
    machines.failing.add("attach");
    const release = machines.hold();
    const first = await running.api("POST", `/v2/volumes/${id}/actions`, { type: "attach", droplet_id: droplet });
    assert.equal(first.status, 202);
    assert.equal(
      await running.act(`/v2/volumes/${other}`, { type: "attach", droplet_id: droplet }),
      "422 Droplet already has a pending event.",
    );
    release();
    assert.equal(await running.ended(Number(first.at("action", "id"))), "errored");
    assert.deepEqual((await running.api("GET", `/v2/volumes/${id}`)).at("volume", "droplet_ids"), []);
  });

  it("grow, which a machine that has them learns, and never shrink", async () => {
    const target = `/v2/volumes/${await create()}`;
    assert.equal(await running.act(target, { type: "resize", size_gigabytes: 6, region: "fra1" }), "completed");
    const droplet = await running.droplet("shop");
    await running.act(target, { type: "attach", droplet_id: droplet });
    machines.news();
    assert.equal(await running.act(target, { type: "resize", size_gigabytes: 7, region: "fra1" }), "completed");
    assert.deepEqual(machines.news(), [`attach ${droplet} data 7`]);
    assert.equal((await running.api("GET", target)).at("volume", "size_gigabytes"), 7);
    assert.match(
      await running.act(target, { type: "resize", size_gigabytes: 6 }),
      /^422 size_gigabytes must be larger than 7/,
    );
    assert.match(await running.act(target, { type: "format" }), /must be one of attach, detach, resize/);
  });

  it("are deleted by id, or by name and region, with their data, and by neither otherwise", async () => {
    await create();
    assert.equal((await running.api("DELETE", "/v2/volumes?name=data")).status, 404);
    assert.equal((await running.api("DELETE", "/v2/volumes?name=data&region=fra1")).status, 204);
    assert.deepEqual(machines.news(), ["remove volume data"]);
    const id = await create();
    machines.failing.add("remove volume");
    assert.equal((await running.api("DELETE", `/v2/volumes/${id}`)).status, 500);
    machines.failing.clear();
    assert.equal((await running.api("DELETE", `/v2/volumes/${id}`)).status, 204);
    assert.equal((await running.api("DELETE", `/v2/volumes/${id}`)).status, 404);
  });

  it("are refused, each for its reason", async () => {
    const tries = async (more: Readonly<Record<string, unknown>>): Promise<string> =>
      refusal(await running.api("POST", "/v2/volumes", { ...asSent, ...more }));
    assert.match(await tries({ name: "Data" }), /^422 name must be lowercase/);
    assert.match(await tries({ size_gigabytes: 0 }), /must be at least 1/);
    assert.match(await tries({ region: "moon1" }), /region is invalid/);
    assert.match(await tries({ filesystem_type: "zfs" }), /must be ext4 or xfs/);
    assert.match(await tries({ snapshot_id: "x" }), /the sandbox has no snapshots/);
    assert.match(await tries({ tags: ["a b"] }), /may contain letters, numbers, colons/);
  });
});

describe("SSH keys and tags in the sandbox's DigitalOcean API", () => {
  const running = new DropletServers();
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());

  const encoded = "AAAAC3NzaC1lZDI1NTE5AAAAIEJlZ2lubmluZ09mQVRlc3RLZXlPZjMyQnl0ZXMh";
  const public_key = `ssh-ed25519 ${encoded} team@example.com`;

  it("are keys by number and by fingerprint", async () => {
    const created = await running.api("POST", "/v2/account/keys", { name: "team", public_key });
    assert.equal(created.status, 201);
    const { id, fingerprint } = created.at("ssh_key") as { id: number; fingerprint: string };
    assert.equal(
      fingerprint.replaceAll(":", ""),
      createHash("md5").update(Buffer.from(encoded, "base64")).digest("hex"),
    );
    assert.match(fingerprint, /^([0-9a-f]{2}:){15}[0-9a-f]{2}$/);
    assert.equal(
      (await running.api("PUT", `/v2/account/keys/${id}`, { name: "office" })).at("ssh_key", "name"),
      "office",
    );
    const found = await running.api("GET", `/v2/account/keys/${fingerprint}`);
    assert.deepEqual(found.at("ssh_key"), { id, fingerprint, name: "office", public_key });
    assert.deepEqual((await running.api("GET", "/v2/account/keys")).all("ssh_keys", "id"), [id]);
    assert.equal((await running.api("DELETE", `/v2/account/keys/${fingerprint}`)).status, 204);
    assert.equal((await running.api("GET", `/v2/account/keys/${id}`)).status, 404);
  });

  it("are refused when they are no key, or there already", async () => {
    const tries = async (key: string): Promise<string> =>
      refusal(await running.api("POST", "/v2/account/keys", { name: "team", public_key: key }));
    for (const wrong of ["", "hello", `ssh-rsa ${encoded}`, "ssh-ed25519 AAAA", `${public_key}\n${public_key}`]) {
      assert.match(await tries(wrong), /^422 Key invalid/, wrong);
    }
    await running.api("POST", "/v2/account/keys", { name: "team", public_key });
    assert.equal(await tries(`ssh-ed25519 ${encoded}`), "422 SSH Key is already in use on your account");
  });

  it("are tags that come with what carries them, or by themselves", async () => {
    const id = await running.droplet("shop", { tags: ["web"] });
    assert.deepEqual((await running.api("GET", "/v2/tags")).all("tags", "name"), ["web"]);
    assert.equal((await running.api("POST", "/v2/tags", { name: "books" })).status, 201);
    const resources = [{ resource_id: String(id), resource_type: "droplet" }];
    assert.equal((await running.api("POST", "/v2/tags/books/resources", { resources })).status, 204);
    assert.deepEqual((await running.api("GET", `/v2/droplets/${id}`)).at("droplet", "tags"), ["web", "books"]);
    assert.equal((await running.api("GET", "/v2/tags/books")).at("tag", "resources", "droplets", "count"), 1);
    assert.equal((await running.api("DELETE", "/v2/tags/web")).status, 204);
    assert.deepEqual((await running.api("GET", `/v2/droplets/${id}`)).at("droplet", "tags"), ["books"]);
    assert.equal((await running.api("POST", "/v2/tags/none/resources", { resources })).status, 404);
    const missing = { resources: [{ resource_id: "7", resource_type: "volume" }] };
    assert.equal(
      refusal(await running.api("POST", "/v2/tags/books/resources", missing)),
      "404 volume 7 could not be found",
    );
    const image = { resources: [{ resource_id: "7", resource_type: "image" }] };
    assert.match(
      refusal(await running.api("POST", "/v2/tags/books/resources", image)),
      /must be droplet, volume or database/,
    );
  });
});
