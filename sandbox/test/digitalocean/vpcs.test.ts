import * as assert from "node:assert/strict";
import { DropletServers, refusal } from "../helpers/droplet-servers";

describe("VPCs in the sandbox's DigitalOcean API", () => {
  const running = new DropletServers();
  before(() => running.start());
  afterEach(() => running.clear());
  after(() => running.remove());

  const make = async (body: Readonly<Record<string, unknown>>): Promise<string> => {
    const answer = await running.api("POST", "/v2/vpcs", { region: "fra1", ...body });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return String(answer.at("vpc", "id"));
  };

  it("are made with a range that nobody else has, changed, listed and deleted", async () => {
    const first = await make({ name: "one" });
    const second = await make({ name: "two", ip_range: "10.200.0.0/20", description: "of the tests" });
    const found = await running.api("GET", `/v2/vpcs/${second}`);
    assert.deepEqual(
      ["urn", "name", "description", "region", "ip_range", "default"].map((key) => found.at("vpc", key)),
      [`do:vpc:${second}`, "two", "of the tests", "fra1", "10.200.0.0/20", false],
    );
    assert.equal(
      (await running.api("GET", `/v2/vpcs/${first}`)).at("vpc", "ip_range"),
      "198.18.77.0/24",
      "where the machines are",
    );
    const renamed = await running.api("PUT", `/v2/vpcs/${first}`, {
      name: "uno",
      description: "the first",
      default: false,
    });
    assert.deepEqual(
      [renamed.status, renamed.at("vpc", "name"), renamed.at("vpc", "description")],
      [200, "uno", "the first"],
    );
    assert.equal((await running.api("PATCH", `/v2/vpcs/${first}`, { description: "still" })).at("vpc", "name"), "uno");
    await running.restart();
    assert.ok((await running.api("GET", "/v2/vpcs?per_page=200")).all("vpcs", "name").includes("uno"));
    assert.equal((await running.api("DELETE", `/v2/vpcs/${first}`)).status, 204);
    assert.equal((await running.api("GET", `/v2/vpcs/${first}`)).status, 404);
  });

  it("cannot be deleted while a droplet or a cluster is in them", async () => {
    const vpc = await make({ name: "busy" });
    const droplet = await running.droplet("shop", { vpc_uuid: vpc });
    const cluster = await running.cluster("erp", { vpc_uuid: vpc });
    assert.equal((await running.api("GET", `/v2/droplets/${droplet}`)).at("droplet", "vpc_uuid"), vpc);
    const members = await running.api("GET", `/v2/vpcs/${vpc}/members`);
    assert.deepEqual(members.all("members", "urn"), [`do:droplet:${droplet}`, `do:kubernetes:${cluster}`]);
    const droplets = await running.api("GET", `/v2/vpcs/${vpc}/members?resource_type=droplet`);
    assert.deepEqual(droplets.all("members", "name"), ["shop"]);
    assert.equal(refusal(await running.api("DELETE", `/v2/vpcs/${vpc}`)), "409 Can not delete VPC with members");
    await running.api("DELETE", `/v2/kubernetes/clusters/${cluster}`);
    await running.clusterState(cluster, "gone");
    assert.equal((await running.api("DELETE", `/v2/vpcs/${vpc}`)).status, 409);
    await running.api("DELETE", `/v2/droplets/${droplet}`);
    assert.equal((await running.api("DELETE", `/v2/vpcs/${vpc}`)).status, 204);
  });

  it("are refused, each for its reason", async () => {
    await make({ name: "taken", ip_range: "192.168.16.0/20" });
    const tries = async (body: Readonly<Record<string, unknown>>): Promise<string> =>
      refusal(await running.api("POST", "/v2/vpcs", { name: "new", region: "fra1", ...body }));
    assert.match(await tries({ name: "taken" }), /^422 a VPC with this name already exists/);
    assert.match(await tries({ name: "default-fra1" }), /already exists/);
    assert.match(await tries({ name: "a b" }), /^422 name may only contain/);
    assert.match(await tries({ region: "moon1" }), /^422 region is invalid/);
    assert.match(await tries({ ip_range: "192.168.31.0/24" }), /^422 This range\/size overlaps with another VPC/);
    assert.match(await tries({ ip_range: "192.168.0.0/16" }), /overlaps/);
    assert.match(await tries({ ip_range: "10.0.0.0/15" }), /may not be larger than \/16 nor smaller than \/28/);
    assert.match(await tries({ ip_range: "10.0.0.0/29" }), /may not be larger/);
    assert.match(await tries({ ip_range: "172.32.0.0/20" }), /RFC1918/);
    assert.match(await tries({ ip_range: "10.0.0.1/24" }), /must be a network in CIDR notation/);
    assert.match(await tries({ ip_range: "10.0.0" }), /must be a network in CIDR notation/);
    assert.match(await tries({ peering: true }), /Unrecognized key: "peering"/);
    assert.equal(await tries({ ip_range: "192.168.32.0/20" }), "201 undefined");
  });

  it("keep each region's default one", async () => {
    const [id] = (await running.api("GET", "/v2/vpcs")).all("vpcs", "id");
    assert.equal(refusal(await running.api("DELETE", `/v2/vpcs/${String(id)}`)), "403 Can not delete default VPCs");
    assert.match(
      refusal(await running.api("PUT", `/v2/vpcs/${String(id)}`, { name: "mine" })),
      /^422 the sandbox keeps each region's default/,
    );
    const other = await make({ name: "other" });
    assert.match(
      refusal(await running.api("PATCH", `/v2/vpcs/${other}`, { default: true })),
      /^422 default cannot be changed: the sandbox keeps default-fra1/,
    );
  });

  it("of another region are no place for a droplet or a cluster", async () => {
    const vpc = await make({ name: "there", region: "nyc3" });
    const droplet = { name: "shop", region: "fra1", size: "s-1vcpu-1gb", image: "ubuntu-24-04-x64", vpc_uuid: vpc };
    assert.match(refusal(await running.api("POST", "/v2/droplets", droplet)), /could not be found in fra1/);
  });
});
