import { z } from "zod";

import { type DigitalOceanAccess, readFromApi, type TokenScope } from "../shared/digitalocean-api";
import { ShipError } from "../shared/errors";
import type { Patience } from "../shared/http";

/** A cluster as DigitalOcean's API describes it, without what is not used here. */
const cluster = z.object({
  id: z.string(),
  name: z.string(),
  region: z.string(),
  version: z.string(),
  vpc_uuid: z.string().default(""),
  registry_enabled: z.boolean().default(false),
  status: z.object({ state: z.string(), message: z.string().default("") }).default({ state: "running", message: "" }),
});
export type FoundCluster = z.output<typeof cluster>;

const credentials = z.object({
  server: z.string(),
  /** Base64 of PEM. */
  certificate_authority_data: z.string(),
  token: z.string(),
  expires_at: z.string(),
});
/** Credentials that open a cluster for a while. */
export type ClusterCredentials = z.output<typeof credentials>;

/** Addresses of a private network, such as `10.114.0.0/20`; undefined if there is no such network. */
export async function networkRange(
  access: DigitalOceanAccess,
  id: string,
  patience?: Patience,
): Promise<string | undefined> {
  const schema = z.object({ vpc: z.object({ ip_range: z.cidrv4() }) });
  return (
    await read(
      access,
      "asking DigitalOcean for the cluster's network",
      `/v2/vpcs/${encodeURIComponent(id)}`,
      schema,
      patience,
    )
  )?.vpc.ip_range;
}

const refused = { code: "API_AUTH_FAILURE", expected: "a token that may read and write Kubernetes clusters" } as const;
const clustersPath = "/v2/kubernetes/clusters";

/** Versions that DigitalOcean offers for new clusters and upgrades, such as `1.34.1-do.0`. */
export async function offeredVersions(access: DigitalOceanAccess, patience?: Patience): Promise<string[]> {
  const schema = z.object({ options: z.object({ versions: z.array(z.object({ slug: z.string() })) }) });
  const answer = await read(
    access,
    "asking DigitalOcean for versions of Kubernetes",
    "/v2/kubernetes/options",
    schema,
    patience,
  );
  return answer?.options.versions.map(({ slug }) => slug) ?? [];
}

/** The account's cluster of that name; undefined if there is none. */
export async function clusterNamed(
  access: DigitalOceanAccess,
  name: string,
  patience?: Patience,
): Promise<FoundCluster | undefined> {
  const schema = z.object({ kubernetes_clusters: z.array(cluster).nullish() });
  for (let page = 1; ; page++) {
    const path = `${clustersPath}?page=${page}&per_page=${pageSize}`;
    const found =
      (await read(access, "asking DigitalOcean for clusters", path, schema, patience))?.kubernetes_clusters ?? [];
    const match = found.find((one) => one.name === name);
    if (match !== undefined || found.length < pageSize) {
      return match;
    }
  }
}
const pageSize = 100;

/** The cluster of that id; undefined if there is none. */
export async function clusterById(
  access: DigitalOceanAccess,
  id: string,
  patience?: Patience,
): Promise<FoundCluster | undefined> {
  const schema = z.object({ kubernetes_cluster: cluster });
  return (
    await read(
      access,
      "asking DigitalOcean for the cluster",
      `${clustersPath}/${encodeURIComponent(id)}`,
      schema,
      patience,
    )
  )?.kubernetes_cluster;
}

/**
 * Asks for a token for the cluster, and for the cluster's address.
 * @param seconds how long the token is to be valid
 */
export async function clusterCredentials(
  access: DigitalOceanAccess,
  id: string,
  seconds: number,
  patience?: Patience,
): Promise<ClusterCredentials | undefined> {
  const path = `${clustersPath}/${encodeURIComponent(id)}/credentials?expiry_seconds=${seconds}`;
  return read(
    access,
    "asking DigitalOcean for access to the cluster",
    path,
    credentials,
    patience,
    "kubernetes:access_cluster",
  );
}

async function read<S extends z.ZodType>(
  access: DigitalOceanAccess,
  what: string,
  path: string,
  schema: S,
  patience?: Patience,
  scope: TokenScope = "kubernetes:read",
): Promise<z.output<S> | undefined> {
  const text = await readFromApi(access, what, path, { ...refused, scope }, patience);
  if (text === undefined) {
    return undefined;
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    content = undefined;
  }
  const parsed = schema.safeParse(content);
  if (!parsed.success) {
    throw new ShipError({
      code: "NETWORK_FAILURE",
      summary: "DigitalOcean's API does not answer as it should",
      // Do not show the answer itself: it may be a token.
      found: `${what}: ${parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ")}`,
      expected: "an answer as its reference describes it",
      remedy:
        "check the address of the API (digitalocean:apiEndpoint), then run the same command again; nothing was changed",
    });
  }
  return parsed.data;
}
