package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/secret"
)

// Deps are what a runner is handed: everything that is not about processes.
type Deps struct {
	Engines workflow.Engines
	// Export writes a workspace and returns notes. Its error is shown to people as
	// the reason; one that is workflow.ErrPassing is tried again.
	Export func(context.Context, ExportSpec) (notes []string, err error)
}

// runner is the state of one runner process.
type runner struct {
	dir     files
	deps    Deps
	job     Job
	started time.Time
	conn    *os.File
	secrets Secrets
	log     *logFile
	redact  *secret.Redactor // of the log and of text of others: also what the plan calls sensitive
	given   *secret.Redactor // of everything: what the credentials say
	plain   bool             // supervise as where nobody can adopt, also on Linux: for tests
	family  family
	told    *progress // of what the run does; nil until there is an engine to tell of it
	stop    *stopper
	lock    *os.File    // held until the process ends
	word    chan bool   // true: go
	grants  chan Grant  // answers to what was asked
	silent  bool        // the server left a question without its answer, which may still come: nothing more is asked
	went    bool        // the word came
	gone    atomic.Bool // the launcher hung up before it gave the word
	notes   []string
	died    chan os.Signal // SIGCHLD

	artefact   string // digest of what a plan kept or an apply opened
	seal       []byte // of an apply's artefact
	notStarted bool   // the engine says that its apply was not begun, whatever the word was

	stepFaults []workflow.Diagnostic // of the workflow's steps
}

// Main is `cardea runner DIR`: it carries out the run of that directory and
// returns the exit code, 0 when a result was written. It must be called on the
// main goroutine, and the process must exit when it returns.
func Main(dir string, deps Deps) int {
	return carry(&runner{dir: files(dir), deps: deps})
}

func carry(r *runner) int {
	// Tools are killed when the thread that started them ends: this one does not.
	runtime.LockOSThread()
	collectLater()
	r.started, r.word, r.grants, r.died = time.Now(), make(chan bool, 1), make(chan Grant, 1), make(chan os.Signal, 1)
	if err := r.open(); err != nil {
		fmt.Fprintln(os.Stderr, "cardea runner:", err)
		return 1
	}
	defer runtime.KeepAlive(r) // a collected file is closed, and with it goes the lock
	if err := r.finish(r.execute()); err != nil {
		fmt.Fprintln(os.Stderr, "cardea runner:", err)
		return 1
	}
	return 0
}

// collectLater spares the garbage collector's first rounds: most runs end before
// their heap has 16 MB. From the first round on it works as always.
func collectLater() {
	debug.SetGCPercent(400)
	runtime.AddCleanup(new([64]byte), func(usual int) { debug.SetGCPercent(usual) }, 100)
}

// open takes possession of the run: signals, lock, job, identity, secrets, log.
func (r *runner) open() error {
	// Caught and left unread, not ignored: what is ignored stays ignored in the tools.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGTERM, syscall.SIGPIPE, syscall.SIGINT, syscall.SIGQUIT)
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, syscall.SIGUSR1)
	signal.Notify(r.died, syscall.SIGCHLD)
	if err := readJSON(r.dir.job(), &r.job); err != nil {
		return fmt.Errorf("reading the job: %w", err)
	}
	if r.job.Protocol != protocol {
		return fmt.Errorf("the job uses protocol %d, but this runner uses %d", r.job.Protocol, protocol)
	}
	var err error
	if r.lock, err = takeLock(r.dir.lock()); err != nil {
		return err
	}
	if _, err := os.Lstat(r.dir.result()); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(errors.New("this run already has a result"), err)
	}
	r.guard()
	me, err := identityOf(os.Getpid())
	if err != nil {
		return err
	}
	if err := writeJSON(r.dir.runner(), me); err != nil {
		return err
	}
	if r.log, err = newLogFile(r.dir.log(), r.job.LogLimit); err != nil {
		return err
	}
	r.stop = newStopper(r.family, r.job.Ladder)
	go func() {
		<-interrupt
		r.stop.stop(workflow.OutcomeCancelled)
	}()
	if r.job.PlanTimeout > 0 {
		time.AfterFunc(r.job.PlanTimeout, func() { r.stop.stop(workflow.OutcomeTimedOut) })
	}
	return nil
}

// guard makes us the parent of whatever our tools leave behind, and hides our
// memory from other processes of the same user, each where the system can.
func (r *runner) guard() {
	r.family = family{grace: planGrace}
	if r.job.isApply() {
		r.family.grace = applyGrace
	}
	if !r.plain {
		r.family.adopt()
	}
	hideMemory()
}

// execute prepares, and plans or applies. What goes wrong is in the result.
func (r *runner) execute() (res workflow.Result) {
	fault := r.listen()
	r.redact = r.secrets.redactor(r.log)
	r.given = r.redact.Fork(nil)
	if fault != nil {
		r.gone.Store(true)
		return r.failed(fault)
	}
	fmt.Fprint(r.redact, r.secrets.unread())
	if err := r.prepare(); err != nil {
		return r.failed(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	tended := make(chan struct{})
	go func() {
		defer close(tended)
		r.family.tend(ctx, r.died)
	}()
	res, err := r.work()
	cancel()
	<-tended
	if err != nil {
		return r.failed(err)
	}
	return res
}

// listen takes the secrets from the launcher and then listens for its word. The
// socket is ours alone: tools do not inherit it.
func (r *runner) listen() error {
	const fd = 3
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		return fmt.Errorf("the runner is started by cardea itself: %w", err)
	}
	r.conn = os.NewFile(fd, "launcher")
	in := json.NewDecoder(r.conn)
	var m message
	if err := in.Decode(&m); err != nil || m.Secrets == nil {
		return fmt.Errorf("taking the secrets: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	r.secrets = *m.Secrets
	go func() {
		for {
			var m message
			err := in.Decode(&m)
			switch {
			case err == nil && m.Go:
				r.word <- true
				return
			case err == nil && m.Grant != nil:
				r.grants <- *m.Grant
				continue
			}
			break
		}
		r.gone.Store(true)
		r.stop.stop(workflow.OutcomeCancelled)
	}()
	return nil
}

// prepare makes the run's files and environment.
func (r *runner) prepare() error {
	f := r.files()
	for _, dir := range []string{f.Workspace, f.Tmp, f.Out} {
		if err := os.Mkdir(dir, 0o700); err != nil { // it must not exist: a directory of somebody else would stay theirs
			return fmt.Errorf("making the run's directories: %w", err)
		}
	}
	if err := r.makeHome(); err != nil {
		return fmt.Errorf("making the run's HOME: %w", err)
	}
	if err := r.setEnvironment(f); err != nil {
		return fmt.Errorf("setting the environment: %w", err)
	}
	paths := r.job.Run.Paths
	if r.job.Run.Whole { // an apply whose plan needed the whole tree
		paths = nil
	}
	var err error
	if r.notes, err = r.deps.Export(r.stop.ctx, r.export(f.Workspace, paths)); err != nil {
		return err
	}
	if r.job.isApply() {
		return r.overlay()
	}
	return nil
}

func (r *runner) export(dir string, paths []string) ExportSpec {
	own := r.job.Run.Own
	if len(own) == 0 {
		own = []string{r.job.Run.Project.Dir}
	}
	return ExportSpec{GitDir: r.job.GitDir, Tree: r.job.Run.Tree, Paths: paths, Own: own, Dir: dir,
		Planted: r.deps.Engines.KindOf(r.job.Run.Project).Planted}
}

// whole adds the rest of the tree to a workspace that holds a part of it. What is there stays: init made some of it.
func (r *runner) whole(context.Context) error {
	rest := r.dir.path("rest")
	notes, err := r.deps.Export(r.stop.ctx, r.export(rest, nil))
	if err != nil {
		return err
	}
	r.notes = notes
	return addTree(rest, r.dir.engine().Workspace)
}

// addTree moves what from has and to has not.
func addTree(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return fmt.Errorf("completing the workspace: %w", err)
	}
	for _, e := range entries {
		src, dst := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		there, err := os.Lstat(dst)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = os.Rename(src, dst)
		case err == nil && e.IsDir() && there.IsDir(): // not where a plan made a symlink of it
			err = addTree(src, dst)
		}
		if err != nil {
			return fmt.Errorf("completing the workspace: %w", err)
		}
	}
	return nil
}

// work calls the engine. Its fault is never our end: a panic is an error.
func (r *runner) work() (res workflow.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n%s", r.redact.Redact(fmt.Sprint(p)), debug.Stack())
			res, err = workflow.Result{}, refusal(fmt.Sprintf("An internal error in Cardea ended the run: %s.", r.redact.Redact(fmt.Sprint(p))))
		}
		if err == nil {
			return
		}
		if r.job.isApply() && r.went && !r.notStarted { // nothing proves what was done
			res, err = workflow.Result{Outcome: workflow.OutcomeUnknown, Reason: err.Error()}, nil
		}
	}()
	r.told = r.newProgress()
	if r.job.isApply() {
		return r.apply()
	}
	return r.plan()
}

// plan makes a plan.
func (r *runner) plan() (workflow.Result, error) {
	run := r.job.Run
	job := workflow.PlanJob{Project: run.Project, Options: run.Options, Files: r.files(), Server: r.job.Server,
		RepoID: run.Repo.ID, Key: r.secrets.Key, States: run.States, InputsDigest: run.InputsDigest,
		BaseKnown: run.BaseKnown, Hidden: run.Hidden, Expected: run.Expected,
		Log: r.redact, Progress: r.told.tell, Redact: r.given.Redact, Fetch: r.fetch, FetchSecret: r.secrets.Fetch.secret(), Ready: r.ready,
		At: r.steps(), Tuning: r.tuning()}
	if len(run.Paths) > 0 {
		job.Whole = r.whole
	}
	if r.job.Recipient != "" {
		job.Keep = r.keep
	}
	// The engine never gives this context to a tool: it only keeps the next step, or a download, from going on.
	res, err := r.deps.Engines.Plan(r.stop.ctx, job)
	return r.afterPlan(res), err
}

// errNotStarted says that the plan or apply may not begin.
var errNotStarted = errors.New("the run was stopped before it began")

// ready tells the launcher that everything is prepared and waits for its word.
func (r *runner) ready(context.Context) error { return r.say(message{Ready: true}) }

// say sends the launcher its last message and waits for the word.
func (r *runner) say(m message) error {
	if r.stop.ctx.Err() != nil {
		return errNotStarted
	}
	if err := json.NewEncoder(r.conn).Encode(m); err != nil {
		return errNotStarted
	}
	select {
	case r.went = <-r.word:
		return nil
	case <-r.stop.ctx.Done():
		return errNotStarted
	}
}

func (r *runner) failed(err error) workflow.Result {
	return workflow.Result{Outcome: workflow.OutcomeFailed, Reason: err.Error(), Passing: errors.Is(err, workflow.ErrPassing)}
}

// finish ends what is left, removes what is secret, and writes the result: the last thing that a runner does.
func (r *runner) finish(res workflow.Result) error {
	stopped := r.stop.end()
	withdrawn := r.gone.Load() && !r.went
	left := errors.Join(r.conn.Close(), r.sweep())
	res = r.settle(res, stopped, withdrawn)
	clean := r.erroredState(&res)
	if left != nil {
		res.Diagnostics = append(res.Diagnostics, workflow.Diagnostic{Severity: workflow.SeverityWarning, Summary: left.Error()})
	}
	if err := errors.Join(r.closeLog(), r.told.close()); err != nil {
		res.Diagnostics = append(res.Diagnostics, workflow.Diagnostic{Severity: workflow.SeverityWarning, Summary: "The log is incomplete.", Detail: err.Error()})
	}
	r.leaveHome()
	if err := r.strip(clean); err != nil {
		fmt.Fprintln(os.Stderr, "cardea runner: removing the run's files:", err)
	}
	r.scrub(&res)
	res.Run, res.Epoch = r.job.Run.ID, r.job.Run.Epoch
	if !r.job.isApply() && res.Outcome == workflow.OutcomeSucceeded {
		res.Artefact = r.artefact
	}
	return writeDurably(r.dir.result(), resultFile{protocol, res})
}

// sweep ends what is left. A fault of ours may have left an apply's tool running: that is waited for.
func (r *runner) sweep() error {
	if !r.job.isApply() || !r.went {
		return r.family.sweep(r.died, 0)
	}
	for tools, _ := r.family.split(); r.family.tells() && alive(tools); tools, _ = r.family.split() {
		select {
		case <-r.died:
		case <-time.After(100 * time.Millisecond):
		}
	}
	return r.family.sweep(r.died, applyGrace)
}

// settle says what became of the run: what the engine says, unless the run was stopped before
// it succeeded.
func (r *runner) settle(res workflow.Result, stopped workflow.Outcome, hungUp bool) workflow.Result {
	res.Started, res.Finished = r.started, time.Now()
	res.NotStarted = !r.went || r.notStarted
	if res.Outcome != workflow.OutcomeSucceeded && res.Outcome != workflow.OutcomeUnknown {
		switch {
		case hungUp:
			res.Outcome, res.Passing, res.Reason = workflow.OutcomeCancelled, false, withdrawn(r.job.Run)
		case stopped == workflow.OutcomeTimedOut && r.job.isApply():
			res.Outcome, res.Passing = stopped, false
			res.Reason = fmt.Sprintf("The apply was not started: preparing it took longer than %s.", phrase.InWords(r.job.PlanTimeout))
		case stopped == workflow.OutcomeTimedOut:
			res.Outcome, res.Passing = stopped, false
			res.Reason = fmt.Sprintf("The plan took longer than %s and was stopped.", phrase.InWords(r.job.PlanTimeout))
		case stopped != workflow.OutcomeNone:
			res.Outcome, res.Passing, res.Reason = stopped, false, "The "+whatIs(r.job.Run)+" was interrupted."
		}
	}
	if res.Plan != nil {
		res.Plan.Notes = append(res.Plan.Notes, r.notes...)
	}
	return res
}

// withdrawn says that a run was not started, and nothing is wrong with it.
func withdrawn(r workflow.Run) string {
	return "The " + whatIs(r) + " was not started: the server stopped or withdrew it first."
}

func whatIs(r workflow.Run) string {
	if r.Kind == workflow.RunApply {
		return "apply"
	}
	return "plan"
}

// closeLog completes the log, and writes it anew when secrets became known only after something was written.
func (r *runner) closeLog() error {
	err := errors.Join(r.redact.Close(), r.log.Close())
	if !r.redact.Late() {
		return err
	}
	return errors.Join(err, rewrite(r.dir.log(), r.redact))
}

// rewrite redacts a file again.
func rewrite(name string, by *secret.Redactor) error {
	in, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("redacting the log again: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(name+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("redacting the log again: %w", err)
	}
	again := by.Fork(out)
	_, err = io.Copy(again, in)
	err = errors.Join(err, again.Close(), out.Close())
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		// No log is better than one with secrets.
		return errors.Join(fmt.Errorf("redacting the log again: %w", err), os.Remove(name), os.Remove(name+".new"))
	}
	return nil
}
