package workflow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestWithdrawalCovers(t *testing.T) {
	w := workflow.Withdrawal{At: noon, Received: noon.Add(time.Minute)}
	comment, review, button := workflow.Approval{CommentID: 1}, workflow.Approval{ReviewID: 1}, workflow.Approval{}
	for name, c := range map[string]struct {
		given workflow.Approval
		at    time.Time
		want  bool
	}{
		"a comment before":                    {comment, noon.Add(-time.Second), true},
		"a comment long before":               {comment, noon.Add(-100 * time.Hour), true},
		"a comment in the same second":        {comment, noon, true},
		"a comment later in that second":      {comment, noon.Add(999 * time.Millisecond), true},
		"a comment in the next second":        {comment, noon.Add(time.Second), false},
		"a review before":                     {review, noon.Add(-time.Second), true},
		"a review in the same second":         {review, noon, true},
		"a review after, and before we heard": {review, noon.Add(time.Second), false},
		"nobody knows when":                   {comment, time.Time{}, true},
		"a button before we heard":            {button, noon.Add(time.Second), true},
		"a button at that moment":             {button, noon.Add(time.Minute), true},
		"a button of what was planned since":  {button, noon.Add(time.Minute + time.Millisecond), false},
	} {
		t.Run(name, func(t *testing.T) {
			c.given.At = c.at
			if got := w.Covers(c.given); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// withdrawn is what a record says of its withdrawals, as "WHO WHAT SECONDS".
func withdrawn(rec workflow.PullRecord) string {
	var out []string
	for _, w := range rec.Withdrawn {
		what := "all"
		if !w.Select.Empty() {
			what = strings.Join(w.Select.Projects, "+")
		}
		out = append(out, fmt.Sprintf("%d %s %v", w.By.ID, what, w.At.Sub(noon).Seconds()))
	}
	return strings.Join(out, ", ")
}

func TestWithdraw(t *testing.T) {
	w := func(by int64, seconds int, projects ...string) workflow.Withdrawal {
		at := noon.Add(time.Duration(seconds) * time.Second)
		return workflow.Withdrawal{By: workflow.Actor{ID: by}, Select: workflow.Selector{Projects: projects}, At: at, Received: at}
	}
	many := strings.Split(strings.Repeat("a ", 21), " ")
	for name, c := range map[string]struct {
		told []workflow.Withdrawal
		want string
	}{
		"one":                             {[]workflow.Withdrawal{w(1, 5)}, "1 all 5"},
		"again":                           {[]workflow.Withdrawal{w(1, 5), w(1, 9)}, "1 all 9"},
		"twice the same":                  {[]workflow.Withdrawal{w(1, 5), w(1, 5)}, "1 all 5"},
		"an older one comes later":        {[]workflow.Withdrawal{w(1, 9), w(1, 5)}, "1 all 9"},
		"two people":                      {[]workflow.Withdrawal{w(1, 5), w(2, 6)}, "1 all 5, 2 all 6"},
		"of some":                         {[]workflow.Withdrawal{w(1, 5, "a"), w(1, 6, "b"), w(1, 7, "a")}, "1 b 6, 1 a 7"},
		"then of all":                     {[]workflow.Withdrawal{w(1, 5, "a"), w(2, 5, "a"), w(1, 6)}, "2 a 5, 1 all 6"},
		"of some after that":              {[]workflow.Withdrawal{w(1, 5), w(1, 6, "a")}, "1 all 5, 1 a 6"},
		"of all, from before, comes late": {[]workflow.Withdrawal{w(1, 6, "a"), w(1, 5)}, "1 a 6, 1 all 5"},
		"of one after another": {[]workflow.Withdrawal{w(1, 1, "a"), w(2, 1, "a"), w(1, 2, "b"), w(1, 3, "c"), w(1, 4, "d"), w(1, 5, "e"), w(1, 6, "f"),
			w(1, 7, "g")}, "2 a 1, 1 c 3, 1 d 4, 1 e 5, 1 f 6, 1 g 7, 1 all 2"},
		"too many names":     {[]workflow.Withdrawal{w(1, 5, many...)}, "1 all 5"},
		"a name that is too": {[]workflow.Withdrawal{w(1, 5, strings.Repeat("a", 513))}, "1 all 5"},
		"what may be many":   {[]workflow.Withdrawal{w(1, 5, "{a,b}")}, "1 all 5"},
	} {
		t.Run(name, func(t *testing.T) {
			var rec workflow.PullRecord
			for _, w := range c.told {
				rec.Withdraw(w)
			}
			if got := withdrawn(rec); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Whatever people write, and in whatever order it is delivered, the record stays short, and nothing that one of them covers is forgotten.
func TestWithdrawForgetsNothing(t *testing.T) {
	var rec workflow.PullRecord
	var all []workflow.Withdrawal
	for i := range 2000 {
		at := noon.Add(time.Duration(i*7919%1000) * time.Second)
		w := workflow.Withdrawal{By: workflow.Actor{ID: int64(1 + i*31%90)}, At: at, Received: at.Add(time.Second)}
		if i%3 > 0 {
			w.Select.Projects = []string{fmt.Sprint("p", i%11)}
		}
		rec.Withdraw(w)
		all = append(all, w)
		if n := len(rec.Withdrawn); n > 51 {
			t.Fatalf("%d are kept", n)
		}
	}
	for _, w := range all {
		project := workflow.Project{Name: "p0"}
		if !w.Select.Empty() {
			project.Name = w.Select.Projects[0]
		}
		for _, given := range []workflow.Approval{{CommentID: 1, At: w.At}, {At: w.Received}} {
			if !slices.ContainsFunc(rec.Withdrawn, func(o workflow.Withdrawal) bool {
				return (o.By.ID == 0 || o.By.ID == w.By.ID) && o.Select.Means(project) && o.Covers(given)
			}) {
				t.Fatalf("%+v is forgotten: %s", w, withdrawn(rec))
			}
		}
	}
}

func TestTakeBack(t *testing.T) {
	given := func(by int64, seconds int, button bool, void string) workflow.Approval {
		a := workflow.Approval{User: workflow.Actor{ID: by}, At: noon.Add(time.Duration(seconds) * time.Second), CommentID: 1, Void: void}
		if button {
			a.CommentID = 0
		}
		return a
	}
	before, tie, after, button, void, other := given(1, 4, false, ""), given(1, 5, false, ""), given(1, 6, false, ""), given(1, 900, true, ""),
		given(1, 4, false, "It fell."), given(2, 4, false, "")
	for name, c := range map[string]struct {
		has   []workflow.Approval
		left  int
		taken bool
		stay  bool
	}{
		"none":           {},
		"before":         {has: []workflow.Approval{before}, taken: true},
		"same second":    {has: []workflow.Approval{tie}, taken: true},
		"after":          {has: []workflow.Approval{after}, left: 1, stay: true},
		"by a button":    {has: []workflow.Approval{button}, taken: true},
		"void":           {has: []workflow.Approval{void}, left: 1},
		"somebody's":     {has: []workflow.Approval{other}, left: 1},
		"all of these":   {has: []workflow.Approval{before, tie, after, button, void, other}, left: 3, taken: true, stay: true},
		"others and all": {has: []workflow.Approval{other, before, other}, left: 2, taken: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := workflow.Withdrawal{By: workflow.Actor{ID: 1}, At: noon.Add(5 * time.Second), Received: noon.Add(time.Minute)}
			there, past, not := workflow.Project{Name: "there"}, workflow.Project{Name: "past"}, workflow.Project{Name: "not meant"}
			rec := workflow.PullRecord{Projects: []workflow.ProjectRecord{{Project: there, Approvals: c.has}, {Project: not, Approvals: c.has}},
				Past: []workflow.ProjectRecord{{Project: past, Approvals: c.has}}}
			taken, stay := rec.TakeBack(w, func(p workflow.Project) bool { return p.Name != not.Name })
			if (len(taken) == 2) != c.taken || (len(taken) == 0) == c.taken || stay != c.stay {
				t.Errorf("got %v, %v", taken, stay)
			}
			if got := []int{len(rec.Projects[0].Approvals), len(rec.Past[0].Approvals), len(rec.Projects[1].Approvals)}; !slices.Equal(got, []int{c.left, c.left, len(c.has)}) {
				t.Errorf("left are %v, want %d", got, c.left)
			}
		})
	}
}
