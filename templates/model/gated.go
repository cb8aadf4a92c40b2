package model

import (
	"fmt"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// Alarm is a project after whose apply a person has to act: until then nothing
// of it is applied, and its lock stays.
type Alarm struct {
	Row      Row
	Title    string
	Steps    []string // sentences: what is known, then what to do
	RunURL   string
	Commands []string // for the terminal, "" where there is none
}

// gated takes over what stands between a row's plan and its apply.
func (m *Model) gated(v workflow.PullView, r Row) {
	name := r.Name()
	if r.Lock != nil {
		m.hold(Hold{Lock: *r.Lock, Ours: r.Ours, Projects: []string{name}})
	}
	for _, a := range r.Approvals() {
		m.Approvals = addSaid(m.Approvals, fmt.Sprintf("%s approved%s on %s", phrase.CodeSpan(a.User.Login),
			phrase.OneMany(a.ReviewID != 0, " in a review", ""), phrase.Clock(a.At)), name)
	}
	if r.Open {
		for _, a := range r.Fallen() {
			m.Approvals = addSaid(m.Approvals,
				fmt.Sprintf("%s approved an earlier plan (%s); that approval is no longer valid. %s", phrase.CodeSpan(a.User.Login),
					phrase.CodeSpan(workflow.ShortFingerprint(a.Fingerprint)), phrase.Sentence(a.Void)), name)
		}
		of := phrase.Topic{Project: name, Plan: workflow.ShortFingerprint(r.Fingerprint())}
		for _, w := range r.Waits {
			if w.Reviews != "" {
				m.Approvals = addSaid(m.Approvals, w.Reviews, name)
			}
			if w.Need != "" {
				m.lacks = addLack(m.lacks, lackOf(of, w.lacks.Sentence, w.lacks.Mend))
			}
		}
	}
	if p := r.Record; r.Open && p.Verify != nil && p.Run.ID == p.Verify.ID {
		m.Notes = addSaid(m.Notes, "The apply left changes. This plan was made after it and needs its own approval",
			name)
	}
	if v.Pull.State == workflow.PullClosed && r.Record.Held && r.Record.Apply != nil &&
		r.Record.Apply.State == workflow.RunFinished {
		m.Notes = addSaid(m.Notes, workflow.NeverMerged(v.Pull.Number, *r.Record.Apply), name)
	}
}

// pastRows are the projects of earlier heads: a head that does not affect them,
// or that is not known yet, does not end an alarm.
func pastRows(v workflow.PullView, l Links) []Row {
	var out []Row
	for _, p := range v.Past {
		out = append(out, RowOf(v, p, l))
	}
	return out
}

func alarmsOf(rows []Row, l Links) []Alarm {
	var out []Alarm
	for _, r := range rows {
		if a, ok := AlarmOf(r, l); ok {
			out = append(out, a)
		}
	}
	return out
}

// AlarmOf is the alarm that a row gives, where it gives one.
func AlarmOf(r Row, l Links) (a Alarm, ok bool) {
	name := phrase.CodeSpan(r.Name())
	resolve := func(outcome string) string {
		return phrase.CodeSpan(l.Command("resolve -p " + quote(r.Name()) + " --outcome " + outcome))
	}
	a = Alarm{Row: r, RunURL: r.RunURL}
	order := r.Apply()
	switch {
	case r.State == workflow.StateUnknown:
		a.Title = "The outcome of the apply of " + name + " is unknown."
		a.Steps = []string{
			unknownBecause(r.Record.Apply) +
				" It may have made all, some or none of its changes. Cardea never retries it, and the project stays locked.",
		}
		if told := toldSentence(order); told != "" {
			a.Steps = append(a.Steps, told)
		}
		a.Steps = append(a.Steps,
			"Check its log and the real infrastructure. Then an admin comments "+resolve("applied")+
				" if the plan was carried out, or "+resolve("failed")+" if not; a fresh plan follows.")
		return a, true
	case r.State == workflow.StateErrored && order != nil:
		a.Title = "The state of " + name + " could not be stored after its apply."
		kept := "kept, encrypted, on the server"
		if unencrypted(order.ErroredState) {
			kept = "on the server, in plain text: it could not be encrypted either"
		}
		a.Steps = []string{
			partLead(order) + "What was applied is missing from the stored state. The new state is " + kept + ". Until it is stored, nothing in this project can be applied: planning now would create everything again.",
			"Whoever runs the server runs the commands below, in a checkout of the project with its backend's credentials. Then an admin comments " + resolve("applied") + " or " + resolve("failed") + ".",
		}
		a.Commands = stateCommands(toolOf(r), order.ErroredState)
		return a, true
	}
	return a, false
}

// unencrypted tells a state that remains where its apply ran from one that is kept among the artefacts.
func unencrypted(kept string) bool { return strings.Contains(kept, "/") }

// stateCommands are the lines that store a kept state, run in the project's directory.
func stateCommands(tool, kept string) []string {
	if unencrypted(kept) {
		return []string{"mv DATA_DIR/runs/" + shellWord(markdown.Verbatim(kept)) + " errored.tfstate",
			tool + " init && " + tool + " state push errored.tfstate && rm errored.tfstate"}
	}
	return []string{
		"age -d -i DATA_DIR/keys/artefacts.key DATA_DIR/artefacts/" +
			phrase.OrWord(markdown.Verbatim(kept), "NAME") + " > errored.tfstate",
		tool + " init && " + tool + " state push errored.tfstate && rm errored.tfstate",
	}
}

// shellWord is a path, with the name of a directory that the change may have chosen, as a shell takes it.
func shellWord(path string) string {
	if !strings.ContainsFunc(path, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			strings.ContainsRune("/._-", c))
	}) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// toolOf is the program that made the project's plan, of the newest one that is known; terraform without any.
func toolOf(r Row) string {
	if r.Plan == nil || r.Plan.Tool != "tofu" {
		return "terraform"
	}
	return "tofu"
}

// unknownBecause says why nobody knows how an apply ended.
func unknownBecause(apply *workflow.Run) string {
	if apply == nil || apply.Reason == "" {
		return "Its runner ended without a result."
	}
	return phrase.Sentence(apply.Reason)
}
