package app_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub"
	"github.com/cardea-iac/cardea/workflow"
)

// Thirty projects that become ready together cost one look; more people, who apply
// too or have approved, cost their roles alone; time and an error cost another look.
func TestLiveShared(t *testing.T) {
	w := newWorld(t, 1)
	number, _ := w.open("feature", 0)
	w.waitRuns(1)
	w.work(1)
	w.quiet()
	w.mu.Lock()
	w.still = time.Now() // facts get older when we say so, however busy the machine is
	w.mu.Unlock()
	pull := workflow.Pull{Repo: w.repo(), Number: number}
	ids := map[string]workflow.Actor{}
	for _, login := range []string{"ada", "rob", "joe"} {
		u, err := w.gh.CreateUser(login)
		ok(t, err)
		ids[login] = workflow.Actor{ID: u.ID, Login: u.Login}
	}
	calls := func() int {
		return w.gh.Count(func(x localgithub.Exchange) bool {
			return x.ActorKind != "user" && (strings.Contains(x.Path, "graphql") || strings.HasSuffix(x.Path, "/permission"))
		})
	}
	costs := func(what string, want int, do func()) {
		t.Helper()
		before := calls()
		do()
		if got := calls() - before; got != want {
			t.Errorf("%s: %d calls, want %d", what, got, want)
		}
	}
	live := func(actor string, approvers ...string) workflow.LiveFacts {
		t.Helper()
		var by []workflow.Actor
		for _, a := range approvers {
			by = append(by, ids[a])
		}
		facts, err := w.app.Live(t.Context(), pull, ids[actor], by)
		ok(t, err)
		return facts
	}
	costs("thirty at once", 3, func() {
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				if f := live("ada", "rob"); len(f.Errors) > 0 || f.Roles[ids["rob"].ID] != workflow.RoleMaintain ||
					f.Pull.Number != number {
					t.Errorf("got %+v", f)
				}
			})
		}
		wg.Wait()
	})
	costs("one more approver", 1, func() {
		if f := live("ada", "rob", "joe"); f.Roles[ids["joe"].ID] != workflow.RoleRead ||
			f.Roles[ids["rob"].ID] != workflow.RoleMaintain {
			t.Errorf("got %+v", f)
		}
	})
	costs("nobody new", 0, func() { live("ada", "joe") })
	costs("another person applies", 0, func() {
		if f := live("rob", "ada"); f.Actor != ids["rob"] ||
			f.Roles[ids["rob"].ID] != workflow.RoleMaintain || len(f.Roles) != 2 {
			t.Errorf("got %+v", f)
		}
	})
	first := live("ada")
	w.mu.Lock()
	w.ahead += 4 * time.Second
	w.mu.Unlock()
	u, err := w.gh.CreateUser("pat")
	ok(t, err)
	ids["pat"] = workflow.Actor{ID: u.ID, Login: u.Login}
	costs("a person whom nobody asked about", 1, func() {
		if f := live("pat", "ada"); !f.Read.Equal(first.Read) || f.Actor != ids["pat"] {
			t.Errorf("read at %v, want it as old as the oldest of it, %v", f.Read, first.Read)
		}
	})
	w.mu.Lock()
	w.ahead += 4 * time.Second
	w.mu.Unlock()
	before := w.now()
	costs("facts that are too old, with a role that is not", 1, func() {
		if f := live("pat"); f.Read.After(before.Add(-3*time.Second)) || f.Read.Before(before.Add(-6*time.Second)) {
			t.Errorf("read at %v, want it as old as the role, at %v", f.Read, before.Add(-4*time.Second))
		}
	})
	w.mu.Lock()
	w.ahead += 8 * time.Second
	w.mu.Unlock()
	costs("later", 2, func() {
		if f := live("ada"); f.Read.Before(before) {
			t.Errorf("read at %v, before it was asked for", f.Read)
		}
	})

	w.mu.Lock()
	w.ahead += 8 * time.Second
	w.mu.Unlock()
	fault := w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile(`/permission$`), Status: 502, Times: -1})
	if f := live("ada"); len(f.Errors) != 1 {
		t.Errorf("a role that could not be read: %+v", f)
	}
	w.gh.Faults.Clear()
	if f := live("ada"); fault.Hits() == 0 || len(f.Errors) != 0 {
		t.Errorf("an error was shared: %+v", f)
	}
}
