/** How a cluster's nodes log in to the integrated registry: DOKS keeps a secret of this in every namespace. */
export interface PullLogin {
  /** `host:port`, as image references begin. */
  readonly server: string;
  readonly username: string;
  readonly password: string;
  readonly secretName: string;
}

/** What a cluster is made from. */
export interface ClusterOrder {
  readonly id: string;
  readonly name: string;
  /** Such as `1.34.3-do.0`. */
  readonly version: string;
  readonly slot: number;
  readonly pools: { readonly id: string; readonly name: string; readonly nodes: string[] }[];
  readonly registry?: PullLogin;
}

/** How its administrator reaches a cluster. */
export interface ClusterCredentials {
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
}

/** What runs behind the API's Kubernetes clusters. Every call may be repeated, and fails rather than leave a half-done thing unsaid. */
export interface ClusterMachines {
  /** Makes a cluster, or starts the one that is there; ends when its API server answers. */
  createCluster(order: ClusterOrder): Promise<void>;
  /** `undefined`: there is no such cluster. */
  clusterStatus(id: string): Promise<"running" | "off" | undefined>;
  clusterCredentials(id: string): Promise<ClusterCredentials>;
  /** An administrator's token that expires. @default the credentials' own token, whose expiry is on paper */
  clusterToken?(id: string, seconds: number): Promise<string>;
  /** `undefined` takes the secret away. */
  setRegistry(id: string, registry: PullLogin | undefined): Promise<void>;
  /** With all that it holds; also when there is none any more. */
  removeCluster(id: string): Promise<void>;
}

/** Clusters on paper: they have credentials for an API server that is not there. What `npm test` uses, which has no Docker. */
export function paperClusters(): ClusterMachines {
  const there = new Map<string, number>();
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    createCluster: ({ id, slot }) => {
      there.set(id, slot);
      return nothing();
    },
    clusterStatus: (id) => Promise.resolve(there.has(id) ? "running" : undefined),
    clusterCredentials: (id) =>
      Promise.resolve({
        server: clusterEndpoint(there.get(id) ?? 0),
        ca: "-----BEGIN CERTIFICATE-----\nthis cluster is on paper\n-----END CERTIFICATE-----\n",
        token: `paper-${id}`,
      }),
    setRegistry: nothing,
    removeCluster: (id) => {
      there.delete(id);
      return nothing();
    },
  };
}

/**
 * How many clusters there can be: a second one, so that one can be replaced without an interruption, and a third one for
 * tests that run beside others.
 */
export const clusterSlots: readonly number[] = [0, 1, 2];

/** Where the cluster's API server answers, on port 6443. */
export function clusterAddress(slot: number): string {
  return `127.0.0.${20 + 2 * slot}`;
}

/** The address of its services of type LoadBalancer. */
export function loadBalancerAddress(slot: number): string {
  return `127.0.0.${21 + 2 * slot}`;
}

/** The node's address in the sandbox's network of machines; its pods come from there, too. */
export function nodeAddress(slot: number): string {
  return `198.18.77.${20 + 2 * slot}`;
}

/** The URL of the cluster's API server. */
export function clusterEndpoint(slot: number): string {
  return `https://${clusterAddress(slot)}:6443`;
}
