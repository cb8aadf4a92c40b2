package gate

import (
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

func TestWithdrawn(t *testing.T) {
	prod, dev := workflow.Project{Name: "prod", Dir: "p", Environment: "prod"}, workflow.Project{Name: "dev", Dir: "d", Environment: "dev"}
	w := func(by workflow.Actor, seconds int, of workflow.Selector) workflow.Withdrawal {
		at := gateNow.Add(time.Duration(seconds) * time.Second)
		return workflow.Withdrawal{By: by, Select: of, At: at, Received: at.Add(time.Minute)}
	}
	var all workflow.Selector
	named := workflow.Selector{Projects: []string{"prod"}}
	const (
		after = "you commented `cardea unapprove` later"
		tie   = "you commented `cardea unapprove` in the same second, and GitHub does not say which came first"
		press = "you commented `cardea unapprove`, and GitHub does not say whether the button was pressed before or after that"
		crowd = "so many people have commented `cardea unapprove` here since that it is not known whether you did too"
	)
	comment := func(seconds int) workflow.Approval {
		return workflow.Approval{User: gateBob, CommentID: 7, At: gateNow.Add(time.Duration(seconds) * time.Second)}
	}
	button := func(seconds int) workflow.Approval {
		a := comment(seconds)
		a.CommentID = 0
		return a
	}
	for name, c := range map[string]struct {
		told  []workflow.Withdrawal
		of    workflow.Project
		given workflow.Approval
		want  string
	}{
		"nobody withdrew":              {nil, prod, comment(0), ""},
		"after that":                   {[]workflow.Withdrawal{w(gateBob, 5, all)}, prod, comment(4), after},
		"in the same second":           {[]workflow.Withdrawal{w(gateBob, 5, all)}, prod, comment(5), tie},
		"before that":                  {[]workflow.Withdrawal{w(gateBob, 5, all)}, prod, comment(6), ""},
		"in that second and later":     {[]workflow.Withdrawal{w(gateBob, 5, all), w(gateBob, 9, named)}, prod, comment(5), after},
		"later, but of another":        {[]workflow.Withdrawal{w(gateBob, 5, all), w(gateBob, 9, named)}, dev, comment(5), tie},
		"somebody else":                {[]workflow.Withdrawal{w(gateAda, 5, all), w(gateEve, 5, all)}, prod, comment(4), ""},
		"of this project":              {[]workflow.Withdrawal{w(gateBob, 5, named)}, prod, comment(4), after},
		"of another project":           {[]workflow.Withdrawal{w(gateBob, 5, named)}, dev, comment(4), ""},
		"of its environment":           {[]workflow.Withdrawal{w(gateBob, 5, workflow.Selector{Environments: []string{"pr*"}})}, prod, comment(4), after},
		"of another environment":       {[]workflow.Withdrawal{w(gateBob, 5, workflow.Selector{Environments: []string{"pr*"}})}, dev, comment(4), ""},
		"everybody, a comment before":  {[]workflow.Withdrawal{w(workflow.Actor{}, 5, all)}, prod, comment(5), crowd},
		"everybody, a comment after":   {[]workflow.Withdrawal{w(workflow.Actor{}, 5, all)}, prod, comment(6), ""},
		"everybody, and then they did": {[]workflow.Withdrawal{w(workflow.Actor{}, 5, all), w(gateBob, 9, all)}, prod, comment(4), after},
		"a button of an older plan":    {[]workflow.Withdrawal{w(gateBob, 5, all)}, prod, button(65), press},
		"a button of a later plan":     {[]workflow.Withdrawal{w(gateBob, 5, all)}, prod, button(66), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Withdrawn(workflow.PullRecord{Withdrawn: c.told}, c.of, c.given, "you").String(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A review that its giver withdrew since approves nothing, and the comment says so.
func TestReviewWithdrawn(t *testing.T) {
	in := readyApply()
	in.Plan.Hidden, in.Project.Approvals = nil, nil
	in.Record.Shown = []workflow.Shown{{At: gateNow.Add(-time.Hour), Fingerprints: map[string]string{in.Project.Project.Name: gateFingerprint}}}
	r := workflow.Review{ID: 5, By: gateBob, At: gateNow.Add(-time.Minute), Head: gateSHAs["head"], State: workflow.ReviewApproved, Role: workflow.RoleWrite}
	in.Record.Reviews = []workflow.Review{r}
	if why := ReviewLacks(in, r); !why.Empty() {
		t.Fatalf("got %q, want a review that approves", why)
	}
	in.Record.Withdraw(workflow.Withdrawal{By: gateBob, At: r.At.Add(time.Second), Received: gateNow})
	const want = "`bob` approved on GitHub, but they commented `cardea unapprove` later."
	if got := ReviewLacks(in, r).String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r.At = r.At.Add(2 * time.Second)
	if why := ReviewLacks(in, r); !why.Empty() {
		t.Errorf("a later one: got %q", why)
	}
}
