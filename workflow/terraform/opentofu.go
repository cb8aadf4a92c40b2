package terraform

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/hashicorp/go-version"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// opentofuKey is the key that signs OpenTofu's releases, as https://get.opentofu.org/opentofu.asc
// has it; its fingerprint is E3E6E43D84CB852EADB0051D0C0AF313E5FD9F80.
//
//go:embed opentofu.asc
var opentofuKey string

// OpenTofuReleases is where OpenTofu's releases are; the zero value is its own site.
type OpenTofuReleases struct {
	Index string // lists the versions
	URL   string // below it: vVERSION/FILE
	Key   string // armored: who signs them
}

func (o OpenTofuReleases) or(d OpenTofuReleases) OpenTofuReleases {
	return OpenTofuReleases{cmp.Or(o.Index, d.Index), cmp.Or(o.URL, d.URL), cmp.Or(o.Key, d.Key)}
}

// Bounds of what a server may send.
const (
	maxIndex   = 16 << 20
	maxSums    = 1 << 20
	maxArchive = 512 << 20
	maxProgram = 1 << 30
)

// installTofu downloads a release of OpenTofu into a directory and returns the program in it.
// The archive has the checksum that stands in a list that OpenTofu's key signed.
func (r toolRequest) installTofu(ctx context.Context, dir string) (string, error) {
	from := r.options.OpenTofu.or(OpenTofuReleases{"https://get.opentofu.org/tofu/api.json",
		"https://github.com/opentofu/opentofu/releases/download", opentofuKey})
	v := r.wish.exact
	if v == nil {
		var err error
		if v, err = r.newestTofu(ctx, from.Index); err != nil {
			return "", err
		}
	}
	release := fmt.Sprintf("%s/v%s/tofu_%s_", from.URL, v, v)
	archive := fmt.Sprintf("tofu_%s_%s.zip", v, platform())
	sum, err := signedSum(ctx, from.Key, release, archive)
	if err != nil {
		return "", fmt.Errorf("OpenTofu %s: %w", v, err)
	}
	r.say("Downloading OpenTofu %s: %s%s.zip.", v, release, platform())
	file := filepath.Join(dir, archive)
	size, err := r.fetchFile(ctx, release+platform()+".zip", file, sum)
	if err != nil {
		return "", fmt.Errorf("OpenTofu %s: %w", v, err)
	}
	program := filepath.Join(dir, r.wish.tool)
	if err := unpack(file, r.wish.tool, program); err != nil {
		return "", fmt.Errorf("OpenTofu %s: unpacking %s: %w", v, archive, err)
	}
	if err := os.Remove(file); err != nil {
		return "", err
	}
	r.say("Downloaded OpenTofu %s, checksum and signature verified; archive size: %s.", v, phrase.Bytes(size))
	return program, nil
}

// newestTofu is the newest release that is wanted. Pre-releases are taken only by their exact version.
func (r toolRequest) newestTofu(ctx context.Context, index string) (*version.Version, error) {
	data, err := fetch(ctx, index, maxIndex)
	if err != nil {
		return nil, fmt.Errorf("the list of OpenTofu versions: %w", err)
	}
	var list struct {
		Versions []struct {
			ID string `json:"id"`
		} `json:"versions"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("the list of OpenTofu versions at %s cannot be read: %w", index, err)
	}
	var newest *version.Version
	for _, listed := range list.Versions {
		v, err := version.NewVersion(listed.ID)
		if err == nil && v.Prerelease() == "" && r.wish.fits(v) && (newest == nil || v.GreaterThan(newest)) {
			newest = v
		}
	}
	if newest == nil {
		return nil, fmt.Errorf("none of the %d versions of OpenTofu listed at %s matches", len(list.Versions), index)
	}
	return newest, nil
}

// signedSum is the checksum of a file of a release, from the list that the key signed.
func signedSum(ctx context.Context, key, release, file string) (string, error) {
	sums, err := fetch(ctx, release+"SHA256SUMS", maxSums)
	if err != nil {
		return "", err
	}
	signature, err := fetch(ctx, release+"SHA256SUMS.gpgsig", maxSums)
	if err != nil {
		return "", err
	}
	ring, err := openpgp.ReadArmoredKeyRing(strings.NewReader(key))
	if err != nil {
		return "", fmt.Errorf("reading the release key: %w", err)
	}
	if _, err := openpgp.CheckDetachedSignature(ring, bytes.NewReader(sums), bytes.NewReader(signature), nil); err != nil {
		return "", fmt.Errorf("its list of checksums is not signed with OpenTofu's release key (%w)", err)
	}
	for line := range strings.Lines(string(sums)) {
		if words := strings.Fields(line); len(words) == 2 && strings.TrimPrefix(words[1], "*") == file {
			return words[0], nil
		}
	}
	return "", fmt.Errorf("this release has no %s: there is no build for %s", file, platform())
}

// get asks for something on the web.
func get(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return resp, nil
}

var errTooLarge = errors.New("it is too large")

// fetch is what stands at an address, at most so many bytes of it.
func fetch(ctx context.Context, url string, most int64) ([]byte, error) {
	resp, err := get(ctx, http.DefaultClient, url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err == nil && int64(len(data)) > most {
		err = errTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", url, err)
	}
	return data, nil
}

// fetchFile writes what stands at an address into a new file, if it has the checksum.
func (r toolRequest) fetchFile(ctx context.Context, url, name, sum string) (int64, error) {
	resp, err := get(ctx, r.client(), url)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	h := sha256.New()
	size, err := create(name, io.TeeReader(resp.Body, h), maxArchive)
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", url, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); !strings.EqualFold(got, sum) {
		return 0, fmt.Errorf("the checksum of %s is %s, and the signed list says %s", url, got, sum)
	}
	return size, nil
}

// unpack takes one file out of an archive and makes it a program.
func unpack(archive, name, program string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		if f.Name != name || !f.Mode().IsRegular() {
			continue
		}
		content, err := f.Open()
		if err != nil {
			return err
		}
		defer content.Close()
		if _, err := create(program, content, maxProgram); err != nil {
			return err
		}
		return os.Chmod(program, 0o755)
	}
	return fmt.Errorf("there is no %s in it", name)
}

// create writes a new file of at most so many bytes.
func create(name string, from io.Reader, most int64) (n int64, err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(f, io.LimitReader(from, most+1))
	if err == nil && n > most {
		err = errTooLarge
	}
	return n, errors.Join(err, f.Close())
}
