package service_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/bolt"
	"github.com/cardea-iac/cardea/workflow/service"
	"github.com/cardea-iac/cardea/workflow/storetest"
)

// life is one life of the model: the outside world as it is, and the service in it.
type life struct {
	steps int
	now   time.Time
	store *watched
	fault *storetest.FaultyStore // between the service and store
	svc   *service.Service
	truth
	hub
	terraform
	worker
	armed  []step // what happens while the next live facts are read
	nested int    // it happens now
}

// hub is GitHub and its git.
type hub struct {
	pulls   [4]*hubPull // by number; 0 is not used
	older   [4][]workflow.Pull
	bases   map[string]files // base commits
	heads   map[string]files // head commits: what they add to each file of the base, "-" deletes it
	tips    map[string]string
	trees   map[string]workflow.Tree
	roles   map[string]workflow.Role
	trouble int // what is wrong with GitHub's answers, 0 for nothing
	post    []letter
	sent    []letter
	serial  int
	mood    int                             // of the step that happens: how what it asks for is carried out
	moods   map[string]int                  // by the request's key
	cached  map[cacheKey]workflow.LiveFacts // as the app shares them
	looks   map[int]look                    // the last facts given out, by pull
}

type cacheKey struct {
	pull  int
	actor int64
}

// look is what live facts were read from.
type look struct {
	facts   workflow.LiveFacts
	bad     bool // they were said to be incomplete
	commits int  // how many commits there were when they were read
}

type hubPull struct {
	workflow.Pull
	conflicts bool
	check     string
	review    string
	displays  []display
	comments  map[string]bool // our comments by their key
	reviews   []*hubReview
	lagging   []workflow.Review // what the API shows of them until lagEnds
	lagEnds   time.Time
}

// display is what the summary comment shows from a time on.
type display struct {
	at           time.Time
	fingerprints map[string]string // by project name
}

// letter is a webhook on its way.
type letter struct {
	guid string
	req  workflow.Request
}

// terraform is what states hold and what saved plans are.
type terraform struct {
	states  map[string]*tfState
	saved   map[string]*savedPlan // by plan run, as they were made
	disk    map[string]string     // plan run: the digest of its artefact as it lies there
	carried map[string]int        // how often a saved plan was carried out
	procs   map[string]*process   // by apply run, those that write
}

type tfState struct {
	workflow.StateVersion
	value string
}

// move makes another version of the state.
func (s *tfState) move() { s.Version += "1" }

type savedPlan struct {
	fingerprint, digest, tree, desired string
	state                              workflow.StateVersion
	at                                 time.Time
	hidden, destroys                   bool
}

// process is a terraform apply.
type process struct {
	run      workflow.Run
	identity string
	alive    bool
	done     string // how much of the plan is in the state since its end
}

// worker has the runs it claimed, in order.
type worker struct{ jobs []*job }

type job struct {
	run    workflow.Run
	proc   *process
	silent bool // its server is gone: nobody renews its lease
}

var cyd, bot = workflow.Actor{ID: 6, Login: "cyd"}, workflow.Actor{ID: 9, Login: "renovate[bot]", Bot: true}

// crowd are all people of the model; only the first four may write at first.
var crowd = []workflow.Actor{people["bob"], cyd, people["ada"], people["root"], people["eve"], bot}

const goodConfig = "version: 1\nprojects:\n- dir: d\n  environment: prod\n- dir: c\n  depends_on: [b]\n"

var baseConfigs = []string{
	goodConfig, goodConfig + "require: [reviewed]\n", "nonsense",
	"version: 1\nprojects:\n- dir: d\n  environment: prod\n- dir: c\n  depends_on: [a]\n", goodConfig, goodConfig,
}

func newLife(durable string) *life {
	l := &life{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	l.truth = newTruth()
	l.hub = hub{
		bases: map[string]files{}, heads: map[string]files{}, tips: map[string]string{}, trees: map[string]workflow.Tree{},
		roles:  map[string]workflow.Role{"ada": workflow.RoleWrite, "bob": workflow.RoleWrite, "cyd": workflow.RoleWrite, "eve": workflow.RoleRead, "root": workflow.RoleAdmin, bot.Login: workflow.RoleWrite},
		cached: map[cacheKey]workflow.LiveFacts{}, looks: map[int]look{}, moods: map[string]int{},
	}
	l.terraform = terraform{states: map[string]*tfState{}, saved: map[string]*savedPlan{}, disk: map[string]string{}, carried: map[string]int{}, procs: map[string]*process{}}
	base := maps.Clone(baseFiles)
	base[workflow.RepoConfigFile] = goodConfig
	l.bases["base1"] = base
	l.tips["main"], l.tips["rel"] = "base1", "base1"
	var inner workflow.Store = storetest.Memory()
	if durable != "" {
		disk, err := bolt.Open(durable)
		l.must(err)
		inner = disk
	}
	l.store = &watched{Store: inner, life: l}
	l.serve()
	for n, author := range []workflow.Actor{people["ada"], people["bob"], cyd} {
		l.pulls[n+1] = &hubPull{Pull: workflow.Pull{
			Repo: repo, Number: n + 1, Title: "Change", Author: author, State: workflow.PullOpen, UpdatedAt: l.now,
			Head: workflow.Ref{Ref: fmt.Sprint("topic", n+1)}, Base: workflow.Ref{Ref: "main", SHA: "base1"},
		}, comments: map[string]bool{}}
		l.push(n+1, n+4*n)
		l.event(n+1, "opened", workflow.RequestPull)
	}
	l.deliverAll()
	return l
}

func (l *life) close() {
	came.add(l)
	if err := l.store.Close(); err != nil {
		panic(err)
	}
}

// serve makes a service on the store, as a start of the server does.
func (l *life) serve() {
	l.fault = storetest.Faulty(l.store)
	l.svc = service.New(service.Config{
		Store: through{l}, Source: l, Engines: workflow.Engines{scripted{}}, Settle: 3 * time.Second, Now: func() time.Time { return l.now },
		Rules: func(workflow.Repo) (workflow.Rules, bool) { return modelRules(), true },
		Live:  l.live, DropArtefact: func(run string) { delete(l.disk, run) },
	})
}

// through is the store as it fails at the moment.
type through struct{ l *life }

func (s through) Receive(ctx context.Context, d workflow.Delivery) (bool, error) {
	return s.l.fault.Receive(ctx, d)
}

func (s through) Update(ctx context.Context, rule func(workflow.Tx) error) error {
	return s.l.fault.Update(ctx, rule)
}

func (s through) View(ctx context.Context, look func(workflow.Tx) error) error {
	return s.l.fault.View(ctx, look)
}

func (s through) Close() error { return nil }

// modelRules are the server's: production needs two approvals, development none,
// and nobody but the server may say what is development.
func modelRules() workflow.Rules {
	r := workflow.DefaultRules("*")
	r.Environments = map[string]workflow.EnvironmentRules{
		"prod": {Approvals: &workflow.ApprovalRules{Count: 2, Review: workflow.ReviewSafe}},
		"dev":  {Approvals: &workflow.ApprovalRules{Count: 0}},
	}
	return r
}

// scripted is the engine; a line "script" is a provisioner, whose code no plan shows.
type scripted struct{ engine }

// merged is the tree of a head merged into a base.
func (l *life) merged(head, base string) workflow.Tree {
	key := head + " " + base
	if t, ok := l.trees[key]; ok {
		return t
	}
	f := maps.Clone(l.bases[base])
	for name, text := range l.heads[head] {
		switch {
		case text == "-":
			delete(f, name)
		case name == workflow.RepoConfigFile:
			f[name] = text
		default:
			f[name] += "\n" + text
		}
	}
	l.trees[key] = tree(f)
	return l.trees[key]
}

// Checkout implements workflow.Source.
func (l *life) Checkout(_ context.Context, p workflow.Pull, _ workflow.CheckoutMode) (workflow.Checkout, error) {
	if l.trouble == troubleGit {
		return workflow.Checkout{}, fmt.Errorf("fetching: %w", workflow.ErrPassing)
	}
	base := l.tips[p.Base.Ref]
	co := workflow.Checkout{Head: p.Head.SHA, Base: base, BaseTree: l.merged("", base)}
	if hp := l.pulls[p.Number]; hp.conflicts && hp.Head.SHA == p.Head.SHA {
		co.Conflicts = []string{"a/main.tf"}
		return co, nil
	}
	co.Planned = l.merged(p.Head.SHA, base)
	for _, name := range slices.Sorted(maps.Keys(l.heads[p.Head.SHA])) {
		_, was := l.bases[base][name]
		switch deleted := l.heads[p.Head.SHA][name] == "-"; {
		case deleted && was:
			co.Changes = append(co.Changes, workflow.FileChange{Path: name, Status: "deleted"})
		case deleted:
		case was:
			co.Changes = append(co.Changes, workflow.FileChange{Path: name, Status: "modified"})
		default:
			co.Changes = append(co.Changes, workflow.FileChange{Path: name, Status: "added"})
		}
	}
	return co, nil
}

// What may be wrong with GitHub.
const (
	troubleNone = iota
	troubleDown
	troubleErrors
	troubleRole
	troubleTip
	troubleMergeable
	troubleGit
	troubles
)

// read is what GitHub says of a pull now.
func (l *life) read(n int, actor workflow.Actor, approvers []workflow.Actor) (workflow.LiveFacts, error) {
	p := l.pulls[n]
	f := workflow.LiveFacts{Read: l.now, Pull: p.Pull, Actor: actor, Roles: l.rolesOf(append(approvers, actor)), BaseTip: l.tips[p.Base.Ref], Conflicts: "no", ReviewDecision: p.review,
		Reviews: l.shownReviews(n)}
	if p.conflicts {
		f.Conflicts = "yes"
	}
	if p.check != "" {
		f.Required = []workflow.RequiredCheck{{Name: "lint", State: p.check}}
	}
	f.ApprovedHead = p.review == "approved"
	switch l.trouble {
	case troubleDown:
		return workflow.LiveFacts{}, errors.New("GitHub answers 502")
	case troubleErrors:
		f.Errors = []string{"GitHub did not say what the branch requires."}
	case troubleRole:
		delete(f.Roles, actor.ID)
	case troubleTip:
		f.BaseTip = ""
	case troubleMergeable:
		f.Conflicts = "unknown"
	}
	return f, nil
}

func (l *life) rolesOf(who []workflow.Actor) map[int64]workflow.Role {
	roles := map[int64]workflow.Role{}
	for _, a := range who {
		roles[a.ID] = l.roles[a.Login]
	}
	return roles
}

func (l *life) bad() bool { return l.trouble != troubleNone && l.trouble != troubleGit }

// live gives facts as the app does: for a few seconds the same.
func (l *life) live(_ context.Context, p workflow.Pull, actor workflow.Actor, approvers []workflow.Actor) (workflow.LiveFacts, error) {
	key := cacheKey{p.Number, actor.ID}
	facts, ok := l.cached[key]
	if ok && l.now.Sub(facts.Read) <= 7*time.Second {
		facts.Roles = maps.Clone(facts.Roles)
		for _, a := range approvers {
			if _, known := facts.Roles[a.ID]; !known {
				facts.Roles[a.ID] = l.roles[a.Login]
			}
		}
		return facts, nil
	}
	facts, err := l.read(p.Number, actor, approvers)
	seen := facts
	seen.Roles = maps.Clone(facts.Roles)
	l.looks[p.Number] = look{facts: seen, bad: l.bad(), commits: l.store.commits}
	if err == nil && !l.bad() {
		l.cached[key] = facts
	}
	armed := l.armed
	l.armed = nil
	l.nested++
	for _, s := range armed { // the ground moves after it was looked at
		s.during = false
		l.act(s)
	}
	l.nested--
	return facts, err
}

func (l *life) forget(n int) {
	for k := range l.cached {
		if k.pull == n {
			delete(l.cached, k)
		}
	}
}

// state is a state as it is; a new one holds what base1 says.
func (l *life) state(identity string) *tfState {
	s := l.states[identity]
	if s == nil {
		s = &tfState{StateVersion: workflow.StateVersion{ID: "line of " + identity, Version: "1"}, value: "1"}
		l.states[identity] = s
	}
	return s
}

// planned is what terraform makes of a plan run now.
func (l *life) planned(run workflow.Run) workflow.Result {
	state := l.state(one(run.States))
	text := l.fileOf(run)
	desired := strings.TrimSpace(strings.ReplaceAll(text, "script", ""))
	add := 0
	if desired != state.value {
		add = 1
	}
	sum := func(parts ...string) string {
		return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(parts, "\x00"))))
	}
	plan := &workflow.Plan{
		Counts: workflow.Counts{Add: add}, NoChanges: add == 0, ChangesHash: sum(desired, state.value), Tool: "terraform",
		Fingerprint: sum(run.Project.Dir, desired, state.value, one(run.States)), InputsDigest: run.InputsDigest,
		States: run.States, Fetched: workflow.Fetched{Tool: "terraform 1.11.4"}, StateID: state.ID, StateVersion: state.Version, PlannedAt: l.now,
	}
	hidden := strings.Contains(text, "script")
	if hidden {
		plan.Hidden = []workflow.HiddenEffect{{Kind: "provisioner", Address: "x.y", Text: "A provisioner runs a script."}}
	}
	destroys := add > 0 && strings.Contains(desired, "v2")
	if destroys {
		plan.Counts.Destroy = 1
	}
	res := workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeSucceeded, Plan: plan}
	l.saved[run.ID] = &savedPlan{fingerprint: plan.Fingerprint, tree: run.Tree, desired: desired, state: state.StateVersion, at: l.now,
		hidden: hidden, destroys: destroys}
	if add > 0 && run.Kind == workflow.RunPlan {
		res.Artefact = sum("artefact", run.ID)
		l.saved[run.ID].digest, l.disk[run.ID] = res.Artefact, res.Artefact
	}
	return res
}

// fileOf is a run's main.tf.
func (l *life) fileOf(run workflow.Run) string {
	t := l.merged(run.Head, run.Base)
	if t.ID != run.Tree {
		l.wrong("run %s is of the tree %s; %s merged into %s is %s", run.ID, run.Tree, run.Head, run.Base, t.ID)
	}
	data, err := t.ReadFile(run.Project.Dir + "/main.tf")
	l.must(err)
	return string(data)
}

// begin starts terraform for an apply that has the word to go; artefact is what
// the runner unpacked into its workspace.
func (l *life) begin(run workflow.Run, artefact string) *process {
	stored := l.runs[run.ID]
	if stored == nil || stored.Apply == nil || !stored.Apply.Spent || stored.Apply.Authorised == nil || stored.State != workflow.RunRunning || stored.Epoch != run.Epoch {
		l.wrong("I2: the apply %s starts without a durable authorisation: %+v", run.ID, stored)
	}
	for id, other := range l.procs {
		if other.alive && other.identity == one(run.States) {
			l.wrong("I1: the applies %s and %s write the state %q together", run.ID, id, one(run.States))
		}
	}
	planRun := stored.Apply.PlanRun
	if l.carried[planRun]++; l.carried[planRun] > 1 {
		l.wrong("I3: the plan %s is carried out again", planRun)
	}
	if a, saved := stored.Apply.Authorised, l.saved[planRun]; a.Artefact != artefact || saved.digest != artefact || saved.fingerprint != a.Fingerprint || saved.tree != a.Tree {
		l.wrong("I4: the apply %s carries out %+v and %q, authorised was %+v", run.ID, saved, artefact, a)
	}
	p := &process{run: *stored, identity: one(run.States), alive: true}
	l.procs[run.ID] = p
	return p
}

// end ends terraform; done says how much of the plan is in the state afterwards.
func (l *life) end(p *process, done string) {
	state := l.state(p.identity)
	p.alive, p.done = false, done
	switch done {
	case "all":
		state.value = l.saved[p.run.Apply.PlanRun].desired
		state.move()
	case "some":
		state.value = "half of " + l.saved[p.run.Apply.PlanRun].desired
		state.move()
	}
}
