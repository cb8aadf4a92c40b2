package model

import (
	"fmt"
	"slices"
	"strings"
)

// RequiredCheck is a check that a branch's protection asks for. AppID 0: from any source.
type RequiredCheck struct {
	Context string
	AppID   int64
}

// Protection is what a branch asks for before a pull may be merged into it.
type Protection struct {
	Checks        []RequiredCheck
	Reviews       int  // approving reviews by people who may write
	Strict        bool // the head must contain the base's tip
	DismissStale  bool // a push dismisses approvals
	EnforceAdmins bool // otherwise admins may merge regardless, which is GitHub's default
}

func (p Protection) On() bool { return len(p.Checks) > 0 || p.Reviews > 0 || p.Strict }

// RequiredChecks are those that a branch asks for: by its protection, and by rulesets.
func (r *Repo) RequiredChecks(branch string) []RequiredCheck {
	return append(slices.Clone(r.Protection[branch].Checks), r.Rulesets[branch]...)
}

// Missing says, in one sentence each, what protection still asks for: checks first, then
// reviews.
func (st *State) Missing(p *Pull) []string {
	prot := p.Repo.Protection[p.BaseRef]
	var out []string
	for _, want := range p.Repo.RequiredChecks(p.BaseRef) {
		if msg := st.unmet(p, want); msg != "" {
			out = append(out, msg)
		}
	}
	if decision := ReviewDecision(p); decision == "CHANGES_REQUESTED" {
		out = append(out, "Changes have been requested by a reviewer with write access.")
	} else if decision == "REVIEW_REQUIRED" {
		out = append(out, fmt.Sprintf("At least %d approving review is required by reviewers with write access.",
			prot.Reviews))
	}
	return out
}

// unmet says what is wrong with one required check; "" when it passed. Success, neutral and
// skipped pass. If a check and a status have that name, both have to pass. ("Troubleshooting
// required status checks")
func (st *State) unmet(p *Pull, want RequiredCheck) string {
	found, foreign := false, false
	for _, run := range Latest(p.Repo.RunsAt(p.Head)) {
		if run.Name != want.Context {
			continue
		}
		if want.AppID != 0 && run.Suite.App.ID != want.AppID {
			foreign = true
			continue
		}
		found = true
		if run.Status != "completed" {
			return fmt.Sprintf("Required status check %q is %s.", want.Context, strings.ReplaceAll(run.Status, "_", " "))
		}
		if !slices.Contains([]string{"success", "neutral", "skipped"}, run.Conclusion) {
			return fmt.Sprintf("Required status check %q is failing.", want.Context)
		}
	}
	for _, cs := range p.Repo.StatusesAt(p.Head) {
		switch {
		case cs.Context != want.Context:
		case want.AppID != 0 && (cs.Creator.Type != "Bot" || st.Apps[want.AppID] == nil ||
			cs.Creator != st.Apps[want.AppID].Bot):
			foreign = true
		case cs.State != "success":
			return fmt.Sprintf("Required status check %q is %s.", want.Context, cs.State)
		default:
			found = true
		}
	}
	switch {
	case found:
		return ""
	case foreign:
		return fmt.Sprintf("Required status check %q was not set by the expected GitHub App.", want.Context)
	}
	return fmt.Sprintf("Required status check %q is expected.", want.Context)
}

// ReviewDecision is "" where no review is required. The last opinion of each reviewer with
// write access counts; a comment is not an opinion, and the author has none.
func ReviewDecision(p *Pull) string {
	need := p.Repo.Protection[p.BaseRef].Reviews
	opinions := map[int64]string{}
	for _, rv := range p.Reviews {
		if rv.State != "COMMENTED" && rv.User != p.Author && p.Repo.May(rv.User, "write") {
			opinions[rv.User.ID] = rv.State
		}
	}
	approvals := 0
	for _, state := range opinions {
		switch state {
		case "CHANGES_REQUESTED":
			if need > 0 {
				return "CHANGES_REQUESTED"
			}
		case "APPROVED":
			approvals++
		}
	}
	switch {
	case need == 0:
		return ""
	case approvals >= need:
		return "APPROVED"
	}
	return "REVIEW_REQUIRED"
}

// MergeState is GraphQL's MergeStateStatus; REST shows it in lower case.
func (st *State) MergeState(p *Pull) string {
	switch {
	case p.Closed != nil || !p.Mergability.Known:
		return "UNKNOWN"
	case !p.Mergability.OK:
		return "DIRTY"
	case p.Draft:
		return "DRAFT"
	case len(st.Missing(p)) > 0:
		return "BLOCKED"
	case p.Repo.Protection[p.BaseRef].Strict && p.Mergability.Behind:
		return "BEHIND"
	}
	for _, run := range Latest(p.Repo.RunsAt(p.Head)) {
		if run.Status != "completed" || !slices.Contains([]string{"success", "neutral", "skipped"}, run.Conclusion) {
			return "UNSTABLE"
		}
	}
	for _, cs := range p.Repo.StatusesAt(p.Head) {
		if cs.State != "success" {
			return "UNSTABLE"
		}
	}
	return "CLEAN"
}

// LastOpinion is a reviewer's newest review that is more than a comment.
func LastOpinion(p *Pull, by *Account) *Review {
	for _, rv := range slices.Backward(p.Reviews) {
		if rv.User == by && rv.State != "COMMENTED" {
			return rv
		}
	}
	return nil
}
