package gate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// reviewed is the ready apply of a safe plan that bob's review approves: it was shown when he
// pressed the button, and is approved by nothing else.
func reviewed() (Input, workflow.Review) {
	in := readyApply()
	in.Plan.Hidden = nil
	r := workflow.Review{ID: 5, By: gateBob, At: gateNow.Add(-20 * time.Minute), Head: gateSHAs["head"],
		State: workflow.ReviewApproved, Role: workflow.RoleWrite}
	name := in.Project.Project.Name
	in.Record.Shown = []workflow.Shown{{At: r.At.Add(-time.Minute), Fingerprints: map[string]string{name: gateFingerprint}, Runs: map[string]string{name: "plan1"}}}
	in.Record.Reviews, in.Live.Reviews = []workflow.Review{r}, []workflow.Review{r}
	in.Project.Approvals = []workflow.Approval{{Fingerprint: gateFingerprint, User: gateBob, At: r.At, ReviewID: r.ID, Head: r.Head}}
	return in, r
}

// TestReviewLacks: what a review on GitHub approves, and why it approves nothing else.
func TestReviewLacks(t *testing.T) {
	name := "network/prod"
	changes := func(a workflow.Action) func(*Input, *workflow.Review) {
		return func(in *Input, _ *workflow.Review) { in.Plan.Changes = []workflow.Change{{Address: "a.b", Action: a}} }
	}
	shows := func(in *Input, at time.Time, fp string) {
		in.Record.Shown = append(in.Record.Shown, workflow.Shown{At: at, Fingerprints: map[string]string{name: fp}, Runs: map[string]string{name: "plan1"}})
	}
	always := func(change func(*Input, *workflow.Review)) func(*Input, *workflow.Review) {
		return func(in *Input, r *workflow.Review) { in.Rules.Approvals.Review = workflow.ReviewAlways; change(in, r) }
	}
	destroys := func(in *Input, _ *workflow.Review) { in.Plan.Counts.Destroy = 1 }
	hides := func(in *Input, _ *workflow.Review) {
		in.Plan.Hidden = []workflow.HiddenEffect{{Kind: "provisioner", Text: "x"}}
	}
	for _, tt := range []struct {
		what   string
		change func(*Input, *workflow.Review)
		want   string // "" = it approves
	}{
		{"a safe plan", func(*Input, *workflow.Review) {}, ""},
		{"makes", changes(workflow.ActionCreate), ""},
		{"changes", changes(workflow.ActionUpdate), ""},
		{"forgets", changes(workflow.ActionForget), ""},
		{"moves", changes(workflow.ActionMove), ""},
		{"imports", changes(workflow.ActionImport), ""},
		{"destroys", destroys, "`bob` approved on GitHub; a plan that destroys needs `cardea approve`."},
		{"destroys, by its changes", changes(workflow.ActionDelete), "a plan that destroys needs"},
		{"replaces", func(in *Input, _ *workflow.Review) { in.Plan.Counts.Replace = 1 }, "a plan that replaces needs"},
		{"replaces, by its changes", changes(workflow.ActionReplace), "a plan that replaces needs"},
		{"a deposed object", func(in *Input, _ *workflow.Review) {
			in.Plan.Changes = []workflow.Change{{Address: "a.b", Deposed: "0a1b", Action: workflow.ActionDelete}}
		}, "a plan that destroys needs"},
		{"a deposed object and no word for what happens to it", func(in *Input, _ *workflow.Review) {
			in.Plan.Changes = []workflow.Change{{Address: "a.b", Deposed: "0a1b", Action: workflow.ActionUpdate}}
		}, "a plan with changes of an unusual kind needs"},
		{"an action that nobody knows", changes("shred"), "a plan with changes of an unusual kind needs"},
		{"hides", hides, "a plan that does more than its changes show needs"},
		{"invokes", changes(workflow.ActionInvoke), "a plan that does more than its changes show needs"},
		{"late", func(in *Input, _ *workflow.Review) { in.Plan.Late = "`x` is known only after apply" }, "a plan that leaves something to be decided"},
		{"deferred", func(in *Input, _ *workflow.Review) { in.Plan.Counts.Deferred = 1 }, "a plan with changes of an unusual kind"},
		{"a plan that is not whole", func(in *Input, _ *workflow.Review) { in.Plan.Left.Changes = 1 }, "a plan with changes of an unusual kind"},
		{"always, destroys", always(destroys), ""},
		{"always, hides", always(hides), ""},
		{"always, an older head", always(func(_ *Input, r *workflow.Review) { r.Head = gateSHAs["pushed"] }), "`bob` approved `bbbbbbb` on GitHub; this plan is for `aaaaaaa`."},
		{"never", func(in *Input, _ *workflow.Review) { in.Rules.Approvals.Review = workflow.ReviewNever }, "any plan needs"},
		{"a rule that nobody knows", func(in *Input, _ *workflow.Review) { in.Rules.Approvals.Review = "sometimes" }, "any plan needs"},
		{"no rule", func(in *Input, _ *workflow.Review) { in.Rules.Approvals.Review = "" }, "any plan needs"},
		{"another project keeps its state and is of a stricter environment", func(in *Input, _ *workflow.Review) {
			in.Sharing = []workflow.Project{{Name: "x", Environment: "strict"}}
			in.Rules.Environments = map[string]workflow.EnvironmentRules{"strict": {Approvals: &workflow.ApprovalRules{Count: 1, Review: workflow.ReviewNever}}}
		}, "any plan needs"},
		{"of a commit that nobody knows", func(_ *Input, r *workflow.Review) { r.Head = "" }, "this plan is for"},
		{"before the first plan", func(in *Input, r *workflow.Review) {
			in.Record.Shown = nil
			shows(in, r.At.Add(time.Second), gateFingerprint)
		}, "`bob` approved on GitHub before this plan was shown."},
		{"no plan", func(in *Input, _ *workflow.Review) { in.Plan = nil }, "`bob` approved on GitHub before this plan existed."},
		{"in the second in which the plan was shown", func(in *Input, r *workflow.Review) {
			in.Record.Shown = nil
			shows(in, r.At, gateFingerprint)
		}, ""},
		{"in the second in which another plan was shown, the older counts", func(in *Input, r *workflow.Review) { shows(in, r.At, strings.Repeat("1", 64)) }, ""},
		{"in the second in which it took the place of another", func(in *Input, r *workflow.Review) {
			in.Record.Shown = nil
			shows(in, r.At.Add(-time.Minute), strings.Repeat("1", 64))
			shows(in, r.At, gateFingerprint)
		}, "before this plan was shown"},
		{"another plan was shown", func(in *Input, r *workflow.Review) { shows(in, r.At.Add(-2*time.Second), strings.Repeat("1", 64)) }, "before this plan was shown"},
		{"the summary was edited", func(in *Input, r *workflow.Review) {
			in.Record.Shown = append(in.Record.Shown, workflow.Shown{At: r.At.Add(-2 * time.Second), EditedBy: gateAda})
		}, "`ada` had edited the comment"},
		{"by the author", func(_ *Input, r *workflow.Review) { r.By = gateEve }, "authors cannot approve their own pull request"},
		{"by the author, whose approvals count", func(in *Input, r *workflow.Review) { r.By = gateEve; in.Rules.Approvals.Author = true }, ""},
		{"by a reader", func(_ *Input, r *workflow.Review) { r.Role = workflow.RoleRead }, "they now have read access"},
		{"a role that nobody knows", func(_ *Input, r *workflow.Review) { r.Role = "" }, "GitHub did not report what access"},
		{"not in approvals.by", func(in *Input, _ *workflow.Review) { in.Rules.Approvals.By = []string{"carol"} }, "not in the server's `approvals.by`"},
		{"by a bot", func(_ *Input, r *workflow.Review) { r.By.Bot = true }, "reviews by apps never count"},
		{"by a bot that the rules list", func(in *Input, r *workflow.Review) {
			r.By = workflow.Actor{ID: 2, Login: "bob[bot]", Bot: true}
			in.Rules.Bots = []string{"bob"}
		}, "reviews by apps never count"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			in, r := reviewed()
			tt.change(&in, &r)
			got := ReviewLacks(in, r).String()
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestReviewsAtTheGate: an approval by a review counts at both askings while GitHub shows it as its
// giver's last word, unchanged, and while the rules let a review approve such a plan.
func TestReviewsAtTheGate(t *testing.T) {
	for _, tt := range []struct {
		what   string
		change func(*Input)
		want   string
	}{
		{"it stands", func(*Input) {}, ""},
		{"others' reviews", func(in *Input) {
			in.Live.Reviews = append(in.Live.Reviews, workflow.Review{ID: 6, By: gateAda, State: workflow.ReviewChanges})
			in.Live.MoreReviews = true
		}, ""},
		{"carried to a later head", func(in *Input) { in.Project.Approvals[0].Head = "older" }, ""},
		{"dismissed", func(in *Input) { in.Live.Reviews[0].State = workflow.ReviewDismissed }, "does not count: the review by `bob` was dismissed."},
		{"changes requested since", func(in *Input) { in.Live.Reviews[0].At, in.Live.Reviews[0].State = gateNow, workflow.ReviewChanges }, "`bob` now requests changes."},
		{"the same review requests changes", func(in *Input) { in.Live.Reviews[0].State = workflow.ReviewChanges }, "does not approve"},
		{"a state that nobody knows", func(in *Input) { in.Live.Reviews[0].State = "praised" }, "does not approve"},
		{"approved again", func(in *Input) { in.Live.Reviews[0].At = gateNow }, "`bob` has reviewed again since."},
		{"edited", func(in *Input) { in.Live.Reviews[0].Edited = true }, "the review by `bob` was edited."},
		{"not shown", func(in *Input) { in.Live.Reviews = nil }, "GitHub does not show the review by `bob`."},
		{"shown twice", func(in *Input) { in.Live.Reviews = append(in.Live.Reviews, in.Live.Reviews[0]) }, "GitHub does not show the review by `bob`."},
		{"beyond what is read", func(in *Input) { in.Live.Reviews, in.Live.MoreReviews = nil, true }, "more reviews than are read"},
		{"another's review of that second", func(in *Input) { in.Live.Reviews[0].By = gateAda }, "GitHub does not show the review by `bob`."},
		{"a role that is gone", func(in *Input) { in.Live.Roles[2] = workflow.RoleRead }, "they now have read access"},
		{"the rules are `never` by now", func(in *Input) { in.Rules.Approvals.Review = workflow.ReviewNever }, "does not let reviews count"},
		{"a plan that destroys, and the rules are `safe` by now", func(in *Input) { in.Plan.Counts.Destroy = 1 }, "it is a review, and a plan that destroys needs more"},
		{"a plan that destroys, `always`", func(in *Input) { in.Plan.Counts.Destroy, in.Rules.Approvals.Review = 1, workflow.ReviewAlways }, ""},
		{"by a bot that the rules list", func(in *Input) {
			in.Project.Approvals[0].User = workflow.Actor{ID: 2, Login: "bob[bot]", Bot: true}
			in.Rules.Bots = []string{"bob"}
		}, "reviews by apps never count"},
		{"void", func(in *Input) { in.Project.Approvals[0].Void = "The review by `bob` was dismissed." }, "The approval by `bob` is no longer valid: The review by `bob` was dismissed."},
	} {
		for _, moment := range []string{"asked", "ready"} {
			t.Run(tt.what+", "+moment, func(t *testing.T) {
				in, _ := reviewed()
				if moment == "asked" {
					asked(&in)
				}
				tt.change(&in)
				missing := decide(in)
				if got := workflow.SayMissing(missing).String(); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if tt.want != "" && (len(missing) != 1 || missing[0].Need != workflow.NeedApproved) {
					t.Errorf("got %+v, want only approved", missing)
				}
				if counted, _ := CountApprovals(in); (len(counted) == 1) != (tt.want == "") {
					t.Errorf("counted %+v", counted)
				}
			})
		}
	}
}

// TestReviewInTheRow: the row of a plan that a review does not approve says why; one that counts, or
// that the rules do not ask for, is not spoken of.
func TestReviewInTheRow(t *testing.T) {
	for _, tt := range []struct {
		what   string
		change func(*Input)
		want   string
	}{
		{"a plan that destroys", func(in *Input) { in.Plan.Counts.Destroy = 1 }, "Needs 1 approval of `3f9a12c4b5d6`. `bob` approved on GitHub; a plan that destroys needs `cardea approve`."},
		{"never", func(in *Input) { in.Plan.Counts.Destroy, in.Rules.Approvals.Review = 1, workflow.ReviewNever }, "Needs 1 approval of `3f9a12c4b5d6`."},
		{"taken back", func(*Input) {}, "Needs 1 approval of `3f9a12c4b5d6`."},
		{"approved in words, two wanted", func(in *Input) {
			in.Rules.Approvals.Count, in.Plan.Counts.Destroy = 2, 1
			in.Project.Approvals = []workflow.Approval{{Fingerprint: gateFingerprint, User: gateBob}}
		}, "Has 1 of 2 approvals of `3f9a12c4b5d6`."},
	} {
		t.Run(tt.what, func(t *testing.T) {
			in, _ := reviewed()
			in.State, in.Project.Apply, in.Live, in.Project.Approvals = nil, nil, workflow.LiveFacts{}, nil
			tt.change(&in)
			if diff := cmp.Diff(tt.want, workflow.SayMissing(WaitsFor(in)).String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestVoidedBy: which approvals end with what became of a review.
func TestVoidedBy(t *testing.T) {
	given := workflow.Approval{User: gateBob, ReviewID: 5}
	for _, tt := range []struct {
		what   string
		review workflow.Review
		change func(*workflow.Approval)
		want   string
	}{
		{"the very review again", workflow.Review{ID: 5, State: workflow.ReviewApproved}, nil, ""},
		{"dismissed", workflow.Review{ID: 5, State: workflow.ReviewDismissed}, nil, "The review by `bob` was dismissed."},
		{"edited", workflow.Review{ID: 5, State: workflow.ReviewApproved, Edited: true}, nil, "The review by `bob` was edited."},
		{"another one dismissed", workflow.Review{ID: 4, State: workflow.ReviewDismissed}, nil, ""},
		{"another one edited", workflow.Review{ID: 4, State: workflow.ReviewApproved, Edited: true}, nil, ""},
		{"changes requested", workflow.Review{ID: 6, State: workflow.ReviewChanges}, nil, "`bob` now requests changes."},
		{"approved again", workflow.Review{ID: 6, State: workflow.ReviewApproved}, nil, "`bob` has reviewed again since."},
		{"an earlier one that is told late", workflow.Review{ID: 4, At: gateNow.Add(-time.Minute), State: workflow.ReviewChanges}, func(a *workflow.Approval) { a.At = gateNow }, ""},
		{"one of that second", workflow.Review{ID: 4, At: gateNow, State: workflow.ReviewChanges}, func(a *workflow.Approval) { a.At = gateNow }, "`bob` now requests changes."},
		{"it is dismissed, and told with its time", workflow.Review{ID: 5, At: gateNow, State: workflow.ReviewDismissed}, func(a *workflow.Approval) { a.At = gateNow }, "The review by `bob` was dismissed."},
		{"dismissed, but they wrote a comment", workflow.Review{ID: 5, State: workflow.ReviewDismissed}, func(a *workflow.Approval) { a.ReviewID, a.CommentID = 0, 9 }, ""},
		{"somebody else's", workflow.Review{ID: 6, State: workflow.ReviewChanges}, func(a *workflow.Approval) { a.User = gateAda }, ""},
		{"applied already", workflow.Review{ID: 5, State: workflow.ReviewDismissed}, func(a *workflow.Approval) { a.Applied = true }, ""},
		{"void already", workflow.Review{ID: 5, State: workflow.ReviewDismissed}, func(a *workflow.Approval) { a.Void = "x" }, ""},
	} {
		t.Run(tt.what, func(t *testing.T) {
			a := given
			if tt.change != nil {
				tt.change(&a)
			}
			tt.review.By = gateBob
			if got := VoidedBy(tt.review, a); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			pending := []workflow.Request{{Kind: workflow.RequestReview, Review: &tt.review}}
			if got := TakenBack(pending, workflow.ProjectRecord{Approvals: []workflow.Approval{a}}); (len(got) == 1) != (tt.want != "") {
				t.Errorf("told of it: %+v", got)
			}
		})
	}
}

// TestRememberReview: whatever the order in which GitHub tells of reviews, what is remembered is the same.
func TestRememberReview(t *testing.T) {
	at := func(id int64, state string) workflow.Review {
		return workflow.Review{ID: id, By: gateBob, At: gateNow.Add(time.Duration(id) * time.Minute), State: state}
	}
	edited := at(1, workflow.ReviewApproved)
	edited.Edited = true
	second := at(2, workflow.ReviewChanges)
	second.At = at(1, "").At
	for what, tt := range map[string]struct {
		told   []workflow.Review
		latest int64 // of those that approve; 0 = none does
	}{
		"one":                        {[]workflow.Review{at(1, workflow.ReviewApproved)}, 1},
		"dismissed":                  {[]workflow.Review{at(1, workflow.ReviewApproved), at(1, workflow.ReviewDismissed)}, 0},
		"edited":                     {[]workflow.Review{at(1, workflow.ReviewApproved), edited}, 0},
		"a second one":               {[]workflow.Review{at(1, workflow.ReviewApproved), at(2, workflow.ReviewApproved)}, 2},
		"changes after it":           {[]workflow.Review{at(1, workflow.ReviewApproved), at(2, workflow.ReviewChanges)}, 0},
		"changes before it":          {[]workflow.Review{at(1, workflow.ReviewChanges), at(2, workflow.ReviewApproved)}, 2},
		"changes in the same second": {[]workflow.Review{at(1, workflow.ReviewApproved), second}, 0},
		"the first one is dismissed": {[]workflow.Review{at(1, workflow.ReviewApproved), at(2, workflow.ReviewApproved), at(1, workflow.ReviewDismissed)}, 2},
	} {
		permute(tt.told, func(told []workflow.Review) {
			var kept []workflow.Review
			for _, r := range told {
				kept = RememberReview(kept, r)
			}
			for _, r := range tt.told {
				if got := Latest(kept, r); got != (r.ID == tt.latest) {
					t.Errorf("%s, told as %v: review %d is the latest that approves: %v", what, told, r.ID, got)
				}
			}
			if len(kept) != 1 {
				t.Errorf("%s: kept %+v", what, kept)
			}
		})
	}
}

// permute shows a list in every order.
func permute(list []workflow.Review, show func([]workflow.Review)) {
	if len(list) < 2 {
		show(list)
		return
	}
	for i := range list {
		rest := slices.Delete(slices.Clone(list), i, i+1)
		permute(rest, func(tail []workflow.Review) { show(append([]workflow.Review{list[i]}, tail...)) })
	}
}
