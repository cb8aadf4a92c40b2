package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
)

// TestOwnEnvironment: a preview has what the user's own terraform would have, and
// hides of it only what looks like a secret.
func TestOwnEnvironment(t *testing.T) {
	home := t.TempDir()
	for name, text := range map[string]string{".aws/credentials": "keys", ".netrc": "words", ".other": "is not read"} {
		if err := writeFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := ownEnvironment([]string{"HOME=" + home, "SHELL=/bin/bash", "AWS_PROFILE=dev",
		"AWS_SECRET_ACCESS_KEY=one", "GITHUB_TOKEN=two",
		"TF_VAR_region=here", "TF_VAR_db_password=three", "DATABASE_URL=postgres://ada:four@db/x", "DOCS_URL=https://example.com/x",
		"CARDEA_LISTEN=:1", "TF_CLI_ARGS_plan=-destroy", "TF_WORKSPACE=x", "TF_DATA_DIR=x", "LD_PRELOAD=x", "GIT_DIR=x", "GIT_ASKPASS=/x", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=k.v", "GIT_CONFIG_VALUE_0=five"})
	want := run.Secrets{
		Env: map[string]string{"AWS_SECRET_ACCESS_KEY": "one", "GITHUB_TOKEN": "two", "TF_VAR_db_password": "three",
			"DATABASE_URL":     "postgres://ada:four@db/x",
			"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "k.v", "GIT_CONFIG_VALUE_0": "five"},
		Plain: map[string]string{"SHELL": "/bin/bash", "AWS_PROFILE": "dev", "TF_VAR_region": "here",
			"DOCS_URL": "https://example.com/x", "GIT_ASKPASS": "/x"},
		Home: home, Files: []run.HomeFile{{Data: []byte("keys")}, {Data: []byte("words")}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(run.Fetching{}, "Ask", "Revoke")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDownloading: the last line of a run's log is shown while it tells of a download, and no other.
func TestDownloading(t *testing.T) {
	dir, id := t.TempDir(), workflow.NewID(time.Now())
	if got := downloading(dir, id); got != "" {
		t.Errorf("without a log: got %q", got)
	}
	if err := os.MkdirAll(filepath.Join(dir, "runs", id+".1"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ log, want string }{
		{"\nDownloading Terraform 1.9.0 from releases.hashicorp.com.\n", "downloading Terraform 1.9.0 from releases.hashicorp.com"},
		{strings.Repeat("x\n", 9000) + "\nDownloading terraform_1.9.0.zip: 3.2 MB of 28.1 MB.\n", "downloading terraform_1.9.0.zip: 3.2 MB of 28.1 MB"},
		{"Downloading \x1b[2Jx\n", "downloading x"},
		{"Downloading x.\nDownloaded x.\n", ""},
		{"Initializing the backend...\n", ""},
		{"", ""},
	} {
		if err := os.WriteFile(filepath.Join(dir, "runs", id+".1", "log"), []byte(tt.log), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := downloading(dir, id); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
