package scope_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
	"github.com/cardea-iac/cardea/workflow/scope"
	"github.com/cardea-iac/cardea/workflow/survey"
)

var (
	repo = workflow.Repo{ID: 7, Owner: "acme", Name: "infra", DefaultBranch: "main"}
	ada  = workflow.Actor{ID: 1, Login: "ada"}
	bob  = workflow.Actor{ID: 2, Login: "bob"}
	pull = workflow.Pull{Repo: repo, Number: 1, Author: ada, State: workflow.PullOpen, Head: workflow.Ref{SHA: "head1"},
		Base: workflow.Ref{Ref: "main"}}
)

func rules() workflow.Rules {
	writer := workflow.Who{Role: workflow.RoleWrite}
	return workflow.Rules{Plan: writer, Apply: writer, Approve: writer, Unlock: writer, Admin: workflow.Who{Role: workflow.RoleAdmin}}
}

func project(name string) workflow.Project { return workflow.Project{Name: name, Dir: name} }

// planned is a project with a plan that has changes.
func planned(name string) workflow.ProjectRecord {
	return workflow.ProjectRecord{Project: project(name), Run: &workflow.Run{ID: "plan of " + name, Kind: workflow.RunPlan,
		State: workflow.RunFinished, Outcome: workflow.OutcomeSucceeded, Head: "head1", Tree: "tree1", Project: project(name),
		Fingerprint: "0123456789abcdef " + name}}
}

func asked(verb workflow.Verb, names ...string) workflow.Request {
	return workflow.Request{Kind: workflow.RequestCommand, Actor: bob,
		Command: &workflow.Command{Verb: verb, Select: workflow.Selector{Projects: names}}}
}

func TestAtOnce(t *testing.T) {
	closed := pull
	closed.State = workflow.PullClosed
	option := asked(workflow.VerbPlan)
	option.Command.Options.Destroy = true
	known := workflow.PullRecord{Pull: pull, Known: true, BaseSHA: "base1"}
	turn := asked(workflow.VerbApply)
	turn.Follow = "command"
	waits := workflow.PullRecord{Pull: pull, Known: true, Following: []workflow.Follow{{Request: "command"}}}
	over := workflow.PullRecord{Pull: pull, Known: true, Following: []workflow.Follow{{Request: "another"},
		{Request: "command", Ended: phrase.Say("No.")}}}
	for name, c := range map[string]struct {
		request workflow.Request
		pull    workflow.Pull
		record  workflow.PullRecord
		note    string // "": it takes a look at the code
	}{
		"a push":                         {request: workflow.Request{Kind: workflow.RequestPull}, pull: pull},
		"a push of a head that is known": {workflow.Request{Kind: workflow.RequestPull}, pull, known, "this head is known"},
		"a push, with a plan missing": {request: workflow.Request{Kind: workflow.RequestPull}, pull: pull,
			record: workflow.PullRecord{Known: true, Projects: []workflow.ProjectRecord{{Project: project("a")}}}},
		"a base that is planned on": {workflow.Request{Kind: workflow.RequestBase, Head: "base1"}, pull, known, "made on this base"},
		"a base that moved":         {request: workflow.Request{Kind: workflow.RequestBase, Head: "base2"}, pull: pull, record: known},
		"a plan that is asked anew": {request: workflow.Request{Kind: workflow.RequestBase, Head: "base1", Replan: []string{"a"}},
			pull: pull, record: known},
		"a review":                       {workflow.Request{Kind: workflow.RequestReview}, pull, known, "asked again at the next apply"},
		"a turn":                         {request: turn, pull: pull, record: waits},
		"a turn for which nothing waits": {turn, closed, over, "Nothing is waiting for that any longer."},
		"help":                           {asked(workflow.VerbHelp), closed, known, "Answered."},
		"status":                         {asked(workflow.VerbStatus), closed, known, "Answered."},
		"nonsense":                       {workflow.Request{CommandFault: "What?"}, pull, known, "Not understood: What?"},
		"an option that is not allowed":  {option, pull, known, "is not allowed here"},
		"apply, when closed":             {asked(workflow.VerbApply), closed, known, "nothing is planned or applied"},
		"unlock, when closed":            {request: asked(workflow.VerbUnlock), pull: closed, record: known},
		"a push, when closed":            {workflow.Request{Kind: workflow.RequestPull}, closed, known, "is closed"},
	} {
		t.Run(name, func(t *testing.T) {
			v := scope.AtOnce(gate.MayPlanInput{Rules: rules(), Pull: c.pull, Request: c.request}, c.record)
			switch {
			case (v == nil) != (c.note == ""):
				t.Errorf("got %+v, want %q", v, c.note)
			case v != nil && !strings.Contains(v.Note, c.note):
				t.Errorf("got %q, want %q", v.Note, c.note)
			case v != nil && (v.Reply == nil) != (c.request.Command == nil || c.request.Follow != "") && c.request.CommandFault == "":
				t.Error("a command without an answer")
			}
		})
	}
}

// TestRefusal: who may do nothing at all is told so before anything else, and what is not known is a no.
func TestRefusal(t *testing.T) {
	claim := []workflow.Lock{{Why: workflow.LockClaim, User: bob}}
	for name, c := range map[string]struct {
		verb  workflow.Verb
		roles map[int64]workflow.Role
		locks []workflow.Lock
		says  string
	}{
		"may":                     {verb: workflow.VerbApply, roles: map[int64]workflow.Role{2: workflow.RoleWrite}},
		"may not":                 {workflow.VerbApply, map[int64]workflow.Role{2: workflow.RoleRead}, nil, "may not apply"},
		"not known":               {workflow.VerbApply, nil, nil, "GitHub did not report what access they have"},
		"of somebody else":        {workflow.VerbApply, map[int64]workflow.Role{1: workflow.RoleAdmin}, nil, "GitHub did not report"},
		"admin":                   {workflow.VerbResolve, map[int64]workflow.Role{2: workflow.RoleWrite}, nil, "may not resolve"},
		"unlock":                  {workflow.VerbUnlock, map[int64]workflow.Role{2: workflow.RoleRead}, nil, "may not unlock"},
		"unlock one's own claim":  {verb: workflow.VerbUnlock, roles: map[int64]workflow.Role{2: workflow.RoleRead}, locks: claim},
		"a claim gives no apply":  {workflow.VerbApply, map[int64]workflow.Role{2: workflow.RoleRead}, claim, "may not apply"},
		"nothing to take back":    {workflow.VerbUnapprove, map[int64]workflow.Role{2: workflow.RoleAdmin}, nil, "has no approval here"},
		"cancel asks run for run": {verb: workflow.VerbCancel},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := scope.Command{Request: asked(c.verb), Rules: rules(), Record: &workflow.PullRecord{Pull: pull},
				Live: workflow.LiveFacts{Roles: c.roles}}
			if got := cmd.Refusal(c.locks).String(); got == "" != (c.says == "") || !strings.Contains(got, c.says) {
				t.Errorf("got %q, want %q", got, c.says)
			}
		})
	}
}

func TestChosen(t *testing.T) {
	gone := workflow.ProjectRecord{Project: project("gone"), Deleted: true}
	record := workflow.PullRecord{Pull: pull, Known: true, Projects: []workflow.ProjectRecord{planned("a"), planned("b"), gone}}
	names := func(c *scope.Command) (out []string) {
		chosen, fault := c.Chosen()
		for _, p := range chosen {
			out = append(out, p.Project.Name)
		}
		if !fault.Empty() {
			out = append(out, fault.String())
		}
		return out
	}
	for name, c := range map[string]struct {
		command scope.Command
		want    string
	}{
		"all that are not deleted": {scope.Command{Request: asked(workflow.VerbApply)}, "a b"},
		"one":                      {scope.Command{Request: asked(workflow.VerbApply, "b")}, "b"},
		"nothing has that name":    {scope.Command{Request: asked(workflow.VerbApply, "zzz")}, "zzz"},
		"named, and not compared before its transaction": {scope.Command{Request: asked(workflow.VerbApply, "b"), Decided: true},
			scope.ChangedMeanwhile.String()},
	} {
		t.Run(name, func(t *testing.T) {
			c.command.Record = &record
			if got := strings.Join(names(&c.command), " "); !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	c := scope.Command{Request: asked(workflow.VerbApply, "b"), Record: &record}
	names(&c)
	later := workflow.PullRecord{Pull: pull, Known: true, Projects: record.Projects[:1]}
	c.Record, c.Decided = &later, true
	if diff := cmp.Diff([]string{scope.ChangedMeanwhile.String()}, names(&c)); diff != "" {
		t.Errorf("a project that is gone by then: %s", diff)
	}
}

// TestChosenByItsName: a fingerprint and an outcome are of the one project that is called so, never of those that a
// pattern matches; a project may be called like a pattern.
func TestChosenByItsName(t *testing.T) {
	odd, like := planned("db [1]"), planned("db 1")
	const bound, outcome = "a fingerprint is one project's, so its name cannot be a pattern", "is a pattern, and an outcome is one project's"
	for name, tt := range map[string]struct {
		verb     workflow.Verb
		typed    string
		projects []workflow.ProjectRecord
		want     string
	}{
		"approve its name":    {workflow.VerbApprove, "db [1]", []workflow.ProjectRecord{odd, like}, ""},
		"approve no name":     {workflow.VerbApprove, "db [1]", []workflow.ProjectRecord{like}, bound},
		"approve a pattern":   {workflow.VerbApprove, "db*", []workflow.ProjectRecord{odd, like}, bound},
		"resolve its name":    {workflow.VerbResolve, "db [1]", []workflow.ProjectRecord{odd, like}, ""},
		"resolve a pattern":   {workflow.VerbResolve, "db ?", []workflow.ProjectRecord{like}, outcome},
		"resolve no such one": {workflow.VerbResolve, "db [2]", []workflow.ProjectRecord{odd, like}, "no such project"},
	} {
		t.Run(name, func(t *testing.T) {
			c := scope.Command{Request: asked(tt.verb, tt.typed), Record: &workflow.PullRecord{Pull: pull, Known: true, Projects: tt.projects}}
			if tt.verb == workflow.VerbApprove {
				c.Request.Command.Fingerprints = map[string]string{tt.typed: "3f9a12c4"}
			}
			var said string
			for _, fault := range c.Pick(nil) {
				said += fault.String()
			}
			if (said == "") != (tt.want == "") || !strings.Contains(said, tt.want) {
				t.Errorf("got %q, want %q", said, tt.want)
			}
			if said == "" && (!c.Picks(odd.Project) || c.Picks(like.Project)) {
				t.Error("another project is picked")
			}
		})
	}
}

func TestCurrentPlan(t *testing.T) {
	for want, how := range map[string]func(*workflow.ProjectRecord){
		"":                     func(*workflow.ProjectRecord) {},
		"has no plan":          func(p *workflow.ProjectRecord) { p.Run = nil },
		"waits for its plan":   func(p *workflow.ProjectRecord) { p.Run.State = workflow.RunQueued },
		"is being planned":     func(p *workflow.ProjectRecord) { p.Run.State = workflow.RunRunning },
		"has no changes":       func(p *workflow.ProjectRecord) { p.Run.NoChanges = true },
		"the last one: failed": func(p *workflow.ProjectRecord) { p.Run.Outcome = workflow.OutcomeFailed },
		"is refused":           func(p *workflow.ProjectRecord) { p.Project.Refused = phrase.Say("No.") },
	} {
		p := planned("a")
		how(&p)
		run, why := scope.CurrentPlan(p)
		if (run == nil) != (want != "") || !strings.Contains(why.String(), want) {
			t.Errorf("got %v, %q, want %q", run, why, want)
		}
	}
}

// TestChoose: what a push plans, and what a command does.
func TestChoose(t *testing.T) {
	silent := project("s")
	silent.NoAutoplan = true
	found := survey.Survey{Affected: []survey.Affected{{Project: project("a")}, {Project: project("b")}, {Project: silent},
		{Project: project("d"), Deleted: true}}}
	found.Checkout.Planned.ID = "tree1"
	found.Resolution.Projects = []workflow.Project{project("a"), project("b"), project("c"), silent}
	push := workflow.Request{Kind: workflow.RequestPull, Actor: ada}
	for name, c := range map[string]struct {
		request workflow.Request
		role    workflow.Role
		err     error
		record  workflow.PullRecord
		want    string // "+" is planned
	}{
		"a push":                      {push, workflow.RoleWrite, nil, workflow.PullRecord{}, "a+ b+ d"},
		"by who may not":              {push, workflow.RoleRead, nil, workflow.PullRecord{}, "a b s d"},
		"by who may, for all we know": {push, workflow.RoleWrite, errors.New("502"), workflow.PullRecord{}, "a b s d"},
		"what is planned at this tree stays": {push, workflow.RoleWrite, nil,
			workflow.PullRecord{Known: true, Projects: []workflow.ProjectRecord{planned("a")}}, "a b+ d"},
		"a command for one of a known head": {asked(workflow.VerbPlan, "c"), workflow.RoleWrite, nil, workflow.PullRecord{Known: true}, "c+"},
		"a command that comes first":        {asked(workflow.VerbPlan, "c"), workflow.RoleWrite, nil, workflow.PullRecord{}, "a+ b+ d c+"},
		"a command for what is silent":      {asked(workflow.VerbPlan, "s"), workflow.RoleWrite, nil, workflow.PullRecord{Known: true}, "s+"},
		"a command for nothing":             {asked(workflow.VerbPlan, "zzz"), workflow.RoleWrite, nil, workflow.PullRecord{Known: true}, "!"},
	} {
		t.Run(name, func(t *testing.T) {
			in := gate.MayPlanInput{Rules: rules(), Pull: pull, Request: c.request, ActorRole: c.role, AuthorRole: c.role, RoleError: c.err}
			ch, fault := scope.Choose(scope.Grounds{MayPlanInput: in, Found: found, Record: c.record})
			var got []string
			for _, w := range ch.Projects {
				got = append(got, w.Record.Project.Name+map[bool]string{true: "+"}[w.Plan])
			}
			if fault != "" {
				got = append(got, "!")
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestDescribe: GitHub's words for what happened are not people's.
func TestDescribe(t *testing.T) {
	for action, want := range map[string]string{
		"opened":           "The pull request was opened at 1234567.",
		"reopened":         "The pull request was reopened at 1234567.",
		"synchronize":      "A push moved the pull request to 1234567.",
		"ready_for_review": "The pull request was marked as ready for review at 1234567.",
		"edited":           "The pull request was given another base branch at 1234567.",
		"closed":           "The pull request was merged or closed at 1234567.",
	} {
		kind := workflow.RequestPull
		if action == "closed" {
			kind = workflow.RequestClosed
		}
		if got := scope.Describe(workflow.Request{Kind: kind, Action: action, Head: "1234567890"}); got != want {
			t.Errorf("%s: got %q, want %q", action, got, want)
		}
	}
}
