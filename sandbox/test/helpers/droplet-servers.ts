import * as assert from "node:assert/strict";
import { regionSlugs } from "../../digitalocean/catalog";
import { waitForDroplets } from "../../droplets";
import { RecordedClusters } from "./recorded-clusters";
import { RecordedDatabases } from "./recorded-databases";
import { RecordedMachines } from "./recorded-machines";
import { RunningServers, type Answer } from "./running-servers";

/** The sandbox's API with machines, clusters and databases that only note what they are told. */
export class DropletServers extends RunningServers {
  readonly machines: RecordedMachines;
  readonly clusters: RecordedClusters;
  readonly databases: RecordedDatabases;

  constructor({ onPaper = false } = {}) {
    const machines = new RecordedMachines();
    const clusters = new RecordedClusters();
    const databases = new RecordedDatabases();
    super(undefined, { actionMs: 20, ...(!onPaper && { machines, clusters, databases }) });
    this.machines = machines;
    this.clusters = clusters;
    this.databases = databases;
  }

  /** Asks for a droplet and waits until it is there. Answers its id. */
  async droplet(name: string, more: Readonly<Record<string, unknown>> = {}): Promise<number> {
    const answer = await this.api("POST", "/v2/droplets", { ...smallest, name, ...more });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    assert.equal(await this.ended(Number(answer.at("links", "actions", 0, "id"))), "completed");
    return Number(answer.at("droplet", "id"));
  }

  /** Orders an action and waits for its end. Answers how it ended, or what it was refused with. */
  async act(target: string, body: Readonly<Record<string, unknown>>): Promise<string> {
    const answer = await this.api("POST", `${target}/actions`, body);
    return answer.status < 300
      ? this.ended(Number(answer.at("action", "id")))
      : `${answer.status} ${String(answer.at("message"))}`;
  }

  /** Asks for a Kubernetes cluster and waits until it runs. Answers its id. */
  async cluster(name: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const answer = await this.api("POST", "/v2/kubernetes/clusters", { ...smallestCluster, name, ...more });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    const id = String(answer.at("kubernetes_cluster", "id"));
    assert.equal(await this.clusterState(id, "running"), "running");
    return id;
  }

  /** Waits until a cluster has the wanted state, or an error; `gone` for one that is not listed. */
  async clusterState(id: string, wanted: string): Promise<string> {
    for (;;) {
      const answer = await this.api("GET", `/v2/kubernetes/clusters/${id}`);
      const state = answer.status === 404 ? "gone" : String(answer.at("kubernetes_cluster", "status", "state"));
      if (state === wanted || state === "error") return state;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Asks for a managed database and waits until it is online. Answers its id. */
  async database(name: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const answer = await this.api("POST", "/v2/databases", { ...smallestDatabase, name, ...more });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    const id = String(answer.at("database", "id"));
    await this.online(id);
    return id;
  }

  /** Waits until a managed database is online. */
  async online(id: string): Promise<void> {
    while ((await this.api("GET", `/v2/databases/${id}`)).at("database", "status") !== "online") {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async ended(action: number): Promise<string> {
    for (;;) {
      const status = (await this.api("GET", `/v2/actions/${action}`)).at("action", "status");
      if (status !== "in-progress") return String(status);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Deletes all that the tests have made. */
  async clear(): Promise<void> {
    this.machines.failing.clear();
    this.clusters.failing.clear();
    this.databases.failing.clear();
    await this.clearClusters();
    await waitForDroplets(this.servers, () => undefined);
    for (const [path, list, key] of kinds) {
      for (const id of (await this.api("GET", path)).all(list, key)) {
        const answer = await this.api("DELETE", `${path}/${String(id)}`);
        assert.equal(answer.status, 204, `${path}/${String(id)}: ${JSON.stringify(answer.body)}`);
      }
    }
    for (const id of (await this.api("GET", "/v2/vpcs?per_page=200")).all("vpcs", "id").slice(regionSlugs.length)) {
      assert.equal((await this.api("DELETE", `/v2/vpcs/${String(id)}`)).status, 204);
    }
    this.machines.news();
    this.clusters.news();
    this.databases.news();
  }

  private async clearClusters(): Promise<void> {
    for (const id of (await this.api("GET", "/v2/kubernetes/clusters")).all("kubernetes_clusters", "id")) {
      await this.api("DELETE", `/v2/kubernetes/clusters/${String(id)}`);
      assert.equal(await this.clusterState(String(id), "gone"), "gone");
    }
  }
}

/** What every droplet needs. */
export const smallest = { region: "fra1", size: "s-1vcpu-1gb", image: "ubuntu-24-04-x64" };

/** What every cluster needs. */
export const smallestCluster = {
  region: "fra1",
  version: "1.34.3-do.0",
  node_pools: [{ name: "web", size: "s-2vcpu-4gb", count: 2 }],
};

/** What every managed database needs. */
export const smallestDatabase = { region: "fra1", engine: "pg", version: "17", size: "db-s-1vcpu-1gb", num_nodes: 1 };

/** Droplets first: volumes and addresses are free then. */
const kinds = [
  ["/v2/databases", "databases", "id"],
  ["/v2/droplets", "droplets", "id"],
  ["/v2/reserved_ips", "reserved_ips", "ip"],
  ["/v2/volumes", "volumes", "id"],
  ["/v2/firewalls", "firewalls", "id"],
  ["/v2/account/keys", "ssh_keys", "id"],
  ["/v2/tags", "tags", "name"],
] as const;

/** Status and message of a refusal. */
export function refusal(answer: Answer): string {
  return `${answer.status} ${String(answer.at("message"))}`;
}
