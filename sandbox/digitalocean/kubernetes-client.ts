import * as http from "node:http";
import * as https from "node:https";
import type { ClusterCredentials, ClusterMachines } from "./cluster-machines";

const limitMs = 10_000;
/** Kubernetes refuses a shorter life. */
const shortestSeconds = 600;
const namespace = "kube-system";
const account = "digitalocean-access";

/** A service of type LoadBalancer, as far as a load balancer of DigitalOcean's tells of it. */
export interface BalancedService {
  readonly uid: string;
  readonly created: string;
  readonly address: string;
  readonly ports: readonly { readonly port: number; readonly nodePort: number; readonly protocol: string }[];
}

/**
 * An administrator's token that Kubernetes itself lets expire. It lives ten minutes at least, whatever was asked for.
 * @throws Error with the API server's own words.
 */
export async function mintToken(credentials: ClusterCredentials, seconds: number): Promise<string> {
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  const subject = { kind: "ServiceAccount", name: account, namespace };
  await ask(credentials, "POST", accounts, { metadata: { name: account } }, 409);
  const binding = {
    metadata: { name: account },
    subjects: [subject],
    roleRef: { kind: "ClusterRole", name: "cluster-admin", apiGroup },
  };
  await ask(credentials, "POST", `/apis/${apiGroup}/v1/clusterrolebindings`, binding, 409);
  const spec = { audiences: [], expirationSeconds: Math.max(seconds, shortestSeconds) };
  const answer = await ask(credentials, "POST", `${accounts}/${account}/token`, { spec });
  return (answer as { status: { token: string } }).status.token;
}

const apiGroup = "rbac.authorization.k8s.io";

/** The same clusters with tokens that they let expire themselves. */
export function withTokens(machines: ClusterMachines): ClusterMachines {
  return {
    ...machines,
    clusterToken: async (id, seconds) => mintToken(await machines.clusterCredentials(id), seconds),
  };
}

/** The services of type LoadBalancer that have an address. */
export async function balancedServices(credentials: ClusterCredentials): Promise<readonly BalancedService[]> {
  const { items } = (await ask(credentials, "GET", "/api/v1/services")) as { items: readonly Service[] };
  return items.flatMap(({ metadata, spec, status }) => {
    const address = status.loadBalancer?.ingress?.[0]?.ip;
    if (spec.type !== "LoadBalancer" || address === undefined) {
      return [];
    }
    const ports = (spec.ports ?? []).map(({ port, nodePort = 0, protocol = "TCP" }) => ({ port, nodePort, protocol }));
    return [{ uid: metadata.uid, created: metadata.creationTimestamp, address, ports }];
  });
}

interface Service {
  readonly metadata: { readonly uid: string; readonly creationTimestamp: string };
  readonly spec: {
    readonly type?: string;
    readonly ports?: readonly { readonly port: number; readonly nodePort?: number; readonly protocol?: string }[];
  };
  readonly status: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] } };
}

/** The answer's JSON. A status beside success that is `fine` is none's fault. */
function ask(
  { server, ca, token }: ClusterCredentials,
  method: string,
  path: string,
  body?: unknown,
  fine?: number,
): Promise<unknown> {
  const url = new URL(path, server);
  const request = url.protocol === "https:" ? https.request : http.request;
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, ca, timeout: limitMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        const { statusCode = 0 } = response;
        if ((statusCode >= 200 && statusCode < 300) || statusCode === fine) {
          resolve(JSON.parse(text));
        } else {
          reject(new Error(`${method} ${url.href}: ${statusCode} ${text.slice(0, 500)}`));
        }
      });
    });
    sent.once("timeout", () => sent.destroy(new Error(`${method} ${url.href}: no answer within ${limitMs / 1000} s`)));
    sent.once("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
