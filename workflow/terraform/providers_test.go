package terraform

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/terraformtest"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

const (
	timeConfig = `terraform {
  required_providers {
    time = { source = "hashicorp/time" }
  }
}
resource "time_static" "x" { rfc3339 = "2026-11-21T00:00:00Z" }
`
	timePackage = "registry.terraform.io/hashicorp/time/" + terraformtest.TimeVersion
)

// timeWorlds are n worlds with one mirror, which lacks the provider, and one origin, which has it.
func timeWorlds(t *testing.T, n int) []*world {
	t.Helper()
	origin, mirror := terraformtest.Mirror(t), t.TempDir()
	var out []*world
	for range n {
		w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/main.tf": timeConfig})
		w.order.Tools.Providers = mirror
		w.order.Tools.Sources.FilesystemMirror = origin
		out = append(out, w)
	}
	return out
}

// planAll plans all worlds at once.
func planAll(worlds []*world) []answer {
	answers := make([]answer, len(worlds))
	var wg sync.WaitGroup
	for i, w := range worlds {
		wg.Go(func() { answers[i] = w.plan() })
	}
	wg.Wait()
	return answers
}

// committedLock makes the lock file that a developer would commit.
func committedLock(t *testing.T) string {
	t.Helper()
	w := timeWorlds(t, 1)[0]
	w.order.Tools.Providers = terraformtest.Mirror(t)
	f := w.workspace()
	if err := w.terraform(f, []string{"init", "-no-color"}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(f.Workspace, "app", tfconfig.LockFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestProvidersParallel: eight runs need a provider that the mirror lacks. One
// fetches it, all plan, and the mirror holds it whole.
func TestProvidersParallel(t *testing.T) {
	t.Parallel()
	for name, lock := range map[string]string{"without lock file": "", "with lock file": committedLock(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			worlds := timeWorlds(t, 8)
			for _, w := range worlds {
				if lock != "" {
					w.files["app/"+tfconfig.LockFile] = lock
				}
			}
			fetched := 0
			answers := planAll(worlds)
			for i, a := range answers {
				if a.Result.Plan == nil || a.Result.Plan.Counts != (workflow.Counts{Add: 1}) {
					t.Fatalf("run %d: got %+v %s\n%s", i, a.Result, a.Error, a.Log)
				}
				unlocked := slices.ContainsFunc(a.Result.Plan.Hidden, func(e workflow.HiddenEffect) bool { return e.Kind == "unlocked_provider" })
				if unlocked != (lock == "") {
					t.Errorf("run %d: got the hidden effects %+v", i, a.Result.Plan.Hidden)
				}
				if why := a.Result.Plan.Fetched.Differs(answers[0].Result.Plan.Fetched); why != "" {
					t.Errorf("run %d: %s", i, why)
				}
				fetched += strings.Count(a.Log, "; fetching from ")
			}
			if fetched != 1 {
				t.Errorf("the provider was fetched %d times, want once", fetched)
			}
			mirror := worlds[0].order.Tools.Providers
			if diff := cmp.Diff(map[string]bool{timePackage + "/" + platform(): true}, listPackages(mirror)); diff != "" {
				t.Errorf("the mirror (-want +got):\n%s", diff)
			}
			if left, err := filepath.Glob(filepath.Join(mirror, ".incoming-*")); err != nil || len(left) > 0 {
				t.Errorf("left over in the mirror: %v %v", left, err)
			}
		})
	}
}

// TestProvidersLockFile: a committed lock file that init would change, or that
// does not fit, fails the plan with the line to run.
func TestProvidersLockFile(t *testing.T) {
	t.Parallel()
	lock := committedLock(t)
	const line = "Run `terraform -chdir=app providers lock -platform="
	tests := []struct {
		name, lock, want string
	}{
		{"another checksum", strings.Replace(lock, "h1:", "h1:AAAA", 1), "The committed `.terraform.lock.hcl` does not fit. " + line},
		{"provider missing", "# nothing is locked\n", "terraform init would change the committed `app/.terraform.lock.hcl` (registry.terraform.io/hashicorp/time is missing from it). " + line},
		{"another version", strings.Replace(lock, `"`+terraformtest.TimeVersion+`"`, `"0.1.0"`, 1),
			"The provider registry.terraform.io/hashicorp/time is not in the server's provider mirror (`providers` below `data_dir`), and fetching it from the directory `"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := timeWorlds(t, 1)[0]
			w.order.Tools.Providers = terraformtest.Mirror(t)
			w.files["app/"+tfconfig.LockFile] = tt.lock
			for _, w.order.Secret = range []string{"", "canary-of-the-registry"} {
				a := w.plan()
				if a.Result.Outcome != workflow.OutcomeFailed || !strings.HasPrefix(a.Result.Reason, tt.want) {
					t.Errorf("got %q %q, want %q\n%s", a.Result.Outcome, a.Result.Reason, tt.want, a.Log)
				}
			}
		})
	}
}

// TestProvidersForged: a package that is not the one that init verified does not reach the mirror.
func TestProvidersForged(t *testing.T) {
	t.Parallel()
	origin, mirror := terraformtest.Mirror(t), t.TempDir()
	pkg := timePackage + "/" + platform()
	if _, err := publishPackage(filepath.Join(origin, pkg), mirror, pkg, []string{"h1:another"}); err == nil {
		t.Error("got no error for another checksum")
	}
	if got := listPackages(mirror); len(got) != 0 {
		t.Errorf("the mirror has %v", got)
	}
}
