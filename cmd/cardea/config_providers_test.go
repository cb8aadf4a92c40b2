package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow/terraform"
)

func TestConfigProviders(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"ca.pem": "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n", "key.pem": "-----BEGIN PRIVATE KEY-----\nMAo=\n-----END PRIVATE KEY-----\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, tt := range []struct {
		name, text string
		env        []string
		want       terraform.Sources
		faults     string // of all of them, in order
	}{
		{name: "nothing", text: "{}"},
		{name: "a mirror alone", text: "{network_mirror: 'https://mirror.example.com/providers'}", want: terraform.Sources{NetworkMirror: "https://mirror.example.com/providers/"}},
		{name: "registries, said without a word", text: "{filesystem_mirror: ., direct: {}}", want: terraform.Sources{FilesystemMirror: dir, Direct: &terraform.Direct{}}},
		{name: "all of it", text: "{ca_file: ca.pem, direct: {include: ['a.b/c/*'], exclude: ['*/d']}}",
			want: terraform.Sources{CAFile: in("ca.pem"), Direct: &terraform.Direct{Include: []string{"a.b/c/*"}, Exclude: []string{"*/d"}}}},
		{name: "by the environment", text: "{}", env: []string{"CARDEA_TERRAFORM_PROVIDERS_DIRECT_EXCLUDE=a/b,c/d", "CARDEA_TERRAFORM_PROVIDERS_NETWORK_MIRROR=https://m"},
			want: terraform.Sources{NetworkMirror: "https://m/", Direct: &terraform.Direct{Exclude: []string{"a/b", "c/d"}}}},
		{name: "mistakes", text: "{network_mirror: 'http://m/', filesystem_mirror: gone, ca_file: key.pem, direct: {include: [aws], excludes: []}, mirror: x}",
			faults: "must be an https address|/gone does not exist|has no PEM certificate|\"aws\" names no providers|unknown key `terraform.providers.direct.excludes`|unknown key `terraform.providers.mirror`"},
		{name: "more mistakes", text: "{network_mirror: 'https://u:p@m/', filesystem_mirror: ca.pem, ca_file: gone.pem, direct: true}",
			faults: "must not contain a password|is not a directory|/gone.pem does not exist|direct"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, faults := parseConfig(in("cardea.yml"), []byte("terraform: {providers: "+tt.text+"}\n"), tt.env)
			var got []string
			for _, f := range faults {
				if strings.Contains(f.Summary, "terraform.providers") || strings.Contains(f.Position.File, "PROVIDERS") {
					got = append(got, f.Summary)
				}
			}
			if tt.faults == "" {
				if d := cmp.Diff(tt.want, r.Terraform.Providers); d != "" || len(got) > 0 {
					t.Errorf("-want +got:\n%s%s", d, strings.Join(got, "\n"))
				}
				return
			}
			all := strings.Join(got, "\n")
			for _, want := range strings.Split(tt.faults, "|") {
				if !strings.Contains(all, want) {
					t.Errorf("no fault says %q:\n%s", want, all)
				}
			}
		})
	}
}
