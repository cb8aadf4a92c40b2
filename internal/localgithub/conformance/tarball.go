package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
)

// tarball is one file of one version of an npm package.
type tarball struct {
	name, member string
	sha512       string // base64, as npm's "integrity" gives it
}

// read returns the file's content, after the tarball's checksum was found right.
func (t tarball) read(path string) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", t.name, err)
	}
	sum := sha512.Sum512(raw)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != t.sha512 {
		return nil, fmt.Errorf("reading %s: %s has checksum %s, want %s; delete it to fetch it again",
			t.name, path, got, t.sha512)
	}
	zip, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", t.name, err)
	}
	for archive := tar.NewReader(zip); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading %s: there is no %s in it", t.name, t.member)
		} else if err != nil {
			return nil, fmt.Errorf("reading %s: %w", t.name, err)
		}
		if h.Name == t.member {
			content, err := io.ReadAll(archive)
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", t.name, err)
			}
			return content, nil
		}
	}
}
