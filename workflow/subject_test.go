package workflow_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

var (
	pull12  = workflow.PullKey{RepoID: 7, Number: 12}
	infra   = workflow.Repo{ID: 7, Owner: "acme", Name: "infra"}
	forPull = workflow.OfPull(pull12)
	landing = workflow.OfLanding(pull12, "1a2b3c4d5e6f")
	group   = workflow.OfGroup(7, "1a2b3c4d5e6f")
	branch  = workflow.OfBranch(7, "main")
	nothing workflow.Subject
)

// TestSubjectAnswers: every question, for every kind.
func TestSubjectAnswers(t *testing.T) {
	for _, c := range []struct {
		subject        workflow.Subject
		key, words     string
		pull           bool // its pull has the record and the locks
		apply, oneHead bool
		stored         string
	}{
		{forPull, "7#12", "#12", true, true, true, `"number":12`},
		{landing, "7#12@1a2b3c4d5e6f", "the merge of #12 at 1a2b3c4", true, true, false, `"number":12,"for":"landing","commit":"1a2b3c4d5e6f"`},
		{group, "7@1a2b3c4d5e6f", "the merge group at 1a2b3c4", false, false, false, `"number":0,"for":"merge_group","commit":"1a2b3c4d5e6f"`},
		{branch, "7:main", "`main`", false, false, false, `"number":0,"for":"branch","ref":"main"`},
		{nothing, "", "something that is not known", false, false, false, `"number":0,"for":"nothing"`},
	} {
		t.Run(c.words, func(t *testing.T) {
			s := c.subject
			if s.String() != c.key || s.Words() != c.words {
				t.Errorf("got %q, %q", s, s.Words())
			}
			pull, has := s.Pull()
			holder, holds := s.Holder()
			if has != c.pull || holds != c.pull || has && (pull != pull12 || holder != pull12) {
				t.Errorf("got the pull %v (%v) and the holder %v (%v), want %v", pull, has, holder, holds, c.pull)
			}
			if s.MayApply() != c.apply || s.OneHead() != c.oneHead || s.IsZero() != (c.key == "") {
				t.Errorf("got may apply %v, one head %v, zero %v", s.MayApply(), s.OneHead(), s.IsZero())
			}
			var run workflow.Run
			run.SetSubject(infra, s)
			if text := record(t, run); !strings.Contains(text, c.stored+`,"project"`) {
				t.Errorf("stored as %s, want %s", text, c.stored)
			}
			if run.Subject() != s || (run.Check() == nil) == s.IsZero() {
				t.Errorf("read again it is %q, checked: %v", run.Subject(), run.Check())
			}
		})
	}
}

func record(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSubjectWhole: without one of its parts it is for nothing.
func TestSubjectWhole(t *testing.T) {
	for name, s := range map[string]workflow.Subject{
		"a pull without a number":        workflow.OfPull(workflow.PullKey{RepoID: 7}),
		"a pull of no repository":        workflow.OfPull(workflow.PullKey{Number: 12}),
		"a pull with a negative number":  workflow.OfPull(workflow.PullKey{RepoID: 7, Number: -1}),
		"a landing without its merge":    workflow.OfLanding(pull12, ""),
		"a landing without its pull":     workflow.OfLanding(workflow.PullKey{RepoID: 7}, "1a2b3c4"),
		"a merge group without its head": workflow.OfGroup(7, ""),
		"a merge group of no repository": workflow.OfGroup(0, "1a2b3c4"),
		"a branch without a name":        workflow.OfBranch(7, ""),
		"a branch of no repository":      workflow.OfBranch(0, "main"),
	} {
		if !s.IsZero() || s.MayApply() {
			t.Errorf("%s: got %q", name, s)
		}
	}
}

// TestSubjectStored: what a record says only half, twice, or in words of another
// version is an error, and never a run for some pull.
func TestSubjectStored(t *testing.T) {
	for stored, want := range map[string]string{
		`{"number":12}`:                    "7#12",
		`{"number":12,"for":""}`:           "7#12",
		`{"number":12,"commit":"1a2b3c4"}`: "",
		`{"number":12,"ref":"main"}`:       "",
		`{"number":-12}`:                   "",
		`{"number":0}`:                     "",
		`{}`:                               "",
		`{"number":12,"for":"schedule"}`:   "",
		`{"number":12,"for":"Landing","commit":"1a2b3c4"}`:              "",
		`{"number":12,"for":"landing","commit":"1a2b3c4"}`:              "7#12@1a2b3c4",
		`{"number":12,"for":"landing"}`:                                 "",
		`{"for":"landing","commit":"1a2b3c4"}`:                          "",
		`{"number":12,"for":"landing","commit":"1a2b3c4","ref":"main"}`: "",
		`{"for":"merge_group","commit":"1a2b3c4"}`:                      "7@1a2b3c4",
		`{"for":"merge_group"}`:                                         "",
		`{"number":12,"for":"merge_group","commit":"1a2b3c4"}`:          "",
		`{"for":"merge_group","commit":"1a2b3c4","ref":"main"}`:         "",
		`{"for":"branch","ref":"main"}`:                                 "7:main",
		`{"for":"branch","ref":"main","number":12}`:                     "",
		`{"for":"branch","ref":"main","commit":"1a2b3c4"}`:              "",
		`{"for":"branch"}`:                                              "",
		`{"for":"nothing"}`:                                             "",
	} {
		var run workflow.Run
		var event workflow.Event
		var request workflow.Request
		for _, record := range []any{&run, &event, &request} {
			if err := json.Unmarshal([]byte(stored), record); err != nil {
				t.Fatal(err)
			}
		}
		run.Repo, request.Repo, event.Repo = infra, infra, infra.ID
		if got := run.Subject().String(); got != want || (run.Check() == nil) != (want != "") {
			t.Errorf("%s: a run for %q, want %q; checked: %v", stored, got, want, run.Check())
		}
		if want == "" && (stored == `{}` || stored == `{"number":0}`) {
			want = "7" // what is about no subject is about the repository
		}
		for _, r := range []interface {
			About() workflow.About
			Check() error
		}{event, request} {
			if want == "" {
				if r.Check() == nil || r.About() != (workflow.About{}) {
					t.Errorf("%s: %T is about %q; checked: %v", stored, r, r.About(), r.Check())
				}
			} else if r.About().String() != want || r.Check() != nil {
				t.Errorf("%s: %T is about %q, want %q; checked: %v", stored, r, r.About(), want, r.Check())
			}
		}
	}
	if run := (workflow.Run{Number: 12}); !run.Subject().IsZero() || run.Check() == nil {
		t.Errorf("a run of no repository is for %q", run.Subject())
	}
}

// TestSubjectElsewhere: what belongs to another repository is not written down as if it did not.
func TestSubjectElsewhere(t *testing.T) {
	other := workflow.Repo{ID: 8}
	var run workflow.Run
	run.SetSubject(other, forPull)
	var request workflow.Request
	request.SetAbout(other, branch.About())
	if run.Check() == nil || request.Check() == nil {
		t.Errorf("got a run for %q and a request about %q", run.Subject(), request.About())
	}
	request.SetAbout(other, workflow.OfRepo(7))
	if request.Check() == nil {
		t.Errorf("got a request about %q", request.About())
	}
}

// TestAboutIncludes: whose lines a history has.
func TestAboutIncludes(t *testing.T) {
	about := []workflow.About{workflow.OfRepo(7), forPull.About(), landing.About(), group.About(), branch.About(),
		workflow.OfPull(workflow.PullKey{RepoID: 7, Number: 13}).About(), workflow.OfRepo(8), workflow.OfPull(workflow.PullKey{RepoID: 8, Number: 12}).About()}
	for i, want := range []string{"xxxxxx..", ".xx.....", "..x.....", "...x....", "....x...", ".....x..", "......xx", ".......x"} {
		got := ""
		for _, other := range about {
			mark := "."
			if about[i].Includes(other) {
				mark = "x"
			}
			got += mark
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", about[i], got, want)
		}
	}
}

func TestSubjectsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range []workflow.Subject{forPull, landing, group, branch, workflow.OfBranch(7, "12"), workflow.OfBranch(7, "#12"), workflow.OfBranch(7, "@1a2b3c4d5e6f"),
		workflow.OfBranch(7, "7#12"), workflow.OfLanding(pull12, "1a2b3c4"), workflow.OfGroup(8, "1a2b3c4d5e6f"), workflow.OfBranch(8, "main"), workflow.OfBranch(71, "2")} {
		if seen[s.String()] {
			t.Errorf("two are called %q", s)
		}
		seen[s.String()] = true
	}
}
