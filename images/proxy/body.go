package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
)

func init() {
	caddy.RegisterModule(Body{})
	parse := func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		body := new(Body)
		return body, body.UnmarshalCaddyfile(h.Dispenser)
	}
	httpcaddyfile.RegisterHandlerDirective("odoo_body", parse)
	httpcaddyfile.RegisterDirectiveOrder("odoo_body", httpcaddyfile.Before, "basic_auth")
}

const (
	// So many first bytes of a body stay in memory; the rest goes to a file.
	inMemory = 16 << 10
	// A body is read in pieces of this size: each slow sender costs the memory of one.
	pieceSize = 4 << 10
	// How long a refused sender is listened to.
	linger = 5 * time.Second
)

// Body takes the whole body of a request in, then passes the request on: a slow sender waits here, and not in one of
// Odoo's workers. A body that is longer than 16 KiB lies in a file without a name, which ends with the request,
// whatever happens.
type Body struct {
	// Largest body, in bytes.
	MaxSize int64 `json:"max_size"`
	// Time that any body may take, however short it is.
	Grace caddy.Duration `json:"grace"`
	// Each so many bytes that have come in allow one second more than the grace; 0: the grace is all there is.
	Pace int64 `json:"pace,omitempty"`
	// Where the files are.
	Directory string `json:"directory"`
	// Bytes that all files may have together; one address has half of it.
	Room int64 `json:"room"`
}

// CaddyModule names the module.
func (Body) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.odoo_body", New: func() caddy.Module { return new(Body) }}
}

// Provision makes the directory, and tries to make a file there: a proxy that could take no upload does not start.
func (b *Body) Provision(caddy.Context) error {
	if err := os.MkdirAll(b.Directory, 0o700); err != nil {
		return err
	}
	file, err := nameless(b.Directory)
	if err != nil {
		return err
	}
	return file.Close()
}

// Validate refuses what would let everything in, or nothing.
func (b *Body) Validate() error {
	if b.MaxSize <= 0 || b.Grace <= 0 || b.Room <= 0 || b.Pace < 0 || b.Directory == "" {
		return errors.New("odoo_body needs max_size, grace, directory and room")
	}
	return nil
}

func (b *Body) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if !hasBody(r) {
		return next.ServeHTTP(w, r)
	}
	if r.ContentLength > b.MaxSize {
		return refuse(w, r, http.StatusRequestEntityTooLarge, "the body is too long")
	}
	client := clientOf(r)
	if !spool.enter(client) {
		return refuse(w, r, http.StatusTooManyRequests, "too many bodies are coming in")
	}
	whole := &content{}
	defer func() {
		whole.close()
		spool.leave(client, whole.taken)
	}()
	if err := b.receive(w, r, client, whole); err != nil {
		return err
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	r.Body = whole
	r.ContentLength = whole.size
	r.TransferEncoding = nil
	r.Header.Del("Transfer-Encoding")
	r.Header.Set("Content-Length", strconv.FormatInt(whole.size, 10))
	// With this header a client could ask proxies to pass its body on piece by piece.
	r.Header.Del("Incremental")
	return next.ServeHTTP(w, r)
}

// hasBody says whether there is something to take in. An upgrade by HTTP/2 has a stream where others have a body.
func hasBody(r *http.Request) bool {
	upgrade := r.Method == http.MethodConnect && r.Header.Get(":protocol") != ""
	return r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 && !upgrade
}

// receive reads the whole body, and refuses one that is too long or too slow.
func (b *Body) receive(w http.ResponseWriter, r *http.Request, client string, whole *content) error {
	begun := time.Now()
	deadline := http.NewResponseController(w)
	piece := make([]byte, pieceSize)
	for {
		allowed := time.Duration(b.Grace)
		if b.Pace > 0 {
			allowed += time.Duration(float64(whole.size) / float64(b.Pace) * float64(time.Second))
		}
		if err := deadline.SetReadDeadline(begun.Add(allowed)); err != nil {
			return caddyhttp.Error(http.StatusInternalServerError, err)
		}
		n, err := r.Body.Read(piece)
		if whole.size+int64(n) > b.MaxSize {
			return refuse(w, r, http.StatusRequestEntityTooLarge, "the body is too long")
		}
		if refused := b.keep(w, r, client, whole, piece[:n]); refused != nil {
			return refused
		}
		switch {
		case err == io.EOF:
			return whole.rewind()
		case isTimeout(err):
			return refuse(w, r, http.StatusRequestTimeout, "the body did not come in in time")
		case err != nil:
			return caddyhttp.Error(http.StatusBadRequest, err)
		}
	}
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// keep adds a piece to what has come in.
func (b *Body) keep(w http.ResponseWriter, r *http.Request, client string, whole *content, piece []byte) error {
	if whole.file == nil && whole.size+int64(len(piece)) <= inMemory {
		whole.memory.Write(piece)
		whole.size += int64(len(piece))
		return nil
	}
	if !spool.take(client, int64(len(piece)), b.Room) {
		return refuse(w, r, http.StatusInsufficientStorage, "there is no room for more bodies")
	}
	whole.taken += int64(len(piece))
	if whole.file == nil {
		file, err := nameless(b.Directory)
		if err != nil {
			return caddyhttp.Error(http.StatusInternalServerError, err)
		}
		whole.file = file
	}
	if _, err := whole.file.Write(piece); err != nil {
		return caddyhttp.Error(http.StatusInsufficientStorage, err)
	}
	whole.size += int64(len(piece))
	return nil
}

// refuse ends a request whose body is not wanted. A sender that is not done would see a broken connection and not the
// answer, so what comes is read for a while, and thrown away. This is not needed with HTTP/2, where the answer can come
// while the body is sent, nor with a client that asks first (Expect): it has sent nothing yet.
func refuse(w http.ResponseWriter, r *http.Request, status int, why string) error {
	if status == http.StatusTooManyRequests || status == http.StatusInsufficientStorage {
		w.Header().Set("Retry-After", "30")
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(linger))
	if r.ProtoMajor == 1 && r.Header.Get("Expect") == "" && status != http.StatusRequestTimeout {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	return caddyhttp.Error(status, errors.New(why))
}

// UnmarshalCaddyfile reads
//
//	odoo_body {
//		max_size  <bytes>
//		grace     <duration>
//		pace      <bytes a second>
//		directory <path>
//		room      <bytes>
//	}
func (b *Body) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	for d.NextBlock(0) {
		name := d.Val()
		if !d.NextArg() {
			return d.ArgErr()
		}
		var err error
		switch name {
		case "max_size":
			err = bytesOf(d.Val(), &b.MaxSize)
		case "pace":
			err = bytesOf(d.Val(), &b.Pace)
		case "room":
			err = bytesOf(d.Val(), &b.Room)
		case "directory":
			b.Directory = d.Val()
		case "grace":
			var grace time.Duration
			grace, err = caddy.ParseDuration(d.Val())
			b.Grace = caddy.Duration(grace)
		default:
			return d.Errf("odoo_body has no %s", name)
		}
		if err != nil {
			return d.WrapErr(err)
		}
	}
	return nil
}

func bytesOf(text string, value *int64) error {
	bytes, err := humanize.ParseBytes(text)
	if err == nil && bytes > 1<<60 {
		err = fmt.Errorf("%s is too much", text)
	}
	*value = int64(bytes)
	return err
}
