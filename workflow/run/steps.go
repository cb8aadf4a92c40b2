package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/secret"
	"github.com/cardea-iac/cardea/workflow/steps"
)

// planJSON is the variable that tells the steps after a plan where that is.
const planJSON = "CARDEA_PLAN_JSON"

// Limits of a step.
const (
	stepTimeout = 5 * time.Minute // where the workflow gives none
	stepKill    = 5 * time.Second // between the signal that ends it and the one that nobody survives
	stepLines   = 20              // of its output, in the diagnostic
	stepTail    = 16 << 10        // bytes of its output that these are taken from
	stepValue   = 32 << 10        // bytes of a value
)

// steps is the engine's way to the workflow's steps, nil where there are none.
func (r *runner) steps() func(context.Context, workflow.Point, []byte) error {
	if w := r.job.Run.Workflow; w == nil || len(w.Steps) == 0 {
		return nil
	}
	return r.at
}

// tuning is what the workflow says of how a plan, or an apply, is to go.
func (r *runner) tuning() workflow.Tuning {
	switch w := r.job.Run.Workflow; {
	case w == nil:
		return workflow.Tuning{}
	case r.job.isApply():
		return w.Apply
	default:
		return w.Plan
	}
}

// at takes the steps of a point, in their order. The first that fails is the error, a part of a
// sentence; what it printed last is in the run's diagnostics. For an apply only those that set a
// variable are taken before the plan's points: the files that others made are in the artefact.
func (r *runner) at(_ context.Context, point workflow.Point, plan []byte) error {
	file := ""
	defer func() {
		if file != "" {
			os.Remove(file) // with the run's directory at the latest
		}
	}()
	for i, s := range r.job.Run.Workflow.Steps {
		if s.At != point || r.job.isApply() && !slices.Contains(steps.OfApply(r.job.Run.Workflow), i) {
			continue
		}
		var env []string
		if plan != nil {
			var err error
			if file, err = r.show(file, plan); err != nil {
				return err
			}
			env = []string{planJSON + "=" + file}
		}
		t := &taking{runner: r, step: s, label: steps.Label(i, s), env: env}
		if r.stop.ctx.Err() != nil {
			return t.fault("did not run: the run was interrupted")
		}
		if err := t.take(); err != nil {
			return err
		}
	}
	return nil
}

// afterPlan adds to a plan's result what its workflow has to say of it.
func (r *runner) afterPlan(res workflow.Result) workflow.Result {
	res.Diagnostics = append(res.Diagnostics, r.stepFaults...)
	if res.Outcome != workflow.OutcomeSucceeded && r.artefact != "" { // a step after the plan refused it
		if err := (Artefacts{Dir: r.job.Artefacts}).Remove(r.job.Run.ID); err != nil {
			fmt.Fprintln(os.Stderr, "cardea runner:", err)
		}
		r.artefact = ""
	}
	switch p := res.Plan; {
	case p == nil:
	case p.NoChanges: // nothing will be applied, so no step runs for it
		p.Hidden = slices.DeleteFunc(p.Hidden, func(e workflow.HiddenEffect) bool { return e.Kind == workflow.StepEffect })
	default:
		p.Notes = append(p.Notes, steps.Notes(r.job.Run.Workflow, p.Hidden)...)
	}
	return res
}

// afterApply takes the steps after an apply that succeeded, and says what went wrong with them, as
// a sentence. The apply has succeeded all the same.
func (r *runner) afterApply() string {
	if r.steps() == nil {
		return ""
	}
	err := r.at(context.Background(), workflow.AfterApply, nil)
	if err == nil {
		return ""
	}
	return phrase.Sentence(err.Error())
}

// show writes a plan where only its steps look.
func (r *runner) show(file string, plan []byte) (string, error) {
	if file != "" {
		return file, nil
	}
	f, err := os.CreateTemp(r.files().Tmp, "plan-*.json") // 0600
	if err != nil {
		return "", fmt.Errorf("the plan could not be written for its steps: %w", err)
	}
	_, err = f.Write(plan)
	return f.Name(), errors.Join(err, f.Close())
}

// taking is one step that is taken.
type taking struct {
	*runner
	step  workflow.Step
	label string
	env   []string         // besides the run's own
	tail  tail             // the end of what it printed and may be shown
	value tail             // the beginning of what one that sets a variable printed
	mask  *secret.Redactor // of what goes to tail
}

// take runs the step to its end, and ends whatever it left.
func (t *taking) take() error {
	fmt.Fprintf(t.redact, "\n$ %s, %s\n", t.label, strings.ReplaceAll(string(t.step.At), "_", " "))
	dir := filepath.Join(t.files().Workspace, filepath.FromSlash(t.job.Run.Project.Dir))
	words, err := steps.Words(t.step, t.job.Run, dir)
	if err != nil {
		return t.fault("did not run: " + err.Error())
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), t.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that it may signal its own group; the session stays ours
	before := children()
	out, err := t.connect(cmd)
	if err != nil {
		return t.fault("could not be started: " + err.Error())
	}
	if err := cmd.Start(); err != nil {
		out.wait(0)
		return t.fault("could not be started: " + notStarted(words[0], err))
	}
	out.begin()
	how := t.await(cmd)
	left := t.family.endSince(before)
	if !out.wait(stepKill) && left == nil {
		left = errors.New("something keeps its output open")
	}
	switch {
	case how != "":
		return t.fault(how)
	case left != nil:
		return t.fault("left a process that could not be ended: " + left.Error())
	case t.step.Set != "":
		return t.set()
	}
	return nil
}

// await waits for the end of a step and says how it failed, "" where it did not.
func (t *taking) await(cmd *exec.Cmd) (how string) {
	limit := t.step.Timeout
	if limit <= 0 {
		limit = stepTimeout
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return ended(err)
	case <-timer.C:
		how = fmt.Sprintf("took longer than %s and was stopped", phrase.InWords(limit))
	case <-t.stop.ctx.Done():
		how = "was interrupted"
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return how + " (" + err.Error() + ")"
		}
		select {
		case <-done:
			return how
		case <-time.After(stepKill):
		}
	}
	return how + ", and did not end"
}

// ended says how a process failed, "" where it did not.
func ended(err error) string {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &exit):
		return "could not be waited for: " + err.Error()
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Sprintf("was ended by signal %d (%s)", int(status.Signal()), unix.SignalName(status.Signal()))
	}
	return fmt.Sprintf("exited %d", exit.ExitCode())
}

// notStarted says why a program did not start.
func notStarted(program string, err error) string {
	name := phrase.Name(program)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "the server has no program " + name + " in its PATH"
	case errors.Is(err, fs.ErrNotExist):
		return name + " does not exist, or its interpreter does not"
	case errors.Is(err, fs.ErrPermission):
		return name + " has no execute permission"
	case errors.Is(err, syscall.ENOEXEC):
		return name + " is not a program and has no #! line like #!/bin/sh"
	}
	return err.Error()
}

// fault is the error of a step, whose last output becomes a diagnostic.
func (t *taking) fault(how string) error {
	what := t.label + " " + how
	severity := workflow.SeverityError
	if t.step.At == workflow.AfterApply {
		severity = workflow.SeverityWarning
	}
	fmt.Fprintf(t.redact, "\n%s\n", phrase.Sentence(what))
	t.stepFaults = append(t.stepFaults, workflow.Diagnostic{Severity: severity, Summary: what, Detail: t.lastLines()})
	return errors.New(what)
}

// set makes the first line of a step's output a variable of all that follows, masked from now on.
func (t *taking) set() error {
	line, _, _ := bytes.Cut(t.value.data, []byte("\n"))
	value := strings.TrimRight(string(line), "\r")
	given := Secrets{Env: map[string]string{t.step.Set: value}}
	switch {
	case EnvFault(t.deps.Engines.Kinds(), t.step.Set) != "":
		return t.fault("may not set " + t.step.Set)
	case value == "":
		return t.fault("printed no value for " + t.step.Set)
	case len(line) >= stepValue:
		return t.fault(fmt.Sprintf("printed a line of more than %d KB for %s", stepValue>>10, t.step.Set))
	case strings.ContainsRune(value, 0):
		return t.fault("printed a NUL byte for " + t.step.Set)
	case len(value) < secret.Least && !plainEnv[t.step.Set]:
		return t.fault(fmt.Sprintf("printed fewer than %d bytes for %s, too few to hide them everywhere", secret.Least, t.step.Set))
	}
	values, wholes := given.values()
	for _, r := range []*secret.Redactor{t.redact, t.given} {
		r.Hide(values...)
		r.HideWhole(wholes...)
	}
	if err := os.Setenv(t.step.Set, value); err != nil {
		return t.fault("could not set " + t.step.Set)
	}
	fmt.Fprintf(t.redact, "%s is set.\n%s", t.step.Set, given.unread())
	return nil
}

// streams are the ends of a step's output that we hold.
type streams struct {
	theirs, ours []*os.File
	to           []io.Writer
	group        sync.WaitGroup
}

// connect gives a step its output: the log, or, of one that sets a variable, nobody's eyes.
func (t *taking) connect(cmd *exec.Cmd) (*streams, error) {
	s := &streams{}
	t.mask = t.redact.Fork(&t.tail)
	out, err := s.pipe(io.MultiWriter(t.redact, t.mask)) // neither ever returns an error
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = out, out
	if t.step.Set == "" {
		return s, nil
	}
	s.to[0] = t.mask // what it says of its trouble is shown where it fails
	t.value.first = true
	if cmd.Stdout, err = s.pipe(&t.value); err != nil {
		s.wait(0)
	}
	return s, err
}

func (s *streams) pipe(to io.Writer) (*os.File, error) {
	ours, theirs, err := os.Pipe()
	if err == nil {
		s.ours, s.theirs, s.to = append(s.ours, ours), append(s.theirs, theirs), append(s.to, to)
	}
	return theirs, err
}

// begin reads, once the step has its ends.
func (s *streams) begin() {
	for i, from := range s.ours {
		s.theirs[i].Close()
		s.group.Go(func() { _, _ = io.Copy(s.to[i], from) }) // a read fails where we closed it
	}
	s.theirs = nil
}

// wait waits until nobody writes any more, and reports false when that took too long.
func (s *streams) wait(most time.Duration) (all bool) {
	done := make(chan struct{})
	go func() {
		s.group.Wait()
		close(done)
	}()
	if most > 0 {
		select {
		case <-done:
			all = true
		case <-time.After(most):
		}
	}
	for _, f := range slices.Concat(s.theirs, s.ours) {
		f.Close()
	}
	<-done
	return all
}

// tail keeps the end of what is written, or its beginning.
type tail struct {
	first, cut bool
	data       []byte
}

func (t *tail) Write(p []byte) (int, error) {
	switch {
	case t.first:
		t.data = append(t.data, p[:min(len(p), stepValue-len(t.data))]...)
	case len(p) > stepTail:
		t.data, t.cut = append(t.data[:0], p[len(p)-stepTail:]...), true
	default:
		over := max(0, len(t.data)+len(p)-stepTail)
		t.cut = t.cut || over > 0
		t.data = append(t.data[:copy(t.data, t.data[over:])], p...)
	}
	return len(p), nil
}

var colours = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

// lastLines are the last lines that a step printed, without colours. What one that sets a variable
// printed as its value is hidden in them, also where that came to nothing.
func (t *taking) lastLines() string {
	if t.mask == nil {
		return ""
	}
	_ = t.mask.Close() // its writer never returns an error
	text := strings.TrimRight(colours.ReplaceAllString(string(t.tail.data), ""), "\r\n")
	lines := strings.Split(text, "\n")
	if t.tail.cut && len(lines) > 1 {
		lines = lines[1:] // the rest of one
	}
	lines = strings.Split(phrase.OnlyText(strings.Join(lines, "\n")), "\n")
	text = strings.Join(lines[max(0, len(lines)-stepLines):], "\n")
	return secret.NewRedactor(nil, strings.Split(string(t.value.data), "\n")...).Redact(text)
}
