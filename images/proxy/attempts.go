package main

import (
	"net/http"
	"sync"
	"time"
)

const (
	window = time.Minute
	// An attempt asks after each pause whether those before it are answered, for a minute at most: so long it could
	// wait in Odoo's own queue, too.
	pause    = 25 * time.Millisecond
	patience = int(window / pause)
)

// attempts holds the counters of all instances of Brake. It ends with the process: then everybody starts anew.
var attempts = &counters{of: map[string]*counter{}}

type counters struct {
	mu    sync.Mutex
	of    map[string]*counter
	swept time.Time
}

type counter struct {
	failures []time.Time
	// Attempts without an answer yet: each may be a failure.
	open int
	// Calls since begun; a minute later both begin anew.
	begun time.Time
	calls int
}

// begin lets an attempt go on as soon as the limit holds even if all open ones fail; or it says how long to stay away.
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

// try takes one look: yes, no and for how long, or later, when an open attempt is answered. Only the first counts.
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

// end takes down how an attempt was answered.
func (c *counters) end(key string, failed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.of[key]
	of.open--
	if failed {
		of.failures = append(of.failures, time.Now())
	}
}

// sweep drops the counters of those who have not come for a while.
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

// forget drops what is older than a minute.
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
