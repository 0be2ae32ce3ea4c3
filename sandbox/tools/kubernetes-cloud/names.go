package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

const (
	nameLimit  = 5 * time.Second
	largestDNS = 65535
)

// relayNames answers on the node's address what the node's own resolver says, which pods cannot reach: Docker puts it on the loopback.
func relayNames(address string) error {
	upstream, err := resolver("/etc/resolv.conf")
	if err != nil {
		return err
	}
	packets, err := net.ListenPacket("udp", net.JoinHostPort(address, "53"))
	if err != nil {
		return err
	}
	streams, err := net.Listen("tcp", net.JoinHostPort(address, "53"))
	if err != nil {
		return err
	}
	go relayPackets(packets, upstream)
	go relayStreams(streams, upstream)
	return nil
}

func resolver(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(string(content), "\n") {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "nameserver" {
			return net.JoinHostPort(words[1], "53"), nil
		}
	}
	return "", fmt.Errorf("%s names no resolver", file)
}

func relayPackets(packets net.PacketConn, upstream string) {
	for {
		buffer := make([]byte, largestDNS)
		size, client, err := packets.ReadFrom(buffer)
		if err != nil {
			continue
		}
		go func() {
			connection, err := net.Dial("udp", upstream)
			if err != nil {
				return
			}
			defer connection.Close()
			_ = connection.SetDeadline(time.Now().Add(nameLimit))
			if _, err := connection.Write(buffer[:size]); err != nil {
				return
			}
			answer := make([]byte, largestDNS)
			if size, err := connection.Read(answer); err == nil {
				_, _ = packets.WriteTo(answer[:size], client)
			}
		}()
	}
}

func relayStreams(streams net.Listener, upstream string) {
	for {
		client, err := streams.Accept()
		if err != nil {
			return
		}
		go func() {
			if server, err := net.DialTimeout("tcp", upstream, nameLimit); err != nil {
				_ = client.Close()
			} else {
				splice(client, server)
			}
		}()
	}
}

// splice carries bytes both ways until both sides have ended.
func splice(one, other net.Conn) {
	done := make(chan struct{})
	carry := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		// The other direction may go on: who has said all may still want to listen.
		if half, ok := to.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
		done <- struct{}{}
	}
	go carry(one, other)
	go carry(other, one)
	<-done
	<-done
	_ = one.Close()
	_ = other.Close()
}
