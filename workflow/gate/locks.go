package gate

import (
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// TakeInput is what decides whether a pull may take a project's locks.
type TakeInput struct {
	Pull    workflow.PullKey
	Project workflow.Project
	State   workflow.KeptState
	Locks   []workflow.Lock // all of the repository
	User    workflow.Actor
	Now     time.Time
	Why     workflow.LockWhy
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
func TakeLocks(in TakeInput) (taken []workflow.Lock, held *workflow.Lock) {
	epoch := in.LastEpoch
	for _, l := range in.Locks {
		epoch = max(epoch, l.Epoch)
	}
	keys := workflow.LockKeys(in.Project, in.State)
	for _, key := range keys {
		inTheWay := func(l workflow.Lock) bool {
			return l.RepoID == in.Pull.RepoID && l.Pull != in.Pull && workflow.Meets(l.Key, key)
		}
		if i := slices.IndexFunc(in.Locks, inTheWay); i >= 0 {
			return nil, &in.Locks[i]
		}
	}
	for _, key := range keys {
		i := slices.IndexFunc(in.Locks, func(l workflow.Lock) bool { return l.RepoID == in.Pull.RepoID && l.Key == key })
		if i < 0 {
			epoch++
			p := in.Project
			taken = append(taken, workflow.Lock{
				RepoID: in.Pull.RepoID, Key: key, Project: p.Name, Pull: in.Pull, User: in.User,
				Since: in.Now, Why: in.Why, Epoch: epoch, Of: p.Locked(),
			})
			continue
		}
		l := in.Locks[i]
		if l.Why.Strength() < in.Why.Strength() {
			l.Why = in.Why
			taken = append(taken, l)
		}
	}
	return taken, nil
}

// MayRelease says why a lock that a pull holds must stay, nothing when
// it may be released. Nobody may release one while an apply that it guards is
// queued or running, while nobody knows how one ended, or while a state that could
// not be stored is kept: until then nobody else can plan on what the state says.
// That a plan runs does not matter: it writes nothing.
func MayRelease(rec workflow.PullRecord, l workflow.Lock) phrase.Text {
	if l.RepoID != rec.Pull.Repo.ID || l.Pull != rec.Pull.Key() {
		return phrase.Say("It is held by #%d, not by this pull request.", l.Pull.Number)
	}
	for _, p := range rec.Projects {
		if p.Apply == nil || !p.GuardedBy(l) {
			continue
		}
		name := phrase.Project(p.Project.Name)
		switch a := p.Apply; {
		case a.State == workflow.RunRunning:
			return phrase.Say("An apply of %s is running: wait for it to end, or interrupt it with %s.",
				name, workflow.VerbCancel.Typed("--apply"))
		case a.State != workflow.RunFinished:
			return phrase.Say("An apply of %s is queued; cancel it with %s.", name, workflow.VerbCancel.Typed("--apply"))
		case a.OutcomeOpen():
			return phrase.Say("The outcome of the last apply of %s is unknown. "+
				"Someone with the `admin` permission must look at it and settle it: %s or `failed`.",
				name, resolveAs(p.Project.Name, workflow.ResolvedApplied))
		case a.StateKept():
			return phrase.Say("The last apply of %s could not store its state, which is kept here. "+
				"Someone with the `admin` permission must store it and settle the apply: %s or `failed`.",
				name, resolveAs(p.Project.Name, workflow.ResolvedApplied))
		}
	}
	return nil
}
