package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// content is a body that has come in: its beginning in memory, what follows in a file.
type content struct {
	memory bytes.Buffer
	file   *os.File
	size   int64
	// Bytes that it has taken of the room in the spool.
	taken  int64
	reader io.Reader
}

// rewind makes the body ready to be read from its start.
func (c *content) rewind() error {
	parts := []io.Reader{bytes.NewReader(c.memory.Bytes())}
	if c.file != nil {
		if _, err := c.file.Seek(0, io.SeekStart); err != nil {
			return caddyhttp.Error(http.StatusInternalServerError, err)
		}
		parts = append(parts, c.file)
	}
	c.reader = io.MultiReader(parts...)
	return nil
}

func (c *content) Read(p []byte) (int, error) { return c.reader.Read(p) }

// Close does nothing: who passes the request on may try again. The body ends with its handler.
func (c *content) Close() error { return nil }

// beginning returns the whole body, wherever its reader is; false if it is longer than limit.
func (c *content) beginning(limit int) ([]byte, bool) {
	if c.size > int64(limit) {
		return nil, false
	}
	text := append([]byte(nil), c.memory.Bytes()...)
	if c.file != nil {
		rest := make([]byte, c.size-int64(len(text)))
		if _, err := c.file.ReadAt(rest, 0); err != nil && err != io.EOF {
			return nil, false
		}
		text = append(text, rest...)
	}
	return text, true
}

func (c *content) close() {
	if c.file != nil {
		_ = c.file.Close()
	}
}

// nameless opens a new file that ends with its last user: nothing is left of it, not even after a crash.
func nameless(directory string) (*os.File, error) {
	file, err := os.CreateTemp(directory, "body-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
