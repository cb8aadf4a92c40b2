package app_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/internal/localgithub"
)

// GitHub's API shows the head of before a push for a while, with the clock of after
// it: the push is not settled by that, and is planned when the API shows it.
func TestPushWhileTheAPILags(t *testing.T) {
	w := newWorld(t, 1)
	number, old := w.open("feature", 0)
	w.waitRuns(1)
	w.planAll(changes())
	w.quiet()
	w.wantChecks(old, "success", "action_required")

	path := regexp.MustCompile(`/repos/acme/infra/pulls/\d+$`)
	stale := ""
	for _, x := range w.gh.Exchanges() {
		if x.Method == "GET" && x.Status == 200 && path.MatchString(x.Path) {
			stale = string(x.ResponseBody)
		}
	}
	if !strings.Contains(stale, old) {
		t.Fatalf("no reading of the pull was seen: %s", stale)
	}
	stale = regexp.MustCompile(`"updated_at": ?"[^"]*"`).ReplaceAllString(stale, `"updated_at":"2099-01-01T00:00:00Z"`)
	lagging := w.gh.Faults.Add(localgithub.FaultRule{Method: "GET", Path: path, Status: 200,
		Header: map[string]string{"Content-Type": "application/json"}, Reply: stale, Times: 2})
	head := w.commit("feature", map[string]string{"p00/main.tf": "y\n"})
	w.waitRuns(1)
	w.planAll(noChanges())
	w.quiet()
	w.wantChecks(head, "success", "success")
	if lagging.Hits() != 2 {
		t.Errorf("the API lagged %d times", lagging.Hits())
	}
	rec, err := w.svc.Pull(t.Context(), w.key(number))
	ok(t, err)
	if rec.Pull.Head.SHA != head {
		t.Errorf("the pull is known at %s, want %s", rec.Pull.Head.SHA, head)
	}
}
