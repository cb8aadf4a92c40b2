package app

import (
	"reflect"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// GitHub's API may lag behind its webhooks; its clock in both tells which is newer.
func TestLags(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	pushed := workflow.Request{Kind: workflow.RequestPull, Head: "new", CommentedAt: at}
	live := func(head string, age time.Duration) workflow.Pull {
		return workflow.Pull{Head: workflow.Ref{SHA: head}, State: workflow.PullOpen, UpdatedAt: at.Add(-age)}
	}
	closed := func(age time.Duration) workflow.Pull {
		p := live("new", age)
		p.State = workflow.PullClosed
		return p
	}
	closing := workflow.Request{Kind: workflow.RequestClosed, Head: "new", CommentedAt: at}
	command := workflow.Request{Kind: workflow.RequestCommand, CommentedAt: at}
	tests := []struct {
		name string
		req  workflow.Request
		pull workflow.Pull
		want bool
	}{
		{"the API is behind", pushed, live("old", time.Second), true},
		{"the API shows it", pushed, live("new", 0), false},
		{"the API shows it, but not yet its clock", pushed, live("new", time.Second), false},
		{"the event is behind", pushed, live("newer", -time.Second), false},
		{"reopened, and the API is behind", pushed, closed(time.Second), true},
		{"closed meanwhile", pushed, closed(-time.Second), false},
		{"closed, and the API is behind", closing, live("new", time.Second), true},
		{"closed", closing, closed(0), false},
		{"closed and reopened", closing, live("new", -time.Second), false},
		{"a command", command, live("old", time.Second), false},
	}
	for _, tt := range tests {
		if got := (lag{pending: []workflow.Request{tt.req}, now: at}).behind(tt.req, tt.pull); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Where the clock is the event's or later and all else is of before, what the event
// itself says that it changed tells: as long as nothing later brought it back, and not for ever.
func TestLagsWithAFreshClock(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	event := func(seq uint64, action, before, head string) workflow.Request {
		return workflow.Request{Seq: seq, Kind: workflow.RequestPull, Action: action, Before: before, Head: head,
			CommentedAt: at.Add(time.Duration(seq) * time.Second), Received: at}
	}
	branch := func(seq uint64, name string) workflow.Request {
		r := event(seq, name, "", "c")
		r.Kind = workflow.RequestBase
		return r
	}
	pull := func(head, base string, state workflow.PullState, draft bool) workflow.Pull {
		return workflow.Pull{Head: workflow.Ref{SHA: head}, Base: workflow.Ref{Ref: base}, State: state, Draft: draft,
			UpdatedAt: at.Add(time.Hour)}
	}
	open, closed := workflow.PullOpen, workflow.PullClosed
	pushed := event(1, "synchronize", "a", "b")
	for name, tt := range map[string]struct {
		pending []workflow.Request
		pull    workflow.Pull
		known   workflow.Pull
		after   time.Duration
		want    bool
	}{
		"the head of before":                 {pending: []workflow.Request{pushed}, pull: pull("a", "main", open, false), want: true},
		"the head":                           {pending: []workflow.Request{pushed}, pull: pull("b", "main", open, false)},
		"a later head":                       {pending: []workflow.Request{pushed}, pull: pull("c", "main", open, false)},
		"pushed back":                        {pending: []workflow.Request{pushed, event(2, "synchronize", "b", "a")}, pull: pull("a", "main", open, false)},
		"the one before the last push":       {pending: []workflow.Request{event(2, "synchronize", "b", "c")}, pull: pull("a", "main", open, false), known: workflow.Pull{Head: workflow.Ref{SHA: "a"}, UpdatedAt: at}, want: true},
		"an event that came late":            {pending: []workflow.Request{pushed}, pull: pull("c", "main", open, false), known: workflow.Pull{Head: workflow.Ref{SHA: "c"}, UpdatedAt: at.Add(time.Minute)}},
		"not for ever":                       {pending: []workflow.Request{pushed}, pull: pull("a", "main", open, false), after: lagLife},
		"closed":                             {pending: []workflow.Request{event(1, "closed", "", "b")}, pull: pull("b", "main", open, false), want: true},
		"closed, and closed":                 {pending: []workflow.Request{event(1, "closed", "", "b")}, pull: pull("b", "main", closed, false)},
		"closed, and merged":                 {pending: []workflow.Request{event(1, "closed", "", "b")}, pull: pull("b", "main", workflow.PullMerged, false)},
		"closed and reopened":                {pending: []workflow.Request{event(1, "closed", "", "b"), event(2, "reopened", "", "b")}, pull: pull("b", "main", open, false)},
		"reopened":                           {pending: []workflow.Request{event(1, "reopened", "", "b")}, pull: pull("b", "main", closed, false), want: true},
		"retargeted":                         {pending: []workflow.Request{event(1, "edited", "main", "b")}, pull: pull("b", "main", open, false), want: true},
		"retargeted, and the new one":        {pending: []workflow.Request{event(1, "edited", "main", "b")}, pull: pull("b", "release", open, false)},
		"the title":                          {pending: []workflow.Request{event(1, "edited", "", "b")}, pull: pull("b", "main", open, false)},
		"made a draft":                       {pending: []workflow.Request{event(1, "converted_to_draft", "", "b")}, pull: pull("b", "main", open, false), want: true},
		"ready":                              {pending: []workflow.Request{event(1, "ready_for_review", "", "b")}, pull: pull("b", "main", open, true), want: true},
		"ready, and a draft again":           {pending: []workflow.Request{event(1, "ready_for_review", "", "b"), event(2, "converted_to_draft", "", "b")}, pull: pull("b", "main", open, true)},
		"a push to a branch named closed":    {pending: []workflow.Request{branch(1, "closed")}, pull: pull("b", "main", open, false)},
		"closed, and a branch of that name":  {pending: []workflow.Request{event(1, "closed", "", "b"), branch(2, "reopened")}, pull: pull("b", "main", open, false), want: true},
		"a command behind a push that waits": {pending: []workflow.Request{pushed, {Seq: 2, Kind: workflow.RequestCommand, CommentedAt: at, Received: at}}, pull: pull("a", "main", open, false), want: true},
	} {
		l := lag{pending: tt.pending, known: tt.known, now: at.Add(tt.after)}
		if got := l.behind(tt.pending[len(tt.pending)-1], tt.pull); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

// Of every fact of a pull that an event tells, and that the gate asks about, the API is not believed
// while it still shows what the event replaced; the others stand here with the reason.
func TestLagsInEveryFact(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	whatever := map[string]string{
		"Repo": "told by no event of a pull", "Number": "never changes", "Author": "never changes", "Fork": "never changes",
		"Title": "the gate does not ask", "UpdatedAt": "the clock alone",
	}
	before := workflow.Pull{Head: workflow.Ref{SHA: "a"}, Base: workflow.Ref{Ref: "main"}, State: workflow.PullOpen, UpdatedAt: at}
	told := map[string]workflow.Request{
		"Head":  {Kind: workflow.RequestPull, Action: "synchronize", Before: "a", Head: "b"},
		"Base":  {Kind: workflow.RequestPull, Action: "edited", Before: "main", Head: "a"},
		"State": {Kind: workflow.RequestClosed, Action: "closed", Head: "a"},
		"Draft": {Kind: workflow.RequestFacts, Action: "converted_to_draft", Head: "a"},
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[workflow.Pull]()) {
		r, ok := told[f.Name]
		if ok == (whatever[f.Name] != "") {
			t.Errorf("which event tells that %s changed, and does its API lag?", f.Name)
		}
		r.CommentedAt, r.Received = at.Add(time.Second), at
		if ok && !(lag{pending: []workflow.Request{r}, known: before, now: at}).behind(r, before) {
			t.Errorf("%s: what was before the event is believed", f.Name)
		}
	}
}

// A replica of GitHub's that shows what was before an event that is worked off long
// since is not believed either, unless an event waits that may have brought it back.
func TestLagsAfterTheEvent(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	pull := func(head, base string, state workflow.PullState, draft bool) workflow.Pull {
		return workflow.Pull{Head: workflow.Ref{SHA: head}, Base: workflow.Ref{Ref: base}, State: state, Draft: draft,
			UpdatedAt: at.Add(time.Hour)}
	}
	open, closed := workflow.PullOpen, workflow.PullClosed
	known := pull("c", "main", open, false)
	command := workflow.Request{Kind: workflow.RequestCommand, Received: at}
	for name, tt := range map[string]struct {
		was   workflow.Pull
		shown workflow.Pull
		known workflow.Pull
		req   workflow.Request
		after time.Duration
		want  bool
	}{
		"the head of before":     {was: pull("b", "main", open, false), shown: pull("b", "main", open, false), known: known, req: command, want: true},
		"a push to the base":     {was: pull("b", "main", open, false), shown: pull("b", "main", open, false), known: known, req: workflow.Request{Kind: workflow.RequestBase, Received: at}, want: true},
		"a pull that was listed": {was: pull("b", "main", open, false), shown: pull("b", "main", open, false), known: known, req: workflow.Request{Kind: workflow.RequestPull, Action: "found", Head: "b", Received: at}, want: true},
		"closed since":           {was: pull("c", "main", open, false), shown: pull("c", "main", open, false), known: pull("c", "main", closed, false), req: command, want: true},
		"retargeted since":       {was: pull("c", "old", open, false), shown: pull("c", "old", open, false), known: known, req: command, want: true},
		"a draft since":          {was: pull("c", "main", open, false), shown: pull("c", "main", open, false), known: pull("c", "main", open, true), req: command, want: true},
		"what is known":          {was: pull("b", "main", open, false), shown: known, known: known, req: command},
		"a newer head":           {was: pull("b", "main", open, false), shown: pull("d", "main", open, false), known: known, req: command},
		"pushed back":            {was: pull("b", "main", open, false), shown: pull("b", "main", open, false), known: known, req: workflow.Request{Kind: workflow.RequestPull, Action: "synchronize", Head: "b", Before: "c", Received: at}},
		"not for ever":           {was: pull("b", "main", open, false), shown: pull("b", "main", open, false), known: known, req: command, after: lagLife},
	} {
		rec := workflow.PullRecord{Pull: tt.known}
		rec.Leave(tt.was, at)
		l := lag{pending: []workflow.Request{tt.req}, known: tt.known, left: rec.Left, now: at.Add(tt.after)}
		if got := l.behind(tt.req, tt.shown); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

// What came back by an event is no sign of a lag any more, and what is kept is bounded.
func TestLeftFacts(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	rec := workflow.PullRecord{}
	for i := range 100 {
		old := rec.Pull
		rec.Pull.Head.SHA = string(rune('A' + i%30))
		rec.Leave(old, at)
	}
	if len(rec.Left) == 0 || len(rec.Left) > 20 {
		t.Errorf("got %d former facts", len(rec.Left))
	}
	for _, f := range rec.Left {
		if f.Are(rec.Pull) {
			t.Errorf("%+v is what the pull is", f)
		}
	}
}
