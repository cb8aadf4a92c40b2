package service_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/bolt"
	"github.com/cardea-iac/cardea/workflow/service"
)

var repo = workflow.Repo{ID: 7, Owner: "acme", Name: "infra", InstallationID: 1, DefaultBranch: "main"}

var ada = workflow.Actor{ID: 1, Login: "ada"}

// files is a tree: file names and contents.
type files map[string]string

// source is a git of files: commits by SHA, the tips of branches, and the faults
// of the next calls. A pull's planned tree is its head's.
type source struct {
	mu        sync.Mutex
	commits   map[string]files
	tips      map[string]string
	conflicts []string
	faults    []error
	trees     map[string]files // what was checked out, by tree
	// hold is called at the beginning of each checkout: it counts, or waits.
	hold func(workflow.Pull)
}

func tree(f files) workflow.Tree {
	names := slices.Sorted(maps.Keys(f))
	id, fsys := sha256.New(), fstest.MapFS{}
	for _, n := range names {
		fmt.Fprintf(id, "%s\x00%s\x00", n, f[n])
		fsys[n] = &fstest.MapFile{Data: []byte(f[n])}
	}
	return workflow.Tree{ID: fmt.Sprintf("%x", id.Sum(nil))[:40], FS: fsys}
}

func (s *source) tip(ref string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tips[ref]
}

func (s *source) Checkout(ctx context.Context, p workflow.Pull, _ workflow.CheckoutMode) (workflow.Checkout, error) {
	if s.hold != nil {
		s.hold(p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return workflow.Checkout{}, err
	}
	if len(s.faults) > 0 {
		err := s.faults[0]
		s.faults = s.faults[1:]
		return workflow.Checkout{}, err
	}
	head, ok := s.commits[p.Head.SHA]
	if !ok {
		return workflow.Checkout{}, fmt.Errorf("fetching %s: %w", p.Head.SHA, workflow.ErrNotYet)
	}
	base := s.commits[s.tips[p.Base.Ref]]
	co := workflow.Checkout{Head: p.Head.SHA, Base: s.tips[p.Base.Ref], BaseTree: tree(base), Conflicts: s.conflicts}
	if len(s.conflicts) > 0 {
		return co, nil
	}
	co.Planned = tree(head)
	if s.trees == nil {
		s.trees = map[string]files{}
	}
	s.trees[co.Planned.ID] = maps.Clone(head)
	for n, text := range head {
		if old, was := base[n]; !was {
			co.Changes = append(co.Changes, workflow.FileChange{Path: n, Status: "added"})
		} else if old != text {
			co.Changes = append(co.Changes, workflow.FileChange{Path: n, Status: "modified"})
		}
	}
	for n := range base {
		if _, is := head[n]; !is {
			co.Changes = append(co.Changes, workflow.FileChange{Path: n, Status: "deleted"})
		}
	}
	return co, nil
}

func (s *source) diff(_ context.Context, _ workflow.Repo, was, now string) (out []workflow.FileChange, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, after := s.trees[was], s.trees[now]
	for n := range maps.Keys(before) {
		if before[n] != after[n] {
			out = append(out, workflow.FileChange{Path: n, Status: "modified"})
		}
	}
	for n := range after {
		if _, had := before[n]; !had {
			out = append(out, workflow.FileChange{Path: n, Status: "added"})
		}
	}
	return out, nil
}

// engine finds a project wherever there is a main.tf. A line "state x" names the
// state, "refuse" refuses the project, "fault" makes reading it fail.
type engine struct{}

func (engine) Kind() workflow.Kind { return workflow.Kind{Name: "terraform", Title: "Terraform"} }

func (engine) Discover(_ context.Context, t workflow.Tree) (workflow.Discovery, error) {
	d := workflow.Discovery{Modules: map[string]workflow.Module{}}
	err := fs.WalkDir(t, ".", func(p string, e fs.DirEntry, err error) error {
		if err == nil && path.Base(p) == "main.tf" {
			d.Modules[path.Dir(p)] = workflow.Module{Dir: path.Dir(p), KeepsState: true, SaysWhich: true}
		}
		return err
	})
	return d, err
}

func (e engine) States(ctx context.Context, t workflow.Tree, d workflow.Discovery, p workflow.Project) (workflow.States, error) {
	if _, ok := d.Modules[path.Clean(p.Dir)]; !ok {
		return nil, nil
	}
	data, err := fs.ReadFile(t, path.Join(p.Dir, "main.tf"))
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "state "); ok {
			return workflow.States{rest}, err
		}
	}
	return workflow.States{"state of " + p.Dir}, err
}

func (engine) Inputs(_ context.Context, t workflow.Tree, _ workflow.Discovery, p workflow.Project) (workflow.Inputs, error) {
	data, err := fs.ReadFile(t, path.Join(p.Dir, "main.tf"))
	if err != nil {
		return workflow.Inputs{}, err
	}
	in := workflow.Inputs{Dir: p.Dir, Digest: fmt.Sprintf("%x", sha256.Sum256(data)), States: workflow.States{"state of " + p.Dir}, FilesDigest: "none", Known: []string{"registry/acme/" + p.Dir}}
	for line := range strings.Lines(string(data)) {
		switch word, rest, _ := strings.Cut(strings.TrimSpace(line), " "); word {
		case "state":
			in.States = workflow.States{rest}
		case "refuse":
			in.Refused = "Its state would live in the workspace and be lost."
		case "fault":
			return in, errors.New("reading the module: input/output error")
		}
	}
	return in, nil
}

func (engine) Apply(context.Context, workflow.ApplyJob) (workflow.Result, error) {
	return workflow.Result{}, errors.New("nothing applies here")
}

func (engine) Plan(context.Context, workflow.PlanJob) (workflow.Result, error) {
	return workflow.Result{}, errors.New("the service plans nothing itself")
}

// world is a service on a store on disk, with a source, a clock and rules that
// the test sets, and what the app and the worker would do.
type world struct {
	parallel int
	t        testing.TB
	now      time.Time
	source   *source
	store    workflow.Store
	svc      *service.Service
	rules    workflow.Rules
	roles    map[string]workflow.Role
	pulls    map[int]workflow.Pull
	serial   int
	// change is the last word on live facts; dropped are the artefacts that nobody needs.
	change  func(*workflow.LiveFacts)
	unruled bool // the server's configuration has no rule for the repository any more
	dropped []string
	reviews []workflow.Review // what GitHub shows of reviews
}

var people = map[string]workflow.Actor{"ada": ada, "eve": {ID: 3, Login: "eve"}, "bob": {ID: 4, Login: "bob"}, "root": {ID: 5, Login: "root"}}

// baseFiles is main at the start: four projects.
var baseFiles = files{"a/main.tf": "1", "b/main.tf": "1", "c/main.tf": "1", "d/main.tf": "1"}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		source: &source{commits: map[string]files{}, tips: map[string]string{}},
		rules: workflow.Rules{Match: "*", Checkout: workflow.CheckoutMerge, Plan: workflow.Who{Role: workflow.RoleWrite}, Drafts: true, PerProjectChecks: 10,
			Credentials: workflow.CredentialNames{Plan: "ro", Apply: "rw"}},
		roles: map[string]workflow.Role{"ada": workflow.RoleWrite, "eve": workflow.RoleRead, "bob": workflow.RoleWrite, "root": workflow.RoleAdmin},
		pulls: map[int]workflow.Pull{},
	}
	d := workflow.DefaultRules("*")
	w.rules.Require, w.rules.Approvals, w.rules.StaleAfter = d.Require, d.Approvals, d.StaleAfter
	w.rules.Apply, w.rules.Approve, w.rules.Unlock, w.rules.Admin = d.Apply, d.Approve, d.Unlock, d.Admin
	w.commit("base1", baseFiles, nil)
	w.source.tips["main"] = "base1"
	store, err := bolt.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w.serve(store)
	return w
}

// serve makes a service on a store, as a start of the server does.
func (w *world) serve(store workflow.Store) {
	w.t.Helper()
	w.store = store
	w.svc = service.New(service.Config{
		Store: store, Source: w.source, Engines: workflow.Engines{engine{}}, Settle: 3 * time.Second, Parallel: w.parallel, Now: func() time.Time { return w.now },
		Rules: func(r workflow.Repo) (workflow.Rules, bool) { return w.rules, r.Owner == "acme" && !w.unruled },
		Live:  w.live, Diff: w.source.diff, DropArtefact: func(run string) { w.dropped = append(w.dropped, run) },
	})
}

// live is what GitHub says of a pull.
func (w *world) live(_ context.Context, p workflow.Pull, actor workflow.Actor, _ []workflow.Actor) (workflow.LiveFacts, error) {
	now := w.pulls[p.Number]
	f := workflow.LiveFacts{Read: w.now, Pull: now, Actor: actor, Reviews: slices.Clone(w.reviews), Roles: map[int64]workflow.Role{}, BaseTip: w.source.tip(now.Base.Ref), Conflicts: "no"}
	for name, who := range people {
		f.Roles[who.ID] = w.roles[name]
	}
	if w.change != nil {
		w.change(&f)
	}
	return f, nil
}

// commit makes a commit of files with changes; an empty text deletes a file.
func (w *world) commit(sha string, from, changes files) {
	f := maps.Clone(from)
	for n, text := range changes {
		if f[n] = text; text == "" {
			delete(f, n)
		}
	}
	w.source.mu.Lock()
	defer w.source.mu.Unlock()
	w.source.commits[sha] = f
}

// facts sets what GitHub says of a pull.
func (w *world) facts(number int, head string, change ...func(*workflow.Pull)) workflow.Pull {
	w.now = w.now.Add(time.Second)
	p := workflow.Pull{
		Repo: repo, Number: number, Title: "Change", Author: ada, State: workflow.PullOpen, UpdatedAt: w.now,
		Head: workflow.Ref{Ref: "topic", SHA: head}, Base: workflow.Ref{Ref: "main", SHA: "base1"},
	}
	for _, c := range change {
		c(&p)
	}
	w.pulls[number] = p
	return p
}

// deliver is a webhook delivery that becomes a request.
func (w *world) deliver(req workflow.Request) (workflow.Request, bool) {
	w.t.Helper()
	w.serial++
	d := workflow.Delivery{GUID: fmt.Sprint("guid-", w.serial), Event: "event", Payload: []byte("{}")}
	if _, err := w.svc.Receive(w.t.Context(), d); err != nil {
		w.t.Fatal(err)
	}
	req.Repo = repo
	if req.Actor.Login == "" {
		req.Actor = ada
	}
	stored, created, err := w.svc.WorkOffDelivery(w.t.Context(), d, &req, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return stored, created
}

// push is a pull request event; its request is due at once unless it synchronizes.
func (w *world) push(number int, action string) workflow.Request {
	w.t.Helper()
	head := w.pulls[number].Head.SHA
	req, _ := w.deliver(workflow.Request{
		Kind: workflow.RequestPull, Number: number, Action: action, Head: head, Immediate: action != "synchronize",
		Key: fmt.Sprintf("pull:%d#%d:%s:%s:%d", repo.ID, number, head, action, w.serial),
	})
	return req
}

// say is a command in a comment.
func (w *world) say(number int, by string, c workflow.Command) workflow.Request {
	w.t.Helper()
	req, _ := w.deliver(workflow.Request{
		Kind: workflow.RequestCommand, Number: number, Immediate: true, Command: &c, CommentID: int64(w.serial + 1),
		Key: fmt.Sprint("comment:", w.serial+1), Actor: people[by], CommentedAt: w.now,
	})
	return req
}

func planOf(projects ...string) workflow.Command {
	return workflow.Command{Verb: workflow.VerbPlan, Select: workflow.Selector{Projects: projects}}
}

// expand carries out what is due, as the app does, once.
func (w *world) expand() int {
	w.t.Helper()
	due, _, err := w.svc.DueRequests(w.t.Context(), service.DueQuery{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range due {
		p := w.pulls[r.Number]
		e := service.Expansion{Request: r, Pull: p, ActorRole: w.roles[r.Actor.Login], AuthorRole: w.roles[p.Author.Login]}
		if err := w.expandWith(e); err != nil {
			w.t.Fatal(err)
		}
	}
	return len(due)
}

// expandWith observes the pull and carries a request out, with live facts where the app reads them.
func (w *world) expandWith(e service.Expansion) error {
	if err := w.svc.Observe(w.t.Context(), e.Request, e.Pull); err != nil {
		return err
	}
	if e.Request.Kind == workflow.RequestCommand || e.Request.ApprovesByReview() {
		facts, err := w.live(w.t.Context(), e.Pull, e.Request.Actor, nil)
		if err != nil {
			return err
		}
		e.Live = &facts
	}
	return w.svc.Expand(w.t.Context(), e)
}

// settle lets pushes settle and carries out all that is due.
func (w *world) settle() {
	w.t.Helper()
	w.now = w.now.Add(4 * time.Second)
	for w.expand() > 0 {
	}
}

// open is a new pull that is expanded.
func (w *world) open(number int, head string, changes files) {
	w.t.Helper()
	w.commit(head, baseFiles, changes)
	w.facts(number, head)
	w.push(number, "opened")
	w.settle()
}

func (w *world) claim() (workflow.Run, bool) {
	w.t.Helper()
	run, ok, err := w.svc.Claim(w.t.Context(), "worker")
	if err != nil {
		w.t.Fatal(err)
	}
	return run, ok
}

func (w *world) mustClaim(project string) workflow.Run {
	w.t.Helper()
	run, ok := w.claim()
	if !ok || run.Project.Name != project {
		w.t.Fatalf("got run of %q (%v), want one of %q", run.Project.Name, ok, project)
	}
	return run
}

func success(run workflow.Run, add int) workflow.Result {
	return workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeSucceeded, Plan: &workflow.Plan{
		Counts: workflow.Counts{Add: add}, NoChanges: add == 0, ChangesHash: "hash", Tool: "terraform",
	}}
}

func (w *world) finish(res workflow.Result) {
	w.t.Helper()
	if err := w.svc.Finish(w.t.Context(), res); err != nil {
		w.t.Fatal(err)
	}
}

// planAll plans all that is queued, each with one resource to add.
func (w *world) planAll() (projects []string) {
	w.t.Helper()
	for {
		run, ok := w.claim()
		if !ok {
			return projects
		}
		projects = append(projects, run.Project.Name)
		w.finish(success(run, 1))
	}
}

func (w *world) view(number int) workflow.PullView {
	w.t.Helper()
	v, err := w.svc.View(w.t.Context(), workflow.PullKey{RepoID: repo.ID, Number: number})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// states is one line a project: its name and state.
func (w *world) states(number int) (out []string) {
	w.t.Helper()
	for _, p := range w.view(number).Projects {
		out = append(out, p.Project.Name+" "+string(p.State()))
	}
	return out
}

// stored is a request as the store has it.
func stored(t testing.TB, store workflow.Store, id string) (r workflow.Request, err error) {
	err = store.View(t.Context(), func(tx workflow.Tx) (err error) {
		r, err = tx.Request(id)
		return err
	})
	return r, err
}

// one is the name of the only state; "" for none.
func one(s workflow.States) string { return strings.Join(s, " ") }
