import type { ClusterCredentials, ClusterMachines, ClusterOrder, PullLogin } from "../../digitalocean/cluster-machines";
import { Recorder } from "./recorder";

/** Clusters that note what they are told, and fail where a test says so. What they do not prove: that a real cluster does it. */
export class RecordedClusters extends Recorder implements ClusterMachines {
  readonly orders: ClusterOrder[] = [];
  /** The login that each cluster's nodes have now. */
  readonly logins = new Map<string, PullLogin>();
  /** Where their API server answers. */
  server = "https://127.0.0.20:6443";
  clusterToken: ClusterMachines["clusterToken"];
  private tokens = 0;

  async createCluster(order: ClusterOrder): Promise<void> {
    this.orders.push(order);
    await this.note("create");
    this.keep(order.id, order.registry);
  }

  async clusterStatus(): Promise<"running" | "off" | undefined> {
    await this.held;
    return "running";
  }

  // With the id, for those who extend this.
  clusterCredentials(id: string): Promise<ClusterCredentials>;
  async clusterCredentials(): Promise<ClusterCredentials> {
    await this.note("credentials");
    this.tokens += 1;
    return { server: this.server, ca: "the authority's certificate", token: `token-${this.tokens}` };
  }

  async setRegistry(id: string, registry: PullLogin | undefined): Promise<void> {
    await this.note("registry");
    this.keep(id, registry);
  }

  async removeCluster(id: string): Promise<void> {
    await this.note("remove");
    this.logins.delete(id);
  }

  private keep(id: string, login: PullLogin | undefined): void {
    if (login === undefined) this.logins.delete(id);
    else this.logins.set(id, login);
  }
}
