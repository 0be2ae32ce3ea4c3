/**
 * Prints a token for a DigitalOcean cluster, as Kubernetes' clients ask for one (client.authentication.k8s.io/v1):
 * `node --import tsx ops/kubernetes-credential.ts <cluster id>`, with the API's token in DIGITALOCEAN_TOKEN.
 */
import "../components/shared/compile-cache";
import { ShipError } from "../components/shared/errors";
import { isSafeAddress } from "../components/shared/http";
import { clusterCredentials } from "../components/kubernetes/cluster-credentials";
import { Secret } from "../components/shared/secret";

/** Longer than a request takes, shorter than anyone needs who finds it. Clients ask again when it ends. */
const lifetimeSeconds = 3600;
/**
 * Limits of one answer. Whoever has started this program cannot be ended until it ends, and it is not told of that: an
 * update that is cancelled waits for it.
 */
const patience = { requestMs: 10_000, totalMs: 20_000 };

async function main(id: string | undefined, environment: NodeJS.ProcessEnv): Promise<void> {
  const token = environment["DIGITALOCEAN_TOKEN"] ?? environment["DIGITALOCEAN_ACCESS_TOKEN"];
  if (id === undefined || token === undefined || token === "") {
    throw new ShipError({
      code: "SETTINGS_INVALID",
      summary: "there is no way to ask for access to the cluster",
      found: id === undefined ? "no cluster's id" : "the variable DIGITALOCEAN_TOKEN is not set",
      expected: "a cluster's id as the argument, and an API token in DIGITALOCEAN_TOKEN",
      remedy: "set DIGITALOCEAN_TOKEN, or: pulumi config set --secret digitalocean:token",
    });
  }
  const apiUrl = environment["DIGITALOCEAN_API_URL"] ?? "https://api.digitalocean.com";
  if (!isSafeAddress(apiUrl)) {
    throw new ShipError({
      code: "SETTINGS_INVALID",
      summary: "the API token must not be sent over the network in plain text",
      found: `DIGITALOCEAN_API_URL is ${apiUrl}`,
      expected: "an https address, or http on a loopback address",
      remedy: "unset DIGITALOCEAN_API_URL, or: pulumi config rm digitalocean:apiEndpoint",
    });
  }
  const found = await clusterCredentials({ apiUrl, token: new Secret(token) }, id, lifetimeSeconds, patience);
  if (found === undefined) {
    throw new ShipError({
      code: "CLUSTER_NOT_FOUND",
      summary: "the cluster does not exist any more",
      found: `no cluster ${id} in this account`,
      expected: "the cluster that this stack has made or adopted",
      remedy:
        "docs/FINAL_DEPLOYMENT_RUNBOOK.md has the way, where it is gone for good: pulumi refresh with " +
        "PULUMI_K8S_DELETE_UNREACHABLE=true forgets it and what was in it",
    });
  }
  const status = { token: found.token, expirationTimestamp: found.expires_at };
  process.stdout.write(
    `${JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status })}\n`,
  );
}

main(process.argv[2], process.env).catch((error: unknown) => {
  console.error(error instanceof ShipError ? error.message : error);
  process.exitCode = 1;
});
