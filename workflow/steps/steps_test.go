package steps

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// TestOf: which workflow a project has, and when it is refused.
func TestOf(t *testing.T) {
	rules := workflow.DefaultRules("acme/*")
	rules.Workflow, rules.MayName = "plain", []string{"rendered", "gone"}
	rules.Environments = map[string]workflow.EnvironmentRules{"prod": {Workflow: "strict"}, "dev": {}}
	check := workflow.Workflow{Steps: []workflow.Step{{At: workflow.BeforeApply, Name: "check", Run: []string{"/bin/check"}}}}
	rules.Workflows = map[string]workflow.Workflow{"plain": {}, "rendered": {}, "strict": check, "same": check,
		"slow": {Apply: workflow.Tuning{Parallelism: 1}}}
	bare := workflow.DefaultRules("*/*")
	const mayName = "which the server's rule for this repository does not list. A project may name `rendered` or `gone`."
	for _, tt := range []struct {
		name  string
		rules workflow.Rules
		p     workflow.Project
		want  string
	}{
		{"the rule's", rules, workflow.Project{}, "plain"},
		{"its environment's", rules, workflow.Project{Environment: "prod"}, "strict"},
		{"of an environment that names none", rules, workflow.Project{Environment: "dev"}, "plain"},
		{"of an environment that only head names", rules, workflow.Project{HeadEnvironment: "prod"}, "plain"},
		{"of an environment that nobody knows: the one that has steps", rules, workflow.Project{Strictest: true}, "strict"},
		{"of several", rules, workflow.Project{Neighbours: []string{"dev", "prod"}}, "strict"},
		{"of several that name none", rules, workflow.Project{Neighbours: []string{"dev", "test"}}, "plain"},
		{"of several, and its own", rules, workflow.Project{Workflow: "rendered", Neighbours: []string{"dev", "prod"}}, "strict"},
		{"of several, and its own that is not listed", rules, workflow.Project{Workflow: "same", Neighbours: []string{"dev", "prod"}}, "It names the workflow `same`, " + mayName},
		{"of several that name none, its own", rules, workflow.Project{Workflow: "rendered", Neighbours: []string{"dev"}}, "rendered"},
		{"of several that say the same", rules, workflow.Project{Neighbours: []string{"prod", "twin"}}, "strict"},
		{"of several that differ", rules, workflow.Project{Neighbours: []string{"prod", "slow"}}, "It is new and its environment is not certain before the merge: its workflow could be `strict` or `slow`, and they differ. " +
			"Ask whoever runs the server to list its directory under `dirs` of its environment, or let `autodiscover.pattern` on the base branch name the environment."},
		{"its own", rules, workflow.Project{Workflow: "rendered", Environment: "prod"}, "rendered"},
		{"what it has anyway needs no list", rules, workflow.Project{Workflow: "strict", Environment: "prod"}, "strict"},
		{"not listed", rules, workflow.Project{Workflow: "strict"}, "It names the workflow `strict`, " + mayName},
		{"not listed, and there is none", rules, workflow.Project{Workflow: "x`y"}, "It names the workflow `x?y`, " + mayName},
		{"listed, and not there", rules, workflow.Project{Workflow: "gone"}, "The server has no workflow `gone`."},
		{"none is listed", bare, workflow.Project{Workflow: "plain"}, "It names the workflow `plain`, but the server's rule for this repository lists no workflows that a project may name. " +
			"Remove `workflow` from its entry, or ask whoever runs the server to list it under `workflows`."},
		{"none at all", bare, workflow.Project{}, ""},
		{"nobody's rules, as in a preview", workflow.Rules{}, workflow.Project{Workflow: "plain"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if slices.Contains(tt.p.Neighbours, "twin") || slices.Contains(tt.p.Neighbours, "slow") {
				tt.rules.Environments = maps.Clone(tt.rules.Environments)
				tt.rules.Environments["twin"] = workflow.EnvironmentRules{Workflow: "same"}
				tt.rules.Environments["slow"] = workflow.EnvironmentRules{Workflow: "slow"}
			}
			w, refused := Of(tt.rules, tt.p)
			got := refused.String()
			if w != nil {
				got += w.Name
			}
			if got != tt.want {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestDigest: a workflow that says nothing leaves the digest as it was, byte for byte; every word
// of one that says something counts, but for its name.
func TestDigest(t *testing.T) {
	step := workflow.Step{At: workflow.BeforeInit, Name: "render", Run: []string{"render", "{dir}"}, Timeout: time.Minute}
	base := workflow.Workflow{Name: "a", Steps: []workflow.Step{step}}
	for _, none := range []*workflow.Workflow{nil, {}, {Name: "plain"}} {
		if got := Digest("abc", none); got != "abc" {
			t.Errorf("%+v gives %q", none, got)
		}
	}
	seen := map[string]string{Digest("abc", &base): "base"}
	for name, change := range map[string]func(*workflow.Workflow){
		"at": func(w *workflow.Workflow) { w.Steps[0].At = workflow.BeforePlan }, "step's name": func(w *workflow.Workflow) { w.Steps[0].Name = "x" },
		"run": func(w *workflow.Workflow) { w.Steps[0].Run = []string{"render {dir}"} }, "timeout": func(w *workflow.Workflow) { w.Steps[0].Timeout++ },
		"set": func(w *workflow.Workflow) { w.Steps[0].Set = "X" }, "another step": func(w *workflow.Workflow) { w.Steps = append(w.Steps, step) },
		"no steps, options": func(w *workflow.Workflow) { w.Steps, w.Plan.Parallelism = nil, 1 }, "parallelism": func(w *workflow.Workflow) { w.Plan.Parallelism = 1 },
		"lock timeout": func(w *workflow.Workflow) { w.Plan.LockTimeout = 1 }, "refresh": func(w *workflow.Workflow) { w.Plan.NoRefresh = true },
		"apply": func(w *workflow.Workflow) { w.Apply.Parallelism = 1 },
	} {
		changed := base
		changed.Steps = slices.Clone(base.Steps)
		change(&changed)
		digest := Digest("abc", &changed)
		if other, twice := seen[digest]; twice {
			t.Errorf("%s gives the digest of %s", name, other)
		}
		seen[digest] = name
	}
	renamed := base
	renamed.Name = "b"
	if Digest("abc", &renamed) != Digest("abc", &base) || Digest("abd", &base) == Digest("abc", &base) {
		t.Error("the name counts, or the inputs do not")
	}
}

// TestWords: what stands for a placeholder stays within its argument.
func TestWords(t *testing.T) {
	run := workflow.Run{Repo: workflow.Repo{Owner: "acme", Name: "infra"}, Project: workflow.Project{Name: "net prod $(id)", Environment: "{project}", Dir: "prod"}}
	for _, tt := range []struct {
		name      string
		run, want []string
		fault     string
	}{
		{name: "all", run: []string{"x", "{dir}", "{project}", "{environment}", "{workspace}", "{repo}"}, want: []string{"x", "/w/prod", "net prod $(id)", "{project}", "default", "acme/infra"}},
		{name: "within", run: []string{"x", "--name={project};{repo}", "{}", "{print $1}", "{Dir}"}, want: []string{"x", "--name=net prod $(id);acme/infra", "{}", "{print $1}", "{Dir}"}},
		{name: "an option of its own", run: []string{"x", "-{repo}", "--"}, want: []string{"x", "-acme/infra", "--"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Words(workflow.Step{Run: tt.run}, run, "/w/prod")
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
	run.Project.Variant = "-chdir=/"
	if got, err := Words(workflow.Step{Run: []string{"x", "{workspace}"}}, run, "/w"); err == nil {
		t.Errorf("a name became an option: %q", got)
	}
	run.Project.Variant = "a\x00b"
	if got, err := Words(workflow.Step{Run: []string{"x", "{workspace}"}}, run, "/w"); err == nil {
		t.Errorf("a NUL byte passed: %q", got)
	}
}

// TestFault: words that a server's configuration may not have.
func TestFault(t *testing.T) {
	for _, tt := range []struct{ run, want string }{
		{"", "names no program"},
		{"render|{dir}|{print $1}|{}|{a}", ""},
		{"{dir}/render", `has the placeholder "{dir}/render" in its program`},
		{"render|{projct}", "unknown placeholder {projct}: did you mean {project}?"},
		{"sh|-c|echo $1|x|{project}", ""},
		{"sh|-c|echo {project}", "has {project} in a shell script"},
		{"/bin/bash|-euo|pipefail|-c|cd {dir} && make", "has {dir} in a shell script"},
		{"env|A=b|bash|-ec|render {dir}", "has {dir} in a shell script"},
		{"python3|-c|print('{repo}')", "has {repo} in a shell script"},
		{"perl|-e|print '{repo}'", "has {repo} in a shell script"},
		{"render|-c|{dir}", ""},
		{"sh|./x.sh|{dir}", ""},
	} {
		got := Fault(strings.FieldsFunc(tt.run, func(r rune) bool { return r == '|' }))
		if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.run, got, tt.want)
		}
	}
}

// TestHidden: a step of an apply is a hidden effect unless it runs the server's own program on
// nothing of the tree.
func TestHidden(t *testing.T) {
	there := func(name string) bool {
		return slices.Contains([]string{"smoke.sh", "../scripts/x", "policy.rego"}, name)
	}
	for _, tt := range []struct {
		at     workflow.Point
		set    string
		run    string
		hidden bool
	}{
		{workflow.AfterApply, "", "./smoke.sh", true},
		{workflow.AfterApply, "", "smoke", true},
		{workflow.BeforeApply, "", "/usr/bin/check {dir}", false},
		{workflow.BeforeApply, "", "/usr/bin/check {dir}/smoke.sh", true},
		{workflow.BeforeApply, "", "/usr/bin/check --with=../scripts/x", true},
		{workflow.BeforeApply, "", "/usr/bin/check -f @policy.rego", true},
		{workflow.BeforeApply, "", "/bin/sh -c exit", true},
		{workflow.BeforeApply, "", "/usr/bin/env true", true},
		{workflow.BeforeApply, "", "/usr/bin/python3.11 -V", true},
		{workflow.BeforeApply, "", "/usr/bin/make smoke", true},
		{workflow.BeforePlan, "TOKEN", "./token", true},
		{workflow.BeforePlan, "TOKEN", "/usr/bin/vault print token", false},
	} {
		w := &workflow.Workflow{Name: "w", Steps: []workflow.Step{{At: tt.at, Name: "s", Run: strings.Fields(tt.run), Set: tt.set}}}
		effects := Hidden(w, there)
		if got := len(effects) == 1; got != tt.hidden {
			t.Errorf("%s: %v", tt.run, effects)
		}
		if notes := Notes(w, effects); (len(notes) == 0) != tt.hidden {
			t.Errorf("%s: %v", tt.run, notes)
		}
	}
	w := &workflow.Workflow{Name: "w", Steps: []workflow.Step{
		{At: workflow.BeforeInit, Name: "render", Run: []string{"./render"}}, {At: workflow.BeforePlan, Name: "b", Run: []string{"./b"}},
		{At: workflow.AfterPlan, Name: "c", Run: []string{"./c"}}, {At: workflow.AfterPlan, Name: "d", Run: []string{"./d"}, Set: "X"},
		{At: workflow.BeforeApply, Name: "e", Run: []string{"./e", "a b"}}, {At: workflow.AfterApply, Name: "f", Run: []string{"/f"}}}}
	effects := Hidden(w, there)
	got := fmt.Sprint(OfApply(w), effects, Notes(w, effects))
	want := "[4 5] [{step before_apply 5 e step 5 (`e`) of the server's workflow `w` runs `./e a b` before an apply}] " +
		"[Step 6 (`f`) of the server's workflow `w` runs the server's own program `/f` after an apply.]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if Hidden(nil, there) != nil || Notes(nil, nil) != nil {
		t.Error("no workflow has steps")
	}
}

// TestChanged: a run is of the server's workflow of now, or it is not.
func TestChanged(t *testing.T) {
	w := workflow.Workflow{Name: "w", Plan: workflow.Tuning{Parallelism: 2}}
	rules := workflow.DefaultRules("acme/*")
	rules.Workflow, rules.Workflows = "w", map[string]workflow.Workflow{"w": w, "same": w, "plain": {}}
	none := workflow.DefaultRules("acme/*")
	for _, tt := range []struct {
		name  string
		rules workflow.Rules
		run   workflow.Run
		want  bool
	}{
		{"the same", rules, workflow.Run{Workflow: &w}, false},
		{"of before there was one", rules, workflow.Run{}, true},
		{"gone", none, workflow.Run{Workflow: &w}, true},
		{"none and none", none, workflow.Run{}, false},
		{"none and one that says nothing", none, workflow.Run{Workflow: &workflow.Workflow{Name: "plain"}}, false},
		{"not listed any more", rules, workflow.Run{Workflow: &w, Project: workflow.Project{Workflow: "same"}}, true},
	} {
		if got := Changed(tt.rules, tt.run); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
