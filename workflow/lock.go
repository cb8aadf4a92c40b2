package workflow

import (
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// LockWhy says how a lock came to be.
type LockWhy string

// The reasons of locks.
const (
	LockClaim LockWhy = "claim" // `cardea lock`
	LockPlan  LockWhy = "plan"  // a plan with changes, with `lock: plan`
	LockApply LockWhy = "apply" // an apply started; held until merge
)

// Lock is one pull's exclusive hold on a project, or on a state identity that
// two projects share. Key is "project\x00DIR\x00VARIANT", with "\x00ENTRY" where
// there is one, or "state\x00HASH".
type Lock struct {
	RepoID  int64  `json:"repo_id"`
	Key     string `json:"key"`
	Project string `json:"project"` // name, for people
	// Of is the project for which it was taken, as far as rules are about it: it may
	// have another name by now, or be gone.
	Of    LockedProject `json:"of,omitzero"`
	Pull  PullKey       `json:"pull"`
	User  Actor         `json:"user"`
	Since time.Time     `json:"since"`
	Why   LockWhy       `json:"why"`
	Epoch uint64        `json:"epoch"` // grows with every taking of this key
}

// LockedProject is a project as it was when its lock was taken.
type LockedProject struct {
	Dir             string   `json:"dir"`
	Variant         string   `json:"terraform_workspace"`
	Entry           string   `json:"variant,omitempty"`
	Environment     string   `json:"environment,omitempty"`
	HeadEnvironment string   `json:"head_environment,omitempty"`
	Neighbours      []string `json:"neighbours,omitempty"`
	Strictest       bool     `json:"strictest,omitempty"`
}

// Locked is what a lock keeps of the project for which it is taken.
func (p Project) Locked() LockedProject {
	return LockedProject{Dir: p.Dir, Variant: p.Variant, Entry: p.Entry, Environment: p.Environment,
		HeadEnvironment: p.HeadEnvironment, Neighbours: p.Neighbours, Strictest: p.Strictest}
}

// LockKeys are the keys that an apply of a project needs: the project's own, and
// those of the states it writes, which a project under another name may write too:
// of their places, and of the lineage, which is one by whatever name it is reached.
// What is not known gives no key.
func LockKeys(p Project, state KeptState) []string {
	k := p.Key()
	own := "project\x00" + k.Dir + "\x00" + k.Variant
	if k.Entry != "" {
		own += "\x00" + k.Entry
	}
	keys := []string{own}
	for _, identity := range state.States {
		keys = append(keys, stateKey+identity)
	}
	if state.Lineage != "" {
		keys = append(keys, "state lineage\x00"+state.Lineage)
	}
	return keys
}

// LockKeys are the keys of a project's locks as its newest run knows its state.
func (p ProjectRecord) LockKeys() []string {
	for _, run := range []*Run{p.Run, p.Apply} {
		if run != nil && len(run.States) > 0 {
			return LockKeys(p.Project, run.Keeps())
		}
	}
	return LockKeys(p.Project, KeptState{})
}

// LockKeys are the keys of the locks of all of a pull's projects, sorted. Stores look
// pulls up by them.
func (rec PullRecord) LockKeys() []string {
	var keys []string
	for _, p := range rec.Projects {
		keys = append(keys, p.LockKeys()...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

const stateKey = "state\x00"

// Meets reports whether two locks' keys are on one thing: the same, or states that
// nothing tells apart.
func Meets(a, b string) bool {
	if a == b {
		return true
	}
	x, isState := strings.CutPrefix(a, stateKey)
	y, areStates := strings.CutPrefix(b, stateKey)
	return isState && areStates && MayBeOneState(x, y)
}

// MeetAny reports whether one of some locks' keys meets one of others.
func MeetAny(keys, others []string) bool {
	return slices.ContainsFunc(keys, func(a string) bool {
		return slices.ContainsFunc(others, func(b string) bool { return Meets(a, b) })
	})
}

// Strength orders the reasons: a stronger one is released later.
func (w LockWhy) Strength() int {
	return slices.Index([]LockWhy{LockPlan, LockClaim, LockApply}, w)
}

// Sentence says who holds the lock, since when and why.
func (l Lock) Sentence() phrase.Text {
	why := "%s started an apply there"
	switch l.Why {
	case LockClaim:
		why = "%s claimed it there"
	case LockPlan:
		why = "a plan by %s has changes there"
	}
	return phrase.Say("#%d has held the lock on %s since %s: "+why+".",
		l.Pull.Number, phrase.Project(l.Project), phrase.Clock(l.Since), Mention(l.User))
}

// Mend is how a lock that is in the way comes free, as a sentence.
func (l Lock) Mend() phrase.Text {
	return phrase.Say("It is released when #%d is merged or closed, or by commenting %s there.",
		l.Pull.Number, VerbUnlock.About(l.Project))
}

// GuardedBy reports whether a lock is one of those that the project's runs need.
func (p ProjectRecord) GuardedBy(l Lock) bool {
	if slices.Contains(LockKeys(p.Project, KeptState{}), l.Key) {
		return true
	}
	for _, run := range []*Run{p.Run, p.Apply} {
		if run != nil && slices.Contains(LockKeys(p.Project, run.Keeps()), l.Key) {
			return true
		}
	}
	return l.Taken().Key() == p.Project.Key()
}

// Taken is the project for which a lock was taken, as it was then.
func (l Lock) Taken() Project {
	return Project{Name: l.Project, Dir: l.Of.Dir, Variant: l.Of.Variant, Entry: l.Of.Entry, Environment: l.Of.Environment,
		HeadEnvironment: l.Of.HeadEnvironment, Neighbours: l.Of.Neighbours, Strictest: l.Of.Strictest}
}

// OutcomeOpen reports whether an apply may have written and nobody knows how it
// ended, nor has a person decided it.
func (r Run) OutcomeOpen() bool {
	if r.Kind != RunApply || r.State != RunFinished || (r.Apply != nil && r.Apply.Resolved != "") {
		return false
	}
	// A lost apply that was told to go is one too, whatever it is called.
	return r.Outcome == OutcomeUnknown || (r.Outcome == OutcomeLost && (r.Apply == nil || r.Apply.Spent))
}

// StateKept reports whether an apply left a state that could not be stored, and nobody has ended that.
func (r Run) StateKept() bool {
	return r.Kind == RunApply && r.Apply != nil && r.Apply.ErroredState != "" && r.Apply.Resolved == ""
}
