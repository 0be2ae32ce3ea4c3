import { clusterPorts, type ProxyPlace, type SiteArgs } from "./site";

/** Differences between the places: how requests come in, and who says that Odoo is closed. */
export const places = {
  host: {
    where: "on this host",
    through: " through odoo-ship",
    logs: "docker logs odoo-proxy",
    unit: "container",
    listening: "",
    healthBind: "	bind 127.0.0.1\n",
    upstream: "odoo{file./etc/caddy/state/hold}",
    waiting: "While Odoo's container is replaced, requests wait.",
    seconds: 30,
    liveSeconds: 10,
    closing: `		# Looked at for each request: closing and opening need no reload.
		@closed file {
			root /etc/caddy/state
			try_files closed
		}
		handle @closed {
			import unavailable
		}

`,
  },
  cluster: {
    where: "in this namespace",
    through: "",
    logs: "kubectl logs deployment/odoo-edge",
    unit: "pod",
    listening: `	http_port ${clusterPorts.http}
	https_port ${clusterPorts.https}
`,
    healthBind: "",
    upstream: "odoo",
    // Without an endpoint the Service refuses at once. The wait is for a pod that is just ending, or for the one that
    // takes its place.
    waiting: "While one pod takes another's place, requests wait.",
    seconds: 5,
    liveSeconds: 5,
    closing: "",
  },
} as const;

export type PlaceWords = (typeof places)[ProxyPlace];

/**
 * Ranges that may tell a sender's address unless the settings say so: load balancer and nodes are somewhere in these.
 */
export const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"];

/**
 * Renders how connections come in. A cluster's load balancer passes TCP on, so there is no HTTP/3. It tells the
 * sender's address in a first line of its own, which counts only if it comes from within. Connections without that line
 * are taken as they are.
 */
export function connections(place: ProxyPlace, { proxyFrom = [] }: SiteArgs): string {
  const ranges = proxyFrom.length === 0 ? privateRanges : proxyFrom;
  return place === "host"
    ? ""
    : `		protocols h1 h2
		listener_wrappers {
			proxy_protocol {
				timeout 5s
				allow ${ranges.join(" ")}
			}
			tls
		}
`;
}
