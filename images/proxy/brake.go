package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(Brake{})
	httpcaddyfile.RegisterHandlerDirective("odoo_brake", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		brake := new(Brake)
		return brake, brake.UnmarshalCaddyfile(h.Dispenser)
	})
	httpcaddyfile.RegisterDirectiveOrder("odoo_brake", httpcaddyfile.Before, "basic_auth")
}

const (
	window = time.Minute
	// How often, and how many times, an attempt asks whether those before it are answered: for a minute, as Odoo's own queue would take it.
	pause    = 25 * time.Millisecond
	patience = int(window / pause)
)

// Ways in. Each counts for itself, so that a script with an old password does not lock its colleagues out of the login page.
const (
	form    = "form"    // Pages that are shown again after a wrong password: /web/login.
	session = "session" // JSON of the web client: /web/session/authenticate.
	xmlrpc  = "xmlrpc"
	jsonrpc = "jsonrpc"
	bearer  = "bearer" // Odoo 19's /json/2.
)

// counterOf says which ways count together.
var counterOf = map[string]string{form: "web", session: "web", xmlrpc: "rpc", jsonrpc: "rpc", bearer: "rpc"}

// Brake refuses an address that has been answered "wrong password" too often within a minute. It looks at Odoo's answers: whoever knows the
// password may call as often as the calls' own limit allows, with one password in each of them as RPC has it.
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
		// Rounded up: who comes back then is let in.
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

// attempts is what all instances count in. It is lost with the process, as is the memory of everybody who guesses.
var attempts = &counters{of: map[string]*counter{}}

type counters struct {
	mu    sync.Mutex
	of    map[string]*counter
	swept time.Time
}

type counter struct {
	failures []time.Time
	// Attempts whose answer is not known yet: each may be a failure.
	open  int
	begun time.Time
	calls int
}

// begin lets an attempt go, once it is sure that the limit holds even if all that are open fail; or says how long to stay away.
func (c *counters) begin(r *http.Request, key string, failures, calls int) (time.Duration, bool) {
	for tries := 0; ; tries++ {
		wait, state := c.try(key, failures, calls, tries == 0, time.Now())
		if state != later {
			return wait, state == no
		}
		if tries == patience {
			return time.Second, true
		}
		select {
		case <-r.Context().Done():
			return time.Second, true
		case <-time.After(pause):
		}
	}
}

type verdict int

const (
	yes verdict = iota
	no
	later
)

func (c *counters) try(key string, failures, calls int, first bool, now time.Time) (time.Duration, verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)
	of := c.of[key]
	if of == nil {
		of = &counter{begun: now}
		c.of[key] = of
	}
	of.forget(now)
	if first {
		if calls > 0 && of.calls >= calls {
			return of.begun.Add(window).Sub(now), no
		}
		of.calls++
	}
	if len(of.failures) >= failures {
		return of.failures[len(of.failures)-failures].Add(window).Sub(now), no
	}
	if len(of.failures)+of.open >= failures {
		return 0, later
	}
	of.open++
	return 0, yes
}

func (c *counters) end(key string, failed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.of[key]
	of.open--
	if failed {
		of.failures = append(of.failures, time.Now())
	}
}

// sweep forgets who has not come for a while.
func (c *counters) sweep(now time.Time) {
	if now.Sub(c.swept) < window {
		return
	}
	c.swept = now
	for key, of := range c.of {
		of.forget(now)
		if of.open == 0 && len(of.failures) == 0 && of.calls == 0 {
			delete(c.of, key)
		}
	}
}

func (c *counter) forget(now time.Time) {
	old := 0
	for old < len(c.failures) && now.Sub(c.failures[old]) >= window {
		old++
	}
	c.failures = c.failures[old:]
	if now.Sub(c.begun) >= window {
		c.begun, c.calls = now, 0
	}
}

// answerSeen is how much of an answer is looked at: a refusal is short, or names itself at its beginning.
const answerSeen = 64 << 10

// answerWriter passes an answer on as it comes, and keeps its beginning.
type answerWriter struct {
	*caddyhttp.ResponseWriterWrapper
	status int
	seen   bytes.Buffer
}

func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Write(data []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if room := answerSeen - w.seen.Len(); room > 0 {
		w.seen.Write(data[:min(room, len(data))])
	}
	return w.ResponseWriter.Write(data)
}

// ReadFrom hides the wrapper's, which would pass data on unseen.
func (w *answerWriter) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(writeOnly{w}, r)
}

type writeOnly struct{ io.Writer }

var (
	// What Odoo answers to a wrong password, by way. XML-RPC has a number for it in its second version and a word in its first one.
	xmlDenied = regexp.MustCompile(`<name>faultCode</name>\s*<value>\s*(?:<int>3</int>|(?:<string>)?AccessDenied)`)
	xmlFalse  = regexp.MustCompile(`^\s*(?:<\?xml[^>]*>)?\s*<methodResponse>\s*<params>\s*<param>\s*<value>\s*<boolean>0</boolean>`)
	xmlLogin  = regexp.MustCompile(`(?i)/common/*$`)

	jsonDenied = []byte(`odoo.exceptions.AccessDenied`)
	jsonFalse  = regexp.MustCompile(`"result"\s*:\s*false\s*[,}]`)
)

// isFailure says whether an answer says that a password was wrong.
func isFailure(way string, answer *answerWriter, r *http.Request) bool {
	text := answer.seen.Bytes()
	switch way {
	case form:
		// The page again; what is right leads on.
		return answer.status == http.StatusOK
	case session:
		return answer.status == http.StatusUnauthorized || bytes.Contains(text, jsonDenied)
	case xmlrpc:
		return xmlDenied.Match(text) || xmlLogin.MatchString(r.URL.Path) && xmlFalse.Match(text)
	case jsonrpc:
		return bytes.Contains(text, jsonDenied) || len(text) < 1024 && jsonFalse.Match(text) && mayBeLogin(r)
	case bearer:
		return answer.status == http.StatusUnauthorized
	}
	return false
}

// mayBeLogin says whether a call by JSON-RPC asks the service that logs in. False is what that one answers to a wrong password, and what any
// method of a model may answer for reasons of its own.
func mayBeLogin(r *http.Request) bool {
	body, ok := r.Body.(*content)
	if !ok {
		return true
	}
	text, ok := body.beginning(1 << 20)
	if !ok {
		return true
	}
	// By maps: a struct's fields are found in any case, and Odoo takes a name as it is written.
	var call map[string]json.RawMessage
	var params map[string]json.RawMessage
	var service string
	if json.Unmarshal(text, &call) != nil || json.Unmarshal(call["params"], &params) != nil || json.Unmarshal(params["service"], &service) != nil {
		return true
	}
	return service != "object"
}
