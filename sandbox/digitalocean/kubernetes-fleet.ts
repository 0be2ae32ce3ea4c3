import { registryAddress } from "../config";
import { accountEmail } from "./account";
import type { ActionWork } from "./actions";
import type { Background } from "./background";
import { paperClusters, type ClusterMachines, type PullLogin } from "./cluster-machines";
import type { Cluster } from "./kubernetes-state";
import { touch } from "./kubernetes-view";
import { leaveProjects } from "./projects";
import { mintPullCredential, revoke } from "./registry-credentials";
import type { State, Store } from "./state";
import { Turns } from "./turns";

/** The machines behind the clusters, kept as the state says. */
export class ClusterFleet {
  readonly machines: ClusterMachines;
  private readonly turns = new Turns();

  constructor(
    private readonly store: Store,
    private readonly background: Background,
    machines: ClusterMachines | undefined,
  ) {
    this.machines = machines ?? paperClusters();
  }

  /**
   * Makes a new cluster, or brings one back. A new one that cannot be made is left as `error`, which a client that waits takes for one; one
   * that was there stays `degraded`, and is tried again at the next start.
   */
  bring(id: string): void {
    const message = "the sandbox could not start it: see `npm run sandbox -- logs`";
    this.enqueue(id, "making", {
      work: () => this.make(id),
      done: (draft) => setStatus(draft, id, { state: "running" }),
      failed: (draft) => {
        const isNew = find(draft, id).some(({ status }) => status.state === "provisioning");
        setStatus(draft, id, { state: isNew ? "error" : "degraded", message });
      },
    });
  }

  /** Takes the cluster away, which is listed as `deleting` until it is gone. */
  remove(id: string): void {
    this.store.update((draft) => setStatus(draft, id, { state: "deleting" }));
    this.enqueue(id, "deleting", {
      work: () => this.machines.removeCluster(id),
      done: (draft) => forget(draft, id),
      failed: (draft) =>
        find(draft, id).forEach((cluster) => (cluster.status = { state: "error", message: "it could not be deleted" })),
    });
  }

  /** The version moves on paper, once the machine has answered: the sandbox's node is one of its own version. */
  upgrade(id: string, version: string): void {
    this.store.update((draft) => {
      find(draft, id).forEach((cluster) => (cluster.version = version));
      setStatus(draft, id, { state: "upgrading" });
    });
    this.enqueue(id, "upgrading", {
      work: async () => void (await this.machines.clusterStatus(id)),
      done: (draft) => setStatus(draft, id, { state: "running" }),
    });
  }

  /** Gives the cluster's nodes a login to a registry, or takes it away. */
  async integrate(id: string, registry: string | undefined): Promise<void> {
    const login = this.store.update((draft) => changeLogin(draft, id, registry));
    await this.machines.setRegistry(id, login);
  }

  /** Brings the clusters to what the state says, after a start. Until that is known those that ran are told as `degraded`. */
  recover(): void {
    for (const { id, status } of this.store.state.clusters) {
      if (status.state === "deleting") {
        this.remove(id);
      } else if (status.state !== "error") {
        const starting = { state: "degraded", message: "starting" } as const;
        this.store.update((draft) => setStatus(draft, id, status.state === "provisioning" ? status : starting));
        this.bring(id);
      }
    }
  }

  /** One thing at a time is done to a cluster: one that is deleted while it is made is made first. */
  private enqueue(id: string, doing: string, work: ActionWork): void {
    void this.turns.take(id, () => this.background.run(`${doing} the Kubernetes cluster ${id}`, work));
  }

  private async make(id: string): Promise<void> {
    const [cluster] = find(this.store.state, id);
    if (cluster === undefined) {
      throw new Error(`cluster ${id} does not exist any more`);
    }
    // The password of an earlier login is not kept.
    const login = this.store.update((draft) => changeLogin(draft, id, cluster.registry?.name));
    await this.machines.createCluster({
      id,
      name: cluster.name,
      version: cluster.version,
      slot: cluster.slot,
      pools: cluster.node_pools.map((pool) => ({
        id: pool.id,
        name: pool.name,
        nodes: pool.nodes.map(({ name }) => name),
      })),
      ...(login !== undefined && { registry: login }),
    });
  }
}

/** The cluster as a list of one, or none when it has gone meanwhile. */
function find(state: Readonly<State>, id: string): Cluster[] {
  return state.clusters.filter((cluster) => cluster.id === id);
}

/** What is being deleted stays so, whatever was under way. */
function setStatus(draft: State, id: string, status: Cluster["status"]): void {
  for (const cluster of find(draft, id).filter(({ status: now }) => now.state !== "deleting")) {
    cluster.status = status;
    touch(cluster);
  }
}

/** A new login for a cluster in the place of the one that it had. */
function changeLogin(draft: State, id: string, registry: string | undefined): PullLogin | undefined {
  const [cluster] = find(draft, id);
  revoke(draft, cluster?.registry?.credential);
  delete cluster?.registry;
  if (cluster === undefined || registry === undefined) {
    return undefined;
  }
  const { password, hash } = mintPullCredential(draft, registry);
  cluster.registry = { name: registry, credential: hash };
  return { server: registryAddress, username: accountEmail, password, secretName: registry };
}

function forget(draft: State, id: string): void {
  changeLogin(draft, id, undefined);
  draft.clusters = draft.clusters.filter((cluster) => cluster.id !== id);
  leaveProjects(draft, `do:kubernetes:${id}`);
}
