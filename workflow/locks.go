package workflow

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// LockKeys are the keys that an apply of a project needs: the project's own, and
// those of the state it writes, which a project under another name may write too:
// of its place, and of its lineage, which is one by whatever name it is reached.
// What is not known ("") gives no key.
func LockKeys(p Project, state KeptState) []string {
	k := p.Key()
	own := "project\x00" + k.Dir + "\x00" + k.TerraformWorkspace
	if k.Variant != "" {
		own += "\x00" + k.Variant
	}
	keys := []string{own}
	if state.Identity != "" {
		keys = append(keys, stateKey+state.Identity)
	}
	if state.Lineage != "" {
		keys = append(keys, "state lineage\x00"+state.Lineage)
	}
	return keys
}

const stateKey = "state\x00"

// meets reports whether two locks' keys are on one thing: the same, or states that
// nothing tells apart.
func meets(a, b string) bool {
	if a == b {
		return true
	}
	x, isState := strings.CutPrefix(a, stateKey)
	y, areStates := strings.CutPrefix(b, stateKey)
	return isState && areStates && MayBeOneState(x, y)
}

// TakeInput is what decides whether a pull may take a project's locks.
type TakeInput struct {
	Pull    PullKey
	Project Project
	State   KeptState
	Locks   []Lock // all of the repository
	User    Actor
	Now     time.Time
	Why     LockWhy
	// LastEpoch is the highest epoch ever given to a lock of the repository, released ones included.
	LastEpoch uint64
}

// TakeLocks takes all locks of a project for a pull, or none.
//
// taken are those to write, in the order of LockKeys: new ones, each with an
// epoch above LastEpoch, and this pull's own whose reason becomes a stronger one
// (apply over claim over plan), which keep epoch, holder and time. A lock that is
// ours already and needs no change is not among them. held is the first lock that
// another pull holds: then nothing is taken.
func TakeLocks(in TakeInput) (taken []Lock, held *Lock) {
	epoch := in.LastEpoch
	for _, l := range in.Locks {
		epoch = max(epoch, l.Epoch)
	}
	keys := LockKeys(in.Project, in.State)
	for _, key := range keys {
		inTheWay := func(l Lock) bool {
			return l.RepoID == in.Pull.RepoID && l.Pull != in.Pull && meets(l.Key, key)
		}
		if i := slices.IndexFunc(in.Locks, inTheWay); i >= 0 {
			return nil, &in.Locks[i]
		}
	}
	for _, key := range keys {
		i := slices.IndexFunc(in.Locks, func(l Lock) bool { return l.RepoID == in.Pull.RepoID && l.Key == key })
		if i < 0 {
			epoch++
			p := in.Project
			taken = append(taken, Lock{RepoID: in.Pull.RepoID, Key: key, Project: p.Name, Pull: in.Pull, User: in.User, Since: in.Now, Why: in.Why, Epoch: epoch,
				Of: p.locked()})
			continue
		}
		l := in.Locks[i]
		if l.Why.strength() < in.Why.strength() {
			l.Why = in.Why
			taken = append(taken, l)
		}
	}
	return taken, nil
}

// strength orders the reasons: a stronger one is released later.
func (w LockWhy) strength() int {
	return slices.Index([]LockWhy{LockPlan, LockClaim, LockApply}, w)
}

// Sentence says who holds the lock, since when and why.
func (l Lock) Sentence() string {
	why := "an apply of it was started there"
	switch l.Why {
	case LockClaim:
		why = "claimed by hand"
	case LockPlan:
		why = "a plan with changes was made there"
	}
	return fmt.Sprintf("#%d holds the lock on %s since %s, through %s: %s.", l.Pull.Number, phrase.CodeSpan(phrase.Shown(l.Project)), phrase.Clock(l.Since), mention(l.User), why)
}

// mend is how a lock that is in the way comes free, as a sentence.
func (l Lock) mend() string {
	return fmt.Sprintf("It is released when #%d is merged or closed, or there by %s.", l.Pull.Number, phrase.CodeSpan("cardea unlock -p "+phrase.Argument(phrase.Shown(l.Project))))
}

// MayRelease says why a lock that a pull holds must stay, as a sentence; "" when
// it may be released. Nobody may release one while an apply that it guards is
// queued or running, while nobody knows how one ended, or while a state that could
// not be stored is kept: until then nobody else can plan on what the state says.
// That a plan runs does not matter: it writes nothing.
func MayRelease(rec PullRecord, l Lock) string {
	if l.RepoID != rec.Pull.Repo.ID || l.Pull != rec.Pull.Key() {
		return fmt.Sprintf("#%d holds it, not this pull request.", l.Pull.Number)
	}
	for _, p := range rec.Projects {
		if p.Apply == nil || !p.guardedBy(l) {
			continue
		}
		name := phrase.CodeSpan(phrase.Shown(p.Project.Name))
		switch a := p.Apply; {
		case a.State == RunRunning:
			return fmt.Sprintf("An apply of %s is running: wait for its end, or `cardea cancel --apply` interrupts it.", name)
		case a.State != RunFinished:
			return fmt.Sprintf("An apply of %s is queued; `cardea cancel --apply` drops it.", name)
		case a.outcomeOpen():
			return fmt.Sprintf("Nobody knows how the last apply of %s ended. A person with the permission `admin` looks at it and ends it: `cardea resolve -p %s --outcome applied` or `failed`.",
				name, phrase.Argument(phrase.Shown(p.Project.Name)))
		case a.stateKept():
			return fmt.Sprintf("The last apply of %s could not store its state, which is kept here. A person with the permission `admin` stores it and ends it: `cardea resolve -p %s --outcome applied` or `failed`.",
				name, phrase.Argument(phrase.Shown(p.Project.Name)))
		}
	}
	return ""
}

// guardedBy reports whether a lock is one of those that the project's runs need.
func (p ProjectRecord) guardedBy(l Lock) bool {
	if slices.Contains(LockKeys(p.Project, KeptState{}), l.Key) {
		return true
	}
	for _, run := range []*Run{p.Run, p.Apply} {
		if run != nil && slices.Contains(LockKeys(p.Project, run.Keeps()), l.Key) {
			return true
		}
	}
	return l.project().Key() == p.Project.Key()
}

// project is the one for which a lock was taken, as it was then.
func (l Lock) project() Project {
	return Project{Name: l.Project, Dir: l.Of.Dir, TerraformWorkspace: l.Of.TerraformWorkspace, Variant: l.Of.Variant, Environment: l.Of.Environment,
		HeadEnvironment: l.Of.HeadEnvironment, Neighbours: l.Of.Neighbours, Strictest: l.Of.Strictest}
}

// outcomeOpen reports whether an apply may have written and nobody knows how it
// ended, nor has a person decided it.
func (r Run) outcomeOpen() bool {
	if r.Kind != RunApply || r.State != RunFinished || (r.Apply != nil && r.Apply.Resolved != "") {
		return false
	}
	// A lost apply that was told to go is one too, whatever it is called.
	return r.Outcome == OutcomeUnknown || (r.Outcome == OutcomeLost && (r.Apply == nil || r.Apply.Spent))
}

// stateKept reports whether an apply left a state that could not be stored, and nobody has ended that.
func (r Run) stateKept() bool {
	return r.Kind == RunApply && r.Apply != nil && r.Apply.ErroredState != "" && r.Apply.Resolved == ""
}
