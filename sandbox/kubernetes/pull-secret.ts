import type { PullLogin } from "../digitalocean/cluster-machines";

/** On the secret of a registry's integration. */
export const integrationLabel = "sandbox.digitalocean.com/integration=registry";

/** The secret with which pods pull from the integrated registry, as it is in this namespace. */
export function pullSecret({ server, username, password, secretName }: PullLogin, namespace: string): object {
  const auth = Buffer.from(`${username}:${password}`).toString("base64");
  const config = { auths: { [server]: { username, password, auth } } };
  const [label = "", value = ""] = integrationLabel.split("=");
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/dockerconfigjson",
    metadata: {
      name: secretName,
      namespace,
      labels: { [label]: value },
      // DOKS copies a secret with it to all namespaces, see tools/kubernetes-cloud.
      annotations: { "digitalocean.com/dosecret-identifier": secretName },
    },
    data: { ".dockerconfigjson": Buffer.from(JSON.stringify(config)).toString("base64") },
  };
}
