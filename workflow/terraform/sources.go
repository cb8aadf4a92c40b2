package terraform

import (
	"cmp"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Sources are where a provider comes from that our own mirror lacks. The zero value
// is its own registry, as the tools call `direct`.
type Sources struct {
	// NetworkMirror is the base address of a mirror that speaks the provider network mirror
	// protocol; FilesystemMirror a directory, absolute, with packed or unpacked packages.
	NetworkMirror    string `json:"network_mirror,omitempty"`
	FilesystemMirror string `json:"filesystem_mirror,omitempty"`
	// Direct are registries; beside mirrors they are asked only where it is not nil.
	Direct *Direct `json:"direct,omitempty"`
	// CAFile is an absolute path of certificates in PEM that init trusts besides the system's.
	CAFile string `json:"ca_file,omitempty"`
}

// Direct says which providers may come from their registries: patterns like
// "registry.terraform.io/acme/*". No Include are all.
type Direct struct {
	Include []string `json:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
}

// methods are the blocks of a provider_installation, in the order in which the tools are told of them.
func (s Sources) methods() string {
	var out []string
	if s.FilesystemMirror != "" {
		out = append(out, mirrorBlock(s.FilesystemMirror))
	}
	if s.NetworkMirror != "" {
		out = append(out, "network_mirror {\n    url = "+strconv.Quote(s.NetworkMirror)+"\n  }")
	}
	if direct := cmp.Or(s.Direct, &Direct{}); s.Direct != nil || len(out) == 0 {
		out = append(out, "direct {"+patterns("include", direct.Include)+patterns("exclude", direct.Exclude)+"}")
	}
	return strings.Join(out, "\n  ")
}

func patterns(name string, list []string) string {
	if len(list) == 0 {
		return ""
	}
	quoted := make([]string, len(list))
	for i, p := range list {
		quoted[i] = strconv.Quote(p)
	}
	return "\n    " + name + " = [" + strings.Join(quoted, ", ") + "]\n  "
}

// words name the sources in a sentence: "from its registry".
func (s Sources) words() string {
	var out []string
	if s.FilesystemMirror != "" {
		out = append(out, "the directory `"+s.FilesystemMirror+"`")
	}
	if s.NetworkMirror != "" {
		out = append(out, "the mirror "+s.NetworkMirror)
	}
	if s.Direct != nil || len(out) == 0 {
		out = append(out, "its registry")
	}
	return strings.Join(out, " or ")
}

// trusting runs do while the tools trust the certificates of CAFile, too. dir is the run's own.
// The tools, as all programs in Go, read the system's from a directory besides this file.
func (s Sources) trusting(dir string, do func() error) error {
	if s.CAFile == "" {
		return do()
	}
	const name = "SSL_CERT_FILE"
	before, given := os.LookupEnv(name)
	var bundle []byte
	for _, file := range []string{before, s.CAFile} {
		if file == "" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return failed("The certificates for fetching providers cannot be read: %v.", errors.Unwrap(err))
		}
		bundle = append(append(bundle, data...), '\n')
	}
	file := filepath.Join(dir, "cardea-ca.pem")
	if err := os.WriteFile(file, bundle, 0o600); err != nil {
		return err
	}
	defer os.Remove(file)
	if err := os.Setenv(name, file); err != nil {
		return err
	}
	defer func() {
		if given {
			_ = os.Setenv(name, before)
		} else {
			_ = os.Unsetenv(name)
		}
	}()
	return do()
}

// providerPattern is what the tools take in include and exclude: up to three parts, each a name or "*".
var providerPattern = regexp.MustCompile(`^(([a-zA-Z0-9.-]+(:\d+)?|\*)/)?([a-zA-Z0-9_-]+|\*)/([a-zA-Z0-9_-]+|\*)$`)

// PatternFault says why a text does not name providers, "" where it does.
func PatternFault(pattern string) string {
	if providerPattern.MatchString(pattern) {
		return ""
	}
	return "names no providers: write HOST/NAMESPACE/TYPE, like registry.terraform.io/acme/*"
}

// CAFault says why the content of a file has no certificates that could be trusted, "" where it has.
func CAFault(data []byte) string {
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return "has no PEM certificate (-----BEGIN CERTIFICATE-----)"
		} else if block.Type == "CERTIFICATE" {
			return ""
		}
	}
}
