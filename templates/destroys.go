package templates

import (
	"strings"

	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// mostDestroyed is how many addresses stand right under the verdict.
const mostDestroyed = 5

// destroys names what plans that are not applied yet destroy, and what they replace: whoever
// approves should not have to open a fold for that.
func (w writer) destroys() string {
	var b strings.Builder
	for _, of := range []struct {
		action workflow.Action
		word   string
		total  int
	}{
		{workflow.ActionDelete, "Destroys", w.model.Counts.Destroy},
		{workflow.ActionReplace, "Replaces", w.model.Counts.Replace},
	} {
		if of.total == 0 {
			continue
		}
		list, named := w.doing(of.action)
		if more := of.total - named; more > 0 {
			list = append(list, "… "+markdown.Number(more)+" more")
		}
		b.WriteString("\n**" + of.word + ":** " + strings.Join(list, ", ") + "\n")
	}
	return b.String()
}

// doing are the addresses to which an action happens, with their projects, and how many objects that are.
func (w writer) doing(action workflow.Action) (list []string, objects int) {
	type object struct{ address, deposed string }
	var order []workflow.Change
	in := map[object][]string{}
	for _, g := range w.model.Groups {
		if g.Word != "" {
			continue // somebody decided that already
		}
		for _, c := range g.Changes {
			if c.Action != action || c.Mode == "output" || c.Mode == "action" {
				continue
			}
			key := object{c.Address, c.Deposed}
			if in[key] == nil {
				order = append(order, c)
			}
			in[key] = append(in[key], namesOf(g.Rows)...)
		}
	}
	for _, c := range order[:min(len(order), mostDestroyed)] {
		projects := in[object{c.Address, c.Deposed}]
		where := markdown.SomeOf(projects, 2, "")
		list = append(list, address(c)+" ("+where+")")
		objects += len(projects)
	}
	return list, objects
}
