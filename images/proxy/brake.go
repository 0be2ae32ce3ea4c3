package main

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(Brake{})
	parse := func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		brake := new(Brake)
		return brake, brake.UnmarshalCaddyfile(h.Dispenser)
	}
	httpcaddyfile.RegisterHandlerDirective("odoo_brake", parse)
	httpcaddyfile.RegisterDirectiveOrder("odoo_brake", httpcaddyfile.Before, "basic_auth")
}

// The ways in.
const (
	form    = "form"    // Pages that are shown again after a wrong password: /web/login.
	session = "session" // JSON of the web client: /web/session/authenticate.
	xmlrpc  = "xmlrpc"
	jsonrpc = "jsonrpc"
	bearer  = "bearer" // Odoo 19's /json/2.
)

// counterOf says which ways count together. A browser's are apart from a program's: a script with an old password does
// not lock the people at its address out of the login page.
var counterOf = map[string]string{form: "web", session: "web", xmlrpc: "rpc", jsonrpc: "rpc", bearer: "rpc"}

// Brake refuses an address that has been answered "wrong password" too often within a minute. It looks at Odoo's
// answers and not at how often somebody comes: RPC sends the password with each call, and who knows it may call as
// often as the limit of calls allows.
type Brake struct {
	Way string `json:"way"`
	// Wrong passwords within a minute that one address may send.
	Failures int `json:"failures"`
	// Calls within a minute that one address may send; 0: any number.
	Calls int `json:"calls,omitempty"`
}

// CaddyModule names the module.
func (Brake) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.odoo_brake", New: func() caddy.Module { return new(Brake) }}
}

// Validate refuses a way that nobody knows.
func (b *Brake) Validate() error {
	if counterOf[b.Way] == "" || b.Failures < 1 || b.Calls < 0 {
		return errors.New("odoo_brake needs a way (form, session, xmlrpc, jsonrpc, bearer) and failures")
	}
	return nil
}

// UnmarshalCaddyfile reads `odoo_brake <way> <failures a minute> [<calls a minute>]`.
func (b *Brake) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	var failures, calls string
	if !d.Args(&b.Way, &failures) {
		return d.ArgErr()
	}
	var err error
	if b.Failures, err = strconv.Atoi(failures); err != nil {
		return d.WrapErr(err)
	}
	if d.Args(&calls) {
		if b.Calls, err = strconv.Atoi(calls); err != nil {
			return d.WrapErr(err)
		}
	}
	return nil
}

func (b *Brake) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if (b.Way == form || b.Way == session) && r.Method != http.MethodPost {
		return next.ServeHTTP(w, r)
	}
	key := counterOf[b.Way] + " " + clientOf(r)
	if wait, refused := attempts.begin(r, key, b.Failures, b.Calls); refused {
		// Rounded up, so that whoever comes back then is let in.
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		return caddyhttp.Error(http.StatusTooManyRequests, nil)
	}
	answer := &answerWriter{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	failed := false
	defer func() { attempts.end(key, failed) }()
	err := next.ServeHTTP(answer, r)
	failed = err == nil && isFailure(b.Way, answer, r)
	return err
}
