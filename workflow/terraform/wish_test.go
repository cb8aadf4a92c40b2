package terraform

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// fakeTool puts a program that knows its version and nothing else into a directory.
func fakeTool(t *testing.T, dir, name, version string) {
	t.Helper()
	script := fmt.Sprintf("#!/bin/sh\necho '{\"terraform_version\": \"%s\"}'\n", version)
	if err := writeAside(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestRepositoryChooses: who says which version, whose word holds, and what people read where it cannot be had.
func TestRepositoryChooses(t *testing.T) {
	t.Parallel()
	nothing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(nothing.Close)
	const main = "terraform {\n  required_version = \"%s\"\n}\n"
	requires := func(c string) map[string]string { return map[string]string{"app/main.tf": fmt.Sprintf(main, c)} }
	for _, tt := range []struct {
		name       string
		path, kept string // "terraform 1.11.4, tofu 1.10.6"
		files      map[string]string
		settings   tfconfig.Settings
		tools      Tools
		want       string // "terraform 1.9.8", "terraform 1.9.8 because why", or the beginning of the sentence
	}{
		{name: "required_version takes the newest downloaded one that fits", path: "terraform 1.11.4", kept: "terraform 1.9.2, terraform 1.9.8, terraform 1.8.0",
			files: requires("~> 1.9.0"), want: "terraform 1.9.8 because as `app/main.tf` line 2 requires"},
		{name: "the default runs where it fits", path: "terraform 1.11.4", kept: "terraform 1.9.8", files: requires(">= 1.5"), want: "terraform 1.11.4"},
		{name: "modules require too", path: "terraform 1.11.4", kept: "terraform 1.9.8, terraform 1.10.1",
			files: map[string]string{"app/main.tf": fmt.Sprintf(main, "< 1.11") + "module \"m\" {\n source = \"../m\"\n}\n", "m/v.tf": fmt.Sprintf(main, "~> 1.9.0")},
			want:  "terraform 1.9.8 because as `app/main.tf` line 2 and `m/v.tf` line 2 require"},
		{name: "an override file replaces", path: "terraform 1.11.4", kept: "terraform 1.9.8",
			files: map[string]string{"app/main.tf": fmt.Sprintf(main, ">= 1.11"), "app/v_override.tf": fmt.Sprintf(main, "~> 1.9.0")}, want: "terraform 1.9.8 because as `app/v_override.tf` line 2 requires"},
		{name: "JSON", path: "terraform 1.11.4", kept: "terraform 1.9.8", files: map[string]string{"app/v.tf.json": `{"terraform": {"required_version": "1.9.8"}}`},
			want: "terraform 1.9.8 because as `app/v.tf.json` line 1 requires"},
		{name: "a version file, from above", path: "terraform 1.11.4", kept: "terraform 1.9.8", files: map[string]string{"app/main.tf": "", ".terraform-version": "v1.9.8\n"},
			want: "terraform 1.9.8 because as `.terraform-version` line 1 says"},
		{name: "the nearest version file", path: "terraform 1.11.4", kept: "terraform 1.9.8",
			files: map[string]string{"app/main.tf": "", ".terraform-version": "1.8.0", "app/.tool-versions": "# tools\nnodejs 20.1.0\nterraform 1.9.8 1.8.0 # the second is for emergencies\n"},
			want:  "terraform 1.9.8 because as `app/.tool-versions` line 3 says"},
		{name: "a tool-versions file without the tool says nothing", path: "terraform 1.11.4", kept: "terraform 1.9.8",
			files: map[string]string{"app/main.tf": "", ".terraform-version": "1.9.8", "app/.tool-versions": "opentofu-ls 1.0.0\nterraform-docs 0.19.0\n"}, want: "terraform 1.9.8 because as `.terraform-version` line 1 says"},
		{name: "of one directory the tool's own file", path: "terraform 1.11.4", kept: "terraform 1.9.8",
			files: map[string]string{"app/main.tf": "", ".terraform-version": "1.9.8", ".tool-versions": "terraform 1.8.0"}, want: "terraform 1.9.8 because as `.terraform-version` line 1 says"},
		{name: "the other tool's file does not count", path: "terraform 1.11.4, tofu 1.10.6", files: map[string]string{"app/main.tf": "", ".opentofu-version": "1.9.0"},
			settings: tfconfig.Settings{Tool: "terraform"}, want: "terraform 1.11.4"},
		{name: "a version file names the tool", path: "terraform 1.11.4, tofu 1.10.6", kept: "tofu 1.9.0", files: map[string]string{"app/main.tf": "", ".opentofu-version": "1.9.0"},
			want: "tofu 1.9.0 because as `.opentofu-version` line 1 says"},
		{name: "the nearer version file names the tool", path: "terraform 1.11.4, tofu 1.10.6", kept: "tofu 1.9.0",
			files: map[string]string{"app/main.tf": "", ".terraform-version": "1.11.4", "app/.tool-versions": "opentofu 1.9.0"}, want: "tofu 1.9.0 because as `app/.tool-versions` line 1 says"},
		{name: "the entry's version is first", path: "terraform 1.11.4", kept: "terraform 1.9.8, terraform 1.8.0", settings: tfconfig.Settings{Version: "1.8.0"},
			files: map[string]string{"app/main.tf": "", ".terraform-version": "latest"}, want: "terraform 1.8.0 because as `version` of the project in `.cardea.yml` says"},
		{name: "a pre-release where the server allows >= 1.9.0", path: "terraform 1.11.4", kept: "terraform 1.9.0-beta1", tools: Tools{Versions: ">= 1.9.0"},
			files: map[string]string{"app/main.tf": "", ".terraform-version": "1.9.0-beta1"}, want: "terraform 1.9.0-beta1 is needed (`.terraform-version` line 1), but"},
		{name: "a pre-release where the server allows ~> 1.9.0", path: "terraform 1.11.4", kept: "terraform 1.9.0-beta1", tools: Tools{Versions: "~> 1.9.0"},
			files: map[string]string{"app/main.tf": "", ".terraform-version": "1.9.0-beta1"}, want: "terraform 1.9.0-beta1 is needed (`.terraform-version` line 1), but"},
		{name: "a pre-release where the server allows 1.9.0", path: "terraform 1.11.4", kept: "terraform 1.9.0-beta1", tools: Tools{Versions: "1.9.0"},
			files: map[string]string{"app/main.tf": "", ".terraform-version": "1.9.0-beta1"}, want: "terraform 1.9.0-beta1 is needed (`.terraform-version` line 1), but"},
		{name: "a pre-release where the server allows > 1.8.9", path: "terraform 1.11.4", kept: "terraform 1.9.0-beta1", tools: Tools{Versions: "> 1.8.9, != 1.9.1"},
			files: map[string]string{"app/main.tf": "", ".terraform-version": "1.9.0-beta1"}, want: "terraform 1.9.0-beta1 because as `.terraform-version` line 1 says"},
		{name: "a pre-release where the server allows >= 1.8", path: "terraform 1.11.4", kept: "terraform 1.9.0-beta1", tools: Tools{Versions: ">= 1.8"},
			files: map[string]string{"app/main.tf": "", ".terraform-version": "1.9.0-beta1"}, want: "terraform 1.9.0-beta1 because as `.terraform-version` line 1 says"},
		{name: "a pre-release where the server allows >= 1.9.0-alpha1", path: "terraform 1.11.4", kept: "terraform 1.9.0-beta1", tools: Tools{Versions: ">= 1.9.0-alpha1"},
			files: map[string]string{"app/main.tf": "", ".terraform-version": "1.9.0-beta1"}, want: "terraform 1.9.0-beta1 because as `.terraform-version` line 1 says"},
		{name: "the server's version where it fits", path: "terraform 1.11.4", kept: "terraform 1.9.8, terraform 1.9.9", tools: Tools{Version: "1.9.8"}, files: requires(">= 1.9"), want: "terraform 1.9.8"},
		{name: "required_version before the server's version", path: "terraform 1.11.4", kept: "terraform 1.9.8", tools: Tools{Version: "1.9.8"}, files: requires(">= 1.10"), want: "terraform 1.11.4 because as `app/main.tf` line 2 requires"},
		{name: "no version", files: map[string]string{"app/main.tf": "", ".terraform-version": "latest:^1.9"},
			want: "`.terraform-version` line 1 says `latest:^1.9` where Cardea needs one exact version like 1.11.4. Write one there, or set `version`"},
		{name: "half a version", files: map[string]string{"app/main.tf": "", "app/.tool-versions": "\nterraform 1.9"}, want: "`app/.tool-versions` line 2 says `1.9` where"},
		{name: "an empty version file", files: map[string]string{"app/main.tf": "", "app/.terraform-version": "\n"}, want: "`app/.terraform-version` line 1 says nothing where"},
		{name: "a version file against required_version", path: "terraform 1.11.4", kept: "terraform 1.9.8", files: map[string]string{"app/main.tf": fmt.Sprintf(main, ">= 1.10"), ".terraform-version": "1.9.8"},
			want: "`.terraform-version` line 1 asks for Terraform 1.9.8, but `app/main.tf` line 2 requires `>= 1.10`. Change one of them."},
		{name: "the entry against a module's required_version", path: "terraform 1.11.4", settings: tfconfig.Settings{Version: "1.9.8"},
			files: map[string]string{"app/main.tf": "module \"m\" {\n source = \"../m\"\n}\n", "m/v.tf": fmt.Sprintf(main, ">= 1.10")},
			want:  "`version` of the project in `.cardea.yml` asks for Terraform 1.9.8, but `m/v.tf` line 2 requires `>= 1.10`. Change one"},
		{name: "not what the server allows", path: "terraform 1.11.4", kept: "terraform 1.4.0", tools: Tools{Versions: ">= 1.5"}, files: map[string]string{"app/main.tf": "", ".terraform-version": "1.4.0"},
			want: "terraform 1.4.0 is needed (`.terraform-version` line 1), but the server allows only >= 1.5 (`terraform.versions`)."},
		{name: "not there and no download", path: "terraform 1.11.4", kept: "terraform 1.8.0", tools: Tools{Versions: ">= 1.5"}, files: requires("~> 1.9.0"),
			want: "terraform is needed in a version that satisfies `~> 1.9.0` by `app/main.tf` line 2 and `>= 1.5` by the server's configuration, but terraform 1.11.4 is on PATH and 1.8.0 among the downloaded tools: put it on the server's PATH or at `tools/terraform/VERSION/terraform` below `data_dir`, or change the version that the repository asks for. Downloading it failed: "},
		{name: "OpenTofu not there and no download", path: "terraform 1.11.4", files: map[string]string{"app/main.tofu": "", ".opentofu-version": "1.9.0"},
			want: "tofu 1.9.0 is needed (`.opentofu-version` line 1), but there is no tofu on PATH: put it on the server's PATH or at `tools/tofu/VERSION/tofu` below `data_dir`, or change the version that the repository asks for. Downloading it failed: OpenTofu 1.9.0: http://127.0.0.1:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, p := range strings.Split(tt.path, ", ") {
				if name, version, ok := strings.Cut(p, " "); ok {
					fakeTool(t, filepath.Join(dir, "path"), name, version)
				}
			}
			for _, p := range strings.Split(tt.kept, ", ") {
				if name, version, ok := strings.Cut(p, " "); ok {
					fakeTool(t, filepath.Join(dir, "tools", name, version), name, version)
				}
			}
			work := filepath.Join(dir, "work")
			if err := writeFiles(work, tt.files); err != nil {
				t.Fatal(err)
			}
			project := workflow.Project{Name: "app", Dir: "app", Engine: "terraform", Settings: tt.settings.JSON()}
			x, err := expected(order{Project: project, Files: workflow.RunFiles{Workspace: work}})
			if err != nil {
				t.Fatal(err)
			}
			tt.tools.Dir, tt.tools.Path = filepath.Join(dir, "tools"), filepath.Join(dir, "path")
			r := toolRequest{tools: tt.tools, expected: x, scratch: dir,
				options: Options{ReleasesURL: nothing.URL, OpenTofu: OpenTofuReleases{Index: nothing.URL, URL: nothing.URL}}}
			got, err := findTool(t.Context(), r, project, filepath.Join(work, "app"))
			if err != nil {
				if !strings.HasPrefix(err.Error(), tt.want) {
					t.Errorf("got %q\nwant %q", err, tt.want)
				}
				return
			}
			s := got.name + " " + got.version.String()
			if got.because != "" {
				s += " because " + got.because
			}
			if s != tt.want {
				t.Errorf("got %q\nwant %q", s, tt.want)
			}
			if _, err := os.Stat(got.path); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestApplyKeepsTool: what planned applies, whatever the repository or the server would choose by now.
func TestApplyKeepsTool(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fakeTool(t, filepath.Join(dir, "path"), "terraform", "1.11.4")
	fakeTool(t, filepath.Join(dir, "tools", "terraform", "1.9.8"), "terraform", "1.9.8")
	a := applying{seal: seal{Tool: "terraform", Version: "1.9.8"}, planning: planning{engine: New(Options{}), ctx: t.Context(), uncancelled: t.Context(),
		dir: dir, output: newOutput(io.Discard, "app"), server: Server{Tools: Tools{Dir: filepath.Join(dir, "tools"), Path: filepath.Join(dir, "path"), Version: "1.11.4"}},
		job:      workflow.PlanJob{Files: workflow.RunFiles{Tmp: dir}},
		expected: tfconfig.Expected{Required: []tfconfig.Wanted{{Version: ">= 1.11"}}, Pinned: map[string]tfconfig.Wanted{"terraform": {Version: "1.11.4"}}}}}
	if err := a.chooseTool(); err != nil || a.tool.version.String() != "1.9.8" {
		t.Errorf("got %v, %v, want 1.9.8", a.tool.version, err)
	}
}
