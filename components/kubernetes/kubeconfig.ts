/** Address of a cluster, and the certificate that proves it. Neither expires. */
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

/**
 * Program that asks for a token whenever one is needed. It runs in the project's directory, as Pulumi's program does.
 */
export const credentialProgram = {
  command: "node",
  args: ["--import", "tsx", "ops/kubernetes-credential.ts"],
} as const;

/**
 * Renders a kubeconfig without credentials.
 *
 * The official provider keeps a cluster's kubeconfig, with a token of seven days, from when the cluster was made, and
 * renews it only on a refresh. So a week later neither an update nor `pulumi destroy` could log in. This kubeconfig
 * names a program instead, which each client runs for a token of an hour. Nothing expires between two updates, no token
 * is in the state, and a second update sees no change.
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
