package workflow_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// model is a world that random actions happen to, with what must hold after each.
type model struct {
	*world
	rand     *rand.Rand
	commits  int
	claimed  []workflow.Run
	finished map[string]string // a finished run, as it was first seen
	versions map[int]uint64
	commands []workflow.Request
}

// TestRandomLives lets everything happen in any order: pushes, force pushes back,
// commands by those who may and may not, closing, reopening, passing faults,
// conflicts, a worker that finishes, fails, puts back or vanishes, and restarts.
func TestRandomLives(t *testing.T) {
	const lives, steps = 15, 80
	for seed := range uint64(lives) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			m := &model{world: newWorld(t), rand: rand.New(rand.NewPCG(seed, 1)), finished: map[string]string{}, versions: map[int]uint64{}}
			for n := 1; n <= 2; n++ {
				m.facts(n, m.newHead())
				m.push(n, "opened")
			}
			for range steps {
				m.act()
				m.check()
			}
			m.end()
		})
	}
}

func (m *model) newHead() string {
	m.commits++
	sha, changes := fmt.Sprint("head", m.commits), files{}
	for _, dir := range []string{"a", "b", "c", "d"} {
		switch m.rand.IntN(6) {
		case 0, 1:
			changes[dir+"/main.tf"] = sha
		case 2:
			changes[dir+"/main.tf"] = "state shared\n" + sha
		case 3:
			changes[dir+"/main.tf"] = ""
		}
	}
	if m.rand.IntN(10) == 0 {
		changes[".cardea.yml"] = "nonsense"
	}
	m.commit(sha, baseFiles, changes)
	return sha
}

func (m *model) act() {
	n := 1 + m.rand.IntN(2)
	pull := m.pulls[n]
	m.now = m.now.Add(time.Duration(m.rand.IntN(3000)) * time.Millisecond)
	switch m.rand.IntN(14) {
	case 0, 1:
		m.facts(n, m.newHead())
		m.push(n, "synchronize")
	case 2: // back to an older commit, or to the other pull's
		m.facts(n, fmt.Sprint("head", 1+m.rand.IntN(m.commits)))
		m.push(n, "synchronize")
	case 3:
		state := []workflow.PullState{workflow.PullOpen, workflow.PullClosed}[m.rand.IntN(2)]
		m.facts(n, pull.Head.SHA, func(p *workflow.Pull) { p.State = state })
		m.push(n, "reopened")
	case 4:
		by := []string{"ada", "eve"}[m.rand.IntN(2)]
		c := []workflow.Command{planOf(), planOf("b"), planOf("nobody"), {Verb: workflow.VerbStatus}}[m.rand.IntN(4)]
		m.commands = append(m.commands, m.say(n, by, c))
	case 5:
		m.source.faults = append(m.source.faults, fmt.Errorf("fetching: %w", workflow.ErrPassing))
	case 6:
		m.source.conflicts = [][]string{nil, nil, {"a/main.tf"}}[m.rand.IntN(3)]
	case 7:
		if m.rand.IntN(3) == 0 {
			m.claimed = nil // whoever had them is gone too
			m.serve(m.store)
			if err := m.svc.Start(m.t.Context()); err != nil {
				m.t.Fatal(err)
			}
		}
	case 8, 9, 10:
		m.expand()
	case 11, 12:
		if run, ok := m.claim(); ok {
			m.claimed = append(m.claimed, run)
		}
	default:
		m.work()
	}
}

// work ends one of the claimed runs in one of the ways they end.
func (m *model) work() {
	if len(m.claimed) == 0 {
		return
	}
	run := m.claimed[0]
	m.claimed = m.claimed[1:]
	var err error
	switch m.rand.IntN(6) {
	case 0:
		err = m.svc.PutBack(m.t.Context(), run, "The state lock is held.", m.now.Add(time.Second))
	case 1:
		err = m.svc.Finish(m.t.Context(), workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeLost})
	case 2:
		err = m.svc.Finish(m.t.Context(), workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeFailed, Reason: "boom"})
	case 3:
		return // its worker vanished
	default:
		err = m.svc.Finish(m.t.Context(), success(run, m.rand.IntN(2)))
	}
	if err != nil && !errors.Is(err, workflow.ErrStale) {
		m.t.Fatal(err)
	}
}

// check is what always holds.
func (m *model) check() {
	m.t.Helper()
	live, err := m.svc.LiveRuns(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	busy := map[string]string{}
	for _, r := range live {
		if r.State == workflow.RunRunning {
			for _, what := range []string{"project " + r.Project.Name, "state " + r.StateIdentity} {
				if other, is := busy[what]; is {
					m.t.Errorf("%s has two running runs, %s and %s", what, other, r.ID)
				}
				busy[what] = r.ID
			}
		}
		if r.Interrupt != "" {
			continue
		}
		v := m.view(r.Number)
		p := v.Project(r.Project.Name)
		if v.Pull.State != workflow.PullOpen || v.Pull.Head.SHA != r.Head || p == nil || p.Run == nil || p.Run.ID != r.ID {
			m.t.Errorf("run %s of %s at %s is %s, and its pull (%s at %s) does not wait for it", r.ID, r.Project.Name, r.Head, r.State, v.Pull.State, v.Pull.Head.SHA)
		}
	}
	for n := range m.pulls {
		m.checkPull(n)
	}
}

func (m *model) checkPull(n int) {
	key := workflow.PullKey{RepoID: repo.ID, Number: n}
	v, err := m.svc.View(m.t.Context(), key)
	if errors.Is(err, workflow.ErrNotFound) {
		return
	}
	if err != nil {
		m.t.Fatal(err)
	}
	if v.Version < m.versions[n] {
		m.t.Errorf("pull %d has version %d after %d", n, v.Version, m.versions[n])
	}
	m.versions[n] = v.Version
	for _, p := range v.Projects {
		if !v.Known || v.Trouble != nil {
			m.t.Errorf("pull %d shows project %s though its head is not known or in trouble", n, p.Project.Name)
		}
		if p.Run != nil && p.Run.Head != v.Pull.Head.SHA {
			m.t.Errorf("pull %d at %s shows a run of %s", n, v.Pull.Head.SHA, p.Run.Head)
		}
	}
	runs, err := m.svc.RunsOfPull(m.t.Context(), key, "", 1000)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, r := range runs {
		if r.State != workflow.RunFinished {
			continue
		}
		now, err := json.Marshal(r)
		if err != nil {
			m.t.Fatal(err)
		}
		if was, seen := m.finished[r.ID]; seen && was != string(now) {
			m.t.Errorf("a finished run changed:\n%s\n%s", was, now)
		}
		m.finished[r.ID] = string(now)
	}
}

// end lets the world come to rest: everything asked for has an end that people see.
func (m *model) end() {
	m.source.faults, m.claimed = nil, nil
	for range 200 {
		m.now = m.now.Add(workflow.DefaultLease + time.Second)
		busy := m.expand() > 0
		for run, ok := m.claim(); ok; run, ok = m.claim() {
			busy = true
			m.finish(success(run, 1))
		}
		if !busy {
			break
		}
		m.check()
	}
	live, err := m.svc.LiveRuns(m.t.Context())
	if err != nil || len(live) != 0 {
		m.t.Errorf("got %d live runs at rest, %v", len(live), err)
	}
	for n, p := range m.pulls {
		if v := m.view(n); p.State == workflow.PullOpen && (!v.Known || v.Pull.Head.SHA != p.Head.SHA || v.Waiting != "") {
			m.t.Errorf("pull %d at %s rests at %s, known %v, waiting %q", n, p.Head.SHA, v.Pull.Head.SHA, v.Known, v.Waiting)
		}
	}
	for _, c := range m.commands {
		m.checkCommand(c)
	}
}

func (m *model) checkCommand(c workflow.Request) {
	r, err := m.svc.Request(m.t.Context(), c.ID)
	if err != nil || !r.Done || r.Note == "" {
		m.t.Errorf("command %+v rests as %+v, %v", c.Command, r, err)
		return
	}
	replies := 0
	for _, reply := range m.view(c.Number).Replies {
		if reply.Key == c.ID {
			replies++
		}
	}
	runs, err := m.svc.RunsOfPull(m.t.Context(), c.PullKey(), "", 1000)
	if err != nil {
		m.t.Fatal(err)
	}
	planned := 0
	for _, run := range runs {
		if run.Request == c.ID {
			planned++
		}
	}
	if replies > 1 || replies+planned == 0 {
		m.t.Errorf("command %+v has %d replies and %d runs: %s", c.Command, replies, planned, r.Note)
	}
}
