package terraform

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/terraformtest"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// wrapped puts a script before terraform: it sees every process, and may end
// one in its own way. RECORD in its text is a file for it.
func wrapped(t *testing.T, w *world, script string) (record string) {
	t.Helper()
	dir := t.TempDir()
	record = filepath.Join(dir, "record")
	text := "#!/bin/sh\n" + strings.ReplaceAll(script, "RECORD", record) + "\nexec " + terraformtest.Terraform(t) + ` "$@"` + "\n"
	if err := writeAside(filepath.Join(dir, "terraform"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	w.order.Tools.Path = dir + string(os.PathListSeparator) + os.Getenv("PATH")
	return record
}

// TestPlanDeaths: an exit code alone is never success, and the sentence says how terraform died.
func TestPlanDeaths(t *testing.T) {
	t.Parallel()
	out := `for a in "$@"; do case "$a" in -out=*) out="${a#-out=}";; esac; done; `
	tests := []struct {
		name, script, want string
	}{
		{"killed", `[ "$1" = plan ] && kill -9 $$`, "terraform was killed during plan (SIGKILL): most likely it ran out of memory."},
		{"killed in init", `[ "$1" = init ] && kill -9 $$`, "terraform was killed during init (SIGKILL)"},
		{"interrupted", `[ "$1" = plan ] && kill -INT $$`, "terraform was interrupted during plan."},
		{"exit 2, no plan file", `[ "$1" = plan ] && { echo "fatal error: out of memory" >&2; exit 2; }`, "terraform left no saved plan although it exited 2: fatal error: out of memory."},
		{"exit 2, empty plan file", `[ "$1" = plan ] && { ` + out + `: > "$out"; exit 2; }`, "terraform left no saved plan although it exited 2."},
		{"exit 0, no plan file", `[ "$1" = plan ] && exit 0`, "terraform left no saved plan although it exited 0."},
		{"another exit code", `[ "$1" = plan ] && { echo oh >&2; exit 11; }`, "terraform ended plan with exit status 11: oh."},
		{"a plan file that is none", `[ "$1" = plan ] && { ` + out + `echo nonsense > "$out"; exit 2; }`, "terraform show: Failed to read the given file as a state or plan file."},
		{"show prints nothing", `[ "$1" = show ] && exit 0`, "terraform printed nothing for its saved plan."},
		{"show prints no plan", `[ "$1" = show ] && { echo '{"format_version": "1.2"'; exit 0; }`, "The saved plan cannot be trusted: "},
		{"a network that fails", `[ "$1" = init ] && { printf '\nError: Failed to get module\n\nGet "https://x": dial tcp: i/o\ntimeout\n' >&2; exit 1; }`, "terraform init got no answer from `x` in time. Check that the server can reach it; behind a proxy it needs `HTTPS_PROXY` in its environment."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/main.tf": two})
			wrapped(t, w, tt.script)
			a := w.plan()
			if a.Error != "" || a.Result.Outcome != workflow.OutcomeFailed || !strings.HasPrefix(a.Result.Reason, tt.want) {
				t.Errorf("got %q %q %s, want %q\n%s", a.Result.Outcome, a.Result.Reason, a.Error, tt.want, a.Log)
			}
			if want := strings.Contains(tt.want, "no answer"); a.Result.Passing != want {
				t.Errorf("got passing %v, want %v", a.Result.Passing, want)
			}
		})
	}
}

// TestPlanCrash: real terraform exits 2 when its stack overflows.
func TestPlanCrash(t *testing.T) {
	t.Parallel()
	n := 400_000
	w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/main.tf": "locals {\n x = " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n) + "\n}\n"})
	a := w.plan()
	if a.Result.Outcome != workflow.OutcomeFailed || !strings.Contains(a.Result.Reason, "stack") {
		t.Errorf("got %q %q, want a failure that names the crash", a.Result.Outcome, a.Result.Reason)
	}
}

// TestPlanProcesses counts what one run starts: terraform-exec's question for
// the version is answered without a process. The second show is the plan in words.
func TestPlanProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/main.tf": two})
	record := wrapped(t, w, `echo "$1" >> RECORD`)
	for i, want := range []string{"version init plan show show", "init plan show show"} {
		w.mustPlan()
		data, err := os.ReadFile(record)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(string(data)), " "); got != want {
			t.Errorf("run %d started %q, want %q", i+1, got, want)
		}
		if err := os.Remove(record); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFindTool: PATH, then the downloaded tools, then a download that here only fails.
func TestFindTool(t *testing.T) {
	releases := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(releases.Close)
	program := func(t *testing.T, dir, name, version string) {
		t.Helper()
		script := fmt.Sprintf("#!/bin/sh\necho '{\"terraform_version\": \"%s\"}'\n", version)
		if err := writeAside(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name       string
		path, kept []string // "terraform 1.9.0"
		project    workflow.Project
		tools      Tools
		files      map[string]string
		want       string // "terraform 1.9.0", or a part of the sentence
	}{
		{name: "on PATH", path: []string{"terraform 1.9.0"}, want: "terraform 1.9.0"},
		{name: "terraform before tofu", path: []string{"terraform 1.9.0", "tofu 1.10.1"}, want: "terraform 1.9.0"},
		{name: "only tofu", path: []string{"tofu 1.10.1"}, want: "tofu 1.10.1"},
		{name: "OpenTofu's files", path: []string{"terraform 1.9.0", "tofu 1.10.1"}, files: map[string]string{"x.tofu": ""}, want: "tofu 1.10.1"},
		{name: "the server's tool", path: []string{"terraform 1.9.0", "tofu 1.10.1"}, tools: Tools{Tool: "tofu"}, want: "tofu 1.10.1"},
		{name: "the project's tool", path: []string{"terraform 1.9.0", "tofu 1.10.1"}, tools: Tools{Tool: "tofu"}, project: workflow.Project{Settings: tfconfig.Settings{Tool: "terraform"}.JSON()}, want: "terraform 1.9.0"},
		{name: "a kept version", path: []string{"terraform 1.9.0"}, kept: []string{"terraform 1.8.0", "terraform 1.7.5"}, project: workflow.Project{Settings: tfconfig.Settings{Version: "1.8.0"}.JSON()}, want: "terraform 1.8.0"},
		{name: "the newest kept one that fits", path: []string{"terraform 1.9.0"}, kept: []string{"terraform 1.7.1", "terraform 1.7.5", "terraform 1.6.0"}, tools: Tools{Versions: "< 1.8"}, want: "terraform 1.7.5"},
		{name: "a pre-release", path: []string{"terraform 1.9.0-beta1"}, tools: Tools{Versions: ">= 1.5"}, want: "terraform 1.9.0-beta1"},
		{name: "the server's own pre-release of the oldest", path: []string{"terraform 1.9.0-beta1"}, tools: Tools{Versions: ">= 1.9.0"}, want: "terraform 1.9.0-beta1"},
		{name: "none, and no download", want: "terraform is needed, but there is no terraform on PATH: put it on the server's PATH or at"},
		{name: "none, on somebody's own machine", tools: Tools{Own: true, Versions: ">= 1.5"}, want: "terraform >= 1.5 is needed, but there is no terraform on PATH: " +
			"install it so that it is on your PATH (https://developer.hashicorp.com/terraform/install). Downloading it failed: "},
		{name: "too old for Cardea", project: workflow.Project{Settings: tfconfig.Settings{Version: "1.3.0"}.JSON()}, tools: Tools{Own: true, Versions: ">= 1.5"},
			want: "terraform 1.3.0 is needed (`version` of the project in `.cardea.yml`), but Cardea only supports >= 1.5."},
		{name: "another version, and no download", path: []string{"terraform 1.9.0"}, tools: Tools{Version: "1.8.0"},
			want: "terraform 1.8.0 is needed (`terraform.version` of the server's configuration), but terraform 1.9.0 is on PATH: put it on"},
		{name: "not allowed", path: []string{"terraform 1.4.0"}, tools: Tools{Versions: ">= 1.5"}, want: "terraform >= 1.5 is needed, but terraform 1.4.0 is on PATH: put it"},
		{name: "not a version", project: workflow.Project{Settings: tfconfig.Settings{Version: "latest"}.JSON()}, want: `terraform version "latest" is not a valid version.`},
		{name: "not a tool", project: workflow.Project{Settings: tfconfig.Settings{Tool: "pulumi"}.JSON()}, want: `Unknown tool "pulumi": use terraform or tofu.`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path, kept, work := filepath.Join(dir, "path"), filepath.Join(dir, "tools"), filepath.Join(dir, "work")
			for _, p := range tt.path {
				name, version, _ := strings.Cut(p, " ")
				program(t, path, name, version)
			}
			for _, p := range tt.kept {
				name, version, _ := strings.Cut(p, " ")
				program(t, filepath.Join(kept, name, version), name, version)
			}
			if err := os.MkdirAll(work, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := writeFiles(work, tt.files); err != nil {
				t.Fatal(err)
			}
			tt.tools.Dir, tt.tools.Path = kept, path
			got, err := findTool(t.Context(), toolRequest{options: Options{ReleasesURL: releases.URL}, tools: tt.tools, scratch: dir}, tt.project, work)
			if err != nil {
				if !strings.HasPrefix(err.Error(), tt.want) {
					t.Errorf("got %q, want %q", err, tt.want)
				}
				return
			}
			if s := got.name + " " + got.version.String(); s != tt.want {
				t.Errorf("got %q, want %q", s, tt.want)
			}
			tt.project.Settings = tfconfig.Settings{Tool: got.name, Version: got.version.String()}.JSON()
			applies, err := findTool(t.Context(), toolRequest{options: Options{ReleasesURL: releases.URL}, tools: tt.tools, scratch: dir, sealed: true}, tt.project, work)
			if err != nil || applies.path != got.path {
				t.Errorf("its apply: got %q %v, want %q", applies.path, err, got.path)
			}
		})
	}
}

// TestVersionAskedOnce: the first runs of a server begin together, and one of them asks the program.
func TestVersionAskedOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	record, program := filepath.Join(dir, "record"), filepath.Join(dir, "terraform")
	// It answers when a second question could have come, or a while has passed in which none did.
	script := "#!/bin/sh\necho asked >>" + record + "\nfor i in 1 2 3 4 5; do [ $(wc -l <" + record + ") -gt 1 ] && break; sleep 0.1; done\n" +
		`echo '{"terraform_version":"1.9.8"}'` + "\n"
	if err := writeAside(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	r := toolRequest{tools: Tools{Dir: filepath.Join(dir, "tools")}, scratch: dir}
	faults := make(chan error)
	for range 4 {
		go func() {
			v, err := r.version(t.Context(), program)
			if err == nil && v.String() != "1.9.8" {
				err = fmt.Errorf("got version %s, want 1.9.8", v)
			}
			faults <- err
		}()
	}
	for range 4 {
		if err := <-faults; err != nil {
			t.Error(err)
		}
	}
	if asked, err := os.ReadFile(record); err != nil || strings.Count(string(asked), "asked") != 1 {
		t.Errorf("got %q %v, want the program asked once", asked, err)
	}
}
