package service_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/scope"
	"github.com/cardea-iac/cardea/workflow/service"
)

// review is somebody's review of a head, submitted now and shown by GitHub from then on.
func (w *world) review(by, head, state string) workflow.Review {
	w.serial++
	r := workflow.Review{ID: int64(1000 + w.serial), By: people[by], At: w.now, Head: head, State: state}
	w.reviews = slices.DeleteFunc(w.reviews, func(old workflow.Review) bool { return old.By.ID == r.By.ID })
	w.reviews = append(w.reviews, r)
	w.now = w.now.Add(time.Second)
	return r
}

// told is what was answered to the delivery of what became of a review.
func (w *world) told(r workflow.Review, action string) string {
	w.t.Helper()
	req, _ := w.deliver(workflow.Request{Kind: workflow.RequestReview, Number: 1, Immediate: true, Action: action, Review: &r,
		Key: fmt.Sprintf("review:%d:%s", r.ID, action), Actor: r.By, CommentedAt: w.now})
	w.expand()
	done, err := stored(w.t, w.store, req.ID)
	if err != nil || !done.Done {
		w.t.Fatalf("got %+v, %v, want the review carried out", done, err)
	}
	return w.reply(1, req.ID)
}

// dismissed is a review after somebody dismissed it.
func (w *world) dismissed(r workflow.Review) workflow.Review {
	r.State = workflow.ReviewDismissed
	for i := range w.reviews {
		if w.reviews[i].ID == r.ID {
			w.reviews[i].State = r.State
		}
	}
	return r
}

// approvals are those of a project, as "LOGIN by WHAT: VOID".
func (w *world) approvals(project string) string {
	var out []string
	for _, a := range w.project(1, project).Approvals {
		by := "words"
		if a.ReviewID != 0 {
			by = "review"
		}
		out = append(out, fmt.Sprintf("%s by %s: %s", a.User.Login, by, a.Void))
	}
	return strings.Join(out, "; ")
}

func (w *world) waits(project string) string {
	return workflow.SayMissing(w.project(1, project).WaitsFor).String()
}

// planOne makes a project's queued plan, changed before it is stored.
func (w *world) planOne(project string, change func(*workflow.Plan)) {
	w.t.Helper()
	run := w.mustClaim(project)
	res := w.fingerprinted(run, 1)
	change(res.Plan)
	w.finish(res)
}

func destroying(p *workflow.Plan) {
	p.Counts.Destroy = 1
	p.Changes = append(p.Changes, workflow.Change{Address: "x.y", Action: workflow.ActionDelete})
}

// A review approves what the comment showed, and the apply goes through; nobody is told anything.
func TestReviewApproves(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "new"})
	if said := w.told(w.review("bob", "head1", workflow.ReviewApproved), "submitted"); said != "" {
		t.Errorf("got the reply %q", said)
	}
	if got := w.approvals("a"); got != "bob by review: " {
		t.Errorf("got %q", got)
	}
	if got := w.history(w.pulls[1].Subject()); !slices.ContainsFunc(got, func(s string) bool {
		return strings.HasPrefix(s, "`bob` approved the plan") && strings.HasSuffix(s, "of `a`, by a review.")
	}) {
		t.Errorf("the history does not tell of it: %q", got)
	}
	if said := w.do(1, "ada", verb(workflow.VerbApply)); said != "" {
		t.Fatalf("got %q", said)
	}
	run := w.mustClaim("a")
	if err := w.authorise(run); err != nil {
		t.Fatal(err)
	}
	if got := w.history(w.pulls[1].Subject()); !slices.ContainsFunc(got, func(s string) bool {
		return strings.Contains(s, "approved by `bob` by a review")
	}) {
		t.Errorf("the history does not tell of it: %q", got)
	}
}

// Between the askings a review may end in any way, told or untold.
func TestReviewEndsBetweenTheAskings(t *testing.T) {
	for _, told := range []string{"GitHub shows it", "GitHub told of it", "it is worked off"} {
		for name, change := range map[string]func(*world, workflow.Review) (workflow.Review, string){
			"dismissed": func(w *world, r workflow.Review) (workflow.Review, string) { return w.dismissed(r), "dismissed" },
			"edited": func(w *world, r workflow.Review) (workflow.Review, string) {
				r.Edited, w.reviews[0].Edited = true, true
				return r, "edited"
			},
			"changes requested": func(w *world, _ workflow.Review) (workflow.Review, string) {
				return w.review("bob", "head1", workflow.ReviewChanges), "submitted"
			},
		} {
			t.Run(name+", "+told, func(t *testing.T) {
				w := newWorld(t)
				w.ready(1, "head1", files{"a/main.tf": "new"})
				given := w.review("bob", "head1", workflow.ReviewApproved)
				w.told(given, "submitted")
				if said := w.do(1, "ada", verb(workflow.VerbApply)); said != "" {
					t.Fatalf("got %q", said)
				}
				run := w.mustClaim("a")
				stands := slices.Clone(w.reviews)
				r, action := change(w, given)
				switch told {
				case "GitHub told of it": // and its API lags
					w.reviews = stands
					w.deliver(workflow.Request{Kind: workflow.RequestReview, Number: 1, Immediate: true, Action: action, Review: &r,
						Key: "review:late", Actor: people["ada"], CommentedAt: w.now})
				case "it is worked off":
					w.told(r, action)
					if got := w.approvals("a"); !strings.HasPrefix(got, "bob by review: ") || got == "bob by review: " {
						t.Errorf("got %q, want it void", got)
					}
				}
				err := w.authorise(run)
				if err == nil {
					t.Fatal("the apply may go")
				}
				has(t, err.Error(), map[string]string{"dismissed": "the review by `bob` was dismissed", "edited": "the review by `bob` was edited",
					"changes requested": "`bob` now requests changes"}[name][5:])
			})
		}
	}
}

// What a review does not approve is said in the row, and to whoever pressed the button if it approved nothing at all.
func TestReviewApprovesNothing(t *testing.T) {
	w := newWorld(t)
	early := w.review("bob", "head1", workflow.ReviewApproved)
	w.open(1, "head1", files{"a/main.tf": "new", "b/main.tf": "new"})
	if said := w.told(early, "submitted"); said != "" {
		t.Errorf("before the first plan, got the reply %q", said)
	}
	w.planOne("a", destroying)
	w.planOne("b", func(*workflow.Plan) {})
	w.show()
	for _, p := range []string{"a", "b"} {
		has(t, w.waits(p), "`bob` approved on GitHub before this plan was shown.")
		if got := w.approvals(p); got != "" {
			t.Errorf("%s: got %q", p, got)
		}
	}

	if said := w.told(w.review("bob", "head1", workflow.ReviewApproved), "submitted"); said != "" {
		t.Errorf("it approves b, and got the reply %q", said)
	}
	has(t, w.waits("a"), "`bob` approved on GitHub; a plan that destroys needs `cardea approve`.")
	if a, b := w.approvals("a"), w.approvals("b"); a != "" || b != "bob by review: " {
		t.Errorf("got %q and %q", a, b)
	}

	has(t, w.do(1, "bob", verb(workflow.VerbApprove, "a")), "approved")
	if said := w.told(w.review("root", "head1", workflow.ReviewApproved), "submitted"); said != "" {
		t.Errorf("nothing waits for it, and got the reply %q", said)
	}
	has(t, w.do(1, "bob", verb(workflow.VerbUnapprove)), "unapproved")
	said := w.told(w.review("root", "head0", workflow.ReviewApproved), "submitted")
	has(t, said, "refused", "Your review on GitHub approves none of these plans.", "a false", "`root` approved `head0` on GitHub; this plan is for `head1`.")
}

// Who may not approve, apps, and rules that let no review count: nothing is approved, and nothing said.
func TestReviewOfNobody(t *testing.T) {
	people["robot"] = workflow.Actor{ID: 8, Login: "robot[bot]", Bot: true}
	defer delete(people, "robot")
	for name, tt := range map[string]struct {
		by     string
		change func(*world)
	}{
		"by a reader":   {"eve", func(*world) {}},
		"by the author": {"ada", func(*world) {}},
		"by an app":     {"robot", func(w *world) { w.roles["robot"], w.rules.Bots = workflow.RoleAdmin, []string{"robot"} }},
		"never":         {"bob", func(w *world) { w.rules.Approvals.Review = workflow.ReviewNever }},
		"shown otherwise": {"bob", func(w *world) {
			w.change = func(f *workflow.LiveFacts) { f.Reviews[0].State = workflow.ReviewDismissed }
		}},
		"edited by now": {"bob", func(w *world) { w.change = func(f *workflow.LiveFacts) { f.Reviews[0].Edited = true } }},
		"more than are read": {"bob", func(w *world) {
			w.change = func(f *workflow.LiveFacts) { f.Reviews, f.MoreReviews = nil, true }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tt.change(w)
			w.ready(1, "head1", files{"a/main.tf": "new"})
			before := w.waits("a")
			said := w.told(w.review(tt.by, "head1", workflow.ReviewApproved), "submitted")
			if author := name == "by the author"; (said != "") != author { // GitHub lets no author approve
				t.Errorf("got the reply %q", said)
			}
			if got := w.approvals("a"); got != "" {
				t.Errorf("got %q", got)
			}
			if got := w.waits("a"); got != before && name != "by the author" {
				t.Errorf("got %q, before %q", got, before)
			}
		})
	}
}

// An approval by a review is carried, taken back and void like any other; words outlive a review, and a
// second review takes the place of the first.
func TestReviewAmongOthers(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "new"})
	first := w.review("bob", "head1", workflow.ReviewApproved)
	w.told(first, "submitted")
	w.commit("head2", w.source.commits["head1"], files{"README.md": "words"})
	w.facts(1, "head2")
	w.push(1, "synchronize")
	w.settle()
	w.plan(1)
	if got := w.approvals("a"); got != "bob by review: " {
		t.Fatalf("after a push that changes nothing: %q", got)
	}
	w.told(w.review("bob", "head2", workflow.ReviewApproved), "submitted")
	w.told(w.dismissed(first), "dismissed")
	if got := w.approvals("a"); got != "bob by review: " {
		t.Fatalf("after a second review: %q", got)
	}
	has(t, w.do(1, "bob", verb(workflow.VerbUnapprove)), "unapproved")
	if got := w.approvals("a"); got != "" {
		t.Fatalf("taken back: %q", got)
	}
	w.now = w.now.Add(time.Second)
	has(t, w.do(1, "bob", verb(workflow.VerbApprove)), "approved")
	third := w.review("bob", "head2", workflow.ReviewApproved)
	w.told(third, "submitted")
	w.told(w.dismissed(third), "dismissed")
	if got := w.approvals("a"); got != "bob by words: " {
		t.Errorf("words, then a review that was dismissed: %q", got)
	}
	if run, why := scope.CurrentPlan(w.project(1, "a")); run == nil || !why.Empty() {
		t.Errorf("no plan: %s", why)
	}
}

// Whoever approves while somebody else's words stand in the summary did not see the plans.
func TestReviewOfAnEditedSummary(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "new"})
	at := w.now
	w.now = w.now.Add(2 * time.Second)
	w.told(w.review("bob", "head1", workflow.ReviewApproved), "submitted")
	if err := w.svc.SummaryEdited(t.Context(), w.pulls[1].Key(), 0, workflow.Shown{At: at, EditedBy: people["eve"]}); err != nil {
		t.Fatal(err)
	}
	has(t, w.approvals("a"), "`eve` had edited the comment")
}

// A fault of GitHub's is not the reviewer's: a review that it does not show yet, or does not say enough about, is
// waited for, and carried out once that has passed.
func TestReviewIsWaitedFor(t *testing.T) {
	for name, fault := range map[string]func(*workflow.LiveFacts){
		"facts could not be read": func(f *workflow.LiveFacts) { f.Errors = []string{"GitHub answered 502."} },
		"the role is not known":   func(f *workflow.LiveFacts) { delete(f.Roles, people["bob"].ID) },
		"none is shown":           func(f *workflow.LiveFacts) { f.Reviews = nil },
		"an older one is shown":   func(f *workflow.LiveFacts) { f.Reviews[0].At = f.Reviews[0].At.Add(-time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ready(1, "head1", files{"a/main.tf": "new"})
			w.change = fault
			r := w.review("bob", "head1", workflow.ReviewApproved)
			req, _ := w.deliver(workflow.Request{Kind: workflow.RequestReview, Number: 1, Immediate: true, Action: "submitted", Review: &r,
				Key: "review:1", Actor: r.By, CommentedAt: w.now})
			w.expand()
			if got := w.view(1).Waiting; got == "" {
				t.Error("the pull does not say that it waits")
			}
			w.now, w.change = w.now.Add(time.Minute), nil
			unasked := service.Expansion{Request: req, Pull: w.pulls[1]} // nobody asked GitHub
			if err := w.svc.Expand(t.Context(), unasked); err != nil {
				t.Fatal(err)
			}
			if got := w.approvals("a"); got != "" {
				t.Fatalf("got %q", got)
			}
			w.now = w.now.Add(time.Minute)
			w.expand()
			if got := w.approvals("a"); got != "bob by review: " {
				t.Errorf("got %q", got)
			}
			if done, err := stored(t, w.store, req.ID); err != nil || !done.Done {
				t.Errorf("got %+v, %v", done, err)
			}
			if got := w.view(1).Waiting; got != "" {
				t.Errorf("the pull still says that it waits: %s", got)
			}
		})
	}
}

// What plans nothing is not what is wrong with a pull, whatever it fails of and whatever is wrong already.
func TestOnlyPlansSayWhatIsWrong(t *testing.T) {
	r := workflow.Review{ID: 1, By: people["bob"], Head: "head1", State: workflow.ReviewApproved}
	apply := verb(workflow.VerbApply)
	for name, req := range map[string]workflow.Request{
		"a review":                    {Kind: workflow.RequestReview, Review: &r, Actor: people["bob"]},
		"a draft":                     {Kind: workflow.RequestFacts, Action: "converted_to_draft", Head: "head1"},
		"a closing":                   {Kind: workflow.RequestClosed, Action: "closed"},
		"a command":                   {Kind: workflow.RequestCommand, Command: &apply, Actor: people["bob"]},
		"a command that nobody knows": {Kind: workflow.RequestCommand, CommandFault: "What?", Actor: people["bob"]},
	} {
		for state, prepare := range map[string]func(*world){
			"nothing is known": func(w *world) {
				w.facts(1, "head1")
				if err := w.svc.Observe(t.Context(), workflow.Request{Kind: workflow.RequestPull}, w.pulls[1]); err != nil {
					t.Fatal(err)
				}
			},
			"a conflict": func(w *world) {
				w.source.conflicts = []string{"a/main.tf"}
				w.open(1, "head1", files{"a/main.tf": "new"})
			},
		} {
			t.Run(name+", "+state, func(t *testing.T) {
				w := newWorld(t)
				prepare(w)
				before := w.view(1)
				req.Number, req.Immediate, req.Key = 1, true, "it"
				stored, _ := w.deliver(req)
				if err := w.svc.FailRequest(t.Context(), stored.ID, "GitHub answered 502."); err != nil {
					t.Fatal(err)
				}
				after := w.view(1)
				if after.Known != before.Known || (after.Trouble == nil) != (before.Trouble == nil) ||
					after.Trouble != nil && !after.Trouble.Title.Equal(before.Trouble.Title) {
					t.Errorf("got %v %+v, want %v %+v", after.Known, after.Trouble, before.Known, before.Trouble)
				}
				if got := w.history(w.pulls[1].Subject()); !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "GitHub answered 502.") }) {
					t.Errorf("the history does not tell of it: %q", got)
				}
				if said := w.reply(1, stored.ID); (said != "") != (req.Kind == workflow.RequestCommand) {
					t.Errorf("got the reply %q", said)
				}
			})
		}
	}
}

// GitHub tells in any order, and more than once: what a person's latest review is does not depend on it.
func TestReviewsInAnyOrder(t *testing.T) {
	t.Run("changes were requested before", func(t *testing.T) {
		w := newWorld(t)
		w.ready(1, "head1", files{"a/main.tf": "new"})
		before := w.review("bob", "head1", workflow.ReviewChanges)
		w.told(w.review("bob", "head1", workflow.ReviewApproved), "submitted")
		w.told(before, "submitted")
		if got := w.approvals("a"); got != "bob by review: " {
			t.Errorf("got %q", got)
		}
	})
	for name, end := range map[string]func(*world, workflow.Review) (workflow.Review, string){
		"it is dismissed before it is told": func(w *world, r workflow.Review) (workflow.Review, string) { return w.dismissed(r), "dismissed" },
		"a first one comes after the second": func(w *world, _ workflow.Review) (workflow.Review, string) {
			return w.review("bob", "head1", workflow.ReviewChanges), "submitted"
		},
	} {
		t.Run(name+", and GitHub lags", func(t *testing.T) {
			w := newWorld(t)
			w.ready(1, "head1", files{"a/main.tf": "new"})
			first := w.review("bob", "head1", workflow.ReviewApproved)
			shown := slices.Clone(w.reviews)
			w.told(end(w, first))
			w.reviews = shown
			w.told(first, "submitted")
			if got := w.approvals("a"); got != "" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// What ends a review ends its approval also while the pull is closed: reopened, it is as void.
func TestReviewEndsOfAClosedPull(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "new"})
	r := w.review("bob", "head1", workflow.ReviewApproved)
	w.told(r, "submitted")
	w.close(1, workflow.PullClosed)
	w.told(w.review("root", "head1", workflow.ReviewApproved), "submitted")
	w.told(w.dismissed(r), "dismissed")
	w.facts(1, "head1")
	w.push(1, "reopened")
	w.settle()
	w.plan(1)
	if got := w.approvals("a"); got != "bob by review: The review by `bob` was dismissed." {
		t.Errorf("got %q", got)
	}
}

// A review that GitHub does not say enough about holds up the commands of its pull for seconds; then they are carried
// out before it. It approves what it approves all the same, and only what takes it back waits for it.
func TestNobodyWaitsForAReview(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "new", "b/main.tf": "new"})
	r := w.review("bob", "head1", workflow.ReviewApproved)
	req, _ := w.deliver(workflow.Request{Kind: workflow.RequestReview, Number: 1, Immediate: true, Action: "submitted", Review: &r,
		Key: "review:1", Actor: r.By, CommentedAt: w.now})
	w.change = func(f *workflow.LiveFacts) { delete(f.Roles, people["bob"].ID) }
	w.expand()
	began := w.now
	plan := w.say(1, "root", planOf("b"))
	for done := false; !done; w.now = w.now.Add(time.Second) {
		if w.now.Sub(began) > 10*time.Second {
			t.Fatalf("the plan waits for %s", w.now.Sub(began))
		}
		w.expand()
		got, err := stored(t, w.store, plan.ID)
		if done = got.Done; err != nil {
			t.Fatal(err)
		}
	}
	w.finish(w.fingerprinted(w.mustClaim("b"), 1))
	w.show()
	if got, err := stored(t, w.store, req.ID); err != nil || got.Done {
		t.Fatalf("got %+v, %v, want a review that waits", got, err)
	}
	back := w.say(1, "bob", verb(workflow.VerbUnapprove, "a"))
	w.expand()
	if got, err := stored(t, w.store, back.ID); err != nil || got.Done {
		t.Fatalf("got %+v, %v, want it to wait for the review that it takes back", got, err)
	}
	w.change = nil
	for range 3 {
		w.now = w.now.Add(time.Minute)
		w.expand()
	}
	has(t, w.reply(1, back.ID), "unapproved", "a true")
	if got := w.approvals("b"); got != "bob by review: " {
		t.Errorf("got %q for b, want the review's approval", got)
	}
}

// A review of an app approves nothing, whatever GitHub says: nobody waits for that.
func TestReviewOfAnAppIsNotWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "new"})
	w.change = func(f *workflow.LiveFacts) { f.Errors = []string{"GitHub answered 502."} }
	w.told(workflow.Review{ID: 5, By: workflow.Actor{ID: 8, Login: "robot[bot]", Bot: true}, At: w.now, Head: "head1", State: workflow.ReviewApproved}, "submitted")
	if got := w.approvals("a") + w.view(1).Waiting; got != "" {
		t.Errorf("got %q", got)
	}
}

// Whoever pressed the button is told where GitHub did not say enough about their review, however often it was asked.
func TestReviewThatOutlastsAllTries(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "new"})
	w.change = func(f *workflow.LiveFacts) { f.Errors = []string{"GitHub answered 502."} }
	r := w.review("bob", "head1", workflow.ReviewApproved)
	req, _ := w.deliver(workflow.Request{Kind: workflow.RequestReview, Number: 1, Immediate: true, Action: "submitted", Review: &r,
		Key: "review:1", Actor: r.By, CommentedAt: w.now})
	for range 12 {
		w.expand()
		w.now = w.now.Add(time.Minute)
	}
	has(t, w.reply(1, req.ID), "refused", "a false", "GitHub answered 502.")
	if got := w.approvals("a") + w.view(1).Waiting; got != "" {
		t.Errorf("got %q", got)
	}
}

// An approval in words is taken back also while the pull is closed: reopened, nobody approves it.
func TestUnapproveOnAClosedPull(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "new"})
	has(t, w.do(1, "bob", verb(workflow.VerbApprove)), "approved")
	w.close(1, workflow.PullClosed)
	has(t, w.do(1, "bob", verb(workflow.VerbUnapprove)), "unapproved", "a true")
	w.facts(1, "head1")
	w.push(1, "reopened")
	w.settle()
	w.plan(1)
	if got := w.approvals("a"); got != "" {
		t.Errorf("got %q", got)
	}
}
