import { z } from "zod";

import { type DigitalOceanAccess, readFromApi, unexpectedAnswer } from "../shared/digitalocean-api";
import { jsonOf } from "../shared/json";
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

async function read<S extends z.ZodType>(
  access: DigitalOceanAccess,
  what: string,
  path: string,
  schema: S,
  patience?: Patience,
): Promise<z.output<S> | undefined> {
  const text = await readFromApi(access, what, path, { ...refused, scope: "kubernetes:read" }, patience);
  if (text === undefined) {
    return undefined;
  }
  const parsed = schema.safeParse(jsonOf(text));
  if (!parsed.success) {
    throw unexpectedAnswer(
      what,
      parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`),
    );
  }
  return parsed.data;
}
