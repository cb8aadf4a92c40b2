package gate

import (
	"slices"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// TestTakeLocksOfSeveralStates: the locks of a project's states are taken together or not at all.
func TestTakeLocksOfSeveralStates(t *testing.T) {
	mine, other := workflow.PullKey{RepoID: 7, Number: 1}, workflow.PullKey{RepoID: 7, Number: 2}
	p := workflow.Project{Name: "hosts", Dir: "hosts", Variant: "default"}
	lock := func(key string, pull workflow.PullKey, why workflow.LockWhy) workflow.Lock {
		return workflow.Lock{RepoID: 7, Key: key, Pull: pull, Why: why, Epoch: 3}
	}
	for _, tt := range []struct {
		name  string
		locks []workflow.Lock
		taken []string // their keys
		held  string   // by the other pull
	}{
		{"all are free", nil, []string{"project\x00hosts\x00default", "state\x00web1", "state\x00web2", "state\x00web3"}, ""},
		{"the last one is taken", []workflow.Lock{lock("state\x00web3", other, workflow.LockApply)}, nil, "state\x00web3"},
		{"one of them is ours, one is taken", []workflow.Lock{lock("state\x00web1", mine, workflow.LockPlan), lock("state\x00web2", other, workflow.LockPlan)}, nil, "state\x00web2"},
		{"one of them is ours already", []workflow.Lock{lock("state\x00web2", mine, workflow.LockApply)}, []string{"project\x00hosts\x00default", "state\x00web1", "state\x00web3"}, ""},
		{"another state is taken", []workflow.Lock{lock("state\x00web4", other, workflow.LockApply)}, []string{"project\x00hosts\x00default", "state\x00web1", "state\x00web2", "state\x00web3"}, ""},
	} {
		taken, held := TakeLocks(TakeInput{Pull: mine, Project: p, State: workflow.KeptState{States: workflow.States{"web1", "web2", "web3"}},
			Locks: tt.locks, User: gateAda, Now: gateNow, Why: workflow.LockApply})
		var keys []string
		for _, l := range taken {
			keys = append(keys, l.Key)
		}
		by := ""
		if held != nil {
			by = held.Key
		}
		if !slices.Equal(keys, tt.taken) || by != tt.held {
			t.Errorf("%s: took %q, held is %q; want %q, %q", tt.name, keys, by, tt.taken, tt.held)
		}
	}
}

// TestTakeLocksOfWhatMayBeOneState: a lock on a state that may be this one is in the way like its own.
func TestTakeLocksOfWhatMayBeOneState(t *testing.T) {
	mine, other := workflow.PullKey{RepoID: 7, Number: 1}, workflow.PullKey{RepoID: 7, Number: 2}
	for locked, held := range map[string]bool{"r:?1,=b": true, "r:=a,=c": false} {
		taken, by := TakeLocks(TakeInput{Pull: mine, Project: workflow.Project{Name: "net", Dir: "net"},
			State: workflow.KeptState{States: workflow.States{"r:=a,=b"}}, User: gateAda, Now: gateNow, Why: workflow.LockApply,
			Locks: []workflow.Lock{{RepoID: 7, Key: "state\x00" + locked, Pull: other, Why: workflow.LockApply, Epoch: 3}}})
		if (by != nil) != held || (len(taken) == 0) != held {
			t.Errorf("%s is locked: took %v, held is %v", locked, taken, by)
		}
	}
}
