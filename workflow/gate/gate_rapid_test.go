package gate

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cardea-iac/cardea/internal/vary"
	"github.com/cardea-iac/cardea/workflow"
)

// harmless are the facts whose absence is not a no, each with the reason. A field
// that is new in one of these types fails TestGateNeedsEveryFact until it is
// either asked for by the gate or written down here.
var harmless = map[string]string{
	"Input.Sharing": "no other project writes the state", "Input.Unsettled": "none is good", "Input.Depends": "no dependency is in the pull", "Input.Since": "none is good", "Input.BaseFaulty": "false is good", "Input.Doubts": "none is good",
	"LiveFacts.Required": "none is required", "LiveFacts.Reviews": "nobody approved by one", "LiveFacts.MoreReviews": "nobody approved by one", "LiveFacts.ReviewDecision": "no rule of the branch asks for a review", "LiveFacts.Errors": "none is good",
	"Pull.Title": "for people", "Pull.Fork": "false is good", "Pull.Draft": "false is good", "Pull.UpdatedAt": "not looked at",
	"Pull.Author":     "the record's is taken",
	"Run.SubjectJSON": "a pull's run has none", "Run.Epoch": "the worker's", "Run.Options": "in the fingerprint", "Run.Base": "SameInputs says it", "Run.Tree": "SameTree says it", "Run.BaseTree": "SameTree says it",
	"Run.Paths": "the worker's", "Run.InputsDigest": "SameInputs says it", "Run.FilesDigest": "CarryApprovals'", "Run.ComputedPaths": "CarryApprovals'", "Run.BaseKnown": "the engine's", "Run.Hidden": "the plan's count", "Run.Credentials": "the worker's",
	"Run.CreateWorkspace": "the engine's", "Run.Actor": "who asked for the plan", "Run.Unasked": "for people", "Run.Request": "history", "Run.Priority": "the queue's",
	"Run.Reason": "for people", "Run.Waiting": "for people", "Run.Attempts": "history", "Run.Queued": "history", "Run.NotBefore": "the queue's",
	"Run.Started": "history", "Run.Finished": "history", "Run.Worker": "the worker's", "Run.LeaseUntil": "the worker's", "Run.Sharing": "Input.Sharing has them", "Run.Interrupt": "a plan that succeeded",
	"Run.InterruptOutcome": "a plan that succeeded", "Run.Replaces": "history", "Run.Own": "the engine's", "Run.Expected": "the engine's", "Run.TreeChanges": "CarryApprovals'", "Run.Apply": "an apply's", "Run.After": "Input.Since says it", "Run.Diagnostics": "for people",
	"Run.SameState": "for people", "Run.LikeState": "for people", "Run.SameLineage": "for people", "Run.StateDoubt": "for people", "Run.OnBase": "the record's of lineages",
	"Run.Yielded": "the queue's", "Run.Counts": "the plan's", "Run.NoChanges": "false is what is wanted", "Run.ChangesHash": "for people", "Run.Whole": "history",
	"ApplyOrder.State": "the plan's is compared", "ApplyOrder.Authorised": "not yet", "ApplyOrder.Spent": "false is good", "ApplyOrder.Missing": "for people",
	"ApplyOrder.Done": "of the end", "ApplyOrder.Total": "of the end", "ApplyOrder.Progress": "of the end", "ApplyOrder.ErroredState": "of the end", "ApplyOrder.Resolved": "of the end", "ApplyOrder.ResolvedBy": "of the end",
	"ApplyOrder.Was": "for giving back", "ApplyOrder.Took": "for giving back", "ApplyOrder.Held": "for giving back", "ApplyOrder.Before": "for giving back",
	"Approval.At": "SeenPlan's", "Approval.CommentID": "history", "Approval.ReviewID": "it was given in words", "Approval.Request": "history", "Approval.Head": "CarryApprovals'",
	"Approval.Tree": "CarryApprovals'", "Approval.Hidden": "CarryApprovals'", "Approval.Late": "CarryApprovals'", "Approval.Inputs": "CarryApprovals'", "Approval.Files": "CarryApprovals'", "Approval.Fetched": "CarryApprovals'", "Approval.Named": "CarryApprovals'", "Approval.Computed": "CarryApprovals'", "Approval.Void": "none is good", "Approval.Applied": "false is good",
}

// parts are the structs of an input whose every field is taken away in turn.
func parts(in *Input) []any {
	return []any{in, &in.Live, &in.Live.Pull, in.Project.Run, in.Project.Apply.Apply, &in.Project.Approvals[0]}
}

func TestGateNeedsEveryFact(t *testing.T) {
	whole := readyApply()
	for i, part := range parts(&whole) {
		typ := reflect.TypeOf(part).Elem()
		for f := range typ.NumField() {
			name := typ.Name() + "." + typ.Field(f).Name
			in := readyApply()
			reflect.ValueOf(parts(&in)[i]).Elem().Field(f).SetZero()
			got := Confirm(in)
			if _, ok := harmless[name]; !ok && len(got) == 0 {
				t.Errorf("without %s nothing is missing", name)
			} else if ok && len(got) > 0 {
				t.Errorf("without %s, said to be harmless, missing: %+v", name, got)
			}
		}
	}
}

// TestGateAsksBoth: GitHub's API may lag behind what it delivered, and we behind both. What
// is a no by GitHub's word of now is one by our record's too, and the other way round.
func TestGateAsksBoth(t *testing.T) {
	refused := func(pull func(*Input) *workflow.Pull) map[string]bool {
		in, all := readyApply(), map[string]bool{}
		vary.Each(t, pull(&in), func(fact string) { all[fact] = len(Confirm(in)) > 0 })
		return all
	}
	known := refused(func(in *Input) *workflow.Pull { return &in.Record.Pull })
	for fact, no := range refused(func(in *Input) *workflow.Pull { return &in.Live.Pull }) {
		// Which branch is the default one is GitHub's to say, and ours only where it does not.
		if no != known[fact] && fact != "Repo.DefaultBranch" {
			t.Errorf("another %s: refused by GitHub's word %v, by our record's %v", fact, no, known[fact])
		}
	}
}

// TestGateRefusesTogether: two wrongs never make a right, and the answer is the
// same every time and in order.
func TestGateRefusesTogether(t *testing.T) {
	// Those that take a requirement or a part of the input away would hide what others do.
	var together []int
	for i, r := range refusals {
		in := readyApply()
		required := len(in.Rules.Require)
		if r.change(&in); whole(in) && len(in.Rules.Require) == required {
			together = append(together, i)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in := readyApply()
		var chosen []string
		for _, i := range rapid.SliceOfNDistinct(rapid.SampledFrom(together), 1, 6, rapid.ID[int]).Draw(t, "refusals") {
			refusals[i].change(&in)
			chosen = append(chosen, refusals[i].name)
		}
		got := decide(in)
		if len(got) == 0 {
			t.Fatalf("%v: nothing is missing", chosen)
		}
		if diff := cmp.Diff(got, decide(in)); diff != "" {
			t.Fatalf("%v: asked twice: %s", chosen, diff)
		}
		if !slices.IsSortedFunc(got, func(a, b workflow.Missing) int {
			return a.Need.Rank() - b.Need.Rank()
		}) {
			t.Fatalf("%v: not in order: %+v", chosen, got)
		}
	})
}

// whole reports whether an input still has all that a refusal may change.
func whole(in Input) bool {
	return in.Project.Run != nil && in.Project.Apply != nil && in.Project.Apply.Apply != nil && in.Plan != nil && in.State != nil &&
		len(in.Locks) == 3 && len(in.Live.Roles) > 0 && len(in.Live.Required) > 0 && len(in.Project.Approvals) > 0
}

func drawApproval(t *rapid.T) workflow.Approval {
	return workflow.Approval{
		User:        workflow.Actor{ID: rapid.Int64Range(0, 9).Draw(t, "id"), Login: rapid.SampledFrom([]string{"ada", "bob", "eve", "x[bot]"}).Draw(t, "login"), Bot: rapid.Bool().Draw(t, "bot")},
		Fingerprint: rapid.SampledFrom([]string{gateFingerprint, "other", ""}).Draw(t, "fingerprint"),
		Void:        rapid.SampledFrom([]string{"", "", "It fell."}).Draw(t, "void"),
		At:          gateNow.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "at")) * time.Minute),
	}
}

// TestApprovalsOnlyHelp: more approvals never make more missing, and who counts is one person once.
func TestApprovalsOnlyHelp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := readyApply()
		in.Rules.Approvals.Count = rapid.IntRange(0, 3).Draw(t, "count")
		in.Project.Approvals = nil
		for id := range int64(9) {
			in.Live.Roles[id] = rapid.SampledFrom([]workflow.Role{workflow.RoleRead, workflow.RoleWrite, workflow.RoleAdmin, ""}).Draw(t, "role")
		}
		in.Live.Roles[1] = workflow.RoleWrite
		before := len(decide(in))
		for range rapid.IntRange(1, 8).Draw(t, "approvals") {
			in.Project.Approvals = append(in.Project.Approvals, drawApproval(t))
			after := len(decide(in))
			if after > before {
				t.Fatalf("one more approval: %d missing, before %d", after, before)
			}
			before = after
		}
		counted, missing := CountApprovals(in)
		people := map[int64]bool{}
		for _, a := range counted {
			if people[a.User.ID] || a.User.ID == gateEve.ID || a.User.ID == 0 || a.User.Bot || a.Void != "" || a.Fingerprint != gateFingerprint ||
				!in.Live.Roles[a.User.ID].AtLeast(workflow.RoleWrite) {
				t.Fatalf("counted %+v of %+v", a, in.Project.Approvals)
			}
			people[a.User.ID] = true
		}
		if (len(missing) == 0) != (len(counted) >= in.Rules.Approvals.Count) {
			t.Fatalf("counted %d of %d, missing %+v", len(counted), in.Rules.Approvals.Count, missing)
		}
	})
}

// TestLocksExclude: whatever pulls take and release, no key is ever held by two,
// a project's keys are taken all or not at all, and epochs of a key only grow.
func TestLocksExclude(t *testing.T) {
	projects := []workflow.Project{{Name: "a", Dir: "a", Variant: "default"}, {Name: "b", Dir: "b", Variant: "default"}, {Name: "a2", Dir: "a", Variant: "default"}}
	rapid.Check(t, func(t *rapid.T) {
		held := map[string]workflow.Lock{}
		highest := map[string]uint64{}
		last := uint64(0)
		for step := range rapid.IntRange(1, 30).Draw(t, "steps") {
			pull := workflow.PullKey{RepoID: 7, Number: rapid.IntRange(1, 3).Draw(t, "pull")}
			if rapid.Bool().Draw(t, "release") {
				for k, l := range held {
					if l.Pull == pull {
						delete(held, k)
					}
				}
				continue
			}
			p := rapid.SampledFrom(projects).Draw(t, "project")
			in := TakeInput{Pull: pull, Project: p, State: workflow.KeptState{
				States: rapid.SampledFrom([]workflow.States{nil, {"s"}, {"t"}, {"s", "t"}, {"t", "u"}}).Draw(t, "states"), Lineage: rapid.SampledFrom([]string{"", "l"}).Draw(t, "lineage")},
				Why: rapid.SampledFrom([]workflow.LockWhy{workflow.LockPlan, workflow.LockClaim, workflow.LockApply}).Draw(t, "why"), Now: gateNow, LastEpoch: last}
			for _, l := range held {
				in.Locks = append(in.Locks, l)
			}
			taken, other := TakeLocks(in)
			if other != nil && (len(taken) > 0 || other.Pull == pull) {
				t.Fatalf("step %d: took %+v although %+v", step, taken, other)
			}
			for _, l := range taken {
				if had, ok := held[l.Key]; ok && (had.Pull != pull || had.Epoch != l.Epoch || !had.Since.Equal(l.Since)) {
					t.Fatalf("step %d: %+v took over %+v", step, l, had)
				} else if !ok && l.Epoch <= highest[l.Key] {
					t.Fatalf("step %d: epoch %d after %d", step, l.Epoch, highest[l.Key])
				}
				held[l.Key], highest[l.Key], last = l, l.Epoch, max(last, l.Epoch)
			}
			for _, key := range workflow.LockKeys(p, in.State) {
				if other == nil && held[key].Pull != pull {
					t.Fatalf("step %d: %q is not held after taking", step, key)
				}
			}
		}
	})
}

// TestSeenIsNeverNewer: what somebody is taken to have seen was shown before, or
// in the same second when nothing else ever was.
func TestSeenIsNeverNewer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var states []workflow.Shown
		for i := range rapid.IntRange(0, 6).Draw(t, "states") {
			s := workflow.Shown{At: gateNow.Add(time.Duration(rapid.IntRange(0, 4).Draw(t, "second")) * time.Second), Fingerprints: map[string]string{}}
			if rapid.Bool().Draw(t, "shows") {
				s.Fingerprints["p"] = fmt.Sprint("fp", i)
			}
			states = append(states, s)
		}
		slices.SortStableFunc(states, func(a, b workflow.Shown) int { return a.At.Compare(b.At) })
		at := gateNow.Add(time.Duration(rapid.IntRange(-1, 5).Draw(t, "at")) * time.Second)
		fp, _, ok := SeenPlan(states, at, "p")
		older := slices.ContainsFunc(states, func(s workflow.Shown) bool { return s.At.Before(at) && s.Fingerprints["p"] != "" })
		for _, s := range states {
			if s.Fingerprints["p"] == fp && ok && (s.At.After(at) || (s.At.Equal(at) && older)) {
				t.Fatalf("saw %s, shown at %v, at %v: %+v", fp, s.At, at, states)
			}
		}
		if ok != (fp != "") {
			t.Fatalf("got %q, %v", fp, ok)
		}
	})
}
