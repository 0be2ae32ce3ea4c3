package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// answerSeen is how many bytes of an answer are looked at: a refusal is short, or names itself at its beginning.
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

// ReadFrom takes the place of the wrapper's, which would pass data on unseen.
func (w *answerWriter) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(writeOnly{w}, r)
}

type writeOnly struct{ io.Writer }

var (
	// What Odoo answers to a wrong password, by way. XML-RPC has a number for it in its second version and a word in
	// its first one.
	xmlDenied = regexp.MustCompile(`<name>faultCode</name>\s*<value>\s*(?:<int>3</int>|(?:<string>)?AccessDenied)`)
	xmlFalse  = regexp.MustCompile(`^\s*(?:<\?xml[^>]*>)?\s*<methodResponse>\s*<params>\s*<param>\s*` +
		`<value>\s*<boolean>0</boolean>`)
	xmlLogin = regexp.MustCompile(`(?i)/common/*$`)

	jsonDenied = []byte(`odoo.exceptions.AccessDenied`)
	jsonFalse  = regexp.MustCompile(`"result"\s*:\s*false\s*[,}]`)
)

// isFailure says whether an answer says that a password was wrong.
func isFailure(way string, answer *answerWriter, r *http.Request) bool {
	text := answer.seen.Bytes()
	switch way {
	case form:
		// The page again; a right password leads on to another one.
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

// mayBeLogin says whether a call by JSON-RPC may be for the service that logs in. That one answers "false" to a wrong
// password; a method of a model may answer "false" for reasons of its own.
func mayBeLogin(r *http.Request) bool {
	body, ok := r.Body.(*content)
	if !ok {
		return true
	}
	text, ok := body.beginning(1 << 20)
	if !ok {
		return true
	}
	// By maps: a struct's fields are found in upper or lower case, and Odoo takes a name as it is written.
	var call, params map[string]json.RawMessage
	var service string
	if json.Unmarshal(text, &call) != nil ||
		json.Unmarshal(call["params"], &params) != nil ||
		json.Unmarshal(params["service"], &service) != nil {
		return true
	}
	return service != "object"
}
