package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/cardea-iac/cardea/cmd/cardea/credential"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// direct is what the configuration says of registries; asking for it makes it say something.
func (r *configReader) direct() *terraform.Direct {
	p := &r.cfg.Terraform.Providers
	if p.Direct == nil {
		p.Direct = &terraform.Direct{}
	}
	return p.Direct
}

// networkMirror reads the address of a provider mirror. Terraform takes none but https.
func (r *configReader) networkMirror(y *config.Value) {
	s, ok := y.Text()
	if !ok {
		return
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		y.Fault("`%s` must be an https address like https://mirror.example.com/providers/: Terraform accepts nothing else", y.Path())
	case u.User != nil:
		y.Fault("`%s` must not contain a password: give a token as `TF_TOKEN_…` in a credentials entry", y.Path())
	default:
		r.cfg.Terraform.Providers.NetworkMirror = strings.TrimRight(s, "/") + "/"
	}
}

func (r *configReader) mirrorDir(y *config.Value) {
	dir, ok := r.path(y)
	if !ok {
		return
	}
	switch info, err := os.Stat(dir); {
	case err != nil:
		y.Fault("`%s`: %v", y.Path(), credential.Unread(dir, err))
	case !info.IsDir():
		y.Fault("`%s` is not a directory", y.Path())
	default:
		r.cfg.Terraform.Providers.FilesystemMirror = dir
	}
}

func (r *configReader) certificates(y *config.Value) {
	file, ok := r.path(y)
	if !ok {
		return
	}
	data, err := os.ReadFile(file)
	if err != nil {
		y.Fault("`%s`: %v", y.Path(), credential.Unread(file, err))
		return
	}
	if why := terraform.CAFault(data); why != "" {
		y.Fault("`%s` %s", y.Path(), why)
		return
	}
	r.cfg.Terraform.Providers.CAFile = file
}

// path is an absolute path of the server; a relative one starts at the configuration file.
func (r *configReader) path(y *config.Value) (string, bool) {
	s, ok := y.Text()
	if !ok || s == "" {
		if ok {
			y.Fault("`%s` is empty", y.Path())
		}
		return "", false
	}
	if !filepath.IsAbs(s) {
		s = filepath.Join(r.dir, s)
	}
	abs, err := filepath.Abs(s)
	if err != nil {
		y.Fault("`%s`: %v", y.Path(), err)
		return "", false
	}
	return abs, true
}

func (r *configReader) patterns(y *config.Value, into *[]string) {
	*into = []string{}
	y.List(func(v *config.Value) {
		s, ok := v.Text()
		if why := terraform.PatternFault(s); ok && why != "" {
			v.Fault("`%s`: %q %s", v.Path(), s, why)
			return
		}
		*into = append(*into, s)
	})
}
