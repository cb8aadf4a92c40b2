package model

import (
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// HoldsOf are a repository's locks, those taken together as one. A key of a state
// identity is not told beside its project's.
func HoldsOf(locks []workflow.Lock) []Hold {
	var m Model
	for _, l := range locks {
		if !slices.ContainsFunc(m.Holds, func(h Hold) bool { return h.Lock.Pull == l.Pull && slices.Contains(h.Projects, l.Project) }) {
			m.hold(Hold{Lock: l, Projects: []string{l.Project}})
		}
	}
	return m.Holds
}

// Hold is a lock, with all the projects that were taken with it.
type Hold struct {
	Lock     workflow.Lock
	Ours     bool // this pull has it
	Projects []string
}

// Text says since when a lock is held, why and, where that is another pull, what ends it, after the words "has locked ...".
func (h Hold) Text() string {
	who := phrase.CodeSpan(h.Lock.User.Login)
	why := map[workflow.LockWhy]string{
		workflow.LockClaim: "claimed by " + who,
		workflow.LockPlan:  phrase.OneMany(len(h.Projects) == 1, "its plan has changes", "their plans have changes"),
		workflow.LockApply: who + " started an apply",
	}[h.Lock.Why]
	why = phrase.OrWord(why, who)
	switch {
	case !h.Ours:
		why += "; released when that pull request is merged, closed or unlocked"
	case h.Lock.Why == workflow.LockApply:
		why += "; released on merge"
	}
	return "since " + phrase.Clock(h.Lock.Since) + ": " + why
}

func (m *Model) hold(h Hold) {
	for i := range m.Holds {
		o := &m.Holds[i]
		if o.Lock.Pull == h.Lock.Pull && o.Lock.Since.Equal(h.Lock.Since) &&
			o.Lock.Why == h.Lock.Why && o.Lock.User == h.Lock.User {
			o.Projects = append(o.Projects, h.Projects...)
			return
		}
	}
	m.Holds = append(m.Holds, h)
}
