import { isIPv6 } from "node:net";

/** What the proxy's configuration depends on. */
export interface SiteArgs {
  /** Host name or IP address that users type. */
  readonly domain: string;
  readonly tls: "acme" | "internal" | "files";
  /** Contact for the certificate authority, or empty. */
  readonly acmeEmail: string;
  /** Largest request body, in millions of bytes. */
  readonly bodyMegabytes: number;
}

/** Where the proxy answers to its own health check, inside of its container only. */
export const healthPort = 2020;

/** Host part of an address in a URL. */
export function urlHost(domain: string): string {
  return isIPv6(domain) ? `[${domain}]` : domain;
}

/**
 * Configuration of the proxy (Caddy 2.10 or newer). The files that it looks at while it runs lie beside it in /etc/caddy:
 * `state/closed` (there: closed for maintenance), `state/hold` (its text is put behind the upstream's name: with `-held`, requests wait
 * instead of reaching Odoo), `maintenance.html`. None of them needs a reload, and there is no admin API that could do one.
 */
export function caddyfile({ domain, tls, acmeEmail, bodyMegabytes }: SiteArgs): string {
  return `# Proxy of the Odoo on this host. Written by Pulumi through odoo-ship: a change by hand is replaced by the next release.
# "docker logs odoo-proxy" tells what it does.
{
	# No way to change the configuration from inside of the container.
	admin off
	persist_config off
	grace_period 10s
	# Browsers name no host to an IP address.
	default_sni ${domain}${tls === "internal" ? "\n	skip_install_trust" : ""}${acmeEmail === "" ? "" : `\n	email ${acmeEmail}`}
	servers {
		timeouts {
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
	reverse_proxy odoo{file./etc/caddy/state/hold}:{args[0]} {
		# While Odoo's container is replaced, requests wait. What broke off in the middle is not sent again, not even a GET: it
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

# For the health check of the container.
http://:${healthPort} {
	bind 127.0.0.1
	respond "ok"
}

# Under a name that is not ours there is nothing.
http://, https:// {
	respond "There is no such site here." 421
}

https://${urlHost(domain)} {
${tlsLines(tls)}	encode zstd gzip
	import headers

	route {
		# Looked at for each request: closing and opening need no reload.
		@closed file {
			root /etc/caddy/state
			try_files closed
		}
		handle @closed {
			import unavailable
		}

		# Paths are compared decoded, cleaned and in any case. The database service of /jsonrpc has no path of its own:
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
			import odoo 8072 10s
		}
		handle {
			import odoo 8069 30s
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

function tlsLines(tls: SiteArgs["tls"]): string {
  const lines = { acme: "", internal: "\ttls internal\n", files: "\ttls /etc/caddy/tls.pem /run/secrets/tls-key\n" };
  return lines[tls];
}
