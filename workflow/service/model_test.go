package service_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
	"github.com/cardea-iac/cardea/workflow/service"
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
	started  map[string]int          // by plan run: how often a runner had the word to go
	going    map[string]workflow.Run // applies whose runner had the word and has not ended
	tips     int
}

// TestRandomLives lets everything happen in any order: pushes, force pushes back,
// commands by those who may and may not, closing, reopening, passing faults,
// conflicts, a worker that finishes, fails, puts back or vanishes, and restarts.
func TestRandomLives(t *testing.T) {
	const lives, steps = 15, 80
	for seed := range uint64(lives) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			m := &model{world: newWorld(t), rand: rand.New(rand.NewPCG(seed, 1)), finished: map[string]string{}, versions: map[int]uint64{},
				started: map[string]int{}, going: map[string]workflow.Run{}}
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
	switch m.rand.IntN(21) {
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
			if err := m.svc.Start(m.t.Context(), "worker"); err != nil {
				m.t.Fatal(err)
			}
		}
	case 8, 9, 10:
		m.expand()
	case 11, 12:
		if run, ok := m.claim(); ok {
			m.claimed = append(m.claimed, run)
		}
	case 13:
		m.show()
	case 14, 15, 16:
		m.ask(n)
	case 17:
		m.moveBase()
	case 18:
		m.hurry(n)
	default:
		m.work()
	}
}

// ask is one of the commands about applies, by somebody.
func (m *model) ask(n int) {
	by := []string{"ada", "bob", "bob", "eve", "root"}[m.rand.IntN(5)]
	c := []workflow.Command{
		verb(workflow.VerbApprove), verb(workflow.VerbApprove), verb(workflow.VerbApply), verb(workflow.VerbApply), verb(workflow.VerbApply, "a"), verb(workflow.VerbUnapprove),
		verb(workflow.VerbLock, "a", "c"), verb(workflow.VerbUnlock), {Verb: workflow.VerbCancel}, {Verb: workflow.VerbCancel, CancelApply: true}, verb(workflow.VerbResolve, "*"),
	}[m.rand.IntN(11)]
	c.Outcome = []string{"applied", "failed"}[m.rand.IntN(2)]
	m.commands = append(m.commands, m.say(n, by, c))
}

// hurry brings a pull as far as an apply that is asked for: chance alone seldom does.
func (m *model) hurry(n int) {
	if m.pulls[n].State != workflow.PullOpen {
		m.facts(n, m.pulls[n].Head.SHA)
		m.push(n, "reopened")
	}
	m.source.faults, m.source.conflicts = nil, nil
	m.now = m.now.Add(time.Minute)
	for m.expand() > 0 {
	}
	for range 10 {
		if run, ok := m.claim(); ok {
			m.claimed = append(m.claimed, run)
		}
		m.work()
	}
	m.show()
	for _, v := range []workflow.Verb{workflow.VerbApprove, workflow.VerbApply} {
		m.commands = append(m.commands, m.say(n, "bob", verb(v)))
		m.expand()
	}
	if run, ok := m.claim(); ok {
		m.claimed = append([]workflow.Run{run}, m.claimed...)
	}
}

// moveBase moves main, sometimes in what is planned.
func (m *model) moveBase() {
	m.tips++
	tip := fmt.Sprint("tip", m.tips)
	m.commit(tip, baseFiles, []files{{"README.md": tip}, {"d/main.tf": tip}}[m.rand.IntN(2)])
	m.source.mu.Lock()
	m.source.tips["main"] = tip
	m.source.mu.Unlock()
	if m.rand.IntN(3) > 0 { // a delivery may be lost
		m.deliver(workflow.Request{Kind: workflow.RequestBase, Action: "main", Head: tip, Key: "push " + tip})
	}
}

// apply asks for the word for an apply, and checks what must be true if it is given.
func (m *model) apply(run workflow.Run) (res workflow.Result, ended bool) {
	res = applied(run, workflow.OutcomeFailed)
	if m.rand.IntN(4) == 0 { // something moves between the claim and the word
		m.act()
	}
	if err := m.svc.Authorise(m.t.Context(), run, run.Apply.Artefact, sameState(run)); err != nil {
		res.NotStarted = true
		return res, true
	}
	m.started[run.Apply.PlanRun]++
	m.going[run.ID] = run
	pull := m.pulls[run.Number]
	if pull.State != workflow.PullOpen || pull.Head.SHA != run.Head || !m.roles[run.Actor.Login].AtLeast(workflow.RoleWrite) {
		m.t.Errorf("the apply %s of %s by %s has the word, and the pull is %s at %s", run.ID, run.Head, run.Actor.Login, pull.State, pull.Head.SHA)
	}
	p := m.project(run.Number, run.Project.Name)
	approved := false
	for _, a := range p.Approvals {
		approved = approved || a.User.ID != ada.ID && a.User.Login != "eve" && a.Void == "" && a.Fingerprint == run.Apply.Fingerprint
	}
	if !approved || p.Run == nil || p.Run.ID != run.Apply.PlanRun || p.Run.NoChanges {
		m.t.Errorf("the apply %s of the plan %s has the word; approved %v, the plan is %+v", run.ID, run.Apply.PlanRun, approved, p.Run)
	}
	switch m.rand.IntN(4) {
	case 0:
		return res, false // its runner goes on, or is gone
	case 1:
		res.Outcome = workflow.OutcomeFailed
		if m.rand.IntN(3) == 0 {
			res.ErroredState = "kept.age"
		}
	default:
		res.Outcome = workflow.OutcomeSucceeded
	}
	return res, true
}

// work ends one of the claimed runs in one of the ways they end.
func (m *model) work() {
	if len(m.claimed) == 0 {
		return
	}
	run := m.claimed[0]
	m.claimed = m.claimed[1:]
	var err error
	if run.Kind == workflow.RunApply {
		res, ended := m.apply(run)
		if !ended {
			return
		}
		delete(m.going, run.ID)
		if err := m.svc.Finish(m.t.Context(), res); err != nil && !errors.Is(err, workflow.ErrStale) {
			m.t.Fatal(err)
		}
		return
	}
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
		err = m.svc.Finish(m.t.Context(), m.fingerprinted(run, m.rand.IntN(3)))
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
			for _, what := range []string{"project " + r.Project.Name, "state " + one(r.States)} {
				if other, is := busy[what]; is {
					m.t.Errorf("%s has two running runs, %s and %s", what, other, r.ID)
				}
				busy[what] = r.ID
			}
		}
		v := m.view(r.Number)
		if r.Kind == workflow.RunApply {
			m.checkApply(r, v)
			continue
		}
		if r.Interrupt != "" || r.Kind == workflow.RunVerify {
			continue
		}
		p := v.Project(r.Project.Name)
		if v.Pull.State != workflow.PullOpen || v.Pull.Head.SHA != r.Head || p == nil || p.Run == nil || p.Run.ID != r.ID {
			m.t.Errorf("run %s of %s at %s is %s, and its pull (%s at %s) does not wait for it", r.ID, r.Project.Name, r.Head, r.State, v.Pull.State, v.Pull.Head.SHA)
		}
	}
	for n := range m.pulls {
		m.checkPull(n)
	}
	m.checkLocks()
}

// checkApply: a live apply holds its locks; one without the word is of its pull's head, or asked to stop.
func (m *model) checkApply(r workflow.Run, v workflow.PullView) {
	held, err := m.svc.Locks(m.t.Context(), r.Repo.ID)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, key := range workflow.LockKeys(r.Project, r.Keeps()) {
		if !slices.ContainsFunc(held, func(l workflow.Lock) bool { return l.Key == key && workflow.OfPull(l.Pull) == r.Subject() }) {
			m.t.Errorf("the apply %s of %s is %s without the lock %q", r.ID, r.Project.Name, r.State, key)
		}
	}
	if !r.Apply.Spent && r.Interrupt == "" && (v.Pull.Head.SHA != r.Head || v.Pull.State != workflow.PullOpen) {
		m.t.Errorf("the apply %s of %s is %s though its pull is %s at %s", r.ID, r.Head, r.State, v.Pull.State, v.Pull.Head.SHA)
	}
	if r.Apply.Spent && r.Interrupt != "" && !strings.Contains(r.Interrupt, "cancelled it") {
		m.t.Errorf("the apply %s is interrupted: %s", r.ID, r.Interrupt)
	}
}

// checkLocks: nothing is told to go twice; a pull that is over holds no lock but what is not settled needs.
func (m *model) checkLocks() {
	for plan, n := range m.started {
		if n > 1 {
			m.t.Errorf("the plan %s was started %d times", plan, n)
		}
	}
	locks, err := m.svc.Locks(m.t.Context(), repo.ID)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, l := range locks {
		v := m.view(l.Pull.Number)
		if v.Pull.State == workflow.PullOpen {
			continue
		}
		why := gate.MayRelease(workflow.PullRecord{Pull: v.Pull, Projects: append(slices.Clone(v.Projects), v.Past...)}, l)
		if why.Empty() {
			m.t.Errorf("pull %d is %s and holds %+v", l.Pull.Number, v.Pull.State, l)
		}
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
	runs, err := m.svc.RunsOf(m.t.Context(), workflow.OfPull(key), "", 1000)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, r := range runs {
		if r.State != workflow.RunFinished {
			continue
		}
		if r.Outcome == workflow.OutcomeUnknown || (r.Apply != nil && r.Apply.ErroredState != "") {
			continue // a person, or its result, ends that
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
		m.now = m.now.Add(service.DefaultLease + time.Second)
		busy := m.expand() > 0
		for run, ok := m.claim(); ok; run, ok = m.claim() {
			busy = true
			if run.Kind == workflow.RunApply {
				res, _ := m.apply(run)
				if err := m.svc.Finish(m.t.Context(), res); err != nil && !errors.Is(err, workflow.ErrStale) {
					m.t.Fatal(err)
				}
				continue
			}
			m.finish(m.fingerprinted(run, map[workflow.RunKind]int{workflow.RunPlan: 1}[run.Kind]))
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
	r, err := stored(m.t, m.store, c.ID)
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
	asked, _ := c.About().Subject()
	runs, err := m.svc.RunsOf(m.t.Context(), asked, "", 1000)
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
