package model

import (
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// lack is what plans lack, with who can mend it.
type lack struct {
	text, mend phrase.Text // of the first of the plans
	key        string      // the same where this can be said of several plans at once
	plans      []phrase.Topic
}

// lackOf is what one plan lacks. An apply that somebody has to resolve is always told by itself.
func lackOf(of phrase.Topic, text, mend phrase.Text) lack {
	text, mend = text.About(of), mend.About(of)
	l := lack{text: text, mend: mend, plans: []phrase.Topic{of}}
	if resolve := string(workflow.VerbResolve); text.Names(resolve) || mend.Names(resolve) {
		of = phrase.Topic{}
	}
	l.key = text.Key(of) + "\n" + mend.Key(of)
	return l
}

// said is the lack in words for all its plans.
func (l lack) said(as Links) Said {
	return Said{Text: as.Say(l.text.Common(l.plans)), Mend: as.Say(l.mend.Common(l.plans))}
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

func saidOf(all []lack, as Links) []Said {
	var out []Said
	for _, l := range all {
		s := l.said(as)
		for _, p := range l.plans {
			s.Projects = append(s.Projects, p.Project)
		}
		out = append(out, s)
	}
	return out
}

// Brief is Missing for a page that shows the commands, too: what one of them names exactly is not named a second time.
func (m Model) Brief() []Said {
	all := slices.Clone(m.lacks)
	for i, l := range all {
		mend := slices.Clone(l.mend.Common(l.plans))
		for j, part := range mend {
			if said := m.links.Say(phrase.Text{part}); slices.ContainsFunc(m.Commands, func(c Command) bool { return c.Exact != "" && said == phrase.CodeSpan(c.Exact) }) {
				mend[j].Command = phrase.Command{Verb: part.Command.Verb}
			}
		}
		all[i].mend = mend
	}
	return saidOf(all, m.links)
}

// refusal is projects that lack the same, each for its own plan.
type refusal struct {
	Items []workflow.ReplyItem
	lacks [][]lack // of each item
}

// RefusalsOf puts together the items of a reply of which the same can be said.
func RefusalsOf(items []workflow.ReplyItem) []refusal {
	var out []refusal
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
			out = append(out, refusal{})
		}
		out[i].Items, out[i].lacks = append(out[i].Items, it), append(out[i].lacks, lacks)
	}
	return out
}

func lacksOf(it workflow.ReplyItem) []lack {
	var out []lack
	of := phrase.Topic{Project: it.Project, Plan: workflow.ShortFingerprint(it.Fingerprint)}
	if !it.Text.Empty() {
		out = append(out, lackOf(of, it.Text, nil))
	}
	for _, m := range it.Missing {
		out = append(out, lackOf(of, m.Sentence, m.Mend))
	}
	return out
}

// Said are the sentences for all the items together.
func (r refusal) Said(as Links) []Said {
	var out []Said
	for i := range r.lacks[0] {
		l := r.lacks[0][i]
		for _, other := range r.lacks[1:] {
			l.plans = append(l.plans[:len(l.plans):len(l.plans)], other[i].plans...)
		}
		out = append(out, l.said(as))
	}
	return out
}

// failed says which plans are missing, in sentences without full stops: they failed, were refused, or somebody
// cancelled them.
func failed(m Model) []string {
	of := map[string][]string{}
	for _, f := range m.Failures {
		for _, r := range f.Rows {
			switch {
			case r.Cancelled():
				of["cancelled"] = append(of["cancelled"], phrase.CodeSpan(r.Name()))
			case r.State == workflow.StateRefused:
				of["refused"] = append(of["refused"], phrase.CodeSpan(r.Name()))
			case r.State == workflow.StatePlanFailed:
				of["failed"] = append(of["failed"], phrase.CodeSpan(r.Name()))
			}
		}
	}
	var out []string
	for _, is := range []struct{ word, what, one, many string }{
		{"failed", "plan", "failed", "failed"},
		{"refused", "project", "is refused", "are refused"},
		{"cancelled", "plan", "was cancelled", "were cancelled"},
	} {
		names := of[is.word]
		if len(names) == 0 {
			continue
		}
		s := markdown.Number(len(names)) + " of " + markdown.Count(m.Tally.Affected, is.what, is.what+"s") + " " +
			phrase.OneMany(len(names) == 1, is.one, is.many)
		if len(names) <= 3 {
			s += ": " + phrase.AndList(names)
		}
		out = append(out, s)
	}
	return out
}
