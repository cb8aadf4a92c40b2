package workflow

import (
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/internal/phrase"
)

func TestSelect(t *testing.T) {
	project := func(name, env, ws string) Project {
		return Project{Name: name, Dir: strings.ToLower(name), Environment: env, Variant: ws}
	}
	projects := []Project{project("prod/net", "prod", "default"), project("prod/db", "prod", "blue"), project("dev/net", "dev", "default"), project("a[1]", "", "default"), project("a1", "", "default"), project("x{", "", "default")}
	affected, deleted := projects[2:3], []Project{project("dev/gone", "dev", "default")}
	for _, tt := range []struct {
		name  string
		sel   Selector
		want  string
		fault string
	}{
		{name: "nothing: the affected ones", want: "dev/net"},
		{name: "all", sel: Selector{All: true}, want: "a1 a[1] dev/net prod/db prod/net x{"},
		{name: "by name", sel: Selector{Projects: []string{"prod/net", "dev/*"}}, want: "dev/net prod/net"},
		{name: "a name that looks like a glob", sel: Selector{Projects: []string{"a[1]"}}, want: "a[1]"},
		{name: "a name that is no glob", sel: Selector{Projects: []string{"x{"}}, want: "x{"},
		{name: "a glob that is no name", sel: Selector{Projects: []string{"a[0-9]", "x*"}}, want: "a1 x{"},
		{name: "a directory that looks like a glob", sel: Selector{Dirs: []string{"a[1]"}}, want: "a[1]"},
		{name: "kinds must all hold", sel: Selector{Environments: []string{"prod"}, Workspaces: []string{"default"}}, want: "prod/net"},
		{name: "by directory", sel: Selector{Dirs: []string{"prod/**"}}, want: "prod/db prod/net"},
		{name: "all of one environment", sel: Selector{All: true, Environments: []string{"dev"}}, want: "dev/net"},
		{name: "mistyped", sel: Selector{Projects: []string{"prod/nte"}}, fault: "There is no project `prod/nte`; the nearest is `prod/net`."},
		{name: "part of a name", sel: Selector{Projects: []string{"gone", "prod/net"}}, fault: "There is no project `gone`."},
		{name: "deleted", sel: Selector{Projects: []string{"dev/gone"}}, fault: "The project `dev/gone` is deleted by this change: there is nothing to plan."},
		{name: "no such environment", sel: Selector{Environments: []string{"Prod"}}, fault: "There is no environment `Prod`; the nearest is `prod`."},
		{name: "each alone", sel: Selector{Environments: []string{"dev"}, Workspaces: []string{"blue"}}, fault: "Each option matches some projects, but no project matches all of them."},
		{name: "bad glob", sel: Selector{Dirs: []string{"a["}}, fault: "`a[` is not a usable glob for a directory."},
		{name: "text that would break the sentence", sel: Selector{Projects: []string{"x`\n@all" + strings.Repeat("y", 300)}},
			fault: "There is no project `x??@all" + strings.Repeat("y", 93) + "…`."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			chosen, fault := Select(SelectInput{Selector: tt.sel, Projects: projects, Affected: affected, Deleted: deleted})
			var names []string
			for _, p := range chosen {
				names = append(names, p.Name)
			}
			if got := strings.Join(names, " "); got != tt.want || fault != tt.fault {
				t.Errorf("got %q, %q; want %q, %q", got, fault, tt.want, tt.fault)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	known := []string{"plan_timeout", "parallel", "drain", "settle", "prod/network"}
	for name, want := range map[string]string{"plan_timeot": "plan_timeout", "paralell": "parallel", "Drian": "drain", "network": "prod/network", "x": "", "": "", "unlike": ""} {
		if got := phrase.Nearest(name, known); got != want {
			t.Errorf("Nearest(%q): got %q, want %q", name, got, want)
		}
	}
}
