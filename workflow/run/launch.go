package run

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/secret"
)

// Launcher starts runners. It is the server's side of a run, and preview's.
type Launcher struct {
	// Runs is the directory of all runs, data_dir/runs, absolute.
	Runs string
	// Exe is the program to start with the arguments "runner DIR"; "" = this
	// program, even when its file was replaced meanwhile.
	Exe string
	// Engines say what an apply may leave that must not be removed.
	Engines workflow.Engines
}

// Process is one runner that a launcher started. Its methods may be called from any goroutine.
type Process struct {
	// Set before anybody else has the process, and never changed. cmd is nil when another
	// server started it.
	run    workflow.Run
	dir    files
	cmd    *exec.Cmd
	redact *secret.Redactor

	ready chan struct{} // closed when the runner has prepared everything
	said  message       // what it said then; written before ready is closed, read after
	done  chan struct{} // closed when the process has ended
	exit  error         // of cmd.Wait; written before done is closed, read after

	mu      sync.Mutex // guards what follows
	conn    *os.File   // nil once it is closed; talk has it as well, and reads from it until then
	stopped bool       // Interrupt or Refuse was called: the word is not given any more
	went    bool       // the word was given
}

// Start makes the run's directory and starts a runner in it, which prepares the
// run and then waits for Go. An error means that no process was started. The
// runner does not end with ctx, nor with this process.
func (l *Launcher) Start(ctx context.Context, job Job, secrets Secrets) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	name, err := dirName(job.Run.ID, job.Run.Epoch)
	if err != nil {
		return nil, fmt.Errorf("starting a run: %w", err)
	}
	if err := os.MkdirAll(l.Runs, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of runs: %w", err)
	}
	spread(l.Runs)
	d := files(filepath.Join(l.Runs, name))
	if err := os.Mkdir(string(d), 0o700); err != nil { // never reused: it must not be there
		return nil, fmt.Errorf("making the run's directory: %w", err)
	}
	job.Home = homeOf(l.Runs, job.Run)
	p, err := l.start(d, job, secrets)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting run %s: %w", job.Run.ID, err), os.RemoveAll(string(d)))
	}
	return p, nil
}

func (l *Launcher) start(d files, job Job, secrets Secrets) (*Process, error) {
	job.Protocol = protocol
	if err := writeJSON(d.job(), job); err != nil {
		return nil, err
	}
	output, err := os.OpenFile(d.output(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the runner's output: %w", err)
	}
	defer output.Close()
	exe, err := l.exe()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	here, there, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer there.Close()
	cmd := exec.Command(exe, "runner", string(d))
	cmd.Args[0] = "cardea"
	cmd.Env = environment(os.Environ(), d.engine())
	cmd.Dir = string(d)
	cmd.Stdout, cmd.Stderr = output, output // stdin: nil is /dev/null
	cmd.ExtraFiles = []*os.File{there}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		here.Close()
		return nil, err
	}
	p := &Process{run: job.Run, dir: d, cmd: cmd, redact: secrets.redactor(nil), conn: here, ready: make(chan struct{}), done: make(chan struct{})}
	go p.talk(here, secrets)
	go p.await()
	return p, nil
}

// await waits for the runner's end. One that ended without a result cannot have
// ended its tools.
func (p *Process) await() {
	defer close(p.done)
	pid := p.cmd.Process.Pid
	awaitEnd(pid)
	if _, err := os.Lstat(p.dir.result()); err != nil {
		if p.begunApply() { // its tool died with its runner; what that started may finish
			waitSession(pid, applyGrace)
		}
		endSession(pid)
	}
	p.exit = p.cmd.Wait()
}

// begunApply reports whether this is an apply that has the word.
func (p *Process) begunApply() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.went && p.run.Kind == workflow.RunApply
}

func (l *Launcher) exe() (string, error) {
	if l.Exe != "" {
		return l.Exe, nil
	}
	return ourProgram()
}

// socketPair returns two connected files; ours can be closed while somebody reads it.
func socketPair() (here, there *os.File, err error) {
	syscall.ForkLock.RLock() // not every system closes them on exec from the start
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(pair[0])
		syscall.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("making a socket pair: %w", err)
	}
	if err := syscall.SetNonblock(pair[0], true); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("making a socket pair: %w", err), syscall.Close(pair[0]), syscall.Close(pair[1]))
	}
	return os.NewFile(uintptr(pair[0]), "runner"), os.NewFile(uintptr(pair[1]), "launcher"), nil
}

// talk talks with the runner until it is ready.
func (p *Process) talk(conn *os.File, secrets Secrets) {
	if m, ok := p.converse(conn, secrets); ok {
		p.said = m
		close(p.ready)
	}
}

// Prepared returns what an apply's runner found, once it is ready: the digest of the
// artefact it opened, and the state as it is now.
func (p *Process) Prepared() (digest string, state workflow.StateVersion) {
	if p.said.State != nil {
		state = *p.said.State
	}
	return p.said.Digest, state
}

// Done is closed when the runner has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// errInterrupted says that the run was interrupted before it began.
var errInterrupted = errors.New("the run was interrupted before it began")

// Go tells the runner to start. It may be called once, when the runner is ready. An error
// means that nothing was started.
func (p *Process) Go() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil || p.stopped {
		return errInterrupted
	}
	err := json.NewEncoder(p.conn).Encode(message{Go: true})
	p.went = err == nil
	p.hangUp()
	if err != nil {
		return fmt.Errorf("giving the runner its word: %w", err)
	}
	return nil
}

// Refuse ends a runner that has no word yet: its result is not started. It
// reports false, and does nothing, when the word was given.
func (p *Process) Refuse() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.went {
		return false
	}
	p.stopped = true
	p.hangUp()
	return true
}

func (p *Process) hangUp() {
	if p.conn != nil {
		p.conn.Close()
		p.conn = nil
	}
}

// Handshake waits until the runner is ready, calls start, and gives the word.
// When start refuses, the run is not started and the error returned; start is
// not called when the runner ended before it was ready (nil is returned: the
// result says why).
func (p *Process) Handshake(start func() error) error {
	select {
	case <-p.ready:
	case <-p.done:
		p.Refuse()
		return nil
	}
	if start != nil {
		if err := start(); err != nil {
			p.Refuse()
			return err
		}
	}
	if err := p.Go(); err != nil {
		p.Refuse()
		return err
	}
	return nil
}

// Interrupt asks the runner to stop: before Go nothing is started, after it the
// tools are interrupted by the job's ladder. Wait for the result.
func (p *Process) Interrupt() error {
	p.mu.Lock()
	p.stopped = true
	went := p.went
	p.mu.Unlock()
	err := signalRunner(p.dir, syscall.SIGUSR1)
	if err == nil {
		return nil
	}
	select {
	case <-p.done:
		return nil
	default:
	}
	if !went {
		// It has no identity yet or does not answer: without Go it ends by itself.
		p.Refuse()
		return nil
	}
	return fmt.Errorf("interrupting run %s: %w", p.run.ID, err)
}

// Wait returns the run's result when the runner and everything that holds its
// lock is gone. A runner that left none is lost, an apply's with the word unknown;
// NotStarted is then set only if it never got the word.
func (p *Process) Wait() workflow.Result {
	<-p.done
	p.mu.Lock()
	p.hangUp()
	went := p.went
	p.mu.Unlock()
	res, err := p.dir.readResult(p.run)
	if err == nil {
		return res
	}
	reason := "The runner died without a result"
	if p.exit != nil {
		reason += " (" + p.exit.Error() + ")"
	}
	reason += "."
	if said := p.firstWords(); said != "" {
		reason += " It said: " + said
	}
	outcome := workflow.OutcomeLost
	if went && p.run.Kind == workflow.RunApply {
		outcome = workflow.OutcomeUnknown
	}
	res = workflow.Result{Run: p.run.ID, Epoch: p.run.Epoch, Outcome: outcome, NotStarted: !went, Reason: reason,
		Started: p.run.Started, Finished: time.Now()}
	if outcome == workflow.OutcomeUnknown {
		p.dir.evidence(&res)
	}
	return res
}

// readResult reads the result of exactly this epoch, after the lock is free.
func (d files) readResult(want workflow.Run) (workflow.Result, error) {
	var f resultFile
	if err := awaitLock(d.lock()); err != nil {
		return f.Result, err
	}
	if err := readJSON(d.result(), &f); err != nil {
		return f.Result, fmt.Errorf("reading the result: %w", err)
	}
	if f.Protocol != protocol || f.Run != want.ID || f.Epoch != want.Epoch {
		return f.Result, fmt.Errorf("the result is of run %s, epoch %d, protocol %d", f.Run, f.Epoch, f.Protocol)
	}
	return f.Result, nil
}

// firstWords is the first line that a runner without result said ("fatal error: out of memory").
func (p *Process) firstWords() string {
	f, err := os.Open(p.dir.output())
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			if len(line) > 300 {
				line = strings.ToValidUTF8(line[:300], "") + "..."
			}
			return p.redact.Redact(line)
		}
	}
	return ""
}

// Once carries out one run from start to end and removes what it left, except
// its log. A done ctx interrupts the run; the result is then still waited for.
func Once(ctx context.Context, l *Launcher, job Job, secrets Secrets) (workflow.Result, error) {
	p, err := l.Start(ctx, job, secrets)
	if err != nil {
		return workflow.Result{}, err
	}
	stop := context.AfterFunc(ctx, func() {
		if err := p.Interrupt(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	})
	defer stop()
	refused := p.Handshake(ctx.Err)
	res := p.Wait()
	err = l.clean(p.dir)
	if res.Outcome == workflow.OutcomeLost { // any other result says why it was refused
		err = errors.Join(refused, err)
	}
	return res, err
}
