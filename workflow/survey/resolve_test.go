package survey

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// found makes a Discovery of lines "dir: called called".
// What nothing calls has a backend, unless its line ends with "library".
func found(lines ...string) workflow.Discovery {
	d := workflow.Discovery{Modules: map[string]workflow.Module{}}
	var libraries []string
	for _, line := range lines {
		line, broken := strings.CutSuffix(line, " broken")
		line, library := strings.CutSuffix(line, " library")
		dir, calls, _ := strings.Cut(line, ":")
		m := workflow.Module{Dir: dir, Calls: strings.Fields(calls)}
		if broken {
			m.Diagnostics = []workflow.Diagnostic{{Severity: workflow.SeverityError}}
		}
		d.Modules[dir] = m
		if library {
			libraries = append(libraries, dir)
		}
	}
	for _, dir := range d.Roots(nil) {
		if m := d.Modules[dir]; !slices.Contains(libraries, dir) {
			m.KeepsState, m.SaysWhich = true, true
			d.Modules[dir] = m
		}
	}
	return d
}

var kinds = workflow.Kinds{tfconfig.Kind()}

// repoConfig parses a configuration that must be right.
func repoConfig(t *testing.T, text string) config.Repo {
	t.Helper()
	cfg, faults := config.ParseRepo(workflow.RepoConfigFile, []byte(text), kinds)
	if len(faults) > 0 {
		t.Fatalf("%s", faults)
	}
	return cfg
}

func requireWords(list []workflow.Requirement) string {
	words := make([]string, 0, len(list))
	for _, need := range list {
		words = append(words, string(need))
	}
	return strings.Join(words, ",")
}

// projectLines prints what a resolution decides, a line a project.
func projectLines(list []workflow.Project) []string {
	out := []string{}
	for _, p := range list {
		line := fmt.Sprintf("%s dir=%s", p.Name, p.Dir)
		for _, part := range []struct{ key, value string }{
			{"ws", strings.TrimPrefix(p.Variant, "default")}, {"entry", p.Entry}, {"env", p.Environment}, {"component", p.Component}, {"head", p.HeadEnvironment},
			{"watch", strings.Join(p.Watch, ",")}, {"needs", strings.Join(p.DependsOn, ",")}, {"require", requireWords(p.Require)}, {"refused", p.Refused.String()},
			{"rules of", strings.Join(p.Neighbours, "+")},
		} {
			if part.value != "" {
				line += " " + part.key + "=" + part.value
			}
		}
		if p.Strictest {
			line += " strictest"
		}
		out = append(out, line)
	}
	return out
}

var serverRules = workflow.Rules{Environments: map[string]workflow.EnvironmentRules{
	"prod": {Dirs: []string{"prod*/**"}, Order: 2},
	"dev":  {Dirs: []string{"dev/**", "prod-sandbox/**"}, Order: 1},
}}

func TestResolve(t *testing.T) {
	const pattern = "autodiscover: {pattern: \"{environment}/{component}\"}\n"
	for _, tt := range []struct {
		name       string
		rules      workflow.Rules
		base, head string // configurations; "" = no file
		baseFound  workflow.Discovery
		headFound  workflow.Discovery
		faulty     bool
		want       []string
		notes      []string
		faults     string
	}{{
		name:      "no file: every root is a project, modules are not",
		baseFound: found("a: modules/vpc", "modules/vpc"), headFound: found("a: modules/vpc", "modules/vpc", "."),
		want: []string{". dir=.", "a dir=a"},
	}, {
		name: "ignored, globs, entries replace what is discovered",
		head: "autodiscover: {ignore: [\"examples/**\"]}\nprojects:\n- {dir: \"s/*\", terraform_workspace: blue}\n- {name: one, dir: s/1}\n" +
			"- {dir: s/1, terraform_workspace: blue, component: c}\n- {dir: examples/x}\n",
		headFound: found("s/1", "s/2", "examples/x", "examples/y"),
		want:      []string{"examples/x dir=examples/x", "one dir=s/1", "s/1/blue dir=s/1 ws=blue component=c", "s/2/blue dir=s/2 ws=blue"},
	}, {
		name:      "entries for Terraform workspaces leave no `default` beside them",
		head:      "projects:\n- {dir: app, terraform_workspace: dev}\n- {dir: app, terraform_workspace: prod}\n- {dir: \"net/*\", terraform_workspace: dev}\n",
		headFound: found("app", "app/sub", "net/a"),
		want:      []string{"app/dev dir=app ws=dev", "app/prod dir=app ws=prod", "app/sub dir=app/sub", "net/a/dev dir=net/a ws=dev"},
	}, {
		name:      "an entry for `default` brings it back, a glob's too",
		head:      "projects:\n- {dir: app, terraform_workspace: dev}\n- {dir: app}\n- {dir: net/a, terraform_workspace: dev}\n- {dir: \"net/*\"}\n",
		headFound: found("app", "net/a"),
		want:      []string{"app dir=app", "app/dev dir=app ws=dev", "net/a dir=net/a", "net/a/dev dir=net/a ws=dev"},
	}, {
		name: "require is base's and head's", base: "require: [reviewed]\n", head: "require: [approved]\n",
		baseFound: found("a"), headFound: found("a"), want: []string{"a dir=a require=approved,reviewed"},
	}, {
		name: "base faulty: head's require", faulty: true, base: "require: [reviewed]\n", head: "require: [approved]\n",
		baseFound: found("a"), headFound: found("a"), want: []string{"a dir=a require=approved"},
	}, {
		name: "only what is named", head: "autodiscover: {enabled: false}\nprojects: [{dir: m}]\n",
		headFound: found("a: m", "m"), want: []string{"m dir=m"},
	}, {
		name: "labels by pattern are base's", base: pattern, head: pattern,
		baseFound: found("prod/net"), headFound: found("prod/net", "dev/eu/net", "top"),
		want: []string{"dev/eu/net dir=dev/eu/net env=dev component=eu/net", "prod/net dir=prod/net env=prod component=net", "top dir=top"},
	}, {
		name: "head labels prod as dev", base: "projects: [{name: net, dir: live/net, environment: prod}]\n",
		head:      "projects: [{name: mynet, dir: live/net, environment: dev}]\n",
		baseFound: found("live/net"), headFound: found("live/net"),
		want: []string{"net dir=live/net env=prod head=dev"},
		notes: []string{"This change labels `net` as environment `dev`. Until this is merged, the environment is `prod`, and the rules of both apply.",
			"This change renames `net` to `mynet`. That takes effect after the merge."},
	}, {
		name: "the server's dirs hold over base and head", rules: serverRules, base: "projects: [{dir: prod/a, environment: dev}]\n",
		head:      "projects: [{dir: prod/a, environment: dev}, {dir: prod-sandbox/b, environment: test}]\n",
		baseFound: found("prod/a"), headFound: found("prod/a", "prod-sandbox/b", "prod"),
		want:  []string{"prod dir=prod env=prod", "prod-sandbox/b dir=prod-sandbox/b env=prod head=test", "prod/a dir=prod/a env=prod head=dev"},
		notes: []string{"This change labels `prod-sandbox/b` as environment `test`, but the server's configuration says `prod`, which takes precedence."},
	}, {
		name: "a new project's environment is not head's", rules: serverRules, head: "projects: [{dir: new, environment: dev}]\n",
		headFound: found("new"), want: []string{"new dir=new head=dev strictest"},
		notes: []string{"This change labels `new` as environment `dev`. Until this is merged, the strictest rules of the repository apply."},
	}, {
		name: "base faulty: head's list, the strictest rules", rules: serverRules, faulty: true, head: pattern,
		baseFound: found("live/net", "dev/gone"), headFound: found("live/net", "dev/net"),
		want:  []string{"dev/net dir=dev/net env=dev component=net", "live/net dir=live/net component=net head=live strictest"},
		notes: []string{"This change labels `live/net` as environment `live`. Until this is merged, the strictest rules of the repository apply."},
	}, {
		name:      "watch and depends_on are base's and head's",
		base:      "projects: [{dir: a, name: A, watch: [x, y], depends_on: [B, C]}, {dir: b, name: B}, {dir: c, name: C}]\n",
		head:      "projects: [{dir: a, name: A, watch: [y, z], depends_on: [D]}, {dir: b, name: BB}, {dir: d, name: D}]\n",
		baseFound: found("a", "b", "c"), headFound: found("a", "b", "d"),
		want:  []string{"A dir=a watch=x,y,z needs=B,D", "B dir=b", "D dir=d"},
		notes: []string{"This change renames `B` to `BB`. That takes effect after the merge."},
	}, {
		name: "faults that only the tree shows",
		head: "projects:\n- {dir: prod/network}\n- {dir: b, name: a}\n- {dir: c, depends_on: [prod/nte, c]}\n- {dir: a, terraform_workspace: x, var_files: [../../x]}\n" +
			"- {dir: \"cafe\\u0301\"}\n- {dir: a}\n",
		headFound: found("a", "b", "c", "prod/netwrk", "prod/net", "caf\u00e9"),
		want: []string{"a dir=a", "a dir=b", "a/x dir=a ws=x", "c dir=c needs=c", "caf\u00e9 dir=caf\u00e9",
			"prod/net dir=prod/net", "prod/netwrk dir=prod/netwrk"},
		faults: ".cardea.yml:2:3: directory `prod/network` does not exist or has no Terraform files: did you mean `prod/netwrk`?\n" +
			".cardea.yml:3:3: two projects are called `a`: directory `a` (Terraform workspace `default`) and directory `b` (Terraform workspace `default`). " +
			"A project of the base branch keeps its name until the change is merged\n" +
			".cardea.yml:4:3: `depends_on` names `prod/nte`, but no project has that name; the nearest is `prod/net`\n" +
			".cardea.yml:4:3: `depends_on` has a cycle: `c` depends on itself\n" +
			".cardea.yml:5:3: `var_files` of project `a/x` names \"../../x\", which leaves the repository\n" +
			".cardea.yml:6:3: directory `cafe\u0301` does not exist, but one that looks the same does, written with other Unicode characters (\"caf\\u00e9\")\n",
	}, {
		name: "directories that look the same are refused", headFound: found("caf\u00e9", "cafe\u0301", "a\u202eb"),
		want: []string{
			"a\u202eb dir=a\u202eb refused=Its directory \"a\\u202eb\" has characters that cannot be seen.",
			"cafe\u0301 dir=cafe\u0301 refused=There are two directories that both look like \"caf\u00e9\" and differ only in Unicode form; rename one.",
			"caf\u00e9 dir=caf\u00e9 refused=There are two directories that both look like \"caf\u00e9\" and differ only in Unicode form; rename one."},
	}} {
		t.Run(tt.name, func(t *testing.T) {
			got := Resolve(Input{Kinds: kinds, Rules: tt.rules, Base: repoConfig(t, tt.base), Head: repoConfig(t, tt.head),
				BaseFaulty: tt.faulty, BaseFound: tt.baseFound, HeadFound: tt.headFound})
			if diff := cmp.Diff(tt.want, projectLines(got.Projects)); diff != "" {
				t.Errorf("projects: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(tt.notes, got.Notes); diff != "" {
				t.Errorf("notes: -want +got:\n%s", diff)
			}
			var faults strings.Builder
			for _, d := range got.Diagnostics {
				fmt.Fprintln(&faults, d)
			}
			if diff := cmp.Diff(tt.faults, faults.String()); diff != "" {
				t.Errorf("faults: -want +got:\n%s", diff)
			}
		})
	}
}

// FuzzResolve: what parses resolves, whatever the tree holds.
func FuzzResolve(f *testing.F) {
	files, _ := filepath.Glob("../config/testdata/repoconfig/*.yml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, faults := config.ParseRepo(workflow.RepoConfigFile, data, kinds)
		if len(faults) > 0 {
			return
		}
		found := workflow.Discovery{Modules: map[string]workflow.Module{"a": {Dir: "a", KeepsState: true}}}
		for _, d := range Resolve(Input{Kinds: kinds, Base: config.DefaultRepo(), Head: cfg, HeadFound: found}).Diagnostics {
			if d.Summary == "" {
				t.Fatalf("a fault without words: %+v", d)
			}
		}
	})
}
