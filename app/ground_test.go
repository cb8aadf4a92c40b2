package app_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub"
)

// move is one way in which the ground moves under an apply.
type move struct {
	bare bool // GitHub requires neither reviews nor checks
	do   func(g *ground)
	undo func(g *ground)
	// sees matches the call, among those with which the word is asked for, that must see
	// the move when it is made just before it. "": none, the move must have been made before the word is asked for.
	sees string
	says string // what the refusal names, a regular expression
	// harmless: the apply may go on, because the move itself is refused.
	harmless bool
	// answers is how many replies there are besides the apply's.
	answers int
}

const (
	facts  = "^facts$"
	always = "^facts$|/collaborators/" // what is durable here is seen until the very end
)

// moves are all of them. What GitHub shows is seen by the facts that are read when
// the runner stands ready; what is said to us, once it is durable.
var moves = map[string]move{
	"head": {
		do: func(g *ground) { g.push("feature", "feature2") }, undo: func(g *ground) { g.push("feature", "feature"); g.status("success") },
		sees: facts, says: "head|planned|newer",
	},
	"head, same plan": {
		do: func(g *ground) { g.push("feature", "words") }, undo: func(g *ground) { g.push("feature", "feature"); g.status("success") },
		sees: facts, says: "head|planned|newer",
	},
	"base": {
		do: func(g *ground) { g.push("main", "module") }, undo: func(g *ground) { g.push("main", "main") },
		sees: facts, says: "`main` has changed in files|`main` moved in|is being planned|planned yet",
	},
	"base ref": {
		do:   func(g *ground) { g.must(g.gh.SetBase(g.repo.FullName, g.key.Number, "ada", "other")) },
		undo: func(g *ground) { g.must(g.gh.SetBase(g.repo.FullName, g.key.Number, "ada", "main")) },
		sees: facts, says: "may not run on the base branch `other`|was changed to `other`|now has another base branch|not planned yet",
	},
	"base's faulty file": {
		do: func(g *ground) { g.push("main", "faulty") }, undo: func(g *ground) { g.push("main", "main") },
		sees: facts, says: "`?.cardea.yml`? has an error|`.cardea.yml` .* has errors|`main` has moved on",
	},
	"base requires more": {
		bare: true, do: func(g *ground) { g.push("main", "reviewed") }, undo: func(g *ground) { g.push("main", "main") },
		sees: facts, says: "(?i)review|has moved on|planned",
	},
	"base's environment": {
		bare: true, do: func(g *ground) { g.push("main", "label") }, undo: func(g *ground) { g.push("main", "main") },
		sees: facts, says: "Has 1 of 2 approvals|has moved on|planned",
	},
	"rule": {
		do: func(g *ground) { g.rule(2) }, undo: func(g *ground) { g.rule(1) },
		sees: facts, says: "Has 1 of 2 approvals",
	},
	"approval": {
		do: func(g *ground) { g.heard("rex", "cardea unapprove") }, undo: (*ground).laterSecond,
		sees: always, says: "Needs 1 approval|unapprove", answers: 1,
	},
	"actor": {
		do: func(g *ground) { g.role("ada", "read") }, undo: func(g *ground) { g.role("ada", "write") },
		sees: "facts|/collaborators/ada/", says: "may not apply here: they have read access|is not enough to apply",
	},
	"approver": {
		do: func(g *ground) { g.role("rex", "read") }, undo: func(g *ground) { g.role("rex", "write") },
		sees: "facts|/collaborators/rex/", says: "Needs 1 approval",
	},
	"draft": {
		do:   func(g *ground) { g.must(g.gh.SetDraft(g.repo.FullName, g.key.Number, "ada", true)) },
		undo: func(g *ground) { g.must(g.gh.SetDraft(g.repo.FullName, g.key.Number, "ada", false)) },
		sees: facts, says: "draft",
	},
	"changes requested": {
		do:   func(g *ground) { g.must(g.gh.Review(g.repo.FullName, g.key.Number, "ivy", "REQUEST_CHANGES", "no")) },
		undo: func(g *ground) { g.must(g.gh.Review(g.repo.FullName, g.key.Number, "ivy", "APPROVE", "")) },
		sees: facts, says: "requests changes",
	},
	"review dismissed": {
		do:   (*ground).dismiss,
		undo: func(g *ground) { g.must(g.gh.Review(g.repo.FullName, g.key.Number, "rex", "APPROVE", "")) },
		sees: facts, says: "still requires a review",
	},
	"check red": {
		do: func(g *ground) { g.status("failure") }, undo: func(g *ground) { g.status("success") },
		sees: facts, says: "`lint` \\(failed\\)",
	},
	"check missing": {
		do: func(g *ground) { g.require("lint", "tests") }, undo: func(g *ground) { g.require("lint") },
		sees: facts, says: "`tests` \\(missing\\)",
	},
	"unlock": {
		do: func(g *ground) { g.heard("root", "cardea unlock") }, undo: func(*ground) {},
		harmless: true, answers: 1,
	},
	"state": {
		do: func(g *ground) { g.addSerial(1) }, undo: func(*ground) {},
		says: "The state of `p` has changed|Saved plan is stale",
	},
	"closed": {
		do:   func(g *ground) { g.must(g.gh.SetPullState(g.repo.FullName, g.key.Number, "ada", "closed")) },
		undo: func(g *ground) { g.must(g.gh.SetPullState(g.repo.FullName, g.key.Number, "ada", "open")) },
		sees: facts, says: "closed",
	},
}

func (g *ground) must(err error) {
	if err != nil {
		g.t.Errorf("%s: moving: %v", g.repo.FullName, err)
	}
}

func (g *ground) role(login, role string) { g.must(g.gh.SetPermission(g.repo.FullName, login, role)) }

func (g *ground) rule(count int) {
	g.lane.mu.Lock()
	defer g.lane.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rules.Approvals.Count = count
}

func (g *ground) addSerial(n uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.serial += n
}

func (g *ground) require(names ...string) {
	var checks []localgithub.RequiredCheck
	for _, n := range names {
		checks = append(checks, localgithub.RequiredCheck{Context: n})
	}
	g.must(g.gh.RequireChecks(g.repo.FullName, "main", checks))
}

// laterSecond waits for GitHub's clock, which has whole seconds: what is approved in that of an `unapprove` does not count.
func (g *ground) laterSecond() {
	now := time.Now().Truncate(time.Second)
	g.until("a later second", func() bool { return time.Now().Truncate(time.Second).After(now) })
}

func (g *ground) dismiss() {
	var reviews []struct{ ID int64 }
	path := fmt.Sprintf("/pulls/%d/reviews", g.key.Number)
	g.rest("root", http.MethodGet, path, nil, &reviews)
	for _, r := range reviews {
		g.rest("root", http.MethodPut, fmt.Sprintf("%s/%d/dismissals", path, r.ID), map[string]string{"message": "no"}, nil)
	}
}

// moved is what was going on when the ground moved.
type moved struct {
	when string // "before" the runner asked for the word, while it "asks", "after"; "" = it never moved
	call string
}

// shake lets the ground move at the n-th call of an apply and judges what came of it.
func shake(g *ground, m move, n int) (moved, error) {
	var at moved
	var once sync.Once // whoever calls meanwhile waits for the move
	g.watch(localgithub.FaultRule{From: n, Times: -1, Do: func() {
		once.Do(func() {
			g.mu.Lock()
			at = moved{map[string]string{"": "before", "asks": "while it asks", "has it": "after"}[g.phase], g.calls[n-1]}
			g.mu.Unlock()
			m.do(g)
		})
	}})
	answers := g.asked()
	all, most := g.executions()
	faults := g.never()
	seen := at.when == "before" ||
		at.when == "while it asks" && m.sees != "" && regexp.MustCompile(m.sees).MatchString(at.call)
	switch {
	case len(faults) > 0:
		return at, errors.New(strings.Join(faults, "; "))
	case most > 1 || all > 1:
		return at, fmt.Errorf("carried out %d times", all)
	case all == 1 && seen && !m.harmless:
		return at, fmt.Errorf("carried out although the ground had moved")
	case len(answers) != 1:
		return at, fmt.Errorf("%d answers, want one: %q", len(answers), answers)
	case all == 0 && m.says == "":
		return at, fmt.Errorf("not carried out: %s", answers[0])
	case all == 0 && !regexp.MustCompile(m.says).MatchString(answers[0]):
		return at, fmt.Errorf("the answer does not name what is missing (%s): %s", m.says, answers[0])
	}
	return at, nil
}

// lanes are those of all tests that work side by side. An apply waits (for git's
// processes, for GitHub to work out whether a pull can be merged, for the end of a rate
// limit) longer than it computes; with many more of them facts would grow old while a lane waits for a CPU.
var lanes = make(chan struct{}, 4*runtime.GOMAXPROCS(0))

// inLanes plays all jobs, each in whichever lane comes free.
func inLanes[T any](t *testing.T, jobs []T, play func(*lane, T)) {
	work := make(chan T, len(jobs))
	for _, job := range jobs {
		work <- job
	}
	close(work)
	var wg sync.WaitGroup
	for range min(cap(lanes), len(jobs)) {
		wg.Go(func() {
			lanes <- struct{}{}
			defer func() { <-lanes }()
			if len(work) == 0 {
				return
			}
			t.Run("lane", func(t *testing.T) { // not limited by -parallel, as they wait
				l := newLane(t)
				for job := range work {
					play(l, job)
				}
			})
		})
	}
	wg.Wait()
}

// tally counts what came of many plays, by line.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func newTally() *tally { return &tally{n: map[string]int{}} }

func (c *tally) add(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[line]++
}

func (c *tally) String() string {
	var lines []string
	for line, n := range c.n {
		lines = append(lines, fmt.Sprintf("%s: %d", line, n))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// calls are those of an apply on ground that stands.
func calls(t *testing.T) []string {
	g := newLane(t).ground(false)
	g.watch(localgithub.FaultRule{From: 1 << 30})
	answers := g.asked()
	if all, _ := g.executions(); all != 1 || len(answers) != 1 {
		t.Fatalf("an apply on ground that stands was carried out %d times: %q", all, answers)
	}
	return g.seen()
}

// TestGroundMoves moves the ground at every single GitHub call of an apply, git's
// included, in every way that matters. No apply starts that should not, none runs
// twice, and the answer names what is missing.
func TestGroundMoves(t *testing.T) {
	t.Parallel()
	undisturbed := calls(t)
	t.Logf("an apply makes %d calls: %s", len(undisturbed), strings.Join(undisturbed, ", "))
	if len(undisturbed) < 8 {
		t.Fatal("these are too few calls to be an apply")
	}
	type shaking struct {
		name string
		n    int
	}
	var all []shaking
	for name := range moves {
		for n := range undisturbed {
			all = append(all, shaking{name, n + 1})
		}
	}
	total := newTally()
	inLanes(t, thinned(all), func(l *lane, s shaking) {
		m := moves[s.name]
		g := l.ground(m.bare)
		at, err := shake(g, m, s.n)
		if err != nil {
			l.t.Errorf("%s moves at call %d, %s, %s the word is asked for: %v", s.name, s.n, at.call, at.when, err)
		}
		applied, _ := g.executions()
		total.add(fmt.Sprintf("%s, %s: %d applied", s.name, at.when, applied))
	})
	if testing.Verbose() {
		t.Log(total)
	}
	for name, m := range moves {
		if thin == 1 && !m.harmless && total.n[name+", before: 0 applied"] == 0 {
			t.Errorf("%s never kept an apply from starting: the test does not see it", name)
		}
	}
}

// thinned is what of the plays there is time for.
func thinned[T any](all []T) (some []T) {
	for i, x := range all {
		if i%thin == 0 {
			some = append(some, x)
		}
	}
	return some
}

// TestGroundMovesBack: with the move undone and plan and approval renewed, the apply works.
func TestGroundMovesBack(t *testing.T) {
	t.Parallel()
	inLanes(t, slices.Sorted(maps.Keys(moves)), func(l *lane, name string) {
		m := moves[name]
		if m.harmless {
			return
		}
		g := l.ground(m.bare)
		if _, err := shake(g, m, 1); err != nil {
			l.t.Errorf("%s: %v", name, err)
			return
		}
		if all, _ := g.executions(); all != 0 {
			l.t.Errorf("%s: carried out %d times on ground that moved", name, all)
			return
		}
		g.gh.Faults.Clear()
		m.undo(g)
		g.quiet()
		g.say("ada", "cardea plan")
		g.quiet()
		g.approve()
		answers := g.asked()
		if all, most := g.executions(); all != 1 || most != 1 {
			l.t.Errorf("%s: carried out %d times, want once: %q", name, all, answers)
		}
	})
}

// TestFaultsOfAnApply breaks every single call of an apply in GitHub's ways: it is
// never carried out twice nor without a durable authorisation, and ends with one visible answer.
func TestFaultsOfAnApply(t *testing.T) {
	t.Parallel()
	undisturbed := calls(t)
	kinds := map[string]localgithub.FaultRule{
		"500":                   {Status: 500},
		"no answer":             {Drop: true},
		"lost after its effect": {Drop: true, AfterEffect: true},
		"secondary limit":       {Limit: localgithub.LimitSecondary403, Retry: time.Second},
		"404":                   {Status: 404},
	}
	type breaking struct {
		kind string
		n    int
	}
	var every []breaking
	for kind := range kinds {
		for n := range undisturbed {
			every = append(every, breaking{kind, n + 1})
		}
	}
	total := newTally()
	inLanes(t, thinned(every), func(l *lane, b breaking) {
		rule := kinds[b.kind]
		rule.From = b.n
		g := l.ground(false)
		fault := g.watch(rule)
		answers := g.asked()
		call := "none"
		if seen := g.seen(); b.n <= len(seen) {
			call = seen[b.n-1]
		}
		where := fmt.Sprintf("%s at call %d, %s (%d went wrong)", b.kind, b.n, call, fault.Hits())
		all, most := g.executions()
		faults := g.never()
		total.add(fmt.Sprintf("%s at %s: %d wrong, %d applied", b.kind, call, fault.Hits(), all))
		if most > 1 || all > 1 || len(answers) != 1 || len(faults) > 0 {
			l.t.Errorf("%s: carried out %d times, faults %q, answers %q", where, all, faults, answers)
		}
		if want := "applied"; all == 1 && !strings.Contains(strings.ToLower(strings.Join(answers, "")), want) {
			l.t.Errorf("%s: applied, but the answer is %q", where, answers)
		}
		if got := g.replies(); got != 1 {
			l.t.Errorf("%s: %d replies on GitHub, want one", where, got)
		}
	})
	if testing.Verbose() {
		t.Log(total)
	}
}

// replies is how many of our replies follow the last command on GitHub.
func (g *ground) replies() (n int) {
	list, err := g.gh.Comments(g.repo.FullName, g.key.Number)
	g.must(err)
	for _, c := range list {
		switch {
		case strings.HasPrefix(c.Body, "cardea apply"):
			n = 0
		case c.Author == "cardea[bot]" && strings.HasPrefix(c.Body, reply):
			n++
		}
	}
	return n
}
