package main

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(Cookie{})
	parse := func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		cookie := new(Cookie)
		return cookie, cookie.UnmarshalCaddyfile(h.Dispenser)
	}
	httpcaddyfile.RegisterHandlerDirective("odoo_cookie", parse)
	httpcaddyfile.RegisterDirectiveOrder("odoo_cookie", httpcaddyfile.Before, "basic_auth")
}

// Cookie gives Odoo's session cookie the attributes Secure, HttpOnly and SameSite=Lax, each where Odoo has set none of
// its kind.
type Cookie struct{}

// CaddyModule names the module.
func (Cookie) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.odoo_cookie", New: func() caddy.Module { return new(Cookie) }}
}

// UnmarshalCaddyfile reads `odoo_cookie`.
func (Cookie) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

func (Cookie) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(&cookieWriter{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}, r)
}

type cookieWriter struct {
	*caddyhttp.ResponseWriterWrapper
	done bool
}

func (w *cookieWriter) WriteHeader(status int) {
	if !w.done && status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		w.done = true
		cookies := w.Header()["Set-Cookie"]
		for i, cookie := range cookies {
			cookies[i] = safeCookie(cookie)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *cookieWriter) Write(data []byte) (int, error) {
	if !w.done {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(data)
}

// safeCookie adds what is missing; another cookie than the session's stays as it is.
func safeCookie(cookie string) string {
	name, rest, _ := strings.Cut(cookie, "=")
	if strings.TrimSpace(name) != "session_id" {
		return cookie
	}
	has := map[string]bool{}
	for _, attribute := range strings.Split(rest, ";")[1:] {
		key, _, _ := strings.Cut(attribute, "=")
		has[strings.ToLower(strings.TrimSpace(key))] = true
	}
	for _, missing := range []string{"Secure", "HttpOnly", "SameSite=Lax"} {
		key, _, _ := strings.Cut(missing, "=")
		if !has[strings.ToLower(key)] {
			cookie += "; " + missing
		}
	}
	return cookie
}
