package templates_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/templates"
	"github.com/cardea-iac/cardea/workflow"
)

// fat is a project with so many changes of so many bytes each.
func fat(name string, changes, size int) project {
	var all []workflow.Change
	for i := range changes {
		all = append(all, create(fmt.Sprintf("terraform_data.x[%d]", i), set("input", strings.Repeat("v", size))))
	}
	p := planned(name, "dev", all...)
	p.plan.Drift = all
	return p
}

// briefs is a view as it is read from the store: with the briefs of its plans.
func briefs(v workflow.PullView) workflow.PullView {
	plans := map[string]workflow.Plan{}
	for id, p := range v.Plans {
		plans[id], _ = p.Brief()
	}
	v.Plans = plans
	return v
}

// A comment that is made from briefs, and from as much of the plans as it asks for, is that of the whole plans.
func TestLackingSuffices(t *testing.T) {
	for name, v := range map[string]workflow.PullView{
		"small":     view(planned("prod/network", "prod", newSubnet, goneBucket)),
		"one":       view(fat("dev/a", 1, 300<<10)),
		"wide":      view(fat("dev/a", 40, 20<<10)),
		"many":      view(fat("dev/a", 3000, 100)),
		"a few fat": view(fat("dev/a", 3000, 100), fat("dev/b", 50, 2000), planned("prod/network", "prod", newSubnet, goneBucket), fat("dev/c", 2, 100<<10)),
	} {
		t.Run(name, func(t *testing.T) {
			read := briefs(v)
			lacking := templates.Lacking(read, false)
			if each := templates.Lacking(read, true); len(lacking) != len(each) || name != "small" && len(each) == 0 {
				t.Errorf("it asks for %d plans, for the checks of projects %d", len(lacking), len(each))
			}
			for _, id := range lacking {
				read.Plans[id] = templates.Fitting(v.Plans[id])
			}
			if d := cmp.Diff(templates.Summary(v, links), templates.Summary(read, links)); d != "" {
				t.Errorf("the comment (-want +got):\n%s", d)
			}
			if d := cmp.Diff(templates.PlanCheck(v, links), templates.PlanCheck(read, links)); d != "" {
				t.Errorf("the check (-want +got):\n%s", d)
			}
		})
	}
}

// Of many long plans few are asked for; of the others the comment counts what it does not show,
// and it keeps to its size, however many they are.
func TestLackingOfMany(t *testing.T) {
	for n := 40; n < 200; n += 37 {
		t.Run(fmt.Sprint(n), func(t *testing.T) { lackingOfMany(t, n) })
	}
}

func lackingOfMany(t *testing.T, n int) {
	var projects []project
	for i := range n {
		p := fat(fmt.Sprintf("dev/p%02d", i), 300, 200)
		p.plan.ChangesHash = fmt.Sprint(i)
		projects = append(projects, p)
	}
	v := view(projects...)
	read := briefs(v)
	for _, each := range []bool{false, true} {
		if got := len(templates.Lacking(read, each)); got == 0 || got > 10 {
			t.Errorf("it asks for %d plans", got)
		}
	}
	text := templates.Summary(read, links)
	if len(text) > templates.MaxComment || n < 100 && !strings.Contains(text, "more changes [on the page]") {
		t.Errorf("%d bytes: %.300s … %s", len(text), text, text[len(text)-2000:])
	}
}
