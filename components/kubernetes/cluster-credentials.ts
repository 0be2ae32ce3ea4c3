import { type DigitalOceanAccess, readFromApi, unexpectedAnswer } from "../shared/digitalocean-api";
import { jsonOf } from "../shared/json";
import type { Patience } from "../shared/http";

const parts = ["server", "certificate_authority_data", "token", "expires_at"] as const;
/** Credentials that open a cluster for a while. The authority is Base64 of PEM. */
export type ClusterCredentials = Readonly<Record<(typeof parts)[number], string>>;

/**
 * Asks for a token for the cluster, and for the cluster's address. Without a package, as each update starts
 * ops/kubernetes-credential.ts, which needs no more than this: it would wait longer for zod than for the answer.
 * @param seconds how long the token is to be valid
 * @returns undefined if there is no such cluster
 * @throws ShipError API_AUTH_FAILURE, TOKEN_SCOPE_MISSING, NETWORK_FAILURE
 */
export async function clusterCredentials(
  access: DigitalOceanAccess,
  id: string,
  seconds: number,
  patience?: Patience,
): Promise<ClusterCredentials | undefined> {
  const what = "asking DigitalOcean for access to the cluster";
  const path = `/v2/kubernetes/clusters/${encodeURIComponent(id)}/credentials?expiry_seconds=${seconds}`;
  const refused = {
    code: "API_AUTH_FAILURE",
    expected: "a token that may read and write Kubernetes clusters",
    scope: "kubernetes:access_cluster",
  } as const;
  const text = await readFromApi(access, what, path, refused, patience);
  if (text === undefined) {
    return undefined;
  }
  const answer = jsonOf(text) as Partial<Record<string, unknown>> | null;
  const missing = parts.filter((part) => typeof answer?.[part] !== "string");
  if (missing.length > 0) {
    throw unexpectedAnswer(
      what,
      missing.map((part) => `${part}: no text`),
    );
  }
  return answer as ClusterCredentials;
}
