import { errorPages } from "./error-pages";
import { connections, places } from "./places";
import { routes } from "./routes";
import { healthPort, hostPort, type ProxyPlace, type SiteArgs, spoolDirectories, spoolMegabytes } from "./site";
import { urlHost } from "../shared/url-host";

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
 * Renders the proxy's configuration (Caddy with what images/proxy adds). The rules are the same in both places.
 *
 * On a host the proxy looks at three files beside it in /etc/caddy for each request. So closing and opening need no
 * reload, for which an admin API would have to be on:
 * - `state/closed`: if it exists, the door is closed for maintenance.
 * - `state/hold`: its text is appended to the upstream's name. With `-held`, requests wait instead of reaching Odoo; a
 *   second server of the release before gets them with `-before`.
 * - `maintenance.html`: the page.
 *
 * In a cluster nothing has to close the proxy: fenced pods refuse, and are no endpoints of Odoo's Service before.
 */
export function caddyfile(site: SiteArgs, place: ProxyPlace = "host"): string {
  const { domain, aliases, tls, acmeEmail } = site;
  const words = places[place];
  const internal = tls === "internal" ? "\n	skip_install_trust" : "";
  const email = acmeEmail === "" ? "" : `\n	email ${acmeEmail}`;
  return `# Proxy of the Odoo ${words.where}. Written by Pulumi${words.through}: \
a change by hand is replaced by the next release.
# "${words.logs}" tells what it does.
{
	# No way to change the configuration from inside of the container.
	admin off
	persist_config off
	grace_period 10s
	# Browsers name no host to an IP address.
	default_sni ${domain}${internal}${email}
${words.listening}	servers {
${connections(place, site)}${inFront(site)}		timeouts {
			read_header 10s
			# odoo_body sets a shorter one for each body that is to come in.
			read_body 30m
			idle 2m
		}
	}
	# There is no access log: addresses of Odoo carry tokens and names of customers, and Odoo logs its requests itself. \
What is logged
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
		# What is embedded in Odoo's pages asks for none of these. Camera and microphone are not named: an embedded meeting \
asks for them.
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

# A request reaches Odoo when its body is here: a slow sender keeps the proxy waiting, not one of Odoo's few workers. \
A body that is longer
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
		# Odoo takes the last address of this line for the client's, and believes the others; so what a proxy in front
		# says, or lets through, is replaced by what is known here.
		header_up X-Forwarded-For {client_ip}
		header_up X-Forwarded-Proto {scheme}
		header_up X-Forwarded-Host {hostport}
		header_up X-Real-IP {client_ip}
		# Caddy's own, but who hears nothing is refused with those who are.
		transport odoo {
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

${redirections(site)}${[domain, ...aliases].map(siteAddress).join(", ")} {
${tlsLines(site)}	encode zstd gzip
	import headers

${routes(site, words)}

${errorPages}}
${place === "host" ? forTheHost(site) : ""}`;
}

/** Renders the site for whoever is on the host itself: without TLS and the rules for users, with the closed door. */
function forTheHost({ bodyMegabytes }: SiteArgs): string {
  return `
# By 127.0.0.1:8069 of this host, which is published to nobody else.
http://:${hostPort} {
	route {
${places.host.closing}		import body ${bodyMegabytes}MB 1m 16KB
		import odoo 8069 ${places.host.wait}
	}
}
`;
}

function siteAddress(name: string): string {
  return `https://${urlHost(name)}`;
}

/** Renders the names from which everybody is sent on. A call by a program keeps its method and its body. */
function redirections(site: SiteArgs): string {
  const { domain, redirectFrom } = site;
  return redirectFrom.length === 0
    ? ""
    : `${redirectFrom.map(siteAddress).join(", ")} {
${tlsLines(site)}	import headers
	redir ${siteAddress(domain)}{uri} 308
}

`;
}

/**
 * Renders whose word counts for a client's address. The last address that is none of theirs is the client's: those
 * before it are what the client itself has sent. No other header counts, since a proxy may let it through.
 */
function inFront({ trustedProxies }: SiteArgs): string {
  return trustedProxies.length === 0
    ? ""
    : `		trusted_proxies static ${trustedProxies.join(" ")}
		trusted_proxies_strict
		client_ip_headers X-Forwarded-For
`;
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
