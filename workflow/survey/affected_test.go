package survey

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

func TestAffectedProjects(t *testing.T) {
	const config = "projects:\n" +
		"- {dir: prod/net, var_files: [../../vars/prod.tfvars], backend_config: [../../vars/prod.s3.tfbackend], watch: [\"../../shared/*.json\", \"../../docs\"]}\n"
	tree := []string{"prod/net: modules/vpc", "prod/net/sub", "prod/net/own", "prod/db: modules/db", "modules/db: modules/vpc", "modules/vpc", "dev/net"}
	calls := append([]string{"prod/net: modules/vpc prod/net/own"}, tree[1:]...)
	withFiles := found(calls...)
	vpc := withFiles.Modules["modules/vpc"]
	vpc.Files, vpc.RootFiles, vpc.Links = []string{"scripts/vpc.sh"}, []string{"../rooted.txt"}, []string{"lib/a.tf", "lib/data"}
	withFiles.Modules["modules/vpc"] = vpc
	leading := found("a: m", "m")
	a := leading.Modules["a"]
	a.Links = []string{"m/x.tf", "shared/v.tfvars"}
	leading.Modules["a"] = a
	for _, tt := range []struct {
		name       string
		changes    string // "path", "old>new"
		base, head string
		baseFound  workflow.Discovery // default: head's
		headFound  workflow.Discovery // default: withFiles
		want       []string
	}{
		{name: "own files, also below", changes: "prod/net/main.tf prod/net/files/x.json", want: []string{"prod/net: `prod/net/files/x.json` changed, and 1 more file"}},
		{name: "another project's files are not mine", changes: "prod/net/sub/main.tf", want: []string{"prod/net/sub: `prod/net/sub/main.tf` changed"}},
		{name: "a module below that is called is mine", changes: "prod/net/own/t/x.tf",
			want: []string{"prod/net: `prod/net/own/t/x.tf` of module `prod/net/own` changed"}},
		{name: "a module changes its users, through others too", changes: "modules/vpc/a.tf modules/vpc/b.tf modules/vpc/c.tf modules/vpc/d.tf",
			want: []string{"prod/db: `modules/vpc/a.tf` of module `modules/vpc` changed, and 3 more files",
				"prod/net: `modules/vpc/a.tf` of module `modules/vpc` changed, and 3 more files"}},
		{name: "nothing", changes: "README.md prod/README.md .github/workflows/x.yml"},
		{name: "var file, backend, watch", head: config, base: config, changes: "vars/prod.tfvars vars/prod.s3.tfbackend shared/a.json shared/b.json shared/c/d.json docs/a/b.md",
			want: []string{"prod/net: variable file `vars/prod.tfvars` changed; backend configuration `vars/prod.s3.tfbackend` changed; " +
				"`shared/a.json` changed, and 1 more file, watched as `../../shared/*.json`; `docs/a/b.md` changed, watched as `../../docs`"}},
		{name: "paths from the root, of one environment", base: "projects: [{dir: dev/net, var_files: [\"/vars/{environment}.tfvars\"], watch: [\"/shared/{environment}/*\", \"!/dev/net/*.md\"], environments: {qa: {}, prod: {}}}]\n", head: "projects: [{dir: dev/net, var_files: [\"/vars/{environment}.tfvars\"], watch: [\"/shared/{environment}/*\", \"!/dev/net/*.md\"], environments: {qa: {}, prod: {}}}]\n",
			changes: "vars/prod.tfvars shared/prod/a.json shared/x/b.json dev/net/README.md", want: []string{
				"dev/net/prod: variable file `vars/prod.tfvars` changed; `shared/prod/a.json` changed, watched as `/shared/prod/*`"}},
		{name: "files that code names", changes: "scripts/vpc.sh prod/rooted.txt",
			want: []string{"prod/db: `prod/rooted.txt`, which its code names, changed, and 1 more file",
				"prod/net: `prod/rooted.txt`, which its code names, changed, and 1 more file"}},
		{name: "where symlinks lead, also below", changes: "lib/a.tf lib/data-more/x lib/data/t/x.json",
			want: []string{"prod/db: `lib/a.tf`, to which a symlink leads, changed, and 1 more file",
				"prod/net: `lib/a.tf`, to which a symlink leads, changed, and 1 more file"}},
		{name: "where symlinks lead, beside one that leads to a module", changes: "m/x.tf shared/v.tfvars", headFound: leading,
			want: []string{"a: `m/x.tf` of module `m` changed; `shared/v.tfvars`, to which a symlink leads, changed"}},
		{name: "entry changed, the file itself is no reason", head: config, changes: ".cardea.yml",
			want: []string{"prod/net: its entry in `.cardea.yml` changed: var_files, backend_config, watch"}},
		{name: "a new project", changes: "dev/new/main.tf", baseFound: found(tree...), headFound: found(append(tree, "dev/new")...),
			want: []string{"dev/new: it is a new project; `dev/new/main.tf` changed"}},
		{name: "renamed directory: new and deleted", changes: "dev/net/main.tf>qa/net/main.tf", baseFound: found("dev/net"), headFound: found("qa/net"),
			want: []string{"dev/net deleted: directory `dev/net` is deleted or no longer has any Terraform files",
				"qa/net: it is a new project; `qa/net/main.tf` changed"}},
		{name: "both sides of a rename", changes: "modules/vpc/x.tf>prod/net/sub/x.tf", want: []string{
			"prod/db: `modules/vpc/x.tf` of module `modules/vpc` changed", "prod/net: `modules/vpc/x.tf` of module `modules/vpc` changed",
			"prod/net/sub: `prod/net/sub/x.tf` changed"}},
		{name: "a project becomes a module", changes: "a/main.tf", baseFound: found("a", "b"), headFound: found("a: b", "b"),
			want: []string{"a: `a/main.tf` changed", "b deleted: directory `b` is now a module, called by `a`"}},
		{name: "an entry is removed", changes: ".cardea.yml", base: "projects: [{dir: dev/net, terraform_workspace: blue}]\n",
			want: []string{"dev/net: it is a new project", "dev/net/blue deleted: `.cardea.yml` no longer makes it a project"}},
		{name: "an entry takes the place of what was discovered", changes: ".cardea.yml", head: "projects: [{dir: dev/net, terraform_workspace: blue}]\n",
			want: []string{"dev/net deleted: `.cardea.yml` replaces it with `dev/net/blue` in the same directory; add an entry with `terraform_workspace: default` to keep it",
				"dev/net/blue: it is a new project"}},
		{name: "so do two entries", changes: ".cardea.yml", head: "projects: [{dir: dev/net, name: n/a}, {dir: dev/net, name: n/b}]\n",
			want: []string{"dev/net deleted: `.cardea.yml` replaces it with `n/a`, `n/b` in the same directory", "n/a: it is a new project", "n/b: it is a new project"}},
		{name: "an entry is added beside another", changes: ".cardea.yml", base: "projects: [{dir: dev/net, name: n/a}]\n",
			head: "projects: [{dir: dev/net, name: n/a}, {dir: dev/net, name: n/b}]\n", want: []string{"n/b: it is a new project"}},
		{name: "one of two entries is removed", changes: ".cardea.yml", base: "projects: [{dir: dev/net, name: n/a}, {dir: dev/net, name: n/b}]\n",
			head: "projects: [{dir: dev/net, name: n/b}]\n", want: []string{"n/a deleted: `.cardea.yml` no longer makes it a project"}},
		{name: "a module that is not called any more counts by base's graph", changes: "m/x.tf a/main.tf", baseFound: found("a: m", "m"), headFound: found("a"),
			want: []string{"a: `a/main.tf` changed; `m/x.tf` of module `m` changed"}},
		{name: "a root project has the files beside it", changes: "README.md a/x.tf", headFound: found(".", "a"),
			want: []string{".: `README.md` changed", "a: `a/x.tf` changed"}},
		{name: "and of those below what the tool reads", changes: ".github/ci.yml src/a.go docs/a.md vars/x.tfvars tests/a.tftest.hcl", headFound: found(".", "a"),
			want: []string{".: `tests/a.tftest.hcl` changed"}},
		{name: "not what nobody reads", changes: ".github/ci.yml src/a.go docs/a.md", headFound: found(".", "a")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.headFound.Modules == nil {
				tt.headFound = withFiles
			}
			if tt.baseFound.Modules == nil {
				tt.baseFound = tt.headFound
			}
			resolution := Resolve(Input{Kinds: kinds, Base: repoConfig(t, tt.base), Head: repoConfig(t, tt.head),
				BaseFound: tt.baseFound, HeadFound: tt.headFound})
			if len(resolution.Diagnostics) > 0 {
				t.Fatal(resolution.Diagnostics)
			}
			var changes []workflow.FileChange
			for _, c := range strings.Fields(tt.changes) {
				if old, now, renamed := strings.Cut(c, ">"); renamed {
					changes = append(changes, workflow.FileChange{Path: now, OldPath: old, Status: "renamed"})
				} else {
					changes = append(changes, workflow.FileChange{Path: c, Status: "modified"})
				}
			}
			var got []string
			affected, _ := AffectedBy(AffectedInput{Changes: changes, Resolution: resolution,
				BaseFound: tt.baseFound, HeadFound: tt.headFound})
			for _, a := range affected {
				line := a.Project.Name
				if a.Deleted {
					line += " deleted"
				}
				got = append(got, line+": "+strings.Join(a.Reasons, "; "))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What `watch` takes out affects nobody, where base and head both say so, and it is
// nothing that the tool reads, the entry names, code names or a symlink leads to.
func TestWatchTakesOut(t *testing.T) {
	const net = "projects:\n- {dir: prod/net, var_files: [vars.md], watch: "
	tree := found("prod/net: modules/vpc", "modules/vpc")
	m := tree.Modules["prod/net"]
	m.Files, m.Links = []string{"prod/net/t"}, []string{"prod/net/linked.md"}
	m.Computed = []string{"prod/net/main.tf"}
	tree.Modules["prod/net"] = m
	for _, tt := range []struct{ name, base, head, changes, want string }{
		{name: "in the directory", base: `["!**/*.md"]`, changes: "prod/net/README.md prod/net/docs/a.md"},
		{name: "a directory", base: `["!docs"]`, changes: "prod/net/docs/a/b.txt"},
		{name: "others remain", base: `["!**/*.md"]`, changes: "prod/net/README.md prod/net/x.json", want: "`prod/net/x.json` changed"},
		{name: "in a module", base: `["!../../modules/**/*.md"]`, changes: "modules/vpc/README.md"},
		{name: "a module's configuration", base: `["!../../modules/**"]`, changes: "modules/vpc/README.md modules/vpc/a.tf",
			want: "`modules/vpc/a.tf` of module `modules/vpc` changed"},
		{name: "what the tool reads", base: `["!**"]`, changes: "prod/net/a.tofu prod/net/.terraform.lock.hcl prod/net/tests/a.tftest.hcl prod/net/x",
			want: "`prod/net/.terraform.lock.hcl` changed, and 2 more files"},
		{name: "what the entry names", base: `["!**"]`, changes: "prod/net/vars.md", want: "`prod/net/vars.md` changed"},
		{name: "what code names", base: `["!**"]`, changes: "prod/net/t/a.md", want: "`prod/net/t/a.md` changed"},
		{name: "where a symlink leads", base: `["!**"]`, changes: "prod/net/linked.md", want: "`prod/net/linked.md` changed"},
		{name: "the last that matches counts", base: `["!**/*.md", "runbook.md"]`, changes: "prod/net/runbook.md prod/net/a.md", want: "`prod/net/runbook.md` changed"},
		{name: "out of what is watched", base: `["../../docs/**", "!../../docs/**/*.md"]`, changes: "docs/a.md"},
		{name: "watched and not taken out", base: `["../../docs/**", "!../../docs/**/*.md"]`, changes: "docs/a.md docs/a.json", want: "`docs/a.json` changed, watched as `../../docs/**`"},
		{name: "what it may read", base: `["!../../docs/**"]`, changes: "docs/a.md"},
		{name: "what else it may read", base: `["!../../docs/**"]`, changes: "docs/a.md etc/b", want: "it may read `etc/b`, which changed: computed paths in `prod/net/main.tf`"},
		{name: "a change takes nothing out for itself", base: `[]`, head: `["!**/*.md"]`, changes: "prod/net/README.md",
			want: "its entry in `.cardea.yml` changed: watch; `prod/net/README.md` changed"},
		{name: "nor more than base does", base: `["!x.md"]`, head: `["!**/*.md"]`, changes: "prod/net/x.md",
			want: "its entry in `.cardea.yml` changed: watch; `prod/net/x.md` changed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.head == "" {
				tt.head = tt.base
			}
			in := AffectedInput{BaseFound: tree, HeadFound: tree,
				Resolution: Resolve(Input{Kinds: kinds, BaseFound: tree, HeadFound: tree,
					Base: repoConfig(t, net+tt.base+"}\n"), Head: repoConfig(t, net+tt.head+"}\n")})}
			for _, c := range strings.Fields(tt.changes) {
				in.Changes = append(in.Changes, workflow.FileChange{Path: c, Status: "modified"})
			}
			got := ""
			affected, _ := AffectedBy(in)
			for _, a := range affected {
				got += strings.Join(a.Reasons, "; ")
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A file that entries name for other projects of a directory affects these alone, unless the project may read it in some other way.
func TestFilesOfOthers(t *testing.T) {
	const entry = "projects:\n- {dir: app, var_files: [\"{environment}.tfvars\", \"/modules/m/{environment}.json\"], environments: {dev: {}, prod: {}}}\n"
	const own, both = "app/dev", "app/dev app/prod"
	steps := workflow.Rules{Match: "acme/*", Workflow: "w", Workflows: map[string]workflow.Workflow{"w": {Steps: []workflow.Step{{At: workflow.BeforePlan}}}}}
	for _, tt := range []struct {
		name, base, head, changes, want string
		app, m                          workflow.Module
		rules                           workflow.Rules
	}{
		{name: "beside it", changes: "app/dev.tfvars", want: own},
		{name: "in a module", changes: "modules/m/dev.json", want: own},
		{name: "one of several that changed", changes: "app/dev.tfvars modules/m/prod.json", want: both},
		{name: "that nobody names", changes: "app/qa.tfvars", want: both},
		{name: "that the tool reads", changes: "app/dev.auto.tfvars", want: both,
			base: "projects:\n- {dir: app, var_files: [\"{environment}.auto.tfvars\"], environments: {dev: {}, prod: {}}}\n"},
		{name: "that is configuration", changes: "app/dev.tf", want: both,
			base: "projects:\n- {dir: app, var_files: [\"{environment}.tf\"], environments: {dev: {}, prod: {}}}\n"},
		{name: "whose name has no end", changes: "app/dev", want: both, base: "projects:\n- {dir: app, var_files: [\"{environment}\"], environments: {dev: {}, prod: {}}}\n"},
		{name: "whose end is no word", changes: "app/dev.x+y", want: both, base: "projects:\n- {dir: app, var_files: [\"{environment}.x+y\"], environments: {dev: {}, prod: {}}}\n"},
		{name: "where code has its end", m: workflow.Module{Ends: []string{"json", "tfvars"}}, changes: "app/dev.tfvars", want: both},
		{name: "where code may name any", m: workflow.Module{Ends: []string{workflow.AnyEnd}}, changes: "app/dev.tfvars", want: both},
		{name: "where code has another end", m: workflow.Module{Ends: []string{"json"}}, changes: "app/dev.tfvars", want: own},
		{name: "where a command may read it", app: workflow.Module{Commands: []string{"app/main.tf"}}, changes: "app/dev.tfvars", want: both},
		{name: "where a module's command may", m: workflow.Module{Commands: []string{"modules/m/main.tf"}}, changes: "app/dev.tfvars", want: both},
		{name: "where code computes paths", app: workflow.Module{Computed: []string{"app/main.tf"}}, changes: "app/dev.tfvars", want: both},
		{name: "where a module is given paths", app: workflow.Module{InputPaths: []string{"app/main.tf"}}, changes: "app/dev.tfvars", want: both},
		{name: "where a source is any", app: workflow.Module{AnySource: []string{"app/main.tf"}}, changes: "app/dev.tfvars", want: both},
		{name: "where code names it", app: workflow.Module{Files: []string{"app/dev.tfvars"}}, changes: "app/dev.tfvars", want: both},
		{name: "where a module does", m: workflow.Module{RootFiles: []string{"dev.tfvars"}}, changes: "app/dev.tfvars", want: both},
		{name: "where code names some like it", app: workflow.Module{RootParts: []workflow.PathPart{{Below: ".", End: ".tfvars"}}}, changes: "app/dev.tfvars", want: both},
		{name: "where a word does", app: workflow.Module{Words: []string{"dev.tfvars"}}, changes: "app/dev.tfvars", want: both},
		{name: "where a word names what it is in", m: workflow.Module{Words: []string{"."}}, changes: "modules/m/dev.json", want: both},
		{name: "where a symlink leads", app: workflow.Module{Links: []string{"app/dev.tfvars"}}, changes: "app/dev.tfvars", want: both},
		{name: "where steps run", rules: steps, changes: "app/dev.tfvars", want: both},
		{name: "where nobody knows the steps", base: strings.Replace(entry, "dir: app", "dir: app, workflow: w", 1), changes: "app/dev.tfvars", want: both},
		{name: "that it watches", base: strings.Replace(entry, "dir: app", "dir: app, watch: [\"*.tfvars\"]", 1), changes: "app/dev.tfvars", want: both},
		{name: "a change takes nothing out for itself", base: "projects:\n- {dir: app, environments: {dev: {}, prod: {}}}\n- {dir: x}\n",
			head: "projects:\n- {dir: app, environments: {dev: {}, prod: {}}}\n- {dir: x, var_files: [../app/dev.tfvars]}\n", changes: "app/dev.tfvars", want: both + " x"},
		{name: "but what is new", base: "projects:\n- {dir: app, environments: {dev: {}, prod: {}}}\n- {dir: x}\n",
			head: "projects:\n- {dir: app, environments: {dev: {}, prod: {}}}\n- {dir: x, var_files: [../app/dev.tfvars]}\n", changes: "+app/dev.tfvars", want: "x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree := found("app: modules/m", "modules/m", "x")
			for dir, m := range map[string]workflow.Module{"app": tt.app, "modules/m": tt.m} {
				m.Dir, m.Calls, m.KeepsState = dir, tree.Modules[dir].Calls, tree.Modules[dir].KeepsState
				tree.Modules[dir] = m
			}
			if tt.base == "" {
				tt.base = entry
			}
			if tt.head == "" {
				tt.head = tt.base
			}
			in := Input{Kinds: kinds, Rules: tt.rules, BaseFound: tree, HeadFound: tree, Base: repoConfig(t, tt.base), Head: repoConfig(t, tt.head)}
			s := Survey{rules: tt.rules}
			change := AffectedInput{BaseFound: tree, HeadFound: tree, Resolution: Resolve(in), Stepped: s.stepped}
			if len(change.Resolution.Diagnostics) > 0 {
				t.Fatal(change.Resolution.Diagnostics)
			}
			for _, c := range strings.Fields(tt.changes) {
				name, added := strings.CutPrefix(c, "+")
				change.Changes = append(change.Changes, workflow.FileChange{Path: name, Status: map[bool]string{true: "added", false: "modified"}[added]})
			}
			var got []string
			affected, _ := AffectedBy(change)
			for _, a := range affected {
				got = append(got, a.Project.Name)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWorkspacePaths(t *testing.T) {
	p := workflow.Project{Dir: "prod/net"}
	in := workflow.Inputs{Modules: []string{"modules/vpc", "prod/net/own"}, Named: []string{"vars/prod.tfvars"}, Files: []string{"prod/net/x.json", "scripts/a.sh"},
		Watch: []string{"shared/**/*.json", "docs/a.md"}}
	want := []string{"*", "docs/*", "docs/a.md", "modules/*", "modules/vpc", "prod/*", "prod/net", "scripts/*",
		"scripts/a.sh", "shared", "vars/*", "vars/prod.tfvars"}
	if diff := cmp.Diff(want, WorkspacePaths(p, in)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, got := range map[string][]string{
		"root project":       WorkspacePaths(workflow.Project{Dir: "."}, in),
		"workspace: tree":    WorkspacePaths(workflow.Project{Dir: "a", WholeTree: true}, in),
		"a watch everywhere": WorkspacePaths(p, workflow.Inputs{Watch: []string{"**/*.json"}}),
	} {
		if len(got) != 0 {
			t.Errorf("%s: got %v, want the whole tree", name, got)
		}
	}
}

// BenchmarkAffected is 10,000 projects with a watch each, in three layers of
// modules, and 3,000 changed files, a tenth of them of modules.
func BenchmarkAffected(b *testing.B) {
	var lines []string
	for i := range 10_000 {
		lines = append(lines, fmt.Sprintf("stacks/s%d: modules/m%d", i, i%200))
	}
	for i := range 200 {
		lines = append(lines, fmt.Sprintf("modules/m%d: modules/b%d", i, i%10))
	}
	for i := range 10 {
		lines = append(lines, fmt.Sprintf("modules/b%d", i))
	}
	d := found(lines...)
	cfg := config.Repo{Autodiscover: config.Autodiscover{Enabled: true}}
	for i := range 10_000 {
		cfg.Projects = append(cfg.Projects, config.ProjectEntry{Project: workflow.Project{
			Dir: fmt.Sprintf("stacks/s%d", i), Variant: "default", Watch: []string{"../../shared/*.json", "**/*.tpl"},
			Settings: tfconfig.Settings{VarFiles: []string{"../../vars/x.tfvars"}}.JSON()}})
	}
	var changes []workflow.FileChange
	for i := range 2700 {
		changes = append(changes, workflow.FileChange{Path: fmt.Sprintf("stacks/s%d/main.tf", i*3)})
	}
	for i := range 300 {
		changes = append(changes, workflow.FileChange{Path: fmt.Sprintf("modules/m%d/f%d.tf", i%200, i)})
	}
	resolution := Resolve(Input{Kinds: kinds, Base: cfg, Head: cfg, BaseFound: d, HeadFound: d})
	for b.Loop() {
		got, _ := AffectedBy(AffectedInput{Changes: changes, Resolution: resolution, BaseFound: d, HeadFound: d})
		if len(got) != 10_000 {
			b.Fatalf("got %d affected projects", len(got))
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	var lines []string
	for i := range 10_000 {
		lines = append(lines, fmt.Sprintf("live/prod/s%d: modules/m", i))
	}
	d := found(append(lines, "modules/m")...)
	cfg := config.Repo{Autodiscover: config.Autodiscover{Enabled: true, Pattern: "live/{environment}/{component}"}}
	for b.Loop() {
		got := Resolve(Input{Kinds: kinds, Rules: serverRules, Base: cfg, Head: cfg, BaseFound: d, HeadFound: d})
		if len(got.Projects) != 10_000 {
			b.Fatalf("got %d projects", len(got.Projects))
		}
	}
}
