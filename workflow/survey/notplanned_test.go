package survey

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
)

// TestNotPlanned: what a change concerns and nobody plans is named, and libraries are no projects.
func TestNotPlanned(t *testing.T) {
	t.Parallel()
	grunt := func(calls ...string) workflow.Unit {
		return workflow.Unit{Kind: "Terragrunt", Nested: true, Calls: calls}
	}
	for _, tt := range []struct {
		name       string
		head       []string // as found
		base       []string // nil: as head
		units      map[string]workflow.Unit
		names      string // that Terragrunt's files name
		config     string // of base
		headConfig string // "" = base's
		change     string
		want       []string
	}{
		{name: "a library", head: []string{"modules/net library"}, change: "modules/net/x.tf", want: []string{" modules/net"}},
		{name: "a library that is named", head: []string{"modules/net library"}, config: "projects: [{dir: modules/net}]", change: "modules/net/x.tf", want: []string{"plan modules/net"}},
		{name: "a library that a glob names", head: []string{"modules/net library"}, config: "projects: [{dir: \"modules/*\"}]", change: "modules/net/x.tf", want: []string{"plan modules/net"}},
		{name: "a library that is ignored", head: []string{"modules/net library"}, config: "autodiscover: {ignore: [\"modules/**\"]}", change: "modules/net/x.tf"},
		{name: "a project that loses its backend is none", head: []string{"a library"}, base: []string{"a"}, change: "a/x.tf", want: []string{"plan a"}},
		{name: "a library that gets a backend", head: []string{"a"}, base: []string{"a library"}, change: "a/x.tf", want: []string{"plan a"}},
		{name: "a library that cannot be read", head: []string{"a library broken", "b"}, base: []string{"b"}, change: "a/x.tf", want: []string{"unreadable a"}},
		{name: "a module that cannot be read", head: []string{"p: m", "m broken"}, change: "m/x.tf", want: []string{"plan p"}},
		{name: "an entry that cannot be read", head: []string{"a library broken"}, config: "projects: [{dir: a}]", change: "a/x.tf", want: []string{"plan a"}},
		{name: "what cannot be read and did not change", head: []string{"a library broken", "b"}, change: "b/x.tf", want: []string{"plan b"}},
		{name: "what cannot be read and is ignored", head: []string{"a library broken"}, config: "autodiscover: {ignore: [a]}", change: "a/x.tf"},
		{name: "what cannot be read and base ignores", head: []string{"a library broken"}, config: "autodiscover: {ignore: [a]}", headConfig: "autodiscover: {ignore: [b]}", change: "a/x.tf", want: []string{" a"}},
		{name: "a library that goes", head: []string{"b"}, base: []string{"a library", "b"}, change: "a/x.tf"},
		{name: "an example that calls a module", head: []string{"ex: m library", "m"}, change: "m/x.tf", want: []string{" ex"}},
		{name: "an example of what a project plans", head: []string{"ex: m library", "p: m", "m"}, change: "m/x.tf", want: []string{"plan p"}},
		{name: "a unit", units: map[string]workflow.Unit{"live/prod": grunt("m")}, change: "live/prod/terragrunt.hcl", want: []string{"Terragrunt live/prod"}},
		{name: "a unit's module", head: []string{"m: n", "n"}, units: map[string]workflow.Unit{"live/prod": grunt("m")}, change: "n/x.tf", want: []string{"Terragrunt live/prod"}},
		{name: "another module", head: []string{"m", "other"}, units: map[string]workflow.Unit{"live/prod": grunt("m")}, change: "other/x.tf", want: []string{"plan other"}},
		{name: "what units include", units: map[string]workflow.Unit{"live/prod": grunt()}, change: "live/env.hcl", want: []string{"Terragrunt live"}},
		{name: "the root of units", units: map[string]workflow.Unit{".": grunt(), "live/prod": grunt()}, change: "terragrunt.hcl", want: []string{"Terragrunt ."}},
		{name: "words beside the root of units", units: map[string]workflow.Unit{".": grunt(), "live/prod": grunt()}, change: "README.md"},
		{name: "words in a unit", units: map[string]workflow.Unit{"live/prod": grunt()}, change: "live/prod/x.md", want: []string{"Terragrunt live/prod"}},
		{name: "words beside units", units: map[string]workflow.Unit{"live/prod": grunt()}, change: "docs/x.hcl"},
		{name: "base ignores it", units: map[string]workflow.Unit{"live/prod": grunt()}, config: "autodiscover: {ignore: [\"live/**\"]}", change: "live/prod/terragrunt.hcl"},
		{name: "head ignores it", units: map[string]workflow.Unit{"live/prod": grunt()}, headConfig: "autodiscover: {ignore: [\"live/**\"]}", change: "live/prod/terragrunt.hcl", want: []string{"Terragrunt live/prod"}},
		{name: "a unit with code", head: []string{"live/prod library"}, units: map[string]workflow.Unit{"live/prod": grunt()}, change: "live/prod/x.tf", want: []string{"Terragrunt live/prod"}},
		{name: "a unit that is a project by its backend", head: []string{"live/prod"}, units: map[string]workflow.Unit{"live/prod": grunt()}, change: "live/prod/x.tf", want: []string{"plan live/prod"}},
		{name: "what units name, wherever it is", units: map[string]workflow.Unit{"live/prod": grunt()}, names: "common/vars.yaml", change: "x/common/vars.yaml", want: []string{"Terragrunt x/common"}},
		{name: "below what units name", units: map[string]workflow.Unit{"live/prod": grunt()}, names: "_envcommon modules", change: "_envcommon/a/net.hcl modules/m/x.tpl", want: []string{"Terragrunt _envcommon/a", "Terragrunt modules/m"}},
		{name: "the name is only part of one", units: map[string]workflow.Unit{"live/prod": grunt()}, names: "common/vars.yaml", change: "uncommon/vars.yaml common/vars.yaml.md"},
		{name: "a project of that name", head: []string{"a/net"}, units: map[string]workflow.Unit{"live/prod": grunt()}, names: "net", change: "a/net/x.tf", want: []string{"plan a/net"}},
		{name: "a module that is told with its unit", head: []string{"m"}, units: map[string]workflow.Unit{"live/prod": grunt("m")}, names: "m", change: "m/x.tf", want: []string{"Terragrunt live/prod"}},
		{name: "names without a unit", names: "common/vars.yaml", change: "common/vars.yaml"},
		{name: "names of ignored units", units: map[string]workflow.Unit{"live/prod": grunt()}, config: "autodiscover: {ignore: [\"live/**\"]}", names: "common/vars.yaml", change: "common/vars.yaml"},
		{name: "two kinds", units: map[string]workflow.Unit{"a": {Kind: "Pulumi"}, "b": grunt()}, change: "a/x b/x", want: []string{"Pulumi a", "Terragrunt b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.base == nil {
				tt.base = tt.head
			}
			base, head := found(tt.base...), found(tt.head...)
			base.Units, head.Units = tt.units, tt.units
			head.UnitNames = strings.Fields(tt.names)
			if len(tt.units) > 0 { // what a unit calls has no backend
				base, head = called(base), called(head)
			}
			cfg := config.DefaultRepo()
			if tt.config != "" {
				cfg = repoConfig(t, tt.config)
			}
			headCfg := cfg
			if tt.headConfig != "" {
				headCfg = repoConfig(t, tt.headConfig)
			}
			in := AffectedInput{BaseFound: base, HeadFound: head,
				Resolution: Resolve(Input{Kinds: kinds, Base: cfg, Head: headCfg, BaseFound: base, HeadFound: head}),
				Ignored:    func(dir string) bool { return glob.MatchAny(cfg.Autodiscover.Ignore, dir) }}
			for _, f := range strings.Fields(tt.change) {
				in.Changes = append(in.Changes, workflow.FileChange{Path: f, Status: "modified"})
			}
			affected, unplanned := AffectedBy(in)
			var got []string
			for _, n := range unplanned {
				for _, dir := range n.Dirs {
					got = append(got, n.Kind+" "+dir)
				}
			}
			for _, a := range affected {
				got = append(got, fmt.Sprintf("%s %s", map[bool]string{true: "deleted", false: "plan"}[a.Deleted], a.Project.Dir))
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// called takes the backends of what units call.
func called(d workflow.Discovery) workflow.Discovery {
	for _, u := range d.Units {
		for _, c := range u.Calls {
			if m, ok := d.Modules[c]; ok {
				m.KeepsState, m.SaysWhich = false, false
				d.Modules[c] = m
			}
		}
	}
	return d
}

// TestRoots: a backend makes a root, whoever calls it, and who is ignored demotes nobody.
func TestRoots(t *testing.T) {
	t.Parallel()
	d := workflow.Discovery{Modules: map[string]workflow.Module{
		"prod":  {KeepsState: true},
		"plain": {}, "m": {}, "self": {Calls: []string{"self"}},
		"test":     {Calls: []string{"prod", "m"}},
		"examples": {Calls: []string{"plain"}},
	}}
	got := d.Roots(func(dir string) bool { return dir == "examples" })
	if diff := cmp.Diff([]string{"examples", "plain", "prod", "self", "test"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"examples", "prod", "self", "test"}, d.Roots(nil)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestSelectLibraries: only who names one means it.
func TestSelectLibraries(t *testing.T) {
	t.Parallel()
	projects := []workflow.Project{{Name: "a", Dir: "a", Environment: "e"}, {Name: "m", Dir: "m", Environment: "e", Library: true}}
	for _, tt := range []struct {
		selector workflow.Selector
		want     int
	}{{workflow.Selector{All: true}, 1}, {workflow.Selector{Environments: []string{"e"}}, 1}, {workflow.Selector{Projects: []string{"m"}}, 1}, {workflow.Selector{Dirs: []string{"*"}}, 2}} {
		got, fault := workflow.Select(workflow.SelectInput{Selector: tt.selector, Projects: projects})
		if fault != "" || len(got) != tt.want {
			t.Errorf("%+v: got %+v %q, want %d", tt.selector, got, fault, tt.want)
		}
	}
}
