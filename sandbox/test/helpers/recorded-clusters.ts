import type { ClusterCredentials, ClusterMachines, ClusterOrder, PullLogin } from "../../digitalocean/cluster-machines";

/** Clusters that note what they are told, and fail where a test says so. What they do not prove: that a real cluster does it. */
export class RecordedClusters implements ClusterMachines {
  readonly told: string[] = [];
  readonly orders: ClusterOrder[] = [];
  /** The login that each cluster's nodes have now. */
  readonly logins = new Map<string, PullLogin>();
  /** Names of calls that fail. */
  readonly failing = new Set<string>();
  /** Where their API server answers. */
  server = "https://127.0.0.20:6443";
  clusterToken: ClusterMachines["clusterToken"];
  private held: Promise<unknown> = Promise.resolve();
  private tokens = 0;

  async createCluster(order: ClusterOrder): Promise<void> {
    this.orders.push(order);
    await this.note("create", order.id);
    this.keep(order.id, order.registry);
  }

  clusterStatus(): Promise<"running" | "off" | undefined> {
    return Promise.resolve("running");
  }

  async clusterCredentials(id: string): Promise<ClusterCredentials> {
    await this.note("credentials", id);
    this.tokens += 1;
    return { server: this.server, ca: "the authority's certificate", token: `token-${this.tokens}` };
  }

  async setRegistry(id: string, registry: PullLogin | undefined): Promise<void> {
    await this.note("registry", id);
    this.keep(id, registry);
  }

  async removeCluster(id: string): Promise<void> {
    await this.note("remove", id);
    this.logins.delete(id);
  }

  /** What was told since the last call of this: the calls' names. */
  news(): string[] {
    return this.told.splice(0);
  }

  /** From now on no cluster does what it is told, until the answered function is called. */
  hold(): () => void {
    let release: () => void = () => undefined;
    this.held = new Promise<void>((resolve) => (release = resolve));
    return release;
  }

  private keep(id: string, login: PullLogin | undefined): void {
    if (login === undefined) this.logins.delete(id);
    else this.logins.set(id, login);
  }

  private async note(what: string, id: string): Promise<void> {
    await this.held;
    this.told.push(what);
    if (this.failing.has(what)) throw new Error(`${what} of ${id} fails`);
  }
}
