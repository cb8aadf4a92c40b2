package run_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// The test binary is its own runner: the launcher starts it as "TEST runner DIR".
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "runner" {
		os.Exit(run.Main(os.Args[2], run.Deps{Engines: testEngines, Export: export}))
	}
	if len(os.Args) == 4 && os.Args[1] == "git-credential" {
		if err := run.Helper(os.Args[2], os.Args[3], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 3 && os.Args[1] == "launcher" {
		os.Exit(launchAndWait(os.Args[2]))
	}
	if len(os.Args) == 3 && os.Args[1] == "plainrunner" {
		os.Exit(run.MainPlain(os.Args[2], run.Deps{Engines: testEngines, Export: export}))
	}
	os.Exit(withPlainRunner(m))
}

// plainRunner is a program whose runners supervise as where nobody can adopt what a tool leaves.
var plainRunner string

func withPlainRunner(m *testing.M) int {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "plain-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	plainRunner = filepath.Join(dir, "runner") // written before anything is forked, which would hold it open
	if err := os.WriteFile(plainRunner, []byte("#!/bin/sh\nexec '"+self+"' plainrunner \"$2\"\n"), 0o700); err != nil {
		panic(err)
	}
	return m.Run()
}

// testEngines are Terraform's and the shell's.
var testEngines = workflow.Engines{terraform.New(terraform.Options{}), shellEngine{}}

// shellEngine is an engine whose tools are shell scripts of the workspace: init
// and plan. It starts them as terraform-exec does: it reads their output to its
// end before it waits for them.
type shellEngine struct{}

func (shellEngine) Kind() workflow.Kind {
	return workflow.Kind{Name: "shell", Title: "shell", Rescue: []string{"errored.tfstate"},
		Env: func(workflow.RunFiles, json.RawMessage) []string {
			return []string{"TF_DATA_DIR=.terraform", "TF_IN_AUTOMATION=1"}
		}}
}

func (shellEngine) Discover(context.Context, workflow.Tree) (workflow.Discovery, error) {
	return workflow.Discovery{}, nil
}

func (shellEngine) States(context.Context, workflow.Tree, workflow.Discovery, workflow.Project) (workflow.States, error) {
	return nil, nil
}

func (shellEngine) Inputs(context.Context, workflow.Tree, workflow.Discovery, workflow.Project) (workflow.Inputs, error) {
	return workflow.Inputs{}, nil
}

// Apply runs the workspace's script "apply" with the saved plan and the seal as its arguments.
func (shellEngine) Apply(ctx context.Context, job workflow.ApplyJob) (workflow.Result, error) {
	for _, point := range []workflow.Point{workflow.BeforeInit, workflow.BeforePlan, workflow.BeforeApply} {
		if err := at(ctx, job.At, point, nil); err != nil {
			return workflow.Result{Outcome: workflow.OutcomeFailed, NotStarted: true, Reason: err.Error()}, nil
		}
	}
	if err := job.Ready(ctx, workflow.StateVersion{ID: "l", Version: "7"}); err != nil {
		return workflow.Result{Outcome: workflow.OutcomeFailed, NotStarted: true, Reason: err.Error()}, nil
	}
	if err := shell(workflow.PlanJob{Files: job.Files, Log: job.Log}, "apply"); err != nil {
		return workflow.Result{Outcome: workflow.OutcomeFailed, Reason: "apply: " + err.Error()}, nil
	}
	return workflow.Result{Outcome: workflow.OutcomeSucceeded, Done: 1, Total: 1}, nil
}

// at takes a server's steps, where there are any.
func at(ctx context.Context, take func(context.Context, workflow.Point, []byte) error, point workflow.Point, plan []byte) error {
	if take == nil {
		return nil
	}
	return take(ctx, point, plan)
}

func (shellEngine) Plan(ctx context.Context, job workflow.PlanJob) (workflow.Result, error) {
	if err := at(ctx, job.At, workflow.BeforeInit, nil); err != nil {
		return workflow.Result{Outcome: workflow.OutcomeFailed, Reason: err.Error()}, nil
	}
	err := job.Fetch(func() error { return shell(job, "init") })
	if denied := new(workflow.Denied); errors.As(err, &denied) {
		return workflow.Result{Outcome: workflow.OutcomeFailed, Passing: denied.Passing, Reason: denied.Why}, nil
	}
	if err != nil {
		return workflow.Result{Outcome: workflow.OutcomeFailed, Reason: "init: " + err.Error()}, nil
	}
	if err := job.Ready(ctx); err != nil {
		return workflow.Result{Outcome: workflow.OutcomeFailed, NotStarted: true, Reason: err.Error()}, nil
	}
	switch job.Options.Targets[0] { // what is wrong with the runner itself
	case "panic":
		panic("sesame-open in a panic")
	case "exit":
		os.Exit(3)
	case "crash":
		var deep func(int) int
		deep = func(n int) int { return deep(n+1) + 1 }
		deep(0)
	case "whole":
		if err := job.Whole(ctx); err != nil {
			return workflow.Result{}, err
		}
	case "late":
		fmt.Fprintln(job.Log, "early: late-known-value")
		job.Log.(interface{ Hide(...string) }).Hide("late-known-value")
	}
	if err := os.WriteFile(filepath.Join(job.Files.Out, "plan"), []byte("saved plan"), 0o600); err != nil {
		return workflow.Result{}, err
	}
	if err := at(ctx, job.At, workflow.BeforePlan, nil); err != nil {
		return workflow.Result{Outcome: workflow.OutcomeFailed, Reason: err.Error()}, nil
	}
	err = shell(job, "plan")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 75 {
		return workflow.Result{Outcome: workflow.OutcomeFailed, Passing: true, Reason: "The state lock is held."}, nil
	}
	if err != nil {
		return workflow.Result{Outcome: workflow.OutcomeFailed, Reason: "plan: " + err.Error(),
			Diagnostics: []workflow.Diagnostic{{Severity: workflow.SeverityError, Summary: "secret was " + os.Getenv("TF_VAR_token")}}}, nil
	}
	if job.Keep != nil {
		if err := job.Keep(ctx, workflow.Kept{Files: []string{"plan"}, Seal: []byte("{}")}); err != nil {
			return workflow.Result{}, err
		}
	}
	if err := at(ctx, job.At, workflow.AfterPlan, []byte(`{"secret": "in-the-plan"}`)); err != nil {
		return workflow.Result{Outcome: workflow.OutcomeFailed, Reason: err.Error()}, nil
	}
	return workflow.Result{Outcome: workflow.OutcomeSucceeded, Plan: &workflow.Plan{ChangesHash: fmt.Sprintf("%x", job.Key), Hidden: job.Hidden}}, nil
}

func shell(job workflow.PlanJob, script string) error {
	cmd := exec.Command("sh", filepath.Join(job.Files.Workspace, script))
	cmd.Dir = job.Files.Workspace
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := out.Read(buf)
		if _, err := job.Log.Write(buf[:n]); err != nil {
			return err
		}
		if err != nil {
			break
		}
	}
	return cmd.Wait()
}

// export writes a workspace from a directory of files: the "mirror" of these tests.
func export(ctx context.Context, s run.ExportSpec) ([]string, error) {
	if _, err := os.Stat(filepath.Join(s.GitDir, "slow-export")); err == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if _, err := os.Stat(filepath.Join(s.GitDir, "refused")); err == nil {
		return nil, errors.New("The symlink out leaves the tree.") // a sentence for people
	}
	if err := os.CopyFS(s.Dir, os.DirFS(s.GitDir)); err != nil {
		return nil, err
	}
	if len(s.Paths) > 0 {
		return []string{"part"}, os.Remove(filepath.Join(s.Dir, "far"))
	}
	return []string{"removed terraform.d"}, nil
}

// patience is how long a test waits for what must come, and what a run may take unless its test says something else. It only
// decides how soon a test fails: with the race detector on a busy machine, everything takes long.
const patience = 8 * time.Minute

// trial is one run that a test launches.
type trial struct {
	launcher run.Launcher
	job      run.Job
	secrets  run.Secrets
}

// newTrial makes a run whose plan is the script. Files are further files of its tree.
func newTrial(t testing.TB, plan string, tree ...string) *trial {
	t.Helper()
	mirror := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(mirror, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("init", "")
	write("plan", plan)
	for i := 0; i < len(tree); i += 2 {
		write(tree[i], tree[i+1])
	}
	return &trial{
		launcher: run.Launcher{Runs: filepath.Join(t.TempDir(), "runs"), Engines: testEngines},
		job: run.Job{GitDir: mirror, PlanTimeout: patience, Ladder: run.Ladder{Again: 2 * time.Second, Kill: 2 * time.Second},
			Run: workflow.Run{ID: workflow.NewID(time.Now()), Epoch: 1, Project: workflow.Project{Dir: ".", Engine: "shell"}, Options: workflow.PlanOptions{Targets: []string{"-"}}}},
	}
}

func (tr *trial) start(t *testing.T) *run.Process {
	t.Helper()
	p, err := tr.launcher.Start(t.Context(), tr.job, tr.secrets)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run carries the trial out.
func (tr *trial) run(t *testing.T) (workflow.Result, *run.Process) {
	t.Helper()
	p := tr.start(t)
	if err := p.Handshake(nil); err != nil {
		t.Fatal(err)
	}
	return p.Wait(), p
}

func read(t *testing.T, p *run.Process, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(p.Dir(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// await returns when the run's log holds the text.
func await(t *testing.T, p *run.Process, text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		data, err := os.ReadFile(filepath.Join(p.Dir(), "log"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(text)) {
			return
		}
	}
	t.Fatalf("the log never said %q", text)
}

// ours is the number of this process, as long for each: none is the beginning of another.
var ours = fmt.Sprintf("%08d", os.Getpid())

// marker is a long time to sleep that only processes of this test have in their arguments.
func marker(n int) string { return fmt.Sprintf("9876%d.%s", n, ours) }

// gone fails the test when a process with this marker in its arguments lives.
func gone(t *testing.T, marker string) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if data, err := os.ReadFile(name); err == nil && bytes.Contains(data, []byte(marker)) {
			t.Errorf("process %s is left: %q", name, data)
		}
	}
}

func TestSucceeds(t *testing.T) {
	tr := newTrial(t, `echo planning; pwd; ls; env | cut -d= -f1 | sort`)
	tr.secrets = run.Secrets{Key: []byte("0123456789abcdef0123456789abcdef"), Env: map[string]string{"TF_VAR_token": "sesame-open", "PATH": "/evil", "TF_CLI_ARGS": "-destroy"}}
	t.Setenv("CARDEA_GITHUB_PRIVATE_KEY", "canary")
	res, p := tr.run(t)
	if res.Outcome != workflow.OutcomeSucceeded || res.NotStarted || res.Run != tr.job.Run.ID || res.Epoch != 1 {
		t.Fatalf("got %+v, want a success", res)
	}
	if got, want := res.Plan.ChangesHash, fmt.Sprintf("%x", tr.secrets.Key); got != want {
		t.Errorf("key: got %s, want %s", got, want)
	}
	if got := res.Plan.Notes; len(got) != 1 || got[0] != "removed terraform.d" {
		t.Errorf("notes: got %q", got)
	}
	log := read(t, p, "log")
	want := "planning\n" + filepath.Join(p.Dir(), "work") + "\ninit\nplan\n"
	names, ok := strings.CutPrefix(log, want)
	if !ok {
		t.Errorf("log: got %q, want it to begin with %q", log, want)
	}
	for name := range strings.Lines(names) {
		switch name = strings.TrimSpace(name); name {
		case "PATH", "LANG", "TZ", "HOME", "TMPDIR", "TF_DATA_DIR", "TF_IN_AUTOMATION", "TF_VAR_token", "PWD", "OLDPWD", "_", "SHLVL", "SSL_CERT_FILE", "SSL_CERT_DIR":
		default:
			if !strings.HasPrefix(name, "LC_") && !strings.HasSuffix(strings.ToLower(name), "_proxy") {
				t.Errorf("the tools' environment has %s", name)
			}
		}
	}
	for _, name := range []string{"work", "home", "tmp", "plan"} {
		if _, err := os.Stat(filepath.Join(p.Dir(), name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
	if _, err := tr.launcher.Start(t.Context(), tr.job, tr.secrets); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a run's directory was used twice: %v", err)
	}
}

// Nothing secret is in anything that the server or another process can see of a run.
func TestSecretsAreNowhere(t *testing.T) {
	tr := newTrial(t, `echo "token is $TF_VAR_token"; printf sesame-; sleep 0.1; echo open; printf 'sesame-open' | base64
cat /proc/$PPID/environ /proc/$PPID/cmdline | tr '\0' '\n'; echo shown; while [ ! -e go ]; do sleep 0.02; done; exit 1`)
	tr.secrets = run.Secrets{Env: map[string]string{"TF_VAR_token": "sesame-open"}, Redact: []string{"extra-value"}, Key: []byte("0123456789abcdef0123456789abcdef")}
	p := tr.start(t)
	if err := p.Handshake(nil); err != nil {
		t.Fatal(err)
	}
	await(t, p, "shown")
	look := func() {
		var all bytes.Buffer
		err := filepath.WalkDir(p.Dir(), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil // what ends meanwhile is looked at in the second look
			}
			data, err := os.ReadFile(name)
			all.Write(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"sesame-", "c2VzYW1lLW9wZW", "extra-value", "0123456789abcdef"} {
			// The script itself holds the first.
			if got := strings.ReplaceAll(strings.ReplaceAll(all.String(), "printf sesame-", ""), "printf 'sesame-open'", ""); strings.Contains(got, secret) {
				t.Errorf("%q is in the run's files:\n%s", secret, got)
			}
		}
	}
	look()
	var who struct {
		PID int `json:"pid"`
	}
	if err := json.Unmarshal([]byte(read(t, p, "runner.json")), &who); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"environ", "cmdline"} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", who.PID, name))
		if err != nil && !errors.Is(err, fs.ErrPermission) { // better still
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("sesame")) {
			t.Errorf("the runner's %s holds the secret: %q", name, data)
		}
	}
	if err := os.WriteFile(filepath.Join(p.Dir(), "work", "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	res := p.Wait()
	look()
	if got, want := res.Diagnostics[0].Summary, "secret was ***"; got != want {
		t.Errorf("diagnostic: got %q, want %q", got, want)
	}
}
