package terraform

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/terraformtest"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// TestFetchSecret: what fetching is given never reaches a program that the change names, as a
// backend and OpenTofu's encryption start them in init.
func TestFetchSecret(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		files map[string]string
	}{
		{"a backend's program", map[string]string{"app/aws.config": "[profile x]\ncredential_process = STATE/program\n", "app/main.tf": `terraform {
  backend "s3" {
    bucket                      = "b"
    key                         = "k"
    region                      = "eu-west-1"
    profile                     = "x"
    shared_config_files         = ["aws.config"]
    skip_credentials_validation = true
    skip_requesting_account_id  = true
    skip_metadata_api_check     = true
    endpoints                   = { s3 = "http://127.0.0.1:1", sts = "http://127.0.0.1:1" }
  }
}
`}},
		{"a program of the encryption", map[string]string{"app/main.tofu": backend + `terraform {
  encryption {
    key_provider "external" "x" { command = ["STATE/program"] }
    method "aes_gcm" "x" { keys = key_provider.external.x }
    state { method = method.aes_gcm.x }
  }
}
`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.files)
			if tt.files["app/main.tofu"] != "" {
				w.order.Tools.Path = filepath.Dir(terraformtest.Tofu(t))
			}
			w.order.Secret = "canary-of-the-registry"
			seen := filepath.Join(w.state, "seen")
			if err := writeFiles(w.state, map[string]string{"program": "#!/bin/sh\n/usr/bin/env >> " + seen + "\nexit 1\n"}); err != nil {
				t.Fatal(err)
			}
			a := w.plan()
			env, err := os.ReadFile(seen)
			if err != nil || a.Result.Outcome != workflow.OutcomeFailed {
				t.Fatalf("the program was not asked: %v %+v\n%s", err, a.Result, a.Log)
			}
			if strings.Contains(string(env), w.order.Secret) {
				t.Errorf("a program of the change saw the secret:\n%s", env)
			}
		})
	}
}

// TestFetchSecretPlans: nothing else is different then, also where a committed lock file has a provider
// that only the state needs.
func TestFetchSecretPlans(t *testing.T) {
	t.Parallel()
	want := timeWorlds(t, 1)[0].mustPlan()
	w := timeWorlds(t, 1)[0]
	w.order.Secret = "canary-of-the-registry"
	got := w.mustPlan()
	if why := got.Fetched.Differs(want.Fetched); why != "" || got.Counts != want.Counts {
		t.Errorf("another plan: %s %+v", why, got)
	}
	w.apply()
	w.files["app/main.tf"], w.files["app/"+tfconfig.LockFile] = "", committedLock(t)
	if got = w.mustPlan(); got.Counts != (workflow.Counts{Destroy: 1}) {
		t.Errorf("of what is only in the state: %+v", got)
	}
}
