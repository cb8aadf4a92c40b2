package terraform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/terraform-exec/tfexec"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/planjson"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// Plan carries out one plan run: tool, init, lock-file policy, Terraform
// workspace, job.Ready, plan, show. It is called in the runner's process, on
// its main thread, whose environment holds Env and nothing that must not reach
// terraform. ctx never reaches terraform: an interrupt is a signal that the
// runner sends; a ctx that is done only keeps the next step from starting.
func (e *Engine) Plan(ctx context.Context, job workflow.PlanJob) (workflow.Result, error) {
	if err := checkEnv(job.Files); err != nil {
		return workflow.Result{}, fmt.Errorf("planning %s: %w", job.Project.Name, err)
	}
	if job.Log == nil {
		job.Log = io.Discard
	}
	p := &planning{engine: e, ctx: ctx, uncancelled: context.WithoutCancel(ctx), job: job, output: newOutput(job.Log, job.Project.Dir),
		dir: filepath.Join(job.Files.Workspace, filepath.FromSlash(job.Project.Dir))}
	defer os.Remove(p.saved()) // it holds secrets, and Keep has it encrypted; a file that is not there is fine
	err := p.run()
	var f *failure
	if errors.As(err, &f) {
		return workflow.Result{Outcome: workflow.OutcomeFailed, NotStarted: f.notStarted, Passing: f.passing, Reason: f.reason,
			Diagnostics: f.diagnostics, Whole: p.whole}, nil
	}
	if err != nil {
		return workflow.Result{}, fmt.Errorf("planning %s: %w", job.Project.Name, err)
	}
	return workflow.Result{Outcome: workflow.OutcomeSucceeded, Plan: p.plan, Whole: p.whole}, nil
}

// failure is what goes wrong with the project: it ends in the Result.
type failure struct {
	reason      string // a sentence
	passing     bool
	notStarted  bool
	diagnostics []workflow.Diagnostic
	outage      *outage // that reason is about
}

func (f *failure) Error() string { return f.reason }

func failed(format string, args ...any) error { return &failure{reason: fmt.Sprintf(format, args...)} }

// planning is one run.
type planning struct {
	engine      *Engine
	ctx         context.Context
	uncancelled context.Context
	job         workflow.PlanJob
	settings    tfconfig.Settings // of the project
	dir         string            // where terraform runs
	expected    tfconfig.Expected // of the job
	server      Server            // of the job
	tool        tool
	tf          *tfexec.Terraform // one a run
	output      *output
	notes       []string
	whole       bool
	plan        *workflow.Plan
	shown       []byte  // the plan's JSON, until the steps after it have it
	tree        listing // the workspace as it was exported, with nothing that tools made
	said        map[string]bool
	before      listing // the workspace before the plan
	made, gone  []string
	fetched     workflow.Fetched // by init
	hasFetched  bool             // all that needs secrets
	came        func() error     // keeps the providers that an init has fetched; nil where it fetches none
	unlocked    []string         // the providers among it that no committed lock file holds
}

// savedPlan is the name of terraform's saved plan among what is kept.
const savedPlan = "plan"

// saved is where the saved plan is.
func (p *planning) saved() string { return filepath.Join(p.job.Files.Out, savedPlan) }

func (p *planning) run() error {
	if !filepath.IsLocal(filepath.FromSlash(p.job.Project.Dir)) {
		return failed("The directory `%s` is outside of the repository.", p.job.Project.Dir)
	}
	if info, err := os.Stat(p.dir); err != nil || !info.IsDir() {
		return failed("The directory `%s` does not exist.", p.job.Project.Dir)
	}
	if err := p.readWords(); err != nil {
		return err
	}
	if err := errors.Join(p.freshData(), p.writeCLIConfig(mirrorOnly(p.server.Providers))); err != nil {
		return err
	}
	var err error
	if p.tool, err = findTool(p.ctx, p.request(), p.job.Project, p.dir); err != nil {
		return err
	}
	if p.tool.because != "" {
		p.notes = append(p.notes, fmt.Sprintf("Planned with %s %s, %s.", title(p.tool.name), p.tool.version, p.tool.because))
	}
	if err := errors.Join(p.giveVarFiles(), p.start()); err != nil {
		return err
	}
	steps := []func() error{p.sameTool, p.look, p.at(workflow.BeforeInit), p.varFilesOfInit, p.inPart(p.init), p.compare, p.selectWorkspace,
		p.ready, p.at(workflow.BeforePlan), p.varFiles, p.inPart(p.makePlan), p.wholeTree, p.inWords, p.keep, p.at(workflow.AfterPlan)}
	for _, step := range steps {
		if p.ctx.Err() != nil {
			return failed("It was interrupted.")
		}
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// readWords reads what the job says in our own words.
func (p *planning) readWords() (err error) {
	if p.settings, err = tfconfig.SettingsOf(p.job.Project); err != nil {
		return err
	}
	if p.expected, err = tfconfig.ReadExpected(p.job.Expected); err != nil {
		return err
	}
	p.server, err = readServer(p.job.Server)
	return err
}

// request is which tool the run wants, as far as the server says.
func (p *planning) request() toolRequest {
	return toolRequest{options: p.engine.options, tools: p.server.Tools, expected: p.expected, scratch: p.job.Files.Tmp, log: p.output.note}
}

// start makes the one terraform-exec value of the run, with the version known:
// terraform-exec would ask for it in the middle of init's log.
func (p *planning) start() error {
	for {
		var err error
		if p.tf, err = tfexec.NewTerraform(p.dir, p.tool.exec); err != nil {
			return err
		}
		_, _, err = p.tf.Version(p.uncancelled, false)
		if err == nil || p.tool.exec == p.tool.path {
			return err
		}
		p.tool.exec = p.tool.path // the shim cannot run here (a noexec mount): the program itself
	}
}

// step runs one terraform command with its output in the log.
func (p *planning) step(heading string, command func() error) error {
	p.output.begin(p.tool.name + " " + heading)
	p.tf.SetStdout(p.output.out())
	p.tf.SetStderr(p.output.err())
	defer p.tf.SetStdout(io.Discard)
	defer p.tf.SetStderr(io.Discard)
	return command()
}

// messages runs one terraform command that prints messages for machines: they stand in the log
// as people know them.
func (p *planning) messages(heading string, command func(io.Writer) error) error {
	p.output.begin(p.tool.name + " " + heading)
	lines := &messages{output: p.output}
	p.tf.SetStderr(p.output.err())
	defer lines.close()
	defer p.tf.SetStdout(io.Discard)
	defer p.tf.SetStderr(io.Discard)
	return command(lines)
}

// ready is the border between preparation and work.
func (p *planning) ready() error {
	if p.job.Ready == nil {
		return nil
	}
	if err := p.job.Ready(p.ctx); err != nil {
		return &failure{reason: "The plan did not start: " + err.Error() + ".", notStarted: true}
	}
	return nil
}

// selectWorkspace chooses the Terraform workspace with terraform itself: a
// .terraform/environment written by us would silently plan "default" where the
// workspace does not exist.
func (p *planning) selectWorkspace() error {
	name := p.job.Project.VariantOrDefault()
	if name == workflow.DefaultVariant {
		return nil // the data directory is fresh
	}
	if strings.HasPrefix(name, "-") {
		return failed("The Terraform workspace name %q is not valid: it begins with a dash.", name) // it would be read as an option
	}
	err := p.step("workspace select "+name, func() error { return p.tf.WorkspaceSelect(p.uncancelled, name) })
	if err == nil {
		return nil
	}
	fault := p.commandFailed("workspace select", err)
	if known, _, err := p.tf.WorkspaceList(p.uncancelled); err != nil || slices.Contains(known, name) {
		return fault
	}
	if !p.server.CreateWorkspace {
		return failed("The Terraform workspace %q does not exist. %s", name, p.server.makeWorkspace(p.tool.name, name))
	}
	err = p.step("workspace new "+name, func() error { return p.tf.WorkspaceNew(p.uncancelled, name) })
	if err != nil {
		return p.commandFailed("workspace new", err)
	}
	p.notes = append(p.notes, fmt.Sprintf("The Terraform workspace %q did not exist and was created.", name))
	return nil
}

// makePlan runs plan and reads the saved plan. Exit 0 and 2 alone prove
// nothing: terraform exits 2 on some crashes too.
func (p *planning) makePlan() error {
	if err := os.Remove(p.saved()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var changes bool
	read := refreshing{tell: p.job.Progress}
	p.output.told = read.told
	err := p.messages("plan", func(w io.Writer) (err error) {
		changes, err = p.tf.PlanJSON(p.uncancelled, w, p.planOptions()...)
		return err
	})
	p.output.told = nil
	read.end()
	if err != nil {
		return p.commandFailed("plan", err)
	}
	if info, err := os.Stat(p.saved()); err != nil || info.Size() == 0 {
		return p.died("left no saved plan although it exited " + map[bool]string{true: "2", false: "0"}[changes])
	}
	warnings := p.output.warnings()
	raw, err := p.show()
	if err != nil {
		return err
	}
	var from workflow.StateVersion
	if prior, err := savedState(p.saved()); err == nil { // a plan that says nothing of its state cannot be kept
		from = prior.StateVersion
	}
	plan, secrets, err := planjson.Read(planjson.Input{Raw: raw, ExitChanges: changes, RepoID: p.job.RepoID, Key: p.job.Key, Project: p.job.Project,
		Options: p.job.Options, States: p.job.States, InputsDigest: p.job.InputsDigest, Tool: p.tool.name,
		ToolVersion: p.tool.version.String(), BaseProviders: p.job.BaseKnown, Hidden: p.job.Hidden, Written: p.written(),
		Fetched: p.fetched, Unlocked: p.unlocked, Warnings: warnings, State: from, Redact: p.job.Redact, Now: time.Now()})
	p.hide(secrets)
	if err != nil {
		return failed("The saved plan cannot be trusted: %s.", err)
	}
	plan.Notes = append(plan.Notes, p.notes...)
	p.plan = plan
	p.noteTuning()
	if p.job.At != nil {
		p.shown = raw
	}
	return nil
}

// hide tells the runner's redactor of secrets: the log and the result pass through it.
func (p *planning) hide(secrets []string) {
	if r, ok := p.job.Log.(interface{ Hide(values ...string) }); ok {
		r.Hide(secrets...)
	}
}

func (p *planning) planOptions() []tfexec.PlanOption {
	out := []tfexec.PlanOption{tfexec.Out(p.saved())}
	for _, f := range p.settings.VarFiles {
		out = append(out, tfexec.VarFile(f))
	}
	for _, t := range p.job.Options.Targets {
		out = append(out, tfexec.Target(t))
	}
	for _, r := range p.job.Options.Replaces {
		out = append(out, tfexec.Replace(r))
	}
	if p.job.Options.Destroy {
		out = append(out, tfexec.Destroy(true))
	}
	if p.job.Options.RefreshOnly {
		out = append(out, tfexec.RefreshOnly(true))
	}
	return append(out, p.planTuning()...)
}

// show returns the saved plan as JSON, exactly as printed: terraform-exec only
// returns a decoded form, but it tees what it decodes. The log gets none of it,
// for it holds every secret of the plan. terraform-exec's opinion of the JSON
// does not count; planjson's does.
func (p *planning) show() ([]byte, error) {
	var raw bytes.Buffer
	p.output.begin(p.tool.name + " show -json")
	p.tf.SetStdout(&raw)
	p.tf.SetStderr(p.output.errOnly())
	defer p.tf.SetStdout(io.Discard)
	defer p.tf.SetStderr(io.Discard)
	_, err := p.tf.ShowPlanFile(p.uncancelled, p.saved())
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, p.commandFailed("show", err)
	}
	if raw.Len() == 0 {
		return nil, p.died("printed nothing for its saved plan")
	}
	return raw.Bytes(), nil
}

// inWords puts the plan into the log as people know it: a plan that prints messages for machines
// does not. Of one without changes nothing more is to be seen.
func (p *planning) inWords() error {
	if p.plan.NoChanges && len(p.plan.Drift) == 0 {
		p.output.note("No changes. Your infrastructure matches the configuration.")
		return nil
	}
	err := p.step("show", func() error {
		_, err := p.tf.ShowPlanFileRaw(p.uncancelled, p.saved())
		return err
	})
	if err != nil {
		p.output.note("The plan's text could not be shown; its changes are on this run's page.")
	}
	return nil
}

// wholeTree makes the plan again in the whole tree when it does things that its
// changes do not show and that may use files the workspace does not hold.
func (p *planning) wholeTree() error {
	if len(p.plan.Hidden) == 0 || p.job.Whole == nil || p.whole {
		return nil
	}
	if err := p.complete("The plan has effects that its changes do not show: planning again with the whole tree."); err != nil {
		return err
	}
	return p.makePlan()
}

// inPart is a step that is taken again in the whole tree where it fails in a part
// of it: the part may lack what the step reads. What may pass by itself is not that.
func (p *planning) inPart(step func() error) func() error {
	return func() error {
		err := step()
		var f *failure
		if p.job.Whole == nil || p.whole || p.ctx.Err() != nil || !errors.As(err, &f) || f.passing {
			return err
		}
		if err := p.complete("The plan failed with only part of the tree in the workspace: trying again with the whole tree."); err != nil {
			return err
		}
		return step()
	}
}

// complete exports the rest of the tree into a workspace that holds a part of it.
func (p *planning) complete(why string) error {
	p.output.note(why)
	if err := p.collect(); err != nil {
		return err
	}
	if err := p.job.Whole(p.ctx); err != nil {
		return fmt.Errorf("exporting the whole tree: %w", err)
	}
	p.whole = true
	return p.look()
}

// commandFailed turns a failed command into what people should read.
func (p *planning) commandFailed(command string, err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("%s %s: %w", p.tool.name, command, err)
	}
	status, _ := exit.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return p.died(signalSentence(command, status.Signal()))
	}
	found := p.output.errors()
	f := &failure{diagnostics: found}
	lock, o := heldLock(found), outageOf(found)
	switch {
	case lock != "":
		f.reason, f.passing = lock, true
	case o != nil && (!o.misspelt || command == "init"):
		f.outage, f.passing = o, !o.misspelt
		f.reason = o.sentence(p.tool.name+" "+command) + p.server.wayOut(o, false)
	case len(found) == 0:
		return p.died(fmt.Sprintf("ended %s with exit status %d", command, exit.ExitCode()))
	default:
		f.reason = fmt.Sprintf("%s %s: %s", p.tool.name, command, summary(found))
	}
	return f
}

// summary is the first error with its place, and how many more there are.
func summary(found []workflow.Diagnostic) string {
	out := found[0].Summary
	if pos := found[0].Position; pos.File != "" {
		out += fmt.Sprintf(" (%s line %d)", pos.File, pos.Line)
	}
	switch n := len(found) - 1; n {
	case 0:
	case 1:
		out += ", and 1 more error"
	default:
		out += fmt.Sprintf(", and %d more errors", n)
	}
	return strings.TrimRight(out, ".") + "."
}

// died is the failure of a terraform that did not end as it should: how it
// died, and the first line it printed about it.
func (p *planning) died(how string) error {
	reason := p.tool.name + " " + how
	if line := p.output.lastWords(); line != "" {
		reason += ": " + line
	}
	return failed("%s.", strings.TrimRight(reason, "."))
}

func signalSentence(command string, s syscall.Signal) string {
	switch s {
	case syscall.SIGKILL:
		return "was killed during " + command + " (SIGKILL): most likely it ran out of memory"
	case syscall.SIGINT, syscall.SIGTERM:
		return "was interrupted during " + command
	}
	return fmt.Sprintf("was killed by signal %d (%s) during %s", int(s), s, command)
}

func platform() string { return runtime.GOOS + "_" + runtime.GOARCH }
