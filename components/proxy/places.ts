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
    wait: "30s",
    liveWait: "10s",
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
    // A fenced pod refuses at once, and so does the proxy: the door is closed. A pod that ends serves on until it is no
    // endpoint any more, and the next one is ready by then. The second try is for the moment in which not every node
    // has heard of that.
    waiting: "Who finds no pod is tried once more, and then told so at once: the door is closed.",
    wait: "200ms",
    liveWait: "200ms",
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
