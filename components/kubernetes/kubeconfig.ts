/** Where a cluster answers, and what proves that it is the one. Neither expires. */
export interface ClusterAddress {
  /** DigitalOcean's id. */
  readonly id: string;
  /** https://… */
  readonly server: string;
  /** Base64 of PEM. */
  readonly certificateAuthority: string;
}

export interface KubeconfigArgs extends ClusterAddress {
  readonly namespace: string;
  /** Address of DigitalOcean's API. */
  readonly apiUrl: string;
  /** API token, if it is a secret of the stack; else whoever runs the program has it in DIGITALOCEAN_TOKEN. */
  readonly apiToken: string | undefined;
}

/** Who asks for a token whenever one is needed; it runs in the project's directory, as the program does. */
export const credentialProgram = { command: "node", args: ["--import", "tsx", "ops/kubernetes-credential.ts"] } as const;

/**
 * A kubeconfig without credentials. The official provider keeps a cluster's kubeconfig, with a token of seven days, as it was when the cluster
 * was made, and renews it on a refresh only: a week later an update cannot log in, and neither can `pulumi destroy`. This one names a program
 * instead, which each client runs for a token of an hour. So nothing expires between two updates, no token is in the state, and a second update
 * sees no change.
 */
export function kubeconfig({ id, server, certificateAuthority, namespace, apiUrl, apiToken }: KubeconfigArgs): string {
  const name = "doks";
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, "certificate-authority-data": certificateAuthority } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
    "current-context": name,
    users: [
      {
        name,
        user: {
          exec: {
            apiVersion: "client.authentication.k8s.io/v1",
            command: credentialProgram.command,
            args: [...credentialProgram.args, id],
            env: [
              { name: "DIGITALOCEAN_API_URL", value: apiUrl },
              ...(apiToken === undefined ? [] : [{ name: "DIGITALOCEAN_TOKEN", value: apiToken }]),
            ],
            interactiveMode: "Never",
            provideClusterInfo: false,
            installHint: "the project's packages are not installed: npm ci",
          },
        },
      },
    ],
  });
}
