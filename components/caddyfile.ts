import { isIPv6 } from "node:net";

/** What the proxy's configuration depends on. */
export interface SiteArgs {
  /** Host name or IP address that users type. */
  readonly domain: string;
  readonly tls: "acme" | "internal" | "files";
  /** Contact for the certificate authority, or empty. */
  readonly acmeEmail: string;
  /** URL of another ACME directory than Let's Encrypt's, or empty. */
  readonly acmeServer: string;
  /** Certificates, in PEM format, that the ACME server itself is believed by; empty: the public ones. */
  readonly acmeRoots: string;
  /** Largest request body, in millions of bytes. */
  readonly bodyMegabytes: number;
}

/** Where the proxy runs: as a container beside Odoo's on one host, or as a pod before Odoo's Service. */
export type ProxyPlace = "host" | "cluster";

/** Where the proxy answers to its own health check: inside of its container, or of its pod, only. */
export const healthPort = 2020;
/** Where it listens in a cluster, whose load balancer has 80 and 443. */
export const clusterPorts = { http: 8080, https: 8443 } as const;

const acmeRootsFile = "acme-roots.pem";

/** The files that the proxy reads when it starts, by their name in /etc/caddy: for a change of one it has to start again. */
export function siteFiles(
  site: SiteArgs & { readonly tlsCertificate: string },
  place: ProxyPlace,
): Record<string, string> & { Caddyfile: string } {
  return {
    Caddyfile: caddyfile(site, place),
    ...(site.tls === "files" ? { "tls.pem": site.tlsCertificate } : {}),
    ...(site.tls === "acme" && site.acmeRoots !== "" ? { [acmeRootsFile]: site.acmeRoots } : {}),
  };
}

/** Host part of an address in a URL. */
export function urlHost(domain: string): string {
  return isIPv6(domain) ? `[${domain}]` : domain;
}

/**
 * Configuration of the proxy (Caddy 2.10 or newer), the same rules in both places. On a host the files that it looks at while it runs lie
 * beside it in /etc/caddy: `state/closed` (there: closed for maintenance), `state/hold` (its text is put behind the upstream's name: with `-held`,
 * requests wait instead of reaching Odoo), `maintenance.html`. None of them needs a reload, and there is no admin API that could do one. In
 * a cluster nothing has to close it: pods that are fenced are no endpoints of Odoo's Service, and then nobody answers.
 */
export function caddyfile(site: SiteArgs, place: ProxyPlace = "host"): string {
  const { domain, tls, acmeEmail, bodyMegabytes } = site;
  const words = places[place];
  return `# Proxy of the Odoo ${words.where}. Written by Pulumi${words.through}: a change by hand is replaced by the next release.
# "${words.logs}" tells what it does.
{
	# No way to change the configuration from inside of the container.
	admin off
	persist_config off
	grace_period 10s
	# Browsers name no host to an IP address.
	default_sni ${domain}${tls === "internal" ? "\n	skip_install_trust" : ""}${acmeEmail === "" ? "" : `\n	email ${acmeEmail}`}
${words.listening}	servers {
${words.connections}		timeouts {
			read_header 10s
			# A large upload over a slow line, and a report that Odoo works at meanwhile.
			read_body 30m
			idle 2m
		}
	}
	# There is no access log: addresses of Odoo carry tokens and names of customers, and Odoo logs its requests itself. What is logged
	# of a failed request goes without its address and headers.
	log {
		format filter {
			wrap console
			fields {
				request>uri delete
				request>headers delete
			}
		}
	}
}

(headers) {
	header {
		Strict-Transport-Security "max-age=31536000"
		X-Content-Type-Options nosniff
		X-Frame-Options SAMEORIGIN
		Referrer-Policy strict-origin-when-cross-origin
		-Server
		-Via
	}
}

# 503 and a plain page, whatever was asked for; clients that understand Retry-After come back.
(unavailable) {
	header Retry-After 30
	header Cache-Control no-store
	header Content-Type "text/html; charset=utf-8"
	respond {file./etc/caddy/maintenance.html} 503
}

# (odoo <port> <how long to wait while nobody listens there>)
(odoo) {
	reverse_proxy ${words.upstream}:{args[0]} {
		# ${words.waiting} What broke off in the middle is not sent again, not even a GET: it
		# may have been done, or it may be what ended Odoo's worker.
		lb_try_duration {args[1]}
		lb_try_interval 250ms
		lb_retry_match {
			method NONE
		}
		# A slow sender keeps the proxy waiting, not one of Odoo's few workers.
		request_buffers 64KiB
		header_up X-Real-IP {remote_host}
		transport http {
			dial_timeout 2s
			# Odoo itself ends what takes longer than its limit_time_real.
			response_header_timeout 20m
			# Odoo's workers serve one request for each connection; one that idles could end just when it is used.
			keepalive off
		}
	}
}

# For the health check of the ${words.unit}.
http://:${healthPort} {
${words.healthBind}	respond "ok"
}

# Under a name that is not ours there is nothing.
http://, https:// {
	respond "There is no such site here." 421
}

https://${urlHost(domain)} {
${tlsLines(site)}	encode zstd gzip
	import headers

	route {
${words.closing}		# Paths are compared decoded, cleaned and in any case. The database service of /jsonrpc has no path of its own:
		# list_db = False, which the image sets, disables it there.
		@database path_regexp (?i)(/web/+database|/xmlrpc/+(2/+)?db)
		handle @database {
			respond "Databases are managed by the operator of this server." 403
		}

		request_body {
			max_size ${bodyMegabytes}MB
		}

		# Notifications: Odoo's own process for long-lived connections. Odoo 16 knows both addresses.
		@live path /websocket /websocket/* /longpolling/*
		handle @live {
			import odoo 8072 ${words.liveSeconds}s
		}
		handle {
			import odoo 8069 ${words.seconds}s
		}
	}

	handle_errors {
		import headers
		header Cache-Control no-store
		# Odoo was not reached: nothing was done, and trying again is safe.
		@unreached \`{err.status_code} in [502, 503, 504] && {err.message}.startsWith("dial ")\`
		handle @unreached {
			import unavailable
		}
		@interrupted \`{err.status_code} in [502, 503, 504]\`
		handle @interrupted {
			respond "Odoo did not finish this request, and it is not known what of it was done. Look before you repeat it." {err.status_code}
		}
		@large \`{err.status_code} == 413\`
		handle @large {
			respond "This is larger than the ${bodyMegabytes} MB that this server accepts." 413
		}
		handle {
			respond "{err.status_code} {err.status_text}" {err.status_code}
		}
	}
}
`;
}

/** What differs between the places: how requests come in, and who says that Odoo is closed. */
const places = {
  host: {
    where: "on this host",
    through: " through odoo-ship",
    logs: "docker logs odoo-proxy",
    unit: "container",
    listening: "",
    connections: "",
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
    // The load balancer passes TCP on, so no HTTP/3. It tells the sender's address in a first line of its own, which counts only if it comes
    // from within; connections without it are taken as they are.
    connections: `		protocols h1 h2
		listener_wrappers {
			proxy_protocol {
				timeout 5s
				allow 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 fc00::/7
			}
			tls
		}
`,
    healthBind: "",
    upstream: "odoo",
    // Without an endpoint the Service refuses at once; a pod that is just ending, or one that takes its place, is what is waited for.
    waiting: "While one pod takes another's place, requests wait.",
    seconds: 5,
    liveSeconds: 5,
    closing: "",
  },
} as const;

function tlsLines({ tls, acmeServer, acmeRoots }: SiteArgs): string {
  switch (tls) {
    case "internal":
      return "\ttls internal\n";
    case "files":
      return "\ttls /etc/caddy/tls.pem /run/secrets/tls-key\n";
    case "acme": {
      // On the site itself: with the global option a name such as erp.internal would be certified by an authority of the proxy's own.
      const root = acmeRoots === "" ? "" : `\t\tca_root /etc/caddy/${acmeRootsFile}\n`;
      return acmeServer === "" ? "" : `\ttls {\n\t\tca ${acmeServer}\n${root}\t}\n`;
    }
  }
}
