package terraform

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// releaseServer serves releases of OpenTofu as its own site does, signed with a key of its own.
type releaseServer struct {
	t        *testing.T
	url, key string
	files    map[string][]byte
	archives atomic.Int32 // that were fetched
	signer   *openpgp.Entity
}

func newReleaseServer(t *testing.T) *releaseServer {
	t.Helper()
	s := &releaseServer{t: t, files: map[string][]byte{}}
	var err error
	if s.signer, err = openpgp.NewEntity("releases", "", "releases@example.com", nil); err != nil {
		t.Fatal(err)
	}
	s.key = armored(t, s.signer)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, ok := s.files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if strings.HasSuffix(r.URL.Path, ".zip") {
			s.archives.Add(1)
		}
		_, _ = w.Write(data)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func armored(t *testing.T, e *openpgp.Entity) string {
	t.Helper()
	var out bytes.Buffer
	w, err := armor.Encode(&out, openpgp.PublicKeyType, nil)
	if err == nil {
		err = e.Serialize(w)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// release adds one whose program says that it is another version, "" for the same.
func (s *releaseServer) release(version, says string) {
	s.t.Helper()
	if says == "" {
		says = version
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for name, text := range map[string]string{"LICENSE": "text", "tofu": fmt.Sprintf("#!/bin/sh\necho '{\"terraform_version\": \"%s\"}'\n", says)} {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.files[s.name(version, platform()+".zip")] = archive.Bytes()
	s.sign(version, fmt.Sprintf("%x  tofu_%s_plan9_mips.zip\n%x  tofu_%s_%s.zip\n", sha256.Sum256(nil), version, sha256.Sum256(archive.Bytes()), version, platform()), s.signer)
	s.files["/api.json"] = []byte(`{"versions": [{"id": "not one"}, {"id": "1.11.0-rc1"}, {"id": "1.10.6", "files": []}, {"id": "1.9.4"}, {"id": "1.9.3"}]}`)
}

func (s *releaseServer) name(version, file string) string {
	return fmt.Sprintf("/v%s/tofu_%s_%s", version, version, file)
}

func (s *releaseServer) sign(version, sums string, signer *openpgp.Entity) {
	s.t.Helper()
	var signature bytes.Buffer
	if err := openpgp.DetachSign(&signature, signer, strings.NewReader(sums), nil); err != nil {
		s.t.Fatal(err)
	}
	s.files[s.name(version, "SHA256SUMS")] = []byte(sums)
	s.files[s.name(version, "SHA256SUMS.gpgsig")] = signature.Bytes()
}

func (s *releaseServer) request(dir string, log *bytes.Buffer) toolRequest {
	return toolRequest{scratch: dir, tools: Tools{Dir: filepath.Join(dir, "tools"), Path: filepath.Join(dir, "path"), Tool: "tofu"},
		options: Options{OpenTofu: OpenTofuReleases{Index: s.url + "/api.json", URL: s.url, Key: s.key}},
		log:     func(text string) { log.WriteString(text + "\n") }}
}

// left are the files below a directory that are no locks.
func left(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != ".lock" {
			rel, _ := filepath.Rel(dir, name)
			out = append(out, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

// TestDownloadOpenTofu: what is put among the tools is what OpenTofu's key signed; of anything else nothing is left.
func TestDownloadOpenTofu(t *testing.T) {
	t.Parallel()
	stranger, err := openpgp.NewEntity("stranger", "", "stranger@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		version string // of the entry
		require string
		spoil   func(s *releaseServer)
		want    string // the version, or a part of the sentence
	}{
		{name: "an exact version", version: "1.10.6", want: "1.10.6"},
		{name: "the newest", want: "1.10.6"},
		{name: "the newest that fits", require: "~> 1.9.0", want: "1.9.4"},
		{name: "no version fits", require: "~> 1.4.0", want: "none of the 5 versions of OpenTofu listed at http://"},
		{name: "no such version", version: "1.8.0", want: "Downloading it failed: OpenTofu 1.8.0: http://"},
		{name: "another signature", version: "1.10.6", want: "its list of checksums is not signed with OpenTofu's release key",
			spoil: func(s *releaseServer) {
				s.sign("1.10.6", string(s.files[s.name("1.10.6", "SHA256SUMS")]), stranger)
			}},
		{name: "no signature", version: "1.10.6", want: "SHA256SUMS.gpgsig answers 404 Not Found.",
			spoil: func(s *releaseServer) { delete(s.files, s.name("1.10.6", "SHA256SUMS.gpgsig")) }},
		{name: "an empty signature", version: "1.10.6", want: "its list of checksums is not signed with OpenTofu's release key",
			spoil: func(s *releaseServer) { s.files[s.name("1.10.6", "SHA256SUMS.gpgsig")] = nil }},
		{name: "checksums that were written afterwards", version: "1.10.6", want: "its list of checksums is not signed with OpenTofu's release key",
			spoil: func(s *releaseServer) {
				name := s.name("1.10.6", "SHA256SUMS")
				s.files[name] = append(s.files[name], '\n')
			}},
		{name: "another archive", version: "1.10.6", want: "and the signed list says",
			spoil: func(s *releaseServer) {
				s.files[s.name("1.10.6", platform()+".zip")] = s.files[s.name("1.9.4", platform()+".zip")]
			}},
		{name: "half an archive", version: "1.10.6", want: "and the signed list says",
			spoil: func(s *releaseServer) {
				name := s.name("1.10.6", platform()+".zip")
				s.files[name] = s.files[name][:len(s.files[name])/2]
			}},
		{name: "an archive that is none", version: "1.10.6", want: "unpacking tofu_1.10.6_",
			spoil: func(s *releaseServer) {
				s.files[s.name("1.10.6", platform()+".zip")] = []byte("nothing")
				s.sign("1.10.6", fmt.Sprintf("%x  tofu_1.10.6_%s.zip\n", sha256.Sum256([]byte("nothing")), platform()), s.signer)
			}},
		{name: "not for this platform", version: "1.10.6", want: "there is no build for " + platform() + ".",
			spoil: func(s *releaseServer) { s.sign("1.10.6", "00  tofu_1.10.6_plan9_mips.zip\n", s.signer) }},
		{name: "a program of another version", version: "1.9.3", want: "the download is version 1.9.2"},
		{name: "a list that is none", want: "cannot be read", spoil: func(s *releaseServer) { s.files["/api.json"] = []byte("<html>") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newReleaseServer(t)
			s.release("1.10.6", "")
			s.release("1.9.4", "")
			s.release("1.9.3", "1.9.2")
			if tt.spoil != nil {
				tt.spoil(s)
			}
			dir, log := t.TempDir(), &bytes.Buffer{}
			r := s.request(dir, log)
			if tt.require != "" {
				r.expected.Required = []tfconfig.Wanted{{Version: tt.require, File: "app/main.tf", Line: 2}}
			}
			got, err := findTool(t.Context(), r, workflow.Project{Settings: tfconfig.Settings{Version: tt.version}.JSON()}, dir)
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %q, want %q", err, tt.want)
				}
				if files := left(t, r.tools.Dir); files != "" {
					t.Errorf("it left %s", files)
				}
				return
			}
			if got.version.String() != tt.want || got.path != filepath.Join(r.tools.Dir, "tofu", tt.want, "tofu") {
				t.Errorf("got %s at %s, want %s", got.version, got.path, tt.want)
			}
			if files := left(t, filepath.Join(r.tools.Dir, "tofu")); files != tt.want+"/tofu" {
				t.Errorf("got %s, want the program alone", files)
			}
			if text := log.String(); !strings.Contains(text, "Downloading OpenTofu "+tt.want+": http://") || !strings.Contains(text, "checksum and signature verified; archive size: ") {
				t.Errorf("the log says %q", text)
			}
		})
	}
}

// TestDownloadOnce: runs that begin together download once.
func TestDownloadOnce(t *testing.T) {
	t.Parallel()
	s := newReleaseServer(t)
	s.release("1.10.6", "")
	dir := t.TempDir()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := findTool(t.Context(), s.request(dir, &bytes.Buffer{}), workflow.Project{}, dir); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.archives.Load(); n != 1 {
		t.Errorf("%d downloads, want 1", n)
	}
}

// TestOpenTofuKey: the key that we hold is the one that OpenTofu publishes.
func TestOpenTofuKey(t *testing.T) {
	t.Parallel()
	ring, err := openpgp.ReadArmoredKeyRing(strings.NewReader(opentofuKey))
	if err != nil || len(ring) != 1 {
		t.Fatal(len(ring), err)
	}
	if got := fmt.Sprintf("%X", ring[0].PrimaryKey.Fingerprint); got != "E3E6E43D84CB852EADB0051D0C0AF313E5FD9F80" {
		t.Errorf("its fingerprint is %s", got)
	}
}
