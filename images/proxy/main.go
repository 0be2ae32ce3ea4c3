// Caddy with its standard modules, and what stands between the Internet and Odoo's few workers:
//
//   - odoo_body takes a request's body in, whole, before anything of Odoo's is held for it;
//   - odoo_brake refuses an address that has sent too many wrong passwords, or too many calls, within a minute;
//   - odoo_cookie gives the session cookie the attributes that Odoo leaves out;
//   - the transport odoo refuses at once, also where the network refuses only some.
//
// Why they are here and not in a module of somebody else's: docs/adr/0008-the-brake-at-the-edge.md.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() {
	caddycmd.Main()
}
