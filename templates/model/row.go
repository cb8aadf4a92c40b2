package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// Row is one project.
type Row struct {
	Record  workflow.ProjectRecord
	Plan    *workflow.Plan // nil while there is none
	State   workflow.ProjectState
	Counts  workflow.Counts
	Reasons []string // why the change affects it, sentences
	// Waits are what must happen before this project moves on. Empty: nothing.
	Waits []Wait
	// Open says that its newest plan has changes that are not applied yet.
	Open bool
	// Lock is who holds the project; nil: nobody. Ours: this pull does.
	Lock   *workflow.Lock
	Ours   bool
	RunURL string
	// Follows names the projects after which its apply starts, without another word.
	Follows []string
}

// Wait is one thing that must happen before a project moves on.
type Wait struct {
	Text, Short string               // a sentence, and the same in a few words
	Need        workflow.Requirement // of the gate; "" where it is none of those
	Reviews     string               // why reviews on GitHub do not approve it, sentences
	lacks       workflow.Missing     // what the gate says
}

// Name is the project's name.
func (r Row) Name() string { return r.Record.Project.Name }

// Apply is what the project's newest apply in this pull did; nil before one was asked for.
func (r Row) Apply() *workflow.ApplyOrder {
	if r.Record.Apply == nil {
		return nil
	}
	return r.Record.Apply.Apply
}

// Fingerprint is that of the newest plan, or of what is being or was applied, whole; "" without one.
func (r Row) Fingerprint() string {
	o := r.Apply()
	switch {
	case o != nil && !r.Open && (r.State == workflow.StateApplying || r.State == workflow.StateApplied ||
		r.State == workflow.StateUnknown || r.State == workflow.StateErrored):
		return o.Fingerprint
	case r.Plan != nil:
		return r.Plan.Fingerprint
	case r.Record.Run != nil:
		return r.Record.Run.Fingerprint
	}
	return ""
}

// Approvals are those that count for the newest plan, oldest first.
func (r Row) Approvals() []workflow.Approval {
	var out []workflow.Approval
	for _, a := range r.Record.Approvals {
		if a.Void == "" && a.Fingerprint == r.Fingerprint() && a.Fingerprint != "" {
			out = append(out, a)
		}
	}
	return out
}

// Fallen are the approvals that counted once, the newest of each person who has not approved again.
func (r Row) Fallen() []workflow.Approval {
	var out []workflow.Approval
	seen := map[int64]bool{}
	for _, a := range slices.Backward(r.Record.Approvals) {
		if !seen[a.User.ID] && a.Void != "" {
			out = append(out, a)
		}
		seen[a.User.ID] = true
	}
	slices.Reverse(out)
	return out
}

// RowOf is one project of a pull.
func RowOf(v workflow.PullView, p workflow.ProjectRecord, l Links) Row {
	r := Row{Record: p, Plan: v.PlanOf(p), State: p.State(), Reasons: l.SayAll(p.Reasons)}
	if p.Run != nil {
		r.Counts = p.Run.Counts
		r.RunURL = l.Run(p.Run.ID)
	}
	if r.Plan != nil {
		r.Counts = r.Plan.Counts
	}
	r.Open = isOpen(p)
	if k, ok := v.Locked[p.Project.Name]; ok {
		r.Lock, r.Ours = &k, k.Pull == v.Pull.Key()
	}
	switch r.State {
	case workflow.StateApplying, workflow.StateApplied, workflow.StateUnknown, workflow.StateErrored:
		if p.Apply == nil {
			break
		}
		if r.Counts.Zero() { // a fresh plan without changes does not take away what was applied
			r.Counts = p.Apply.Counts
		}
		r.RunURL = phrase.OrWord(l.Run(p.Apply.ID), r.RunURL)
	}
	r.Follows = followsOf(v.PullRecord, p)
	r.wait(v.Pull, l)
	r.follow()
	return r
}

// isOpen reports a plan with changes that nothing has begun to apply.
func isOpen(p workflow.ProjectRecord) bool {
	r := p.Run
	if p.Deleted || !p.Project.Refused.Empty() || r == nil || r.State != workflow.RunFinished ||
		r.Outcome != workflow.OutcomeSucceeded || r.NoChanges {
		return false
	}
	switch p.State() {
	case workflow.StateApplying, workflow.StateApplied, workflow.StateUnknown, workflow.StateErrored:
		return false
	}
	order := applyOrder(p)
	return order == nil || !order.Spent || order.PlanRun != r.ID
}

func applyOrder(p workflow.ProjectRecord) *workflow.ApplyOrder {
	if p.Apply == nil {
		return nil
	}
	return p.Apply.Apply
}

// itsApply is what a plan waits for to which nothing is missing.
const itsApply = "its apply"

// wait finds out what the project waits for in its state.
func (r *Row) wait(pull workflow.Pull, l Links) {
	p := r.Record
	switch r.State {
	case workflow.StateQueued, workflow.StatePlanning:
		r.waits(runWaits(p.Run, "its plan"))
	case workflow.StateApplying:
		r.waits(runWaits(p.Apply, itsApply))
	case workflow.StatePlanFailed:
		r.waits("a successful plan")
	case workflow.StateRefused:
		r.waits("a fix: " + l.Say(p.Project.Refused))
	case workflow.StatePlanned:
		r.gate(!pull.Subject().IsZero(), l)
	case workflow.StateApplyFailed:
		if r.Open {
			r.gate(true, l)
		} else {
			r.waits("a new plan")
		}
	case workflow.StateUnknown:
		r.waits("someone to find out how its apply ended")
	case workflow.StateErrored:
		r.waits("someone to store its kept state")
	case workflow.StateApplied:
		switch {
		case p.Verify != nil && p.Verify.State != workflow.RunFinished:
			r.waits("a fresh plan to check whether anything is left")
		case pull.State == workflow.PullOpen:
			r.waits("the merge")
		}
	}
}

// Held is the sentence that says why the project's run does not start, "" where none does.
func (r Row) Held() string {
	for _, run := range []*workflow.Run{r.Record.Run, r.Record.Apply} {
		if run != nil && run.State == workflow.RunQueued && run.Waiting != "" {
			return run.Waiting
		}
	}
	return ""
}

// runWaits is what a run that is not finished waits for.
func runWaits(r *workflow.Run, itself string) string {
	switch {
	case r == nil:
		return "a free worker"
	case r.Interrupt != "":
		return itself + " to stop: " + strings.TrimSuffix(r.Interrupt, ".")
	case r.State == workflow.RunQueued:
		return phrase.OrWord(strings.TrimSuffix(r.Waiting, "."), "a free worker")
	case r.Kind == workflow.RunApply && applyUnstarted(*r):
		return "the final check of the gate"
	}
	return itself
}

func applyUnstarted(r workflow.Run) bool { return r.Apply != nil && r.Apply.Authorised == nil }

func (r *Row) waits(sentence string) {
	r.Waits = append(r.Waits, Wait{Text: sentence, Short: sentence})
}

// WaitsFor are the sentences of what the project waits for.
func (r Row) WaitsFor() []string {
	out := make([]string, len(r.Waits))
	for i, w := range r.Waits {
		out[i] = w.Text
	}
	return out
}

// Needs are the gate's requirements among what the project waits for.
func (r Row) Needs() []workflow.Requirement {
	var out []workflow.Requirement
	for _, w := range r.Waits {
		if w.Need != "" {
			out = append(out, w.Need)
		}
	}
	return out
}

// ready reports whether the project has a plan with changes and nothing known stands in its
// way.
func (r Row) ready() bool { return r.Open && !r.lacks() && len(r.Follows) == 0 }

// lacks reports that the gate lacked something when it was last asked.
func (r Row) lacks() bool { return len(r.Needs()) > 0 }

// gate is what a plan with changes waits for: all that the gate lacked when it
// was last asked, in its order; else the apply itself, where there is one (a
// preview is never applied).
func (r *Row) gate(applies bool, l Links) {
	p := r.Record
	missing := slices.Clone(p.WaitsFor)
	slices.SortStableFunc(missing, func(a, b workflow.Missing) int { return cmp.Compare(a.Need.Rank(), b.Need.Rank()) })
	if !p.Outdated.Empty() && !slices.ContainsFunc(missing, func(m workflow.Missing) bool {
		return m.Need == workflow.NeedUpToDate || m.Need == workflow.NeedHead || m.Need == workflow.NeedPlan
	}) {
		missing = append([]workflow.Missing{{Need: workflow.NeedUpToDate, Sentence: p.Outdated,
			Mend: phrase.Say("A new plan is made automatically.")}}, missing...)
	}
	for _, m := range missing {
		r.Waits = append(r.Waits, Wait{Text: l.Say(m.Sentence), Short: l.Say(m.Words()), Need: m.Need, Reviews: l.Say(m.Reviews), lacks: m})
	}
	if len(p.Upstream) > 0 && !slices.ContainsFunc(missing, func(m workflow.Missing) bool { return m.Need == workflow.NeedDepends }) {
		names := phrase.AndList(phrase.Quoted(p.Upstream))
		text := fmt.Sprintf("%s, which also changes, so this plan is provisional", names)
		r.Waits = append(r.Waits, Wait{Text: text, Short: "the apply of " + names, Need: workflow.NeedDepends,
			lacks: workflow.Missing{Sentence: phrase.Plain(text)}})
	}
	if applies && len(r.Waits) == 0 {
		r.waits(itsApply)
	}
}

// Word is the project's state in words.
func (r Row) Word() string {
	switch {
	case r.State == workflow.StatePlanFailed && r.Record.Run != nil:
		return failureWord(r.Record.Run.Outcome)
	case r.State == workflow.StatePlanned && !r.Record.Outdated.Empty():
		return "outdated"
	case r.State == workflow.StateUnknown:
		return "unknown"
	case r.State == workflow.StateErrored:
		return "state kept"
	case r.State == workflow.StateApplyFailed:
		if part := partOf(r.Apply()); part != "" {
			return "apply failed, " + part
		}
	}
	return strings.ReplaceAll(string(r.State), "_", " ")
}

// Cancelled reports that the newest plan was stopped by a person or by a newer head: it did not fail.
func (r Row) Cancelled() bool {
	run := r.Record.Run
	return r.State == workflow.StatePlanFailed && run != nil &&
		(run.Outcome == workflow.OutcomeCancelled || run.Outcome == workflow.OutcomeSuperseded)
}

// partOf is how much of a plan a failed apply carried out: "2 of 3 done", "" where that is not known.
func partOf(a *workflow.ApplyOrder) string {
	if a == nil || a.Total == 0 {
		return ""
	}
	return fmt.Sprintf("%s of %s done", markdown.Number(a.Done), markdown.Number(a.Total))
}

// rank orders the rows: what needs a person's eyes comes first.
func rank(r Row) int {
	switch r.State {
	case workflow.StateErrored, workflow.StateUnknown:
		return 0
	case workflow.StateApplyFailed:
		return 1
	case workflow.StatePlanFailed, workflow.StateRefused:
		return 2
	case workflow.StatePlanned:
		switch {
		case r.Counts.Destroy > 0:
			return 3
		case r.Counts.Replace > 0:
			return 4
		}
		return 5
	case workflow.StateApplying:
		return 6
	case workflow.StatePlanning:
		return 7
	case workflow.StateQueued:
		return 8
	case workflow.StateApplied:
		return 9
	}
	return 10
}

func byRisk(a, b Row) int {
	return cmp.Or(
		cmp.Compare(rank(a), rank(b)),
		cmp.Compare(b.Counts.Destroy, a.Counts.Destroy),
		cmp.Compare(b.Counts.Replace, a.Counts.Replace),
		cmp.Compare(b.Counts.Change, a.Counts.Change),
		cmp.Compare(b.Counts.Add, a.Counts.Add),
		cmp.Compare(a.Name(), b.Name()),
	)
}

// SameState says whose state it keeps as well, in a few words.
func (r Row) SameState() string { return r.StateOf("state of ") }

// StateOf says, after some words, whose state the project keeps as well; "" where it is its own.
func (r Row) StateOf(words string) string {
	if r.Record.Run == nil || r.State == workflow.StateApplied {
		return ""
	}
	others := r.Record.Run.KeepsWith()
	if len(others.Names) == 0 {
		return ""
	}
	if n := len(others.Names); n > 2 {
		others.Names, others.More = others.Names[:2], others.More+n-2
	}
	return words + others.String()
}
