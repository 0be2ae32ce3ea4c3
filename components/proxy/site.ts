/** Arguments of the proxy's configuration. */
export interface SiteArgs {
  /** Host name or IP address that users type. */
  readonly domain: string;
  /** Other names under which the same site is served. */
  readonly aliases: readonly string[];
  /** Names from which everybody is sent on to the domain. */
  readonly redirectFrom: readonly string[];
  readonly tls: "acme" | "internal" | "files";
  /** Contact for the certificate authority, or empty. */
  readonly acmeEmail: string;
  /** URL of another ACME directory than Let's Encrypt's, or empty. */
  readonly acmeServer: string;
  /** Certificates, in PEM format, by which the ACME server itself is trusted; empty: the public ones. */
  readonly acmeRoots: string;
  /** Largest request body, in millions of bytes. */
  readonly bodyMegabytes: number;
  /** Largest body of a call by XML-RPC or JSON-RPC, in millions of bytes. */
  readonly rpcBodyMegabytes: number;
  /** Wrong passwords within a minute that one address may send. */
  readonly wrongPasswords: number;
  /** Calls by XML-RPC or JSON-RPC within a minute that one address may send; 0: any number. */
  readonly rpcCalls: number;
  /** Ranges of addresses that may use the site; empty: everybody. */
  readonly allowFrom: readonly string[];
  /** Ranges of addresses that may call by XML-RPC or JSON-RPC; empty: all that may use the site. */
  readonly rpcAllowFrom: readonly string[];
  /** Ranges of proxies in front that may tell the sender's address by X-Forwarded-For. */
  readonly trustedProxies: readonly string[];
  /** Ranges, in a cluster, that may tell the sender's address by the PROXY protocol. */
  readonly proxyFrom?: readonly string[];
}

/** Place of the proxy: a container beside Odoo's on one host, or a pod before Odoo's Service. */
export type ProxyPlace = "host" | "cluster";

/**
 * The proxy's port for whoever is on the host itself. Not Odoo's: held requests are sent to that of the proxy's own
 * container, where nobody may answer.
 */
export const hostPort = 8070;

/** Port of the proxy's own health check, inside of its container or pod only. */
export const healthPort = 2020;
/** Ports of the proxy in a cluster, where the load balancer has 80 and 443. */
export const clusterPorts = { http: 8080, https: 8443 } as const;

/**
 * Folders for bodies that are coming in, by place. They are on a disk, since bodies may be larger than the proxy's
 * memory.
 */
export const spoolDirectories = { host: "/data/spool", cluster: "/spool" } as const;

/** Returns the millions of bytes that incoming bodies may take: two of the largest, and many small ones. */
export function spoolMegabytes({
  bodyMegabytes,
  rpcBodyMegabytes,
}: Pick<SiteArgs, "bodyMegabytes" | "rpcBodyMegabytes">): number {
  return 2 * Math.max(bodyMegabytes, rpcBodyMegabytes) + 256;
}
