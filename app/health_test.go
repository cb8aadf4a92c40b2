package app_test

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/app/preflight"
	"github.com/cardea-iac/cardea/internal/localgithub"
)

// The App is looked at with three calls at start, and what goes wrong elsewhere has it asked for at
// most once a minute. An outage is told, and what waits for it goes on when it is over.
func TestLooksAreFew(t *testing.T) {
	began := time.Now()
	minutes := func() int { return int(time.Since(began) / time.Minute) } // that a busy machine takes
	w := newWorld(t, 1)
	number, _ := w.planned("feature")
	looks := func(path string) int {
		return w.gh.Count(func(x localgithub.Exchange) bool { return x.Method == "GET" && x.Path == path })
	}
	bad := func() (checks []string) {
		for _, f := range w.app.Findings() {
			if f.Level == preflight.Error {
				checks = append(checks, f.Check)
			}
		}
		return checks
	}
	w.eventually("the App is looked at", func() bool { return looks("/app/hook/config") == 1 && looks("/app/installations") == 2 })
	if n := looks("/app"); n != 1 {
		t.Errorf("%d questions at start", n)
	}
	if len(w.app.Findings()) < 8 {
		t.Errorf("what is right is a finding too: %+v", w.app.Findings())
	}
	w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile("."), Status: 503, Times: -1})
	w.say(number, "ada", "cardea plan")
	w.eventually("a call fails", func() bool {
		rec, err := w.svc.Pull(t.Context(), w.key(number))
		ok(t, err)
		return rec.Waiting != ""
	})
	if n := looks("/app"); n > 1+minutes() {
		t.Errorf("%d questions within the first minute", n)
	}
	w.mu.Lock()
	w.ahead += 2 * time.Minute
	w.mu.Unlock()
	w.eventually("the outage is told", func() bool { return slices.Contains(bad(), preflight.CheckGitHub) })
	began = time.Now()
	before := looks("/app")
	w.say(number, "ada", "cardea plan")
	time.Sleep(2 * time.Second)
	if n := looks("/app"); n > before+3+3*minutes() { // one question, tried three times
		t.Errorf("%d more questions in a moment", n-before)
	}
	w.gh.Faults.Clear()
	w.mu.Lock()
	w.ahead += 2 * time.Minute
	w.mu.Unlock()
	w.eventually("it is over", func() bool { return !slices.Contains(bad(), preflight.CheckGitHub) })
	w.waitRuns(2)
}
