package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// followsOf names what a project's apply waits for, as far as that is not done; nothing where
// it follows nothing.
func followsOf(rec workflow.PullRecord, p workflow.ProjectRecord) []string {
	f := rec.Follows(p.Project.Key())
	if f == nil {
		return nil
	}
	names := slices.DeleteFunc(f.Waits(&rec), func(name string) bool {
		return rec.StandsFor(*rec.Project(name)) == workflow.StandsDone
	})
	if len(names) == 0 {
		return f.On // its own turn comes now
	}
	return names
}

// follow puts what the project follows before all else that it waits for. What it depends on
// is that, and wants nothing of anybody.
func (r *Row) follow() {
	if len(r.Follows) == 0 || r.State == workflow.StateApplying {
		return
	}
	text := "follows " + phrase.SomeNames(r.Follows)
	r.Waits = slices.DeleteFunc(r.Waits, func(w Wait) bool { return w.Need == workflow.NeedDepends || w.Text == itsApply })
	r.Waits = append([]Wait{{Text: text, Short: text}}, r.Waits...)
}

// followers are the rows that follow others.
func (m Model) followers() []Row {
	return slices.DeleteFunc(slices.Clone(m.Rows), func(r Row) bool { return len(r.Follows) == 0 })
}

// following says which projects follow which.
func following(m Model) string {
	rows := m.followers()
	if len(rows) > 3 {
		return markdown.Number(len(rows)) + " projects follow others and are applied after them."
	}
	parts := make([]string, len(rows))
	for i, r := range rows {
		parts[i] = phrase.CodeSpan(r.Name()) + " follows " + phrase.SomeNames(r.Follows)
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ") + "."
}

// followTitle is how far a command that walks from project to project has come: "2 of 5
// applied; `prod/network` follows"; "" where none does.
func followTitle(m Model) string {
	rows := m.followers()
	if len(rows) == 0 || len(m.Alarms) > 0 || m.Tally.ApplyFailed+m.Tally.Failed > 0 {
		return ""
	}
	all := 0
	for _, r := range m.Rows {
		if r.Open || len(r.Follows) > 0 || r.State == workflow.StateApplying || r.State == workflow.StateApplied {
			all++
		}
	}
	next := slices.IndexFunc(rows, func(r Row) bool { // what waits for no other that waits
		return !slices.ContainsFunc(rows, func(other Row) bool { return slices.Contains(r.Follows, other.Name()) })
	})
	who := phrase.CodeSpan(rows[max(0, next)].Name()) + " follows"
	if n := len(rows); n > 1 {
		who = phrase.CodeSpan(rows[max(0, next)].Name()) + " and " + markdown.Number(n-1) + " more follow"
	}
	return fmt.Sprintf("%s of %s applied; %s", markdown.Number(m.Tally.Applied), markdown.Number(all), who)
}

// stopped says which applies do not follow others any more, and why.
func (m *Model) stopped(v workflow.PullView, l Links) {
	for _, f := range v.Following {
		p := v.Find(f.Key)
		if f.Ended.Empty() || v.AskedAgain(f) || f.Head != v.Pull.Head.SHA ||
			p == nil || p.State() == workflow.StateApplied {
			continue
		}
		m.Notes = addSaid(m.Notes, fmt.Sprintf("Its apply no longer follows %s. %s", phrase.SomeNames(f.On),
			phrase.Sentence(l.Say(f.Ended))), f.Project)
	}
}
