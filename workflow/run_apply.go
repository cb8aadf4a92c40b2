package workflow

import (
	"fmt"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// By is who asked for a run, the zero value where nobody did.
func (r Run) By() Actor {
	if r.Unasked {
		return Actor{}
	}
	return r.Actor
}

// Begun reports whether an apply run was told to go and is not proven to have
// done nothing: from then on its saved plan is spent and the project is held.
func (r Run) Begun() bool {
	return r.Kind == RunApply && r.Apply != nil && r.Apply.Spent && r.Outcome != OutcomeRefused
}

// ApplySucceeded reports whether an apply run succeeded, by its result or by the word of a person.
func (r Run) ApplySucceeded() bool {
	if r.Apply != nil && r.Apply.Resolved != "" {
		return r.Apply.Resolved == ResolvedApplied
	}
	return r.State == RunFinished && r.Outcome == OutcomeSucceeded && r.Apply != nil && r.Apply.ErroredState == ""
}

// What a person may say of an unknown outcome.
const (
	ResolvedApplied = "applied"
	ResolvedFailed  = "failed"
)

// Authorise marks a claimed apply run as confirmed and its saved plan as spent. A run that
// was asked to stop, or whose plan is spent already, may never start.
func (r *Run) Authorise(epoch int, a Authorisation) error {
	switch {
	case r.Kind != RunApply || r.Apply == nil:
		return fmt.Errorf("authorising run %s: it is no apply", r.ID)
	case r.State != RunRunning || r.Epoch != epoch:
		return fmt.Errorf("authorising run %s: %w", r.ID, ErrStale)
	case r.Apply.Spent:
		return fmt.Errorf("authorising run %s: its saved plan is spent: %w", r.ID, ErrStale)
	case r.Interrupt != "":
		return fmt.Errorf("authorising run %s: it was asked to stop: %w", r.ID, ErrStale)
	}
	r.Order().Authorised, r.Apply.Spent = &a, true
	return nil
}

// Refuse ends a claimed or queued apply that was proven not to have started.
func (r *Run) Refuse(why string, missing []Missing, now time.Time) {
	r.Outcome, r.Reason = OutcomeRefused, why
	r.Order().Missing = missing
	r.end(now)
}

// Order makes the apply's order the run's own, so that a change of it is not one
// of the record that the run was copied from.
func (r *Run) Order() *ApplyOrder {
	own := ApplyOrder{}
	if r.Apply != nil {
		own = *r.Apply
	}
	r.Apply = &own
	return r.Apply
}

// FinishApply ends an apply run by its runner's result. An apply that was told to go and has
// no result is unknown; only the result itself, however late, or a person changes that. One
// that proves that it did not start is refused, and one that began without our word is
// unknown too.
func (r *Run) FinishApply(res Result, now time.Time) error {
	late := r.State == RunFinished && r.OutcomeOpen() && r.Outcome == OutcomeUnknown && res.Outcome != OutcomeUnknown && res.Outcome != OutcomeLost
	if r.Epoch != res.Epoch || (r.State != RunRunning && !late) {
		return fmt.Errorf("finishing run %s: %w", r.ID, ErrStale)
	}
	order := r.Order()
	order.Done, order.Total, order.ErroredState = res.Done, res.Total, res.ErroredState
	order.Progress = progressToKeep(res.Progress)
	r.Diagnostics, r.Reason = res.Diagnostics, res.Reason
	gone := res.Outcome == OutcomeLost || res.Outcome == OutcomeUnknown
	switch {
	case res.NotStarted, gone && !order.Spent:
		r.Outcome = OutcomeRefused
		if r.Interrupt != "" {
			r.Reason = r.Interrupt
		} else if r.Reason == "" {
			r.Reason = "The apply could not be started."
		}
	case gone, !order.Spent, res.Outcome == OutcomeNone:
		r.Outcome = OutcomeUnknown
		if r.Reason == "" {
			r.Reason = "Its runner ended without a result, so it is not known what was done."
		}
	case res.Outcome == OutcomeSucceeded:
		r.Outcome = OutcomeSucceeded
	default: // failed, timed out, cancelled: what was done is done
		r.Outcome = OutcomeFailed
		if r.Interrupt != "" {
			r.Reason = phrase.Joined(r.Interrupt, r.Reason)
		}
	}
	r.end(now)
	return nil
}

// NeverMerged says, as a sentence without its full stop, what is left of an apply whose pull was closed unmerged.
func NeverMerged(number int, apply Run) string {
	says := "Applied from #%d at %s, never merged"
	switch {
	case apply.OutcomeOpen():
		says = "The outcome of the apply from #%d at %s is unknown, and the pull request was never merged"
	case apply.StateKept():
		says = "Applied from #%d at %s, but the state could not be stored; never merged"
	case !apply.ApplySucceeded():
		says = "The apply from #%d at %s failed, and what it did was never merged"
	}
	return fmt.Sprintf(says, number, phrase.CodeSpan(phrase.Short(apply.Head)))
}

// ends are what the history says that runs without a result did.
var ends = map[Outcome]string{OutcomeFailed: "failed", OutcomeTimedOut: "timed out", OutcomeCancelled: "was cancelled",
	OutcomeSuperseded: "was superseded", OutcomeLost: "was lost", OutcomeRefused: "was refused"}

// EndSentence says how a run ended, for the history.
func (r Run) EndSentence() string {
	switch {
	case r.Kind == RunApply && r.Apply != nil:
		return r.applyEnd()
	case r.Outcome == OutcomeSucceeded && r.NoChanges:
		return fmt.Sprintf("`%s` has no changes.", r.Project.Name)
	case r.Outcome == OutcomeSucceeded:
		return fmt.Sprintf("`%s` was planned: %s.", r.Project.Name, r.Counts.Words())
	}
	kind := map[RunKind]string{RunPlan: "plan", RunVerify: "plan after the apply"}[r.Kind]
	return phrase.Joined(fmt.Sprintf("The %s of `%s` %s.", phrase.OrWord(kind, "run"), r.Project.Name,
		phrase.OrWord(ends[r.Outcome], "ended")), r.Reason)
}

func (r Run) applyEnd() string {
	name := r.Project.Name
	text := fmt.Sprintf("`%s` was applied.", name)
	switch {
	case r.Outcome == OutcomeUnknown:
		text = fmt.Sprintf("The outcome of the apply of `%s` is unknown.", name)
	case r.Apply.ErroredState != "":
		text = fmt.Sprintf("The apply of `%s` could not store its state, which is kept here as %s.", name, r.Apply.ErroredState)
	case r.Outcome != OutcomeSucceeded:
		text = fmt.Sprintf("The apply of `%s` %s.", name, phrase.OrWord(ends[r.Outcome], "failed"))
	}
	switch {
	case r.Apply.Total > 0 && r.Outcome == OutcomeUnknown:
		text += fmt.Sprintf(" Its last report: %d of %d changes made.", r.Apply.Done, r.Apply.Total)
	case r.Apply.Total > 0 && r.Outcome != OutcomeSucceeded:
		text += fmt.Sprintf(" %d of %d changes were made.", r.Apply.Done, r.Apply.Total)
	}
	return phrase.Joined(text, r.Reason)
}
