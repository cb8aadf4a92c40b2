package config

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/internal/golden"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

var kinds = workflow.Kinds{tfconfig.Kind()}

func TestRepoConfigFaults(t *testing.T) {
	files, err := filepath.Glob("testdata/repoconfig/*.yml")
	if err != nil || len(files) < 8 {
		t.Fatalf("got %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, faults := ParseRepo(workflow.RepoConfigFile, data, kinds)
			var lines strings.Builder
			for _, f := range faults {
				fmt.Fprintln(&lines, f)
			}
			golden.Check(t, strings.TrimSuffix(file, ".yml")+".faults", lines.String())
		})
	}
}

func TestRepoConfigMeaning(t *testing.T) {
	data, err := os.ReadFile("testdata/repoconfig/full.yml")
	if err != nil {
		t.Fatal(err)
	}
	got, faults := ParseRepo(workflow.RepoConfigFile, data, kinds)
	want := Repo{
		File: workflow.RepoConfigFile,
		Autodiscover: Autodiscover{At: workflow.Position{File: workflow.RepoConfigFile, Line: 4, Column: 3}, Enabled: true, Pattern: "{environment}/{component}",
			Ignore: []string{"modules/**", "examples/**"}},
		Require: []workflow.Requirement{workflow.NeedReviewed, workflow.NeedMergeable},
		Projects: []ProjectEntry{
			{Project: workflow.Project{Name: "network/prod", Dir: "prod/network", Variant: "default", Environment: "prod", Component: "network",
				Engine: "terraform", Settings: tfconfig.Settings{Tool: "tofu", Version: "1.11.4", VarFiles: []string{"prod.tfvars"}, BackendConfig: []string{"prod.s3.tfbackend"}}.JSON(),
				Watch: []string{"*.tf", "../../shared/*.json"}, DependsOn: []string{"vpc/prod"}, WholeTree: true,
				Position: workflow.Position{File: workflow.RepoConfigFile, Line: 8, Column: 5}}},
			{Project: workflow.Project{Dir: "stacks/*", Variant: "blue", Engine: "terraform", NoAutoplan: true,
				Position: workflow.Position{File: workflow.RepoConfigFile, Line: 21, Column: 5}}, Glob: true, Item: 1},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(faults) > 0 {
		t.Errorf("faults %v, -want +got:\n%s", faults, diff)
	}
}

// TestKindKeys: an entry has the keys that its engine declares and no other, and
// faults have the engine's words.
func TestKindKeys(t *testing.T) {
	shelf := workflow.Key{Name: "shelf", Title: "shelf", Fault: func(s string) string {
		if s == "floor" {
			return `"floor" is no shelf`
		}
		return ""
	}}
	litres := workflow.Key{Name: "litres", Form: workflow.KeyNumber, Fault: func(s string) string {
		if s == "" || s == "0" {
			return "is too little"
		}
		return ""
	}}
	pots := workflow.Kind{Name: "pots", Title: "Pots", VariantKey: shelf, Keys: []workflow.Key{
		{Name: "lid", Form: workflow.KeyChoice, Choices: []string{"glass", "steel"}},
		{Name: "recipes", Title: "recipe", Form: workflow.KeyFiles, Apart: true}, litres, {Name: "label"},
	}}
	for _, tt := range []struct{ text, want string }{
		{"{dir: a, shelf: top, litres: 1.50, label: x, recipes: [./b.txt, ../c=d], lid: steel}",
			`a "top" "" {"lid":"steel","recipes":["b.txt","../c=d"],"litres":"1.50","label":"x"}`},
		{"{dir: a}", `a "default" "" `},
		{"{dir: a, name: x}\n- {dir: a, name: y, label: l}", `a "default" ""  a "default" "" {"label":"l"}`},
		{"{dir: a, shelf: floor}", "`projects[0].shelf` \"floor\" is no shelf"},
		{`{dir: a, shelf: ""}`, "`projects[0].shelf` is empty"},
		{"{dir: a, litres: 0}", "`projects[0].litres` is too little"},
		{"{dir: a, litres: {x: 1}}", "`projects[0].litres` must be a string, not a mapping"},
		{"{dir: a, lid: wood}", "`projects[0].lid` must be glass or steel, not \"wood\""},
		{"{dir: a, label: 7}", "`projects[0].label` must be a string, not a whole number: put it in quotes"},
		{"{dir: a, recipes: x}", "`projects[0].recipes` must be a list, not a string"},
		{"{dir: a, recipes: [/x/../y]}", `a "default" "" {"recipes":["/y"]}`},
		{"{dir: a, recipes: [//x]}", "`projects[0].recipes[0]` \"/x\" is absolute: paths are relative"},
		{"{dir: a, recipes: [/]}", "`projects[0].recipes[0]` is empty"},
		{"{dir: a, recipes: [/../x]}", "`projects[0].recipes[0]` \"/../x\" leaves the repository"},
		{"{dir: a, backend_config: [x]}", "unknown key `projects[0].backend_config`; known ones are autoplan, component, depends_on, dir, environment, environments, label, lid, litres, name, recipes, shelf, watch, workflow, workspace"},
		{"{dir: a, shelf: top}\n- {dir: a, shelf: top}",
			"directory `a` with shelf `top` already has an entry on line 2. To plan it once for each, give every entry a `name` and a `recipes` of its own"},
	} {
		cfg, faults := ParseRepo("f", []byte("projects:\n- "+tt.text+"\n"), workflow.Kinds{pots})
		var got []string
		for _, f := range faults {
			got = append(got, f.Summary)
		}
		for _, e := range cfg.Projects {
			if len(faults) > 0 {
				break
			}
			if got = append(got, fmt.Sprintf("%s %q %q %s", e.Dir, e.Variant, e.Entry, e.Settings)); e.Engine != "pots" {
				t.Errorf("%s: the engine is %q", tt.text, e.Engine)
			}
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.text, diff)
		}
	}
}

// TestKindWithoutKeys: an engine need not have any key, nor a rule for one that it has.
func TestKindWithoutKeys(t *testing.T) {
	for _, tt := range []struct {
		variant workflow.Key
		text    string
		want    string // the variants, or the faults
	}{
		{workflow.Key{Name: "shelf", Title: "shelf"}, "{dir: a, shelf: top}", "top"},
		{workflow.Key{Name: "shelf", Title: "shelf"}, `{dir: a, shelf: ""}`, "`projects[0].shelf` is empty"},
		{workflow.Key{}, "{dir: a}", "default"},
		{workflow.Key{}, "{dir: a}\n- {dir: a}",
			"directory `a` already has an entry on line 2. To plan it once for each, give every entry a `name` of its own"},
	} {
		kinds := workflow.Kinds{{Name: "pots", VariantKey: tt.variant}}
		cfg, faults := ParseRepo("f", []byte("projects:\n- "+tt.text+"\n"), kinds)
		var got []string
		for _, f := range faults {
			got = append(got, f.Summary)
		}
		for _, e := range cfg.Projects {
			if len(faults) == 0 {
				got = append(got, e.Variant)
			}
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.text, diff)
		}
	}
}

func TestRepoConfigLimits(t *testing.T) {
	huge := strings.Repeat("# x\n", MaxBytes/4+1)
	for name, text := range map[string]string{
		"too large":            huge,
		"not UTF-8":            "version: \xff",
		"flow nesting":         "projects: " + strings.Repeat("[", 100_000),
		"entries on one line":  strings.Repeat("- ", 100_000) + "x",
		"keys on one line":     strings.Repeat("? ", 100_000) + "x",
		"anchors on one line":  strings.Repeat("&a ", 100_000) + "x",
		"nesting by indention": nestedByIndention(1000),
		"keys":                 strings.Repeat("a: 1\n", 200_000),
		"empty values":         strings.Repeat("- a:\n", 200_000),
		"empty items":          strings.Repeat("-\n", 200_000),
		"explicit keys":        strings.Repeat("- ? a\n", 200_000),
		"unclosed quote":       "projects: \"" + strings.Repeat("a\n", 10_000),
	} {
		if _, faults := ParseRepo("f", []byte(text), kinds); len(faults) == 0 {
			t.Errorf("%s: got no fault", name)
		} else if len(faults[0].Summary) > 300 {
			t.Errorf("%s: got a fault of %d bytes", name, len(faults[0].Summary))
		}
	}
	for _, text := range []string{"", "\n# only words\n", "---\n", "\ufeffversion: 1\n", "version: 1\r\nprojects: []\r\n"} {
		if _, faults := ParseRepo("f", []byte(text), kinds); len(faults) > 0 {
			t.Errorf("%q: got %s", text, faults)
		}
	}
}

func nestedByIndention(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestFaultsAreCounted(t *testing.T) {
	_, faults := ParseRepo("f", []byte("projects:\n"+strings.Repeat("  - x\n", 250)), kinds)
	if got := len(faults); got != maxFaults+1 {
		t.Fatalf("got %d faults, want %d", got, maxFaults+1)
	}
	if got, want := faults[maxFaults].Summary, "150 more errors"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzRepoConfig(f *testing.F) {
	files, _ := filepath.Glob("testdata/repoconfig/*.yml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, faults := ParseRepo(workflow.RepoConfigFile, data, kinds)
		for _, d := range faults {
			if d.Summary == "" || d.Position.File != workflow.RepoConfigFile {
				t.Fatalf("a fault without words or place: %+v", d)
			}
		}
		if len(faults) > 0 {
			return
		}
		for _, p := range cfg.Projects {
			if why := ProjectDirFault(p.Dir); why != "" {
				t.Fatalf("accepted directory %q: %s", p.Dir, why)
			}
			if p.Variant == "" || strings.ContainsAny(p.Variant, " ;&|$`'\"\n/") {
				t.Fatalf("accepted Terraform workspace %q", p.Variant)
			}
		}
	})
}

func FuzzProjectDir(f *testing.F) {
	for _, dir := range []string{".", "prod/network", "../x", "/etc", "a/../../b", "a//b", "a/.", "./a", "a\\b", "a\x00b", "~root", "caf\u00e9",
		"a/..", "..", "", "a/", ".git", "a/.git/b", "\u202e", "a\nb", "\xff"} {
		f.Add(dir)
	}
	const root = "/repo"
	f.Fuzz(func(t *testing.T, dir string) {
		if ProjectDirFault(dir) != "" {
			return
		}
		joined := filepath.Join(root, filepath.FromSlash(dir))
		if joined != root && !strings.HasPrefix(joined, root+"/") {
			t.Fatalf("%q leaves the root: %s", dir, joined)
		}
		if path.Clean(dir) != dir || strings.ContainsAny(dir, "\\\x00\n\r") {
			t.Fatalf("%q is not clean", dir)
		}
	})
}

// A file of very many globs is refused as a whole, with a line.
func TestRepoConfigOfManyGlobs(t *testing.T) {
	file := func(n int) string {
		return "projects:\n- dir: a\n  watch: [" + strings.TrimSuffix(strings.Repeat(`"*",`, n), ",") + "]\n"
	}
	if _, faults := ParseRepo(workflow.RepoConfigFile, []byte(file(maxGlobs)), kinds); len(faults) > 0 {
		t.Errorf("got %v, want none", faults)
	}
	inherited := "projects:\n- {dir: \"a*\", watch: [x, y], environments: {dev: {}, qa: {watch: [z]}, prod: {}}}\n"
	cfg, _ := ParseRepo(workflow.RepoConfigFile, []byte(inherited), kinds)
	if n := globsOf(cfg); n != 4 {
		t.Errorf("got %d globs of %s, want 4", n, inherited)
	}
	_, faults := ParseRepo(workflow.RepoConfigFile, []byte(file(maxGlobs+1)), kinds)
	if len(faults) != 1 || !strings.Contains(faults[0].Summary, "5001 globs; the limit is 5000") {
		t.Errorf("got %v, want one fault that says how many", faults)
	}
}
