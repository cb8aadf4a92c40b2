package run

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// Worker claims runs and starts a runner for each.
//
// The exported fields are its configuration: they are set before Run, which fills in
// what is left out, and nobody changes them after. Run claims in its own goroutine and
// has others that watch and tidy, and for each run that is carried out; they share what
// stands below the configuration.
type Worker struct {
	Service  *service.Service
	Launcher *Launcher
	Name     string // of this worker in the runs' records, and of the service's Start; "" = DefaultName
	Parallel int    // runs at a time, and one apply more where the service counts plans; 0 = DefaultParallel
	// Credentials reads an entry of the server's credentials, at the start of each run that
	// names one. Its error is logged; people see the name, and what is said.
	Credentials func(ctx context.Context, name string) (s Secrets, said string, err error)
	// Fetching says what a run has while its engine fetches; nil: nothing more than at other times. Of
	// its error people see what is said: sentences.
	Fetching func(ctx context.Context, run workflow.Run) (f Fetching, said string, err error)
	// Artefacts is where plans are kept for their apply; without an identity none is, and nothing is applied.
	Artefacts Artefacts
	// Authorise decides whether a prepared apply may begin, and commits that it does
	// before it returns nil: the service's. An error refuses it; nil: nothing is applied.
	Authorise func(ctx context.Context, r workflow.Run, artefact string, state workflow.StateVersion) error
	MirrorDir func(workflow.Repo) string // the mirror that holds a repository's trees, absolute
	// Server is what a run's engine is told of the server, in the engine's words; nil: nothing.
	Server      func(workflow.Run) json.RawMessage
	PlanTimeout time.Duration // 0 = never
	Ladder      Ladder
	LogLimit    int64         // bytes of a run's log; 0 = 10 MB
	Lease       time.Duration // the service's; 0 = workflow.DefaultLease
	// DiskFloor is the free space below which no run starts; 0 = 2 GB, negative = no floor.
	DiskFloor int64
	Now       workflow.Clock
	Log       *slog.Logger

	slots chan struct{}  // one for each run that is carried out; made by Run
	freed chan struct{}  // a slot is free again; made by Run
	group sync.WaitGroup // what Run waits for before it returns

	overdue  atomic.Int32    // runs whose leases could not be renewed the last time, or whose ends not be reported
	stopping context.Context // of Run
	remnants []earlier       // plans of earlier servers that go on; set by Run before anything is claimed

	remnantsUntil time.Time // runs wait for them; zero = remnantsAtMost after the start

	mu     sync.Mutex
	active map[string]*Process // by run id, from the start of a runner to its end; guarded by mu
}

// DefaultName is the name of a server's only worker.
const DefaultName = "server"

// poll is how often the queue is looked at without being woken: a run may have to wait until a certain time.
const poll = time.Second

// Run claims and carries out runs until ctx is done. Then it stops claiming, interrupts the
// plans that run, puts them back into the queue, and returns when everything is over except
// applies that have begun: those outlive it, and the next worker finishes them. An error
// means that the worker cannot begin.
func (w *Worker) Run(ctx context.Context) error {
	w.setDefaults()
	w.stopping = ctx
	if err := os.MkdirAll(w.Launcher.Runs, 0o700); err != nil {
		return fmt.Errorf("making the directory of runs: %w", err)
	}
	plans, applies, err := w.Launcher.earlierRuns() // before anything is claimed: none of these is ours
	if err != nil {
		return err
	}
	w.remnants = w.Launcher.tidyFirst(plans, w.Log)
	w.adoptAll(ctx, applies)
	w.group.Go(func() { w.Launcher.tidy(ctx, plans, w.Log) })
	w.group.Go(func() { w.dropArtefacts(ctx) })
	w.group.Go(func() { w.watchInterrupts(ctx) })
	look := time.NewTicker(poll)
	defer look.Stop()
	for w.claimAll(ctx) {
		select {
		case <-ctx.Done():
		case <-w.Service.Woken(service.WakeRuns):
		case <-w.freed:
		case <-look.C:
		}
	}
	w.interruptAll()
	w.group.Wait()
	return nil
}

func (w *Worker) setDefaults() {
	if w.Parallel <= 0 {
		w.Parallel = DefaultParallel()
	}
	if w.Name == "" {
		w.Name = DefaultName
	}
	if w.Lease <= 0 {
		w.Lease = service.DefaultLease
	}
	if w.DiskFloor == 0 {
		w.DiskFloor = 2_000_000_000
	}
	if w.Now == nil {
		w.Now = time.Now
	}
	if w.Log == nil {
		w.Log = slog.New(slog.DiscardHandler)
	}
	if w.remnantsUntil.IsZero() {
		w.remnantsUntil = time.Now().Add(remnantsAtMost)
	}
	slots := w.Parallel
	if w.Service.Parallel() > 0 { // it counts plans, and gives the one place more to applies only
		slots++
	}
	w.slots, w.freed = make(chan struct{}, slots), make(chan struct{}, 1)
	w.active = map[string]*Process{}
}

// claimAll claims while there are slots and runs. It reports whether to go on.
func (w *Worker) claimAll(ctx context.Context) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case w.slots <- struct{}{}:
		default:
			return ctx.Err() == nil
		}
		if w.overdue.Load() > 0 {
			<-w.slots
			return ctx.Err() == nil
		}
		run, ok, err := w.Service.Claim(ctx, w.Name)
		if err != nil && ctx.Err() == nil {
			w.Log.Error("claiming a run", "error", err)
		}
		if err != nil || !ok {
			<-w.slots
			return ctx.Err() == nil
		}
		w.group.Go(func() {
			w.runOne(ctx, run)
			<-w.slots
			select {
			case w.freed <- struct{}{}:
			default:
			}
		})
	}
}

// runOne carries out one claimed run and reports what became of it.
func (w *Worker) runOne(ctx context.Context, run workflow.Run) {
	log := w.Log.With("run", run.ID, "epoch", run.Epoch, "project", run.Project.Name, "for", run.Subject().String())
	log.Info("run started", "attempt", run.Attempts)
	res, waits, left := w.launch(ctx, run, log)
	if left {
		log.Info("apply continues without the server")
		return
	}
	w.conclude(run, res, decide(run, res, waits, ctx.Err() != nil), log)
}

// conclude reports what became of a run and removes what it left.
func (w *Worker) conclude(run workflow.Run, res workflow.Result, end ending, log *slog.Logger) {
	name, err := dirName(run.ID, run.Epoch)
	if err != nil {
		log.Error("reporting a run", "error", err)
		return
	}
	dir := files(w.Launcher.Runs).sub(name)
	if run.Kind == workflow.RunApply && !res.NotStarted && res.ErroredState == "" { // its runner may have died before it could
		kind := w.Launcher.Engines.KindOf(run.Project)
		if res.ErroredState, err = w.Artefacts.keepErrored(dir, run, kind, w.recipient()); err != nil {
			log.Error("keeping a state that could not be stored", "error", err)
		}
		dir.unkept(&res, run.Project, kind, err)
	}
	// Its files go first: once this is reported, another run of the project may begin.
	_ = w.Launcher.strip(dir, run) // clean says what is left
	log.Info("run ended", "outcome", string(res.Outcome), "put_back", end.putBack, "reason", end.why)
	if err := w.report(run, res, end); errors.Is(err, workflow.ErrStale) {
		log.Info("run had moved on", "error", err)
	} else if err != nil {
		log.Error("reporting a run", "error", err)
		return // its directory holds the result
	}
	if run.Kind == workflow.RunApply && !res.NotStarted && res.Outcome != workflow.OutcomeUnknown {
		err = w.Artefacts.Remove(run.Apply.PlanRun) // spent
	}
	if e := w.Launcher.clean(dir); !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	if err != nil {
		log.Warn("removing a run's files", "error", err)
	}
}

// launch starts the runner and returns its result. waits is set when nothing can
// start now: a sentence for people. left says that there is no result yet: the
// worker stops, and an apply that has begun goes on.
func (w *Worker) launch(ctx context.Context, run workflow.Run, log *slog.Logger) (res workflow.Result, waits string, left bool) {
	failed := func(why string, passing bool) workflow.Result { return w.unstarted(run, why, passing) }
	if waits := w.diskTooFull(); waits != "" {
		return failed(waits, true), waits, false
	}
	if !w.awaitRemnants(ctx, run, log) {
		return w.unstarted(run, "", false), "", false
	}
	secrets, why, err := w.secrets(ctx, run)
	if err != nil {
		log.Error("reading a run's secrets", "error", err)
		return failed(why, ctx.Err() != nil), "", false
	}
	repo, err := w.Service.SeenRepo(context.WithoutCancel(ctx), run.Repo)
	if err != nil {
		log.Error("reading the repository's key", "error", err)
		return failed("The repository's key could not be read. The server's log says why.", true), "", false
	}
	secrets.Key = repo.Key
	job := Job{Run: run, GitDir: w.MirrorDir(run.Repo), PlanTimeout: w.PlanTimeout, Ladder: w.Ladder, LogLimit: w.LogLimit}
	if w.Server != nil {
		job.Server = w.Server(run)
	}
	if why := w.artefacts(&job, &secrets); why != "" {
		return failed(why, false), "", false
	}
	p, err := w.Launcher.Start(ctx, job, secrets)
	if err != nil {
		if ctx.Err() == nil {
			log.Error("starting a runner", "error", err)
		}
		return failed("The runner could not be started. The server's log says why.", true), "", false
	}
	res, err = w.accompany(ctx, run, p)
	if errors.Is(err, errLeft) {
		return res, "", true
	}
	if err != nil && run.Kind == workflow.RunApply {
		log.Info("apply refused", "error", err) // the service has said why
		return refused(run, res), "", false
	}
	if err != nil {
		log.Error("letting a run begin", "error", err)
		return failed("The server could not start the run. The server's log says why.", true), "", false
	}
	return res, "", false
}

// unstarted is the result of a run that was given no word, for whatever reason: without one, and while the
// worker stops, it was withdrawn.
func (w *Worker) unstarted(run workflow.Run, why string, passing bool) workflow.Result {
	res := workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeFailed, NotStarted: true, Passing: passing, Reason: why,
		Started: run.Started, Finished: w.Now()}
	if why == "" || w.stopping.Err() != nil {
		res.Outcome, res.Passing, res.Reason = workflow.OutcomeCancelled, false, withdrawn(run)
	}
	return res
}

// refused is the result of an apply that was not allowed to begin.
func refused(run workflow.Run, res workflow.Result) workflow.Result {
	if !res.NotStarted {
		return res // it does not prove that it did nothing
	}
	res.Run, res.Epoch, res.Outcome = run.ID, run.Epoch, workflow.OutcomeRefused
	res.Reason = "The apply was not allowed to start."
	return res
}

// artefacts gives a job what it needs to keep a plan or to apply one. why, a sentence, says what is missing.
func (w *Worker) artefacts(job *Job, secrets *Secrets) (why string) {
	job.Recipient, job.Artefacts = w.recipient(), w.Artefacts.Dir
	if job.isApply() {
		if job.Recipient == "" || w.Authorise == nil {
			return "This server cannot apply: it keeps no saved plans."
		}
		secrets.Identity = w.Artefacts.Identity.String()
	}
	return ""
}

func (w *Worker) recipient() string {
	if w.Artefacts.Identity == nil {
		return ""
	}
	return w.Artefacts.Identity.Recipient().String()
}

// accompany lets the run begin, stays with it until it ends, and returns its
// result. An error says that it was not begun, or is errLeft.
func (w *Worker) accompany(ctx context.Context, run workflow.Run, p *Process) (workflow.Result, error) {
	w.add(run.ID, p)
	defer w.remove(run.ID)
	if ctx.Err() != nil { // it may have been done before we were among the active
		w.withdraw(run.ID, p)
	}
	leave := make(chan struct{})
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		w.renew(run, p, leave)
	}()
	err := p.Handshake(func() error { return w.mayBegin(context.WithoutCancel(ctx), run, p) })
	res, left := w.await(ctx, p)
	close(leave)
	<-renewed
	if left {
		return res, errLeft
	}
	if errors.Is(err, errInterrupted) || errors.Is(err, workflow.ErrStale) {
		err = nil // the result says that it did not begin
	}
	return res, err
}

// errLeft says that an apply that has begun goes on while the worker stops.
var errLeft = errors.New("the apply continues after the worker stops")

// await waits for a process's result. An apply that has begun is left alone when ctx is done.
func (w *Worker) await(ctx context.Context, p *Process) (res workflow.Result, left bool) {
	result := make(chan workflow.Result, 1)
	go func() { result <- p.Wait() }()
	if p.begunApply() {
		select {
		case res := <-result:
			return res, false
		case <-ctx.Done():
			return workflow.Result{}, true
		}
	}
	return <-result, false
}

// mayBegin looks at the run once more when everything is prepared. An apply is
// authorised last of all: after that it counts as begun.
func (w *Worker) mayBegin(ctx context.Context, run workflow.Run, p *Process) error {
	now, err := w.Service.Run(ctx, run.ID)
	switch {
	case err != nil:
		return err
	case now.State != workflow.RunRunning || now.Epoch != run.Epoch:
		return workflow.ErrStale
	case now.Interrupt != "":
		return errInterrupted
	case run.Kind == workflow.RunApply:
		digest, state := p.Prepared()
		return w.Authorise(ctx, now, digest, state)
	}
	return nil
}

// secrets reads what a run is handed, except the repository's key. Meanwhile the run's lease is kept: a program
// that fetches credentials may take its time.
func (w *Worker) secrets(ctx context.Context, run workflow.Run) (s Secrets, why string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go w.keepLease(run, ctx.Done(), cancel)
	said := ""
	switch {
	case run.Credentials == "":
	case w.Credentials == nil:
		err = errors.New("the server has no credentials")
	default:
		s, said, err = w.Credentials(ctx, run.Credentials)
	}
	if err != nil {
		return s, fmt.Sprintf("The credentials `%s` could not be read. ", run.Credentials) + cmp.Or(said, "The server's log says why."), err
	}
	if w.Fetching != nil {
		s.Fetch, why, err = w.Fetching(ctx, run)
	}
	return s, why, err
}

// renew keeps the run's lease until its runner ends or we leave it. A run that is
// not ours any more is interrupted, but an apply that has begun never.
func (w *Worker) renew(run workflow.Run, p *Process, leave <-chan struct{}) {
	until := make(chan struct{})
	go func() {
		defer close(until)
		select {
		case <-p.Done():
		case <-leave:
		}
	}()
	w.keepLease(run, until, func() { w.withdraw(run.ID, p) })
}

// keepLease renews a run's lease until it is told not to. lost is called when the run is not ours any
// more. While the store takes nothing it tries again, and nothing is claimed: whoever claims would find
// that the lease has run out, and give up a run that goes on.
func (w *Worker) keepLease(run workflow.Run, until <-chan struct{}, lost func()) {
	often := w.Lease / 4
	overdue, said := false, time.Time{}
	defer func() {
		if overdue {
			w.overdue.Add(-1)
		}
	}()
	for wait := often; ; {
		select {
		case <-until:
			return
		case <-time.After(wait):
		}
		err := w.Service.Renew(context.Background(), run)
		gone := errors.Is(err, workflow.ErrStale) || errors.Is(err, workflow.ErrNotFound)
		if failed := err != nil && !gone; failed != overdue {
			overdue = failed
			w.overdue.Add(map[bool]int32{true: 1, false: -1}[failed])
		}
		switch wait = often; {
		case gone:
			lost()
		case err != nil:
			wait = min(often, poll/2)
			if now := time.Now(); now.Sub(said) >= often {
				w.Log.Error("renewing a lease", "run", run.ID, "error", err)
				said = now
			}
		}
	}
}

func (w *Worker) add(id string, p *Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active[id] = p
}

func (w *Worker) remove(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.active, id)
}

func (w *Worker) process(id string) *Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.active[id]
}

// diskTooFull says why nothing can start now, "" when there is room.
func (w *Worker) diskTooFull() string {
	if w.DiskFloor < 0 {
		return ""
	}
	free, err := freeBytes(w.Launcher.Runs)
	if err != nil {
		w.Log.Error("reading the free disk space", "error", err)
		return "The server's free disk space could not be read."
	}
	if free < w.DiskFloor {
		return fmt.Sprintf("The server's disk has only %d MB free, and a run needs %d MB. Someone who runs the server has to free some space.", free/1_000_000, w.DiskFloor/1_000_000)
	}
	return ""
}

// DefaultParallel is how many runs a machine carries: twice its CPUs, one for
// each GiB of memory but the first, the lesser of both, and at least one. Limits
// of the container count.
func DefaultParallel() int { return parallelFor(runtime.GOMAXPROCS(0), memoryBytes()) }

func parallelFor(cpus int, memory int64) int {
	const gib = 1 << 30
	n := 2 * cpus
	if memory > 0 { // else it is not known
		n = min(n, int((memory-gib)/gib))
	}
	return max(n, 1)
}
