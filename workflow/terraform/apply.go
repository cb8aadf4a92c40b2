package terraform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/planjson"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// erroredState is where terraform leaves a state that it could not store, in its working directory.
const erroredState = "errored.tfstate"

// Apply applies one saved plan: tool, init, lock file and modules compared with
// those of the plan, Terraform workspace, state, job.Ready, apply. It is called
// as Plan is. Up to Ready a ctx that is done keeps the next step from starting;
// from then on only terraform itself ends the apply. What it ended with is
// OutcomeSucceeded or OutcomeFailed; OutcomeUnknown where terraform died.
func (e *Engine) Apply(ctx context.Context, job workflow.ApplyJob) (workflow.Result, error) {
	if err := checkEnv(job.Files); err != nil {
		return workflow.Result{}, fmt.Errorf("applying %s: %w", job.Project.Name, err)
	}
	if job.Log == nil {
		job.Log = io.Discard
	}
	a := &applying{order: job, planning: planning{engine: e, ctx: ctx, uncancelled: context.WithoutCancel(ctx),
		output: newOutput(job.Log, job.Project.Dir), dir: filepath.Join(job.Files.Workspace, filepath.FromSlash(job.Project.Dir)),
		job: workflow.PlanJob{Project: job.Project, Options: job.Options, Files: job.Files, Server: job.Server,
			RepoID: job.RepoID, Key: job.Key, States: job.States, Expected: job.Expected, Log: job.Log, Fetch: job.Fetch, FetchSecret: job.FetchSecret,
			At: job.At, Tuning: job.Tuning}}}
	err := a.run()
	res := workflow.Result{Outcome: workflow.OutcomeSucceeded}
	var f *failure
	switch {
	case errors.As(err, &f):
		res = workflow.Result{Outcome: workflow.OutcomeFailed, NotStarted: !a.began, Passing: f.passing && !a.began, Reason: f.reason, Diagnostics: f.diagnostics}
		if a.crashed {
			res.Outcome = workflow.OutcomeUnknown
		}
	case err != nil && a.began:
		res = workflow.Result{Outcome: workflow.OutcomeUnknown, Reason: "Because of an internal error in Cardea, the outcome of the apply is unknown: " + err.Error() + "."}
	case err != nil:
		return workflow.Result{}, fmt.Errorf("applying %s: %w", job.Project.Name, err)
	}
	if a.began {
		a.reckon(&res)
	}
	return res, nil
}

// applying is one apply run. Its steps up to the apply are those of a plan.
type applying struct {
	planning
	order     workflow.ApplyJob
	seal      seal
	before    state // what the plan was made from
	began     bool  // terraform apply was started
	crashed   bool  // it did not end by itself
	following *following
}

func (a *applying) run() error {
	if err := json.Unmarshal(a.order.Seal, &a.seal); err != nil {
		return fmt.Errorf("reading the plan's seal: %w", err)
	}
	if err := a.readWords(); err != nil {
		return err
	}
	if err := errors.Join(a.freshData(), a.writeCLIConfig(mirrorOnly(a.server.Providers))); err != nil {
		return err
	}
	for _, step := range []func() error{a.chooseTool, a.giveVarFiles, a.start, a.at(workflow.BeforeInit), a.varFilesOfInit, a.init, a.compare, a.selectWorkspace,
		a.at(workflow.BeforePlan), a.check, a.at(workflow.BeforeApply), a.ready, a.apply} {
		if a.ctx.Err() != nil && !a.began {
			return failed("It was interrupted.")
		}
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// chooseTool finds the very tool that planned: another version may do something else with the same plan.
func (a *applying) chooseTool() error {
	job, settings := a.job, a.settings
	settings.Tool, settings.Version = a.seal.Tool, a.seal.Version
	job.Project.Settings = settings.JSON()
	r := a.request()
	r.sealed, r.expected = true, tfconfig.Expected{} // what the repository wants of a version was heard when it was planned
	t, err := findTool(a.ctx, r, job.Project, a.dir)
	if err != nil {
		var f *failure
		if errors.As(err, &f) {
			return failed("The plan was made with %s %s, which is no longer available. %s", a.seal.Tool, a.seal.Version, f.reason)
		}
		return err
	}
	a.tool = t
	return a.sameTool()
}

// init puts the plan's lock file in place, runs init, and compares what init
// chose and fetched with what the plan was made from.
func (a *applying) init() error {
	lock := filepath.Join(a.dir, tfconfig.LockFile)
	committed, err := a.readLockFile()
	if err != nil {
		return err
	}
	switch {
	case committed == nil && a.seal.LockFile != nil:
		if err := os.WriteFile(lock, a.seal.LockFile, 0o600); err != nil {
			return err
		}
	case !bytes.Equal(committed, a.seal.LockFile):
		return failed("`%s` is not the one that the plan was made with. Plan again.", a.relative(tfconfig.LockFile))
	}
	if err := a.initProviders(); err != nil {
		return err
	}
	after, err := a.readLockFile()
	if err != nil {
		return err
	}
	if !bytes.Equal(after, a.seal.LockFile) {
		return failed("%s init would now use other providers than the plan did (%s). Plan again.", a.tool.name, lockDifference(a.seal.LockFile, after))
	}
	if err := a.lookFetched(); err != nil {
		return err
	}
	if why := a.fetched.Differs(a.seal.Fetched); why != "" {
		return failed("What init fetched differs from what the plan was made with: %s. Plan again, and pin modules to versions that cannot change.", why)
	}
	return nil
}

// check reads the saved plan once more: it must be the one that was approved.
func (a *applying) check() error {
	raw, err := a.show()
	if err != nil {
		return err
	}
	plan, secrets, err := planjson.Read(planjson.Input{Raw: raw, ExitChanges: true, RepoID: a.job.RepoID,
		Key: a.job.Key, Project: a.job.Project, Options: a.job.Options, States: a.job.States, Tool: a.tool.name,
		ToolVersion: a.tool.version.String(), Now: time.Now(), Written: planjson.Written{Says: a.says}})
	a.hide(secrets)
	if err != nil {
		return failed("The saved plan cannot be trusted: %s.", err)
	}
	given, err := fromEnvironment(raw)
	if err != nil {
		return err
	}
	a.hide(given)
	if plan.Fingerprint != a.order.Fingerprint {
		return failed("The saved plan is not the one that was approved: its fingerprint differs. Plan again.")
	}
	a.plan = plan
	if a.before, err = savedState(a.saved()); err != nil {
		return failed("The saved plan does not say which state it was made from. Plan again.")
	}
	return nil
}

// ready says which state there is now, and waits for the word. A state that
// moved refuses the apply even where the word came: terraform itself looks only
// where the backend keeps serials.
func (a *applying) ready() error {
	now, err := a.pull()
	if err != nil {
		return err
	}
	if a.order.Ready != nil {
		if err := a.order.Ready(a.ctx, now.StateVersion); err != nil {
			return &failure{reason: "The apply did not start: " + err.Error() + "."}
		}
	}
	if !now.Same(a.order.State) || !now.Same(a.before.StateVersion) {
		return failed("The state has changed since the plan was made (%s, now %s). Plan again.", a.order.State.Version.Words(), now.Version.Text())
	}
	if err := os.Remove(a.errored()); err != nil && !errors.Is(err, os.ErrNotExist) { // one that a plan made is none
		return err
	}
	return nil
}

func (a *applying) errored() string { return filepath.Join(a.dir, erroredState) }

// pull reads the state as it is stored now.
func (a *applying) pull() (state, error) {
	a.output.begin(a.tool.name + " state pull")
	a.tf.SetStderr(a.output.err())
	defer a.tf.SetStderr(io.Discard)
	out, err := a.tf.StatePull(a.uncancelled) // a state holds secrets: none of it goes to the log
	if err != nil {
		return state{}, a.commandFailed("state pull", err)
	}
	s, err := parseState([]byte(out))
	if err != nil {
		return s, failed("The state cannot be used: %s.", err)
	}
	return s, nil
}

// apply is the one command for which all this is made.
func (a *applying) apply() error {
	a.began = true
	a.following = follow(a.plan.Changes, a.order.Progress)
	a.following.begin()
	a.output.told = a.following.told
	err := a.messages("apply", func(w io.Writer) error { return a.tf.ApplyJSON(a.uncancelled, w, a.applyOptions()...) })
	a.output.told = nil
	if err == nil {
		return nil
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status, _ := exit.Sys().(syscall.WaitStatus)
		a.crashed = status.Signaled() || exit.ExitCode() != 1 // apply exits 0 or 1; all else is a crash
	}
	if stale(a.output.errors()) {
		return failed("Saved plan is stale: the state has changed since the plan was made. Nothing was applied. Plan again.")
	}
	return a.commandFailed("apply", err)
}

// reckon says how much was carried out: of a failed apply what the state shows.
// That it cannot be read is no fault of the apply, and is said: then nothing is
// said of how much was done.
func (a *applying) reckon(res *workflow.Result) {
	if res.Outcome == workflow.OutcomeSucceeded { // a fresh plan verifies it
		_, res.Total = carriedOut(a.plan.Changes, a.before, a.before)
		res.Done, res.Progress = res.Total, a.following.end(true, nil, nil)
		return
	}
	after, err := a.pull()
	if err != nil {
		after, err = a.pull() // what interrupted the apply may have interrupted this
	}
	if kept, broken := readRegular(a.errored()); broken == nil { // what was done is in the state that could not be stored
		after, err = parseState(kept)
	}
	if err != nil {
		res.Diagnostics = append(res.Diagnostics, workflow.Diagnostic{Severity: workflow.SeverityWarning,
			Summary: "The state could not be read after the apply", Detail: phrase.Sentence(err.Error())})
		res.Progress = a.following.end(false, res.Diagnostics, nil)
		return
	}
	res.Progress = a.following.end(false, res.Diagnostics, func(c workflow.Change) bool { return isDone(c, a.before, after) })
	res.Done, res.Total = carriedOut(a.plan.Changes, a.before, after)
	if res.Outcome == workflow.OutcomeUnknown { // a tool that was killed may not have stored what it had done
		res.Done = 0
		for _, p := range res.Progress {
			if p.State == workflow.ProgressSucceeded {
				res.Done++
			}
		}
	}
}
