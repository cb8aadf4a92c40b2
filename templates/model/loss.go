package model

import "github.com/cardea-iac/cardea/workflow"

// mostLost is how many addresses are named of what is destroyed, and of what is replaced.
const mostLost = 5

// loss is what plans that are not applied yet destroy, or what they replace.
type loss struct {
	Word  string // "Destroys" or "Replaces"
	Items []lost // the first of them
	More  int    // objects beside those
}

// lost is what happens to one address, in each of some projects.
type lost struct {
	Change   workflow.Change
	Projects []string
}

// Losses stand right under the verdict: whoever approves should not have to look for them.
func (m Model) Losses() []loss {
	var out []loss
	for _, of := range []struct {
		action workflow.Action
		word   string
		total  int
	}{
		{workflow.ActionDelete, "Destroys", m.Counts.Destroy},
		{workflow.ActionReplace, "Replaces", m.Counts.Replace},
	} {
		if of.total == 0 {
			continue
		}
		l := loss{Word: of.word, Items: m.losing(of.action), More: of.total}
		l.Items = l.Items[:min(len(l.Items), mostLost)]
		for _, it := range l.Items {
			l.More -= len(it.Projects)
		}
		out = append(out, l)
	}
	return out
}

// losing are the addresses to which an action happens, with their projects.
func (m Model) losing(action workflow.Action) (out []lost) {
	type object struct{ address, deposed string }
	at := map[object]int{}
	for _, g := range m.Groups {
		if g.Word != "" {
			continue // somebody decided that already
		}
		for _, c := range g.Changes {
			if c.Action != action || c.Mode == "output" || c.Mode == "action" {
				continue
			}
			key := object{c.Address, c.Deposed}
			i, ok := at[key]
			if !ok {
				i = len(out)
				at[key] = i
				out = append(out, lost{Change: c})
			}
			for _, r := range g.Rows {
				out[i].Projects = append(out[i].Projects, r.Name())
			}
		}
	}
	return out
}
