package storetest

import (
	"errors"
	"testing"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// subjects are of every kind, some of which have a part in common. Each is a letter in
// the ids of its runs and requests and in the texts of its events.
func subjects() map[string]workflow.Subject {
	pull := workflow.PullKey{RepoID: 7, Number: 12}
	return map[string]workflow.Subject{
		"a": workflow.OfPull(pull),
		"b": workflow.OfPull(workflow.PullKey{RepoID: 7, Number: 1}),
		"c": workflow.OfLanding(pull, "1a2b3c4"),
		"d": workflow.OfLanding(pull, "5d6e7f8"),
		"e": workflow.OfGroup(7, "1a2b3c4"),
		"f": workflow.OfBranch(7, "main"),
		"g": workflow.OfBranch(7, "1a2b3c4"),
		"h": workflow.OfPull(workflow.PullKey{RepoID: 8, Number: 12}),
		"i": workflow.OfLanding(workflow.PullKey{RepoID: 8, Number: 12}, "1a2b3c4"),
		"j": workflow.OfGroup(8, "1a2b3c4"),
		"k": workflow.OfBranch(8, "main"),
	}
}

// checkSubjects: whatever a run is for, it is found by that and by nothing else, and so is
// what a request or a line of the history is about.
func checkSubjects(t *testing.T, b *bench) {
	all := subjects()
	b.update(func(tx workflow.Tx) error {
		var errs []error
		for letter, s := range all {
			for _, state := range []workflow.RunState{workflow.RunQueued, workflow.RunFinished} {
				r := run(letter+"-"+string(state), 0, "net")
				r.SetSubject(workflow.Repo{ID: s.Repo()}, s)
				r.State = state
				errs = append(errs, tx.PutRun(r))
			}
			req := workflow.Request{ID: letter, Key: letter, Kind: workflow.RequestBase}
			req.SetAbout(workflow.Repo{ID: s.Repo()}, s.About())
			e := workflow.Event{Text: phrase.Plain(letter)}
			e.SetAbout(s.About())
			errs = append(errs, tx.PutRequest(&req), tx.Append(&e))
		}
		return errors.Join(errs...)
	})
	findSubjects(t, b, "")
	b.reopen()
	findSubjects(t, b, ", after a restart")
	refuseSubjects(t, b)
}

func findSubjects(t *testing.T, b *bench, when string) {
	t.Helper()
	shows := map[string]string{"a": "acd", "h": "hi"} // a pull shows what became of it after its merge
	for letter, s := range subjects() {
		runs := see(b, func(tx workflow.Tx) ([]workflow.Run, error) { return tx.RunsOf(s, "", 10) })
		same(t, "runs for "+s.String()+when, runIDs(runs), letter+"-queued"+letter+"-finished")
		if len(runs) > 0 {
			same(t, "what they are for"+when, runs[0].Subject().String(), s.String())
		}
		older := see(b, func(tx workflow.Tx) ([]workflow.Run, error) {
			return tx.RunsOf(s, letter+"-queued", 10)
		})
		same(t, "the older one"+when, runIDs(older), letter+"-finished")
		live := see(b, func(tx workflow.Tx) ([]workflow.Run, error) { return tx.LiveRunsOf(s) })
		same(t, "live runs for "+s.String()+when, runIDs(live), letter+"-queued")
		var asked string
		for _, r := range see(b, func(tx workflow.Tx) ([]workflow.Request, error) { return tx.PendingRequestsOf(s.About()) }) {
			asked += r.ID
		}
		same(t, "requests about "+s.String()+when, asked, letter)
		want := shows[letter]
		if want == "" {
			want = letter
		}
		same(t, "the history of "+s.String()+when, letters(b, s.About()), want)
	}
	same(t, "the history of the repository"+when, letters(b, workflow.OfRepo(7)), "abcdefg")
	ofProject := see(b, func(tx workflow.Tx) ([]workflow.Run, error) { return tx.RunsOfProject(7, "net", "", 20) })
	same(t, "runs of a project, whatever for"+when, len(ofProject), 14)
	same(t, "all live ones"+when, len(see(b, workflow.Tx.LiveRuns)), len(subjects()))
	var nothing workflow.Subject
	none := see(b, func(tx workflow.Tx) ([]workflow.Run, error) { return tx.RunsOf(nothing, "", 10) })
	same(t, "runs for nothing"+when, runIDs(none), "")
}

// letters are the texts of a history in alphabetical order: subjects were written in any.
func letters(b *bench, of workflow.About) (out string) {
	b.t.Helper()
	has := map[string]bool{}
	for _, e := range see(b, func(tx workflow.Tx) ([]workflow.Event, error) { return tx.Events(of, 0, 100) }) {
		if has[e.Text.String()] {
			b.t.Errorf("the history of %s has %q twice", of, e.Text)
		}
		has[e.Text.String()] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		if has[string(c)] {
			out += string(c)
		}
	}
	return out
}

// refuseSubjects: what is for nothing is not taken, and changes nothing.
func refuseSubjects(t *testing.T, b *bench) {
	r := run("z", 12, "net")
	r.For = "schedule"
	for what, write := range map[string]func(workflow.Tx) error{
		"a run in words of another version": func(tx workflow.Tx) error { return tx.PutRun(r) },
		"a run of no pull":                  func(tx workflow.Tx) error { return tx.PutRun(run("z", 0, "net")) },
		"a request without a repository": func(tx workflow.Tx) error {
			return tx.PutRequest(&workflow.Request{ID: "z", Key: "z", Number: 12})
		},
		"an event without a repository": func(tx workflow.Tx) error { return tx.Append(&workflow.Event{Number: 12}) },
	} {
		if err := b.store.Update(t.Context(), write); err == nil {
			t.Errorf("%s was taken", what)
		}
	}
	b.missing(func(tx workflow.Tx) error { _, err := tx.Run("z"); return err })
	b.missing(func(tx workflow.Tx) error { _, err := tx.Request("z"); return err })
	same(t, "the history after", letters(b, workflow.OfRepo(7)), "abcdefg")
}
