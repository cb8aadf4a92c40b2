package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"
	"golang.org/x/mod/sumdb/dirhash"
)

// What a company has around its repository, on loopback: a mirror of providers whose certificate only the
// company's own authority vouches for, and a git server that speaks ssh.

// outsideCommands are the words for it.
func outsideCommands() map[string]func(*story, *testscript.TestScript, []string) error {
	return map[string]func(*story, *testscript.TestScript, []string) error{
		"networkmirror": (*story).cmdNetworkMirror,
		"sshd":          (*story).cmdSSHD,
		"noted":         (*story).cmdNoted,
		"sinks":         (*story).cmdSinks,
	}
}

// networkmirror TOKEN: starts a mirror that speaks the provider network mirror protocol over TLS and answers whoever has
// the token. It has acme/reader 1.0.0, with its checksums. $MIRROR is its address, $MIRROR_HOST its host, mirror-ca.pem the
// certificate of the authority, and mirror.rc what a person of the company has as CLI configuration. While the file mirror-down is there, it
// answers 503; while mirror-changed is, its package is another one than its checksums say.
func (s *story) cmdNetworkMirror(ts *testscript.TestScript, args []string) error {
	authority, certificate, err := companyCA()
	if err != nil {
		return err
	}
	mirror, err := newProviderMirror(s.reader(), args[0], ts.MkAbs("."))
	if err != nil {
		return err
	}
	server := httptest.NewUnstartedServer(mirror)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // who does not trust it says so itself
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	ts.Defer(server.Close)
	host := server.Listener.Addr().String()
	for name, value := range map[string]string{"MIRROR": server.URL + "/providers/", "MIRROR_HOST": host} {
		ts.Setenv(name, value)
	}
	rc := fmt.Sprintf("provider_installation {\n  network_mirror { url = %q }\n}\ncredentials %q {\n  token = %q\n}\n", server.URL+"/providers/", host, args[0])
	return errors.Join(os.WriteFile(ts.MkAbs("mirror-ca.pem"), authority, 0o600), os.WriteFile(ts.MkAbs("mirror.rc"), []byte(rc), 0o600))
}

// companyCA is a new authority's certificate, and one of its making for 127.0.0.1.
func companyCA() (authority []byte, server tls.Certificate, err error) {
	keys := make([]*ecdsa.PrivateKey, 2)
	for i := range keys {
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, server, err
		}
	}
	from, until := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Acme Root CA"}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "mirror"}, NotBefore: from, NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &keys[0].PublicKey, keys[0])
	if err != nil {
		return nil, server, err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &keys[1].PublicKey, keys[0])
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: keys[1]}, err
}

// providerMirror is the protocol's server side, with one provider.
type providerMirror struct {
	token, dir string
	archive    []byte
	changed    []byte         // another one, under its name
	index      map[string]any // by name of the file below the provider
}

const mirroredDir, mirroredZip = "/providers/registry.terraform.io/acme/reader/", "terraform-provider-reader_1.0.0.zip"

func newProviderMirror(provider []byte, token, dir string) (*providerMirror, error) {
	const name = "terraform-provider-reader_v1.0.0"
	m := &providerMirror{token: token, dir: dir}
	for archive, content := range map[*[]byte][]byte{&m.archive: provider, &m.changed: append([]byte("not "), provider...)} {
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		header := &zip.FileHeader{Name: name, Method: zip.Deflate}
		header.SetMode(0o755)
		f, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		_, err = f.Write(content)
		if err = errors.Join(err, w.Close()); err != nil {
			return nil, err
		}
		*archive = out.Bytes()
	}
	h1, err := dirhash.Hash1([]string{name}, func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(provider)), nil })
	zh := sha256.Sum256(m.archive)
	archives := map[string]any{runtime.GOOS + "_" + runtime.GOARCH: map[string]any{"url": mirroredZip, "hashes": []string{h1, "zh:" + hex.EncodeToString(zh[:])}}}
	m.index = map[string]any{"index.json": map[string]any{"versions": map[string]any{"1.0.0": map[string]any{}}}, "1.0.0.json": map[string]any{"archives": archives}}
	return m, err
}

func (m *providerMirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	dir, name := path.Split(r.URL.Path)
	dir = strings.Replace(dir, "registry.opentofu.org", "registry.terraform.io", 1)
	is := func(what string) bool {
		_, err := os.Stat(filepath.Join(m.dir, "mirror-"+what))
		return err == nil
	}
	switch {
	case is("down"):
		http.Error(w, "the mirror is being repaired", http.StatusServiceUnavailable)
	case r.Header.Get("Authorization") != "Bearer "+m.token && name != mirroredZip: // the tools send a token to the protocol only
		http.Error(w, "no", http.StatusUnauthorized)
	case dir == mirroredDir && name == mirroredZip:
		w.Header().Set("Content-Type", "application/zip")
		archive := m.archive
		if is("changed") {
			archive = m.changed
		}
		_, _ = w.Write(archive)
	case dir == mirroredDir && m.index[name] != nil:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(m.index[name])
	default:
		http.NotFound(w, r)
	}
}

// sshd DIR: starts a git server that speaks ssh, whose one repository platform/net.git has what DIR holds. It lets in who has
// the key ssh/key; ssh/known_hosts knows it. $SSHD is its host and port, $SSH_COMMIT the repository's commit.
func (s *story) cmdSSHD(ts *testscript.TestScript, args []string) error {
	if _, err := exec.LookPath("ssh"); err != nil {
		return errors.New("this story needs ssh on PATH: install OpenSSH's client")
	}
	repo := ts.MkAbs("platform/net.git")
	commit, err := gitRepository(repo, ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ts.Defer(func() { _ = listener.Close() })
	config, err := sshKeys(ts.MkAbs("ssh"), listener.Addr().(*net.TCPAddr).Port)
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed with the story
			}
			go serveSSH(conn, config, repo)
		}
	}()
	ts.Setenv("SSHD", listener.Addr().String())
	ts.Setenv("SSH_COMMIT", commit)
	return nil
}

// gitRepository makes a bare repository with one commit of what dir holds.
func gitRepository(bare, dir string) (commit string, err error) {
	var out []byte
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"-c", "user.name=mia", "-c", "user.email=mia@example.com", "commit", "-qm", "Modules"},
		{"clone", "-q", "--bare", ".", bare}, {"rev-parse", "HEAD"}} {
		cmd := exec.Command("git", args...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
		cmd.Dir = dir
		if out, err = cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("git %s: %w\n%s", args[0], err, out)
		}
	}
	return strings.TrimSpace(string(out)), nil
}

// sshKeys writes a key and the server's into dir, and returns a server's configuration with them.
func sshKeys(dir string, port int) (*ssh.ServerConfig, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	_, hostKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, "modules of acme")
	if err != nil {
		return nil, err
	}
	client, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, err
	}
	host, err := ssh.NewSignerFromKey(hostKey)
	if err != nil {
		return nil, err
	}
	known := fmt.Sprintf("[127.0.0.1]:%d %s", port, ssh.MarshalAuthorizedKey(host.PublicKey()))
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(offered.Marshal(), client.PublicKey().Marshal()) {
			return nil, errors.New("this key is not known")
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	return config, errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "key"), pem.EncodeToMemory(block), 0o600),
		os.WriteFile(filepath.Join(dir, "known_hosts"), []byte(known), 0o600))
}

// serveSSH lets a client that has the key read the repository, and nothing else.
func serveSSH(conn net.Conn, config *ssh.ServerConfig, repo string) {
	server, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return // the client is told
	}
	defer server.Close()
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			_ = offered.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, asked, err := offered.Accept()
		if err != nil {
			return
		}
		go uploadPack(channel, asked, repo)
	}
}

func uploadPack(channel ssh.Channel, asked <-chan *ssh.Request, repo string) {
	defer channel.Close()
	for r := range asked {
		var command struct{ Line string }
		ok := r.Type == "exec" && ssh.Unmarshal(r.Payload, &command) == nil && strings.HasPrefix(command.Line, "git-upload-pack '/platform/net.git'")
		_ = r.Reply(ok || r.Type == "env", nil)
		if !ok {
			continue
		}
		cmd := exec.CommandContext(context.Background(), "git", "upload-pack", repo)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = channel, channel, channel.Stderr()
		status := struct{ Code uint32 }{}
		if cmd.Run() != nil {
			status.Code = 1
		}
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
		return
	}
}
