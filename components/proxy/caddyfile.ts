import { urlHost } from "../shared/url-host";

/** Arguments of the proxy's configuration. */
export interface SiteArgs {
  /** Host name or IP address that users type. */
  readonly domain: string;
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
  /** Ranges, in a cluster, that may tell the sender's address by the PROXY protocol. */
  readonly proxyFrom?: readonly string[];
}

/** Place of the proxy: a container beside Odoo's on one host, or a pod before Odoo's Service. */
export type ProxyPlace = "host" | "cluster";

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
export function spoolMegabytes({ bodyMegabytes, rpcBodyMegabytes }: Pick<SiteArgs, "bodyMegabytes" | "rpcBodyMegabytes">): number {
  return 2 * Math.max(bodyMegabytes, rpcBodyMegabytes) + 256;
}

/** Largest body of the login's forms: many times what they need. */
const loginBody = "64KiB";
/** Largest body from somebody without session or key: a form of the website, a webhook. */
const strangersMegabytes = 1;

const acmeRootsFile = "acme-roots.pem";

/**
 * Renders the files that the proxy reads when it starts, by their name in /etc/caddy. For a change of one it has to
 * start again.
 */
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

/**
 * Renders the proxy's configuration (Caddy with the handlers of images/proxy). The rules are the same in both places.
 *
 * On a host the proxy looks at three files beside it in /etc/caddy for each request. So closing and opening need no
 * reload, and no admin API, which could do more:
 * - `state/closed`: if it exists, the door is closed for maintenance.
 * - `state/hold`: its text is appended to the upstream's name. With `-held`, requests wait instead of reaching Odoo.
 * - `maintenance.html`: the page.
 *
 * In a cluster nothing has to close the proxy: fenced pods are no endpoints of Odoo's Service, so nobody answers.
 */
export function caddyfile(site: SiteArgs, place: ProxyPlace = "host"): string {
  const { domain, tls, acmeEmail, bodyMegabytes, rpcBodyMegabytes, wrongPasswords, rpcCalls, allowFrom, rpcAllowFrom } = site;
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
${connections(place, site)}		timeouts {
			read_header 10s
			# odoo_body sets a shorter one for each body that is to come in.
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
		# What is embedded in Odoo's pages asks for none of these. Camera and microphone are not named: an embedded meeting asks for them.
		?Permissions-Policy "geolocation=(self), usb=(self), serial=(self), hid=(self), bluetooth=(self), midi=(self)"
		# One that Odoo sends is more than this, and stays.
		?Content-Security-Policy "frame-ancestors 'self'"
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

# A request reaches Odoo when its body is here: a slow sender keeps the proxy waiting, not one of Odoo's few workers. A body that is longer
# than 16 KiB waits on disk.
# (body <largest> <how long it may take> <bytes a second that it has to come in with after that>)
(body) {
	vars largest_body {args[0]}
	odoo_body {
		max_size {args[0]}
		grace {args[1]}
		pace {args[2]}
		directory ${spoolDirectories[place]}
		room ${spoolMegabytes(site)}MB
	}
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
${words.closing}${allowFrom.length === 0 ? "" : `${only("outsider", allowFrom, "This server does not answer to your address.", 2)}\n`}		# Paths are compared decoded, cleaned and in any case. The database service of /jsonrpc has no path of its own:
		# list_db = False, which the image sets, disables it there.
		@database path_regexp (?i)(/web/+database|/xmlrpc/+(2/+)?db)
		handle @database {
			respond "Databases are managed by the operator of this server." 403
		}

		odoo_cookie

		# Calls by programs. Each has a password in it, and no second factor is asked for.
		@rpc path_regexp (?i)/(xmlrpc|jsonrpc|json/+\\d)(/|$)
		handle @rpc {
			route {
${rpcAllowFrom.length === 0 ? "" : `${only("rpc_stranger", rpcAllowFrom, "Calls by XML-RPC and JSON-RPC are not allowed from your address.", 4)}\n`}				import body ${rpcBodyMegabytes}MB 30s 64KB
				# One address, one minute: ${wrongPasswords} answers "wrong password"${rpcCalls === 0 ? "" : `, ${rpcCalls} calls`}.
				@xmlrpc path_regexp (?i)/xmlrpc(/|$)
				odoo_brake @xmlrpc xmlrpc ${wrongPasswords}${rpcCalls === 0 ? "" : ` ${rpcCalls}`}
				@jsonrpc path_regexp (?i)/jsonrpc(/|$)
				odoo_brake @jsonrpc jsonrpc ${wrongPasswords}${rpcCalls === 0 ? "" : ` ${rpcCalls}`}
				@json path_regexp (?i)/json/+\\d(/|$)
				odoo_brake @json bearer ${wrongPasswords}${rpcCalls === 0 ? "" : ` ${rpcCalls}`}
				import odoo 8069 ${words.seconds}s
			}
		}

		# Before a login there is nothing large to send, and nothing that takes long.
		@login path_regexp (?i)/web/+(login|signup|reset_password)
		handle @login {
			route {
				import body ${loginBody} 15s 0
				odoo_brake form ${wrongPasswords}
				import odoo 8069 ${words.seconds}s
			}
		}
		@session path_regexp (?i)/web/+session/+authenticate
		handle @session {
			route {
				import body ${loginBody} 15s 0
				odoo_brake session ${wrongPasswords}
				import odoo 8069 ${words.seconds}s
			}
		}

		# Notifications: Odoo's own process for long-lived connections. Odoo 16 knows both addresses.
		@live path /websocket /websocket/* /longpolling/*
		handle @live {
			route {
				import body 1MB 15s 0
				import odoo 8072 ${words.liveSeconds}s
			}
		}

		# Whether a session or a key is a good one is Odoo's to say; who has neither sends nothing large.
		@stranger {
			not header Cookie *session_id=*
			not header Authorization *
		}
		handle @stranger {
			route {
				import body ${Math.min(strangersMegabytes, bodyMegabytes)}MB 30s 64KB
				import odoo 8069 ${words.seconds}s
			}
		}
		handle {
			route {
				import body ${bodyMegabytes}MB 1m 16KB
				import odoo 8069 ${words.seconds}s
			}
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
			respond "This is larger than the {http.vars.largest_body} that this server accepts here." 413
		}
		@slow \`{err.status_code} == 408\`
		handle @slow {
			respond "This did not come in in time." 408
		}
		@often \`{err.status_code} == 429\`
		handle @often {
			respond "Too many attempts from your address. Wait a minute, then try again." 429
		}
		@full \`{err.status_code} == 507\`
		handle @full {
			respond "This server is receiving too much at once. Try again in a minute." 503
		}
		handle {
			respond "{err.status_code} {err.status_text}" {err.status_code}
		}
	}
}
`;
}

/** Differences between the places: how requests come in, and who says that Odoo is closed. */
const places = {
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

/**
 * Ranges that may tell a sender's address unless the settings say so: load balancer and nodes are somewhere in these.
 */
export const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"];

/**
 * Renders how connections come in. A cluster's load balancer passes TCP on, so there is no HTTP/3. It tells the
 * sender's address in a first line of its own, which counts only if it comes from within. Connections without that line
 * are taken as they are.
 */
function connections(place: ProxyPlace, { proxyFrom = [] }: SiteArgs): string {
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

/** Refuses everybody who is not in one of the ranges. */
function only(name: string, ranges: readonly string[], words: string, indent: number): string {
  return [`@${name} not client_ip ${ranges.join(" ")}`, `handle @${name} {`, `	respond "${words}" 403`, "}"]
    .map((line) => `${"	".repeat(indent)}${line}\n`)
    .join("");
}

function tlsLines({ tls, acmeServer, acmeRoots }: SiteArgs): string {
  switch (tls) {
    case "internal":
      return "\ttls internal\n";
    case "files":
      return "\ttls /etc/caddy/tls.pem /run/secrets/tls-key\n";
    case "acme": {
      // This stands on the site itself. With the global option, the proxy would certify a name such as erp.internal by
      // an authority of its own.
      const root = acmeRoots === "" ? "" : `\t\tca_root /etc/caddy/${acmeRootsFile}\n`;
      return acmeServer === "" ? "" : `\ttls {\n\t\tca ${acmeServer}\n${root}\t}\n`;
    }
  }
}
