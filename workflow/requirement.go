package workflow

import (
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// Requirement is one condition of the gate.
type Requirement string

// The requirements of an apply. The table below says all else about them.
const (
	NeedPermission Requirement = "permission"
	NeedBranch     Requirement = "branch"
	NeedOpen       Requirement = "open"
	NeedSameRepo   Requirement = "same_repository"
	NeedReady      Requirement = "not_draft"
	NeedHead       Requirement = "current_head"
	NeedPlan       Requirement = "plan"
	NeedArtefact   Requirement = "artefact"
	NeedUpToDate   Requirement = "up_to_date"
	NeedFresh      Requirement = "fresh"
	NeedApproved   Requirement = "approved"
	NeedReviewed   Requirement = "reviewed"
	NeedMergeable  Requirement = "mergeable"
	NeedDepends    Requirement = "depends_on"
	NeedLock       Requirement = "lock"
	NeedState      Requirement = "state"
	NeedConfig     Requirement = "config" // base's `.cardea.yml` is faulty
	NeedFacts      Requirement = "facts"  // something could not be found out
)

// replan says what a requirement that is not met means for the plan.
type replan int

const (
	planStands  replan = iota
	planFollows        // it does not hold, and another one is made without anybody's word, or something has to be mended first
	planWanted         // it does not hold, and somebody has to ask for another one
)

// requirements are all requirements, in the order in which they are told.
var requirements = []struct {
	need     Requirement
	words    string // what an apply waits for without it, after "waits for"
	optional bool   // `require` may name it; all others always hold
	ofGitHub bool   // no record of ours has it: without GitHub's answer of now nothing can be said about it
	replan   replan
}{
	{need: NeedPermission, words: "someone who may apply"},
	{need: NeedBranch, words: "an allowed base branch"},
	{need: NeedOpen, words: "an open pull request"},
	{need: NeedSameRepo, words: "a branch of this repository"},
	{need: NeedReady, words: "the end of the draft"},
	{need: NeedHead, words: "a new plan", replan: planFollows},
	{need: NeedPlan, words: "a plan", replan: planFollows},
	{need: NeedArtefact, words: "a new plan", replan: planWanted},
	{need: NeedUpToDate, words: "a new plan", optional: true, replan: planFollows},
	{need: NeedFresh, words: "a new plan", replan: planWanted},
	{need: NeedApproved, words: "an approval", optional: true},
	{need: NeedReviewed, words: "a review on GitHub", optional: true, ofGitHub: true},
	{need: NeedMergeable, words: "GitHub's answer about conflicts", optional: true, ofGitHub: true},
	{need: NeedDepends, words: "what it depends on"},
	{need: NeedLock, words: "its lock"},
	{need: NeedState, words: "a new plan", replan: planWanted},
	{need: NeedConfig, words: "a fix of `.cardea.yml`"},
	{need: NeedFacts, words: "facts from GitHub"},
}

// Words are what an apply waits for when the requirement is not met, after "waits for".
func (n Requirement) Words() string {
	if !n.known() {
		return ""
	}
	return requirements[n.Rank()].words
}

// Rank is the requirement's place in the order in which they are told.
func (n Requirement) Rank() int {
	for i, r := range requirements {
		if r.need == n {
			return i
		}
	}
	return len(requirements)
}

// OfGitHub reports whether nobody but GitHub knows if the requirement is met.
func (n Requirement) OfGitHub() bool { return n.known() && requirements[n.Rank()].ofGitHub }

// Replans reports that, without the requirement, the plan does not hold: an approval of it would be in vain.
func (n Requirement) Replans() bool { return n.known() && requirements[n.Rank()].replan != planStands }

// WantsPlan reports that somebody has to ask for a new plan to meet the requirement.
func (n Requirement) WantsPlan() bool {
	return n.known() && requirements[n.Rank()].replan == planWanted
}

func (n Requirement) known() bool { return n.Rank() < len(requirements) }

// OptionalRequirements are those that `require` may name, in the order in which they are told.
func OptionalRequirements() []Requirement {
	var out []Requirement
	for _, r := range requirements {
		if r.optional {
			out = append(out, r.need)
		}
	}
	return out
}

// RequirementsOf are both lists without repetition, in the order in which they are told.
func RequirementsOf(a, b []Requirement) []Requirement {
	var out []Requirement
	for _, need := range OptionalRequirements() {
		if slices.Contains(a, need) || slices.Contains(b, need) {
			out = append(out, need)
		}
	}
	return out
}

// Missing is one requirement that is not met.
type Missing struct {
	Need Requirement `json:"need"`
	// Short is what the apply waits for, after these words, where that can be said
	// more exactly than for every case of the requirement: "2 approvals", "the lock of #12".
	Short    phrase.Text `json:"short,omitempty"`
	Sentence phrase.Text `json:"sentence"` // what is missing
	Mend     phrase.Text `json:"mend"`     // who can mend it, and how; a sentence
	// Reviews are the sentences of it that say why reviews on GitHub do not approve this.
	Reviews phrase.Text `json:"reviews,omitempty"`
}

// Words are what the apply waits for, in a few words for tables and titles, after "waits for".
func (m Missing) Words() phrase.Text {
	if m.Short.Empty() {
		return phrase.Plain(m.Need.Words())
	}
	return m.Short
}

// SayMissing is all that is missing.
func SayMissing(missing []Missing) phrase.Text {
	var all phrase.Text
	for _, m := range missing {
		all = all.And(m.Sentence)
	}
	return all
}
