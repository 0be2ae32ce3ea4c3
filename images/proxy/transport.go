package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

const (
	// Whoever is answered hears it within a round trip, which is some milliseconds at most.
	unheard = 50 * time.Millisecond
	// A kernel tells one client at least once a second.
	remembered = 2 * time.Second
)

var errUnheard = errors.New("nothing was heard, and a moment ago another connection was refused")

func init() {
	caddy.RegisterModule(Transport{})
}

// Transport is Caddy's transport `http`, with its options, whose connections hear from each other that a host refuses.
//
// The Service of a cluster refuses while it has no pod. But a kernel tells one client so some six times in a row, and
// then once a second: a connection between those hears nothing, and would wait for dial_timeout. Here it is refused,
// too. As long as none is refused, each waits for dial_timeout: a busy server may answer late.
type Transport struct {
	reverseproxy.HTTPTransport
}

// CaddyModule names the module.
func (Transport) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.reverse_proxy.transport.odoo", New: func() caddy.Module { return new(Transport) }}
}

// Provision puts what is shared before the connections of Caddy's own transport.
func (t *Transport) Provision(ctx caddy.Context) error {
	if err := t.HTTPTransport.Provision(ctx); err != nil {
		return err
	}
	connect := t.Transport.DialContext
	t.Transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return refusals.dial(ctx, host, func(ctx context.Context) (net.Conn, error) {
			return connect(ctx, network, address)
		})
	}
	return nil
}

// refusals is shared by all routes: each of them has a transport of its own.
var refusals = hosts{refused: map[string]time.Time{}}

// hosts has when each refused last; one that has taken a connection since is not among them.
type hosts struct {
	sync.Mutex
	refused map[string]time.Time
}

func (h *hosts) dial(
	ctx context.Context, host string, connect func(context.Context) (net.Conn, error),
) (net.Conn, error) {
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var conn net.Conn
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err = connect(ctx)
	}()
	look := time.NewTicker(unheard)
	defer look.Stop()
	for {
		select {
		case <-done:
			h.learn(host, err)
			return conn, err
		case <-look.C:
			if !h.refuses(host) {
				continue
			}
			giveUp()
			// It may have come about in this moment.
			if <-done; err == nil {
				h.learn(host, nil)
				return conn, nil
			}
			return nil, reverseproxy.NewDialError(&net.OpError{Op: "dial", Net: "tcp", Err: errUnheard})
		}
	}
}

func (h *hosts) learn(host string, err error) {
	h.Lock()
	defer h.Unlock()
	if err == nil {
		delete(h.refused, host)
	} else if strings.HasSuffix(err.Error(), syscall.ECONNREFUSED.Error()) {
		// Caddy's own error hides what it is made of.
		h.refused[host] = time.Now()
	}
}

func (h *hosts) refuses(host string) bool {
	h.Lock()
	defer h.Unlock()
	return time.Since(h.refused[host]) < remembered
}
