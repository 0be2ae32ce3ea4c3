package main

import "sync"

// Bodies that may be coming in at once, from one address and from all together: the proxy has 96 MiB on a small host.
const (
	openOfClient = 128
	openOfAll    = 512
)

// spool counts the bodies that are coming in. All instances of Body share it, as they share the machine.
var spool = &store{clients: map[string]*share{}}

// store counts the bodies, and their bytes in files: all together, and for each client.
type store struct {
	mu      sync.Mutex
	open    int
	bytes   int64
	clients map[string]*share
}

type share struct {
	open  int
	bytes int64
}

// enter counts one more body; false if its sender, or all together, have too many already.
func (s *store) enter(client string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.clients[client]
	if s.open >= openOfAll || of != nil && of.open >= openOfClient {
		return false
	}
	if of == nil {
		of = &share{}
		s.clients[client] = of
	}
	s.open++
	of.open++
	return true
}

// take gives a client bytes of the room, of which it may have half; false if there are not so many left.
func (s *store) take(client string, bytes, room int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.clients[client]
	if s.bytes+bytes > room || of.bytes+bytes > room/2 {
		return false
	}
	s.bytes += bytes
	of.bytes += bytes
	return true
}

// leave ends a body, which has taken so many bytes.
func (s *store) leave(client string, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.clients[client]
	s.open--
	s.bytes -= bytes
	of.open--
	of.bytes -= bytes
	if of.open == 0 {
		delete(s.clients, client)
	}
}
