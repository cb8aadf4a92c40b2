package model

import (
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// spoken puts the word that commands start with here into a sentence of the
// domain, which knows only `cardea`.
func (l Links) spoken(sentence string) string {
	if l.Prefix == "" || l.Prefix == "cardea" {
		return sentence
	}
	return strings.ReplaceAll(sentence, "`cardea ", "`"+l.Prefix+" ")
}

func (l Links) spokenAll(sentences []string) []string {
	out := slices.Clone(sentences)
	for i := range out {
		out[i] = l.spoken(out[i])
	}
	return out
}

// Spoken is a pull whose sentences name commands as they are written here. Nothing of v is changed.
func (l Links) Spoken(v workflow.PullView) workflow.PullView {
	if l.spoken("`cardea ") == "`cardea " {
		return v
	}
	if v.Trouble != nil {
		t := *v.Trouble
		t.Sentences = l.spokenAll(t.Sentences)
		v.Trouble = &t
	}
	v.Notes, v.Waiting = l.spokenAll(v.Notes), l.spoken(v.Waiting)
	v.Projects, v.Past = l.spokenProjects(v.Projects), l.spokenProjects(v.Past)
	return v
}

func (l Links) spokenProjects(projects []workflow.ProjectRecord) []workflow.ProjectRecord {
	out := slices.Clone(projects)
	for i := range out {
		p := &out[i]
		p.Project.Refused = l.spoken(p.Project.Refused)
		p.Reasons = l.spokenAll(p.Reasons)
		p.Run, p.Apply = l.spokenRun(p.Run), l.spokenRun(p.Apply)
	}
	return out
}

func (l Links) spokenRun(r *workflow.Run) *workflow.Run {
	if r == nil {
		return nil
	}
	out := *r
	out.Reason = l.spoken(r.Reason)
	return &out
}

// SpokenReply is a reply whose sentences name commands as they are written here. Nothing of r is changed.
func (l Links) SpokenReply(r workflow.Reply) workflow.Reply {
	r.Text, r.Items = l.spokenAll(r.Text), slices.Clone(r.Items)
	for i := range r.Items {
		it := &r.Items[i]
		it.Text, it.Run = l.spoken(it.Text), l.spokenRun(it.Run)
	}
	return r
}
