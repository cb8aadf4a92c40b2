package service_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// The model of approving and applying: several pulls whose projects share states,
// people with changing roles, a GitHub, a git, a terraform and a disk that move
// under the service's feet, and a small truth beside it (service_apply_model_*_test.go):
//
//	world   what GitHub, git and terraform really are, and what the worker does
//	acts    everything that can happen (app, work: how the service is called; reviews)
//	check   what must hold, after every single commit (locks, gate)
//
// A life is a list of steps. Steps mean something in every state, so that a life
// that went wrong can be made shorter by leaving steps out, and is kept as text.

// step is one thing that happens. Its numbers choose among what there is.
type step struct {
	act  string
	a, b int
	c, d int
	// during: it happens while the next live facts are being read.
	during bool
}

func (s step) String() string {
	text := fmt.Sprintf("%s %d %d %d %d", s.act, s.a, s.b, s.c, s.d)
	if s.during {
		text = "during " + text
	}
	return text
}

func parseSteps(text string) (steps []step, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var s step
		line, s.during = strings.CutPrefix(line, "during ")
		if _, err := fmt.Sscanf(line, "%s %d %d %d %d", &s.act, &s.a, &s.b, &s.c, &s.d); err != nil {
			return nil, fmt.Errorf("reading step %q: %w", line, err)
		}
		if _, known := acts[s.act]; !known {
			return nil, fmt.Errorf("reading step %q: there is no such act", line)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// chances are how often each act is drawn.
var chances = map[string]int{
	"push": 5, "back": 2, "base": 4, "retarget": 1, "say": 22, "button": 3, "post": 3, "twice": 2, "expand": 8, "claim": 8, "work": 16,
	"ripen": 9, "report": 3, "time": 6, "role": 2, "github": 3, "pull": 4, "over": 3, "restart": 2, "hand": 1, "artefact": 1, "stale": 2,
	"fault": 3, "drive": 14, "chain": 4, "review": 7, "backwards": 2,
}

// randomSteps draws a life.
func randomSteps(seed uint64, length int) []step {
	r := rand.New(rand.NewPCG(seed, 3))
	var names []string
	for name, n := range chances {
		for range n {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var steps []step
	for len(steps) < length {
		s := step{act: names[r.IntN(len(names))], a: r.IntN(1000), b: r.IntN(1000), c: r.IntN(1000), d: r.IntN(1000)}
		s.during = r.IntN(12) == 0 && s.act != "ripen" && s.act != "drive" && s.act != "chain"
		switch {
		case s.act == "drive" && r.IntN(6) == 0: // with a script, whose code no plan shows
			script := step{act: "push", a: s.a, b: scripts[r.IntN(len(scripts))], c: 1}
			s.b = scripts[r.IntN(len(scripts))]
			steps = append(append(steps, script), drive(s, r)...)
			continue
		case s.act == "chain":
			steps = append(steps, chain(s, r)...)
			continue
		case s.act == "drive": // the whole way to an apply, so that lives get deep
			steps = append(steps, drive(s, r)...)
			continue
		}
		steps = append(steps, s)
	}
	return steps
}

// drive is a pull on its way to an apply.
func drive(s step, r *rand.Rand) []step {
	say := func(who, verb int) step { return step{act: "say", a: s.a, b: who, c: verb} }
	work := func(job, how int) step { return step{act: "work", a: job, b: how} }
	steps := []step{{act: "ripen"}}
	for who := range 3 {
		switch r.IntN(6) {
		case 0:
		case 1, 2:
			steps = append(steps, step{act: "review", a: s.a, b: who, d: 1 + r.IntN(4)})
		default:
			steps = append(steps, say(who, sayApprove))
		}
	}
	switch r.IntN(12) {
	case 0, 1, 2:
		steps = append(steps, say(r.IntN(6), r.IntN(1000)))
	case 3: // another plan, and then the first again
		steps = append(steps, step{act: "expand"}, step{act: "push", a: s.a, b: r.IntN(1000), c: 1}, step{act: "ripen"}, step{act: "back", a: s.a, b: r.IntN(1000), c: 1}, step{act: "ripen"})
	case 4: // the same change in another tree
		steps = append(steps, step{act: "expand"}, step{act: "push", a: s.a, b: s.b, c: 1}, step{act: "ripen"})
	case 5, 6:
		steps = append(steps, takenBackFirst(s, r)...)
	}
	order := say(r.IntN(3), sayApply)
	if r.IntN(5) == 0 {
		order = step{act: "button", a: s.a, b: r.IntN(3), c: sayApply, d: r.IntN(1000)}
	}
	steps = append(steps, step{act: "expand"}, order, step{act: "expand"})
	if r.IntN(5) == 0 { // a review ends meanwhile, perhaps in the very moment in which GitHub is asked
		steps = append(steps, step{act: "review", a: s.a, b: r.IntN(3), c: 6 + r.IntN(4), d: r.IntN(1000), during: r.IntN(2) == 0}, step{act: "expand"})
	}
	if r.IntN(5) == 0 { // whoever watches terraform is gone for a while
		return append(steps, step{act: "claim"}, work(0, 11), work(0, workSilent), step{act: "time", a: 4}, step{act: "claim"},
			say(3, 10), step{act: "expand"}, work(r.IntN(2), r.IntN(12)), work(1, r.IntN(12)))
	}
	for range 1 + r.IntN(4) {
		steps = append(steps, step{act: "claim"}, step{act: "work", a: r.IntN(1000), b: r.IntN(1000), c: r.IntN(1000)})
	}
	return steps
}

// takenBackFirst is an approval that is delivered after it was taken back, and perhaps given once more.
func takenBackFirst(s step, r *rand.Rand) []step {
	who := r.IntN(3)
	steps := []step{{act: "ripen"}, {act: "say", a: s.a, b: who, c: sayApprove}}
	if r.IntN(2) == 0 {
		steps[1] = step{act: "review", a: s.a, b: who, d: 4}
	}
	if r.IntN(3) == 0 {
		steps = append(steps, step{act: "time", a: r.IntN(2)})
	}
	back := step{act: "say", a: s.a, b: who, c: sayUnapprove, d: []int{3, 3, 1, 10}[r.IntN(4)]}
	steps = append(steps, back, step{act: "expand"})
	if r.IntN(4) == 0 {
		steps = append(steps, step{act: []string{"restart", "ripen", "over", "push"}[r.IntN(4)], a: s.a, b: s.b, c: 1})
	}
	steps = append(steps, step{act: []string{"backwards", "ripen"}[r.IntN(2)]}, step{act: "expand"}, step{act: "expand"})
	if r.IntN(2) == 0 {
		steps = append(steps, step{act: "say", a: s.a, b: who, c: sayApprove, d: 3}, step{act: "expand"})
	}
	return steps
}

// chain is a pull in which one project depends on another, on its way to the applies of both by
// one command. Something else may happen at any step of it.
func chain(s step, r *rand.Rand) []step {
	steps := []step{{act: "push", a: s.a, b: []int{8, 18}[r.IntN(2)], c: 1}, {act: "ripen"}, {act: "report", a: s.a}}
	for who := range 3 {
		if r.IntN(3) == 0 {
			steps = append(steps, step{act: "review", a: s.a, b: who, d: 3})
			continue
		}
		steps = append(steps, step{act: "say", a: s.a, b: who, c: sayApprove, d: 3})
	}
	steps = append(steps, step{act: "expand"}, step{act: "say", a: s.a, b: r.IntN(4), c: sayApply, d: 3}, step{act: "expand"})
	others := slices.Sorted(maps.Keys(acts))
	for range 12 {
		if r.IntN(8) == 0 {
			steps = append(steps, step{act: others[r.IntN(len(others))], a: r.IntN(1000), b: r.IntN(1000), c: r.IntN(1000), d: r.IntN(1000)})
		}
		how := 7 + r.IntN(3)
		if r.IntN(15) == 0 {
			how = r.IntN(12)
		}
		steps = append(steps, step{act: "claim"}, step{act: "work", b: how}, step{act: "expand"})
	}
	return steps
}

// stepsOfALife is how many steps a random life has.
const stepsOfALife = 60

// live carries a life out; what went wrong first, "" when nothing did.
func live(steps []step, durable string) (wrong string) {
	l := newLife(durable)
	defer func() {
		switch e := recover().(type) {
		case nil:
		case violation:
			wrong = fmt.Sprintf("step %d: %s\nThe history until then:\n%s", l.steps, string(e), l.history())
		default:
			wrong = fmt.Sprintf("step %d: panic: %v\n%s", l.steps, e, debug.Stack())
		}
		l.close()
	}()
	for _, s := range steps {
		l.steps++
		l.act(s)
	}
	l.rest()
	return ""
}

// history is the end of what the service says that it did.
func (l *life) history() string {
	const most = 30
	var text strings.Builder
	for _, e := range l.events[max(0, len(l.events)-most):] {
		fmt.Fprintf(&text, "  %s #%d %s %s %s: %s\n", e.At.Format("15:04:05"), e.Number, e.Project, e.Run, e.Kind, e.Text)
	}
	return text.String()
}

// shorter leaves steps out as long as the life goes wrong all the same.
func shorter(steps []step) []step {
	for size := len(steps) / 2; size > 0; {
		cut := false
		for at := 0; at < len(steps); {
			less := slices.Delete(slices.Clone(steps), at, min(at+size, len(steps)))
			if live(less, "") != "" {
				steps, cut = less, true
			} else {
				at += size
			}
		}
		if !cut || size > 1 {
			size /= 2
		}
	}
	return steps
}

// keep writes a life that went wrong where the next test finds it.
func keepLife(t *testing.T, name string, steps []step, wrong string) {
	var text strings.Builder
	first, _, _ := strings.Cut(wrong, "\n")
	fmt.Fprintf(&text, "# %s\n", first)
	for _, s := range steps {
		fmt.Fprintln(&text, s)
	}
	file := filepath.Join("testdata", "model", name+".steps")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		t.Error(err)
	}
	t.Errorf("%s\nkept as %s, to be committed with the mend:\n%s", wrong, file, text.String())
}

// TestRandomApplies draws lives; CARDEA_MODEL_SEQUENCES says how many, and
// CARDEA_MODEL_SEED with which one to begin. Every hundredth is on a disk.
func TestRandomApplies(t *testing.T) {
	number := func(name string, otherwise uint64) uint64 {
		text := os.Getenv(name)
		if text == "" {
			return otherwise
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("reading %s: %v", name, err)
		}
		return n
	}
	lives, first := number("CARDEA_MODEL_SEQUENCES", 500), number("CARDEA_MODEL_SEED", 1)
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a life is small and short
	var next, failed atomic.Uint64
	var all sync.WaitGroup
	var total tally
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for {
				n := next.Add(1) - 1
				if n >= lives || failed.Load() > 0 {
					return
				}
				seed, dir := first+n, ""
				if n%100 == 99 {
					dir = t.TempDir()
				}
				steps := randomSteps(seed, stepsOfALife)
				wrong := live(steps, dir)
				if wrong == "" || failed.Add(1) > 1 {
					continue
				}
				if dir == "" || live(steps, "") != "" {
					steps = shorter(steps)
				}
				keepLife(t, fmt.Sprintf("seed-%d", seed), steps, fmt.Sprintf("seed %d, %s", seed, live(steps, "")))
			}
		})
	}
	all.Wait()
	total.read()
	t.Logf("%d lives: %v", next.Load(), &total)
	// A model in which nothing happens finds nothing.
	if lives >= 100 && failed.Load() == 0 && total.lacks(lives) != "" {
		t.Errorf("too few lives came far: %s", total.lacks(lives))
	}
}

// TestKeptLives lives again what went wrong once.
func TestKeptLives(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "model", "*.steps"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".steps"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			steps, err := parseSteps(string(text))
			if err != nil {
				t.Fatal(err)
			}
			if wrong := live(steps, ""); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}
