package workflow

import "slices"

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
	optional bool // `require` may name it; all others always hold
	ofGitHub bool // no record of ours has it: without GitHub's answer of now nothing can be said about it
	replan   replan
}{
	{need: NeedPermission},
	{need: NeedBranch},
	{need: NeedOpen},
	{need: NeedSameRepo},
	{need: NeedReady},
	{need: NeedHead, replan: planFollows},
	{need: NeedPlan, replan: planFollows},
	{need: NeedArtefact, replan: planWanted},
	{need: NeedUpToDate, optional: true, replan: planFollows},
	{need: NeedFresh, replan: planWanted},
	{need: NeedApproved, optional: true},
	{need: NeedReviewed, optional: true, ofGitHub: true},
	{need: NeedMergeable, optional: true, ofGitHub: true},
	{need: NeedDepends},
	{need: NeedLock},
	{need: NeedState, replan: planWanted},
	{need: NeedConfig},
	{need: NeedFacts},
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

// Optional reports whether the requirement holds only where `require` names it.
func (n Requirement) Optional() bool { return n.known() && requirements[n.Rank()].optional }

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
	// Short is the same in a few words for tables and titles, after "waits for":
	// "1 approval", "lock of #12", "checks: lint", "new plan".
	Short    string `json:"short,omitempty"`
	Sentence string `json:"sentence"` // what is missing
	Mend     string `json:"mend"`     // who can mend it, and how; a sentence
}
