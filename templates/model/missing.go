package model

import (
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// planned is a project with the plan that a sentence is about.
type planned struct{ name, fingerprint string }

// lack is what plans lack, with who can mend it: of several plans in words that
// fit them all, where nothing but their names and fingerprints differs.
type lack struct {
	text, mend string // of one plan: as the gate said it
	key        string // the same for what can be said of several plans at once
	plans      []planned
}

// Stand-ins for what differs between the projects of one lack.
const (
	nameHere = "\x00" // `NAME`
	planHere = "\x01" // " -p NAME@FINGERPRINT" of a command
	pickHere = "\x02" // " -p NAME" of a command
	ofPlan   = "\x03" // " of `FINGERPRINT`"
)

// impersonal is what is said of a project's plan with stand-ins for its name and fingerprint.
func impersonal(text string, p planned) string {
	short := workflow.ShortFingerprint(p.fingerprint)
	if short != "" {
		text = strings.ReplaceAll(text, " of `"+short+"`", ofPlan)
	}
	for _, name := range []string{p.name, quote(p.name)} {
		text = strings.ReplaceAll(text, " -p "+name+"@"+short+"`", planHere+"`")
		text = strings.ReplaceAll(text, " -p "+name+"`", pickHere+"`")
	}
	return strings.ReplaceAll(text, "`"+p.name+"`", nameHere)
}

// common puts back what all the plans have in common.
func common(text string, plans []planned) string {
	var pick, exact []string
	for _, p := range plans {
		pick = append(pick, p.name)
		exact = append(exact, p.name+"@"+workflow.ShortFingerprint(p.fingerprint))
	}
	if len(plans) > namedAtMost { // then the command without a choice is meant
		pick, exact = nil, nil
	}
	if strings.HasPrefix(text, nameHere) {
		text = "Each" + text[1:]
	}
	return strings.NewReplacer("may not apply "+nameHere, "may not apply these", nameHere, "each", ofPlan, " each", planHere, options(exact), pickHere, options(pick)).Replace(text)
}

// lackOf is what one plan lacks. An apply that somebody has to resolve is always told by itself.
func lackOf(p planned, text, mend string) lack {
	l := lack{text: text, mend: mend, key: text + "\n" + mend, plans: []planned{p}}
	if !strings.Contains(mend, " resolve ") {
		l.key = impersonal(text, p) + "\n" + impersonal(mend, p)
	}
	return l
}

// said is the lack in words for all its plans.
func (l lack) said() (text, mend string) {
	if len(l.plans) == 1 {
		return l.text, l.mend
	}
	return common(impersonal(l.text, l.plans[0]), l.plans), common(impersonal(l.mend, l.plans[0]), l.plans)
}

// addLack adds what one plan lacks.
func addLack(all []lack, l lack) []lack {
	for i, have := range all {
		if have.key != l.key {
			continue
		}
		if !slices.Contains(have.plans, l.plans[0]) {
			all[i].plans = append(have.plans, l.plans[0])
		}
		return all
	}
	return append(all, l)
}

func saidOf(all []lack) []Said {
	var out []Said
	for _, l := range all {
		s := Said{}
		s.Text, s.Mend = l.said()
		for _, p := range l.plans {
			s.Projects = append(s.Projects, p.name)
		}
		out = append(out, s)
	}
	return out
}

// Refusal is projects that lack the same, each for its own plan.
type Refusal struct {
	Items []workflow.ReplyItem
	lacks [][]lack // of each item
}

// RefusalsOf puts together the items of a reply of which the same can be said.
func RefusalsOf(items []workflow.ReplyItem) []Refusal {
	var out []Refusal
	at := map[string]int{}
	for _, it := range items {
		lacks := lacksOf(it)
		key := ""
		for _, l := range lacks {
			key += l.key + "\n"
		}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, Refusal{})
		}
		out[i].Items, out[i].lacks = append(out[i].Items, it), append(out[i].lacks, lacks)
	}
	return out
}

func lacksOf(it workflow.ReplyItem) []lack {
	var out []lack
	of := planned{it.Project, it.Fingerprint}
	if it.Text != "" {
		out = append(out, lackOf(of, it.Text, ""))
	}
	for _, m := range it.Missing {
		out = append(out, lackOf(of, m.Sentence, m.Mend))
	}
	return out
}

// Said are the sentences for all the items together.
func (r Refusal) Said() []Said {
	var out []Said
	for i := range r.lacks[0] {
		l := r.lacks[0][i]
		for _, other := range r.lacks[1:] {
			l.plans = append(l.plans[:len(l.plans):len(l.plans)], other[i].plans...)
		}
		s := Said{}
		s.Text, s.Mend = l.said()
		out = append(out, s)
	}
	return out
}

// failed says which plans are missing: they failed, were refused, or somebody cancelled them.
func failed(m Model) string {
	var names, dropped []string
	refused := 0
	for _, f := range m.Failures {
		for _, r := range f.Rows {
			switch {
			case r.Cancelled():
				dropped = append(dropped, markdown.Tick(r.Name()))
			case r.State == workflow.StateRefused:
				refused++
				names = append(names, markdown.Tick(r.Name()))
			case r.State == workflow.StatePlanFailed:
				names = append(names, markdown.Tick(r.Name()))
			}
		}
	}
	which := func(names []string) string {
		if len(names) > 3 {
			return "."
		}
		return ": " + phrase.AndList(names) + "."
	}
	var out []string
	of := func(n int, what string) string {
		return markdown.Number(n) + " of " + markdown.Count(m.Tally.Affected, what, what+"s") + " "
	}
	switch n := len(names); {
	case n > 0 && refused == n:
		out = append(out, of(n, "project")+phrase.IsAre(n)+" refused"+which(names))
	case n > 0:
		out = append(out, of(n, "plan")+"failed"+which(names))
	}
	if n := len(dropped); n > 0 {
		out = append(out, of(n, "plan")+phrase.OneMany(n == 1, "was", "were")+" cancelled"+which(dropped))
	}
	return strings.Join(out, " ")
}
