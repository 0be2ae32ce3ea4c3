import * as assert from "node:assert/strict";
import { DropletServers, refusal } from "../helpers/droplet-servers";

const everyone = { addresses: ["0.0.0.0/0", "::/0"] };
const tcp = (ports: string, sources: object = everyone) => ({ protocol: "tcp", ports, sources });

describe("firewalls in the sandbox's DigitalOcean API", () => {
  const running = new DropletServers();
  const { machines } = running;
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());

  const create = async (body: Readonly<Record<string, unknown>>): Promise<string> => {
    const answer = await running.api("POST", "/v2/firewalls", { name: "web", inbound_rules: [tcp("22")], ...body });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    return String(answer.at("firewall", "id"));
  };

  it("open the ports that their rules name, together, on the droplets that they apply to by id or tag", async () => {
    const shop = await running.droplet("shop", { tags: ["web"] });
    const other = await running.droplet("other");
    machines.news();
    const first = await create({
      droplet_ids: [shop],
      inbound_rules: [tcp("22"), tcp("8000-8002"), { ...tcp("53"), protocol: "udp" }],
    });
    assert.deepEqual(machines.news().sort(), [`firewall ${shop} 22,8000,8001,8002`, `firewall ${other} open`].sort());
    await create({ name: "tagged", tags: ["web"], inbound_rules: [tcp("443"), tcp("22")] });
    assert.ok(machines.news().includes(`firewall ${shop} 22,443,8000,8001,8002`));

    assert.equal((await running.api("DELETE", `/v2/firewalls/${first}/droplets`, { droplet_ids: [shop] })).status, 204);
    assert.ok(machines.news().includes(`firewall ${shop} 22,443`));
    assert.equal((await running.api("POST", `/v2/firewalls/${first}/droplets`, { droplet_ids: [other] })).status, 204);
    assert.ok(machines.news().includes(`firewall ${other} 22,8000,8001,8002`));
    assert.equal((await running.api("POST", `/v2/firewalls/${first}/tags`, { tags: ["web"] })).status, 204);
    assert.ok(machines.news().includes(`firewall ${shop} 22,443,8000,8001,8002`));
    const names = await running.api("GET", `/v2/droplets/${shop}/firewalls`);
    assert.deepEqual(names.all("firewalls", "name"), ["web", "tagged"]);

    const resources = [{ resource_id: String(shop), resource_type: "droplet" }];
    assert.equal((await running.api("DELETE", "/v2/tags/web/resources", { resources })).status, 204);
    assert.deepEqual(machines.news(), [`firewall ${shop} open`]);
  });

  it("open all ports for all, and none for a rule of another protocol", async () => {
    const id = await running.droplet("shop");
    const firewall = await create({ droplet_ids: [id], inbound_rules: [{ protocol: "icmp", sources: everyone }] });
    assert.equal(machines.news().at(-1), `firewall ${id}`);
    const changed = await running.api("PUT", `/v2/firewalls/${firewall}`, {
      name: "web",
      droplet_ids: [id],
      inbound_rules: [tcp("all")],
      outbound_rules: null,
      tags: [],
    });
    assert.equal(changed.status, 200);
    assert.equal(machines.news().at(-1), `firewall ${id} open`);
    assert.equal(changed.at("firewall", "inbound_rules", 0, "ports"), "0");
  });

  it("hold for a droplet that is made after them, and go with their deletion", async () => {
    const firewall = await create({ tags: ["web"] });
    const id = await running.droplet("shop", { tags: ["web"] });
    assert.equal(machines.news().at(-1), `firewall ${id} 22`);
    assert.equal((await running.api("DELETE", `/v2/firewalls/${firewall}`)).status, 204);
    assert.equal(machines.news().at(-1), `firewall ${id} open`);
    assert.equal((await running.api("GET", `/v2/firewalls/${firewall}`)).status, 404);
    assert.equal((await running.api("DELETE", `/v2/firewalls/${firewall}`)).status, 404);
  });

  it("say that they failed when a machine does not take them", async () => {
    const id = await running.droplet("shop");
    machines.failing.add("firewall");
    const firewall = await create({ droplet_ids: [id] });
    assert.equal((await running.api("GET", `/v2/firewalls/${firewall}`)).at("firewall", "status"), "failed");
    machines.failing.clear();
    await running.api("PUT", `/v2/firewalls/${firewall}`, {
      name: "web",
      droplet_ids: [id],
      inbound_rules: [tcp("22")],
    });
    assert.equal((await running.api("GET", `/v2/firewalls/${firewall}`)).at("firewall", "status"), "succeeded");
  });

  it("are refused, each for its reason", async () => {
    const tries = async (body: Readonly<Record<string, unknown>>): Promise<string> =>
      refusal(await running.api("POST", "/v2/firewalls", { name: "web", inbound_rules: [tcp("22")], ...body }));
    assert.match(await tries({ inbound_rules: [] }), /^422 at least one rule must be specified/);
    assert.match(await tries({ inbound_rules: [tcp("")] }), /inbound_rules.0.ports is required for tcp and udp/);
    assert.match(await tries({ inbound_rules: [tcp("9-8")] }), /must be a port, a range/);
    assert.match(await tries({ inbound_rules: [tcp("70000")] }), /must be a port, a range/);
    assert.match(await tries({ inbound_rules: [{ ...tcp("1"), protocol: "gre" }] }), /must be one of tcp, udp, icmp/);
    assert.match(
      await tries({ inbound_rules: [tcp("22", {})] }),
      /must name at least one of addresses, droplet_ids, tags/,
    );
    assert.match(
      await tries({ inbound_rules: [tcp("22", { addresses: ["10.0.0.0/33"] })] }),
      /must be an IP address or a CIDR block/,
    );
    assert.match(
      await tries({ inbound_rules: [tcp("22", { ...everyone, kubernetes_ids: ["x"] })] }),
      /has no Kubernetes clusters/,
    );
    assert.match(await tries({ droplet_ids: [7] }), /invalid droplet_ids: 7/);
    assert.match(await tries({ name: "a b" }), /name may contain letters/);
    assert.match(await tries({ rules: [] }), /Unrecognized key: "rules"/);
    await create({});
    assert.equal(await tries({}), "409 duplicate name");
  });
});

describe("reserved addresses in the sandbox's DigitalOcean API", () => {
  const running = new DropletServers();
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());

  const reserve = async (body: Readonly<Record<string, unknown>>): Promise<string> =>
    String((await running.api("POST", "/v2/reserved_ips", body)).at("reserved_ip", "ip"));
  const holder = async (ip: string): Promise<unknown> =>
    (await running.api("GET", `/v2/reserved_ips/${ip}`)).at("reserved_ip", "droplet", "id");

  it("are assigned and unassigned by actions", async () => {
    const created = await running.api("POST", "/v2/reserved_ips", { region: "fra1" });
    assert.deepEqual(
      [created.status, created.at("reserved_ip", "ip"), created.at("reserved_ip", "droplet")],
      [202, "127.0.0.11", null],
    );
    const id = await running.droplet("shop");
    assert.equal(await running.act("/v2/reserved_ips/127.0.0.11", { type: "assign", droplet_id: id }), "completed");
    assert.equal(await holder("127.0.0.11"), id);
    const listed = await running.api("GET", "/v2/reserved_ips/127.0.0.11/actions");
    assert.deepEqual(listed.all("actions", "type"), ["assign_ip"]);
    const one = `/v2/reserved_ips/127.0.0.11/actions/${String(listed.at("actions", 0, "id"))}`;
    assert.equal((await running.api("GET", one)).at("action", "status"), "completed");
    assert.equal((await running.api("GET", `/v2/droplets/${id}/actions`)).at("actions", 0, "type"), "assign_ip");

    assert.equal(await running.act("/v2/reserved_ips/127.0.0.11", { type: "unassign" }), "completed");
    assert.equal(await holder("127.0.0.11"), undefined);
    assert.equal(
      await running.act("/v2/reserved_ips/127.0.0.11", { type: "unassign" }),
      "422 The reserved IP is not assigned to a Droplet.",
    );
    assert.equal(
      await running.act("/v2/reserved_ips/127.0.0.11", { type: "assign", droplet_id: 7 }),
      "404 The resource you requested could not be found.",
    );
    assert.match(await running.act("/v2/reserved_ips/127.0.0.11", { type: "move" }), /must be assign or unassign/);
  });

  it("go to the slot of a droplet that has none, else to the lowest that is nobody's", async () => {
    const first = await running.droplet("first");
    assert.equal(await reserve({ droplet_id: first }), "127.0.0.11");
    assert.match(
      refusal(await running.api("POST", "/v2/reserved_ips", { droplet_id: first })),
      /^422 Droplet already has a reserved IP/,
    );
    await running.droplet("second");
    assert.equal(await reserve({ region: "fra1" }), "127.0.0.13");
    assert.equal(await reserve({ region: "nyc3" }), "127.0.0.15");
    assert.match(
      refusal(await running.api("POST", "/v2/reserved_ips", { region: "fra1" })),
      /^422 reserved IP limit exceeded: the sandbox has 3/,
    );
    assert.match(refusal(await running.api("POST", "/v2/reserved_ips", { region: "moon1" })), /^422 region must be/);
  });

  it("are refused for a droplet of another slot, as the sandbox's limit, or of another region", async () => {
    const ip = await reserve({ region: "fra1" });
    await running.droplet("first");
    const second = await running.droplet("second");
    assert.match(
      await running.act(`/v2/reserved_ips/${ip}`, { type: "assign", droplet_id: second }),
      /^422 the sandbox can assign 127\.0\.0\.11 to the droplet at 127\.0\.0\.10 only, and second is at 127\.0\.0\.12: this is the sandbox's limit/,
    );
    const elsewhere = await running.droplet("elsewhere", { region: "nyc3" });
    assert.match(await running.act(`/v2/reserved_ips/${ip}`, { type: "assign", droplet_id: elsewhere }), /same region/);
  });

  it("answer under their old name too, and are given back", async () => {
    const created = await running.api("POST", "/v2/floating_ips", { region: "fra1" });
    const target = `/v2/floating_ips/${String(created.at("floating_ip", "ip"))}`;
    assert.equal((await running.api("GET", target)).at("floating_ip", "region", "slug"), "fra1");
    assert.deepEqual((await running.api("GET", "/v2/floating_ips")).all("floating_ips", "ip"), ["127.0.0.11"]);
    assert.equal((await running.api("DELETE", target)).status, 204);
    assert.equal((await running.api("GET", target)).status, 404);
    assert.equal((await running.api("GET", "/v2/reserved_ips/8.8.8.8")).status, 404);
  });
});
