import type { PlaceWords } from "./places";
import type { SiteArgs } from "./site";

/** Largest body of the login's forms: many times what they need. */
const loginBody = "64KiB";
/** Largest body from somebody without session or key: a form of the website, a webhook. */
const strangersMegabytes = 1;

/** Renders the routes: by its path, where a request goes, how much it may bring along, and how often it may come. */
export function routes(site: SiteArgs, words: PlaceWords): string {
  const { bodyMegabytes, rpcBodyMegabytes, wrongPasswords, rpcCalls, allowFrom, rpcAllowFrom } = site;
  const outsiders = only("outsider", allowFrom, "This server does not answer to your address.", 2);
  const strangers = only(
    "rpc_stranger",
    rpcAllowFrom,
    "Calls by XML-RPC and JSON-RPC are not allowed from your address.",
    4,
  );
  return `	route {
${words.closing}${outsiders}\
		# Paths are compared decoded, cleaned and in any case. The database service of /jsonrpc has no path of its own:
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
${strangers}\
				import body ${rpcBodyMegabytes}MB 30s 64KB
				# One address, one minute: ${wrongPasswords} answers "wrong password"${rpcCalls === 0 ? "" : `, ${rpcCalls} calls`}.
				@xmlrpc path_regexp (?i)/xmlrpc(/|$)
				odoo_brake @xmlrpc xmlrpc ${wrongPasswords}${rpcCalls === 0 ? "" : ` ${rpcCalls}`}
				@jsonrpc path_regexp (?i)/jsonrpc(/|$)
				odoo_brake @jsonrpc jsonrpc ${wrongPasswords}${rpcCalls === 0 ? "" : ` ${rpcCalls}`}
				@json path_regexp (?i)/json/+\\d(/|$)
				odoo_brake @json bearer ${wrongPasswords}${rpcCalls === 0 ? "" : ` ${rpcCalls}`}
				import odoo 8069 ${words.wait}
			}
		}

		# Before a login there is nothing large to send, and nothing that takes long.
		@login path_regexp (?i)/web/+(login|signup|reset_password)
		handle @login {
			route {
				import body ${loginBody} 15s 0
				odoo_brake form ${wrongPasswords}
				import odoo 8069 ${words.wait}
			}
		}
		@session path_regexp (?i)/web/+session/+authenticate
		handle @session {
			route {
				import body ${loginBody} 15s 0
				odoo_brake session ${wrongPasswords}
				import odoo 8069 ${words.wait}
			}
		}

		# Notifications: Odoo's own process for long-lived connections. Odoo 16 knows both addresses.
		@live path /websocket /websocket/* /longpolling/*
		handle @live {
			route {
				import body 1MB 15s 0
				import odoo 8072 ${words.liveWait}
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
				import odoo 8069 ${words.wait}
			}
		}
		handle {
			route {
				import body ${bodyMegabytes}MB 1m 16KB
				import odoo 8069 ${words.wait}
			}
		}
	}`;
}

/** Refuses everybody who is not in one of the ranges; without ranges nobody. */
function only(name: string, ranges: readonly string[], words: string, indent: number): string {
  if (ranges.length === 0) {
    return "";
  }
  const lines = [`@${name} not client_ip ${ranges.join(" ")}`, `handle @${name} {`, `	respond "${words}" 403`, "}"]
    .map((line) => `${"	".repeat(indent)}${line}\n`)
    .join("");
  return `${lines}\n`;
}
