package run_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
)

// makes is what a step leaves: a decrypted file in the workspace, one in HOME, one in TMPDIR. None of it says the word itself.
const makes = `c=canary-of; printf 'x = "%s-steps"\n' $c > secrets.auto.tfvars; mkdir -p "$HOME/.cache/d" && printf '%s-steps' $c > "$HOME/.cache/d/x"; printf '%s-steps' $c > "$TMPDIR/y"; chmod 500 "$HOME/.cache/d"; echo made`

// making is a workflow whose steps make files before the plan and before the apply.
func making() *workflow.Workflow {
	return &workflow.Workflow{Name: "w", Steps: []workflow.Step{script(workflow.BeforePlan, makes), script(workflow.BeforeApply, makes)}}
}

// made fails the test unless the step's files are there: else what follows looks at nothing.
func made(t *testing.T, dir string) {
	t.Helper()
	work, _ := filepath.Glob(filepath.Join(dir, "work", "secrets.auto.tfvars"))
	below, _ := filepath.Glob(filepath.Join(dir, "work", "a", "secrets.auto.tfvars"))
	home, _ := filepath.Glob(filepath.Join(dir, "home", ".cache", "d", "x"))
	if len(work)+len(below) != 1 || len(home) != 1 || len(tmps(t, dir)) != 1 {
		t.Fatalf("made: %q, %q, %q, %q", work, below, home, tmps(t, dir))
	}
}

// tmps are the TMPDIR of a run, wherever it is.
func tmps(t *testing.T, dir string) []string {
	t.Helper()
	here, err := filepath.Glob(filepath.Join(dir, "tmp"))
	there, e := filepath.Glob("/tmp/cardea-" + filepath.Base(dir) + "-*")
	if err := errors.Join(err, e); err != nil {
		t.Fatal(err)
	}
	return append(here, there...)
}

// goneWith fails the test where a file of a run, or its TMPDIR, is left.
func goneWith(t *testing.T, dir string) {
	t.Helper()
	if left := tmps(t, dir); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
	nowhere(t, filepath.Dir(filepath.Dir(dir)), "canary-of-")
}

// TestFilesGo: what steps made goes with its run, however that ends.
func TestFilesGo(t *testing.T) {
	const waits = `trap 'exit 1' INT; echo up; while :; do sleep 0.02; done`
	interrupt := func(t *testing.T, p *run.Process) {
		if err := p.Interrupt(); err != nil {
			t.Fatal(err)
		}
	}
	nothing := func(*testing.T, *run.Process) {}
	for _, tt := range []struct {
		name, tool string
		end        func(*testing.T, *run.Process)
		outcome    workflow.Outcome
	}{
		{"succeeds", "echo up", nothing, workflow.OutcomeSucceeded},
		{"fails", "echo up; exit 1", nothing, workflow.OutcomeFailed},
		{"is cancelled", waits, interrupt, workflow.OutcomeCancelled},
		{"hears nothing", `trap '' INT TERM; echo up; while :; do sleep 0.02; done`, interrupt, workflow.OutcomeCancelled},
		{"takes too long", waits, nothing, workflow.OutcomeTimedOut},
		{"a step fails", "STEP", nothing, workflow.OutcomeFailed},
	} {
		for _, kind := range []workflow.RunKind{workflow.RunPlan, workflow.RunApply} {
			if kind == workflow.RunApply && (tt.outcome == workflow.OutcomeTimedOut || tt.name == "hears nothing") {
				continue // nothing ends an apply
			}
			t.Run(tt.name+", "+string(kind), func(t *testing.T) {
				t.Parallel()
				tr := newTrial(t, tt.tool, "apply", tt.tool)
				id, err := run.OpenKeys(t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				tr.job.Recipient, tr.job.Artefacts, tr.job.Run.Kind = id.Recipient().String(), t.TempDir(), kind
				if kind == workflow.RunApply {
					write(t, filepath.Join(tr.job.GitDir, "plan"), "")
					tr.job.Run.Kind = workflow.RunPlan
					plan, _ := tr.run(t)
					tr.job.Run.Apply = &workflow.ApplyOrder{PlanRun: tr.job.Run.ID, Artefact: plan.Artefact}
					tr.job.Run.ID, tr.job.Run.Kind = workflow.NewID(time.Now()), workflow.RunApply
					tr.secrets.Identity = id.String()
				}
				if tr.job.Run.Workflow = making(); tt.tool == "STEP" {
					for i := range tr.job.Run.Workflow.Steps {
						tr.job.Run.Workflow.Steps[i].Run[2] += "; exit 3"
					}
				}
				if tt.outcome == workflow.OutcomeTimedOut {
					tr.job.PlanTimeout = 10 * time.Second
				}
				p := tr.start(t)
				if err := p.Handshake(nil); err != nil {
					t.Fatal(err)
				}
				if await(t, p, "made\n"); tt.tool == waits {
					await(t, p, "up\n")
					made(t, p.Dir())
				}
				tt.end(t, p)
				if res := p.Wait(); res.Outcome != tt.outcome {
					t.Errorf("got %+v, want %s\n%s", res, tt.outcome, read(t, p, "log"))
				}
				goneWith(t, p.Dir())
			})
		}
	}
}

// TestFilesGoFirst: where a runner dies its files go before its run ends: another run of the project may begin then.
func TestFilesGoFirst(t *testing.T) {
	const dies = "echo up; while [ ! -e go ]; do sleep 0.02; done; kill -KILL $PPID"
	for _, kind := range []workflow.RunKind{workflow.RunPlan, workflow.RunApply} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart %t", kind, restart), func(t *testing.T) {
				t.Parallel()
				y := newYard(t, dies)
				if err := os.Mkdir(filepath.Join(y.job.GitDir, "a"), 0o700); err != nil {
					t.Fatal(err)
				}
				y.job.Run.Workflow = making()
				for i := range y.job.Run.Workflow.Steps { // so many that they do not go in an instant
					y.job.Run.Workflow.Steps[i].Run[2] = "mkdir many; seq 4000 | (cd many && xargs touch); " + makes
				}
				// Of all runs that are there only this one has such a file.
				script := "[ $(ls ../*/work/a/secrets.auto.tfvars ../../*/work/a/secrets.auto.tfvars 2>/dev/null | wc -l) = 1 ] || exit 9\n"
				if kind == workflow.RunPlan {
					script += "[ -e DIR/died ] || { touch DIR/died; " + dies + "; }"
				}
				write(t, filepath.Join(y.job.GitDir, "plan"), strings.ReplaceAll(script, "DIR", t.TempDir()))
				stop := func() {}
				id := ""
				switch {
				case kind == workflow.RunApply:
					stop = y.begin(t)
					id = y.ordered(t)
				case restart: // a server that is gone started it: nobody waits for it here
					y.job.Run.Project = workflow.Project{Name: "a", Dir: "a", Engine: "shell"}
					id = y.job.Run.ID
					p := y.start(t)
					if err := p.Handshake(nil); err != nil {
						t.Fatal(err)
					}
				default:
					stop = y.begin(t)
					id = y.queue(t, "a")[0]
				}
				y.said0(t, id, "up\n")
				dir := filepath.Join(y.launcher.Runs, id+".1")
				made(t, dir)
				if restart {
					stop()
				}
				write(t, filepath.Join(dir, "work", "go"), "")
				if restart {
					awaitFree(t, dir)
					made(t, dir)
					old := y.worker
					y.worker = &run.Worker{Service: y.service, Launcher: old.Launcher, DiskFloor: -1, MirrorDir: old.MirrorDir, Artefacts: old.Artefacts, Authorise: old.Authorise, Log: old.Log}
					if kind == workflow.RunPlan { // the one in its place is the next of its project
						id = y.queue(t, "a")[0]
					}
					y.begin(t)
				}
				got := y.until(t, id, finished)
				switch {
				case kind == workflow.RunPlan && restart:
					if got.Outcome != workflow.OutcomeSucceeded {
						t.Errorf("the next run saw the files of the one before: %+v", got)
					}
				default:
					if want := map[workflow.RunKind]workflow.Outcome{workflow.RunPlan: workflow.OutcomeLost, workflow.RunApply: workflow.OutcomeUnknown}[kind]; got.Outcome != want {
						t.Errorf("got %+v, want %s", got, want)
					}
					if left := tmps(t, dir); len(left) > 0 {
						t.Errorf("when the run has ended there are %q", left)
					}
					for _, name := range []string{"work", "home", "kept"} {
						if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
							t.Errorf("%s is there when the run has ended: %v", name, err)
						}
					}
				}
				if kind == workflow.RunPlan && !restart { // it was queued again
					runs, err := y.service.RunsOf(t.Context(), y.pull.Subject(), "", 10)
					if err != nil || len(runs) != 2 {
						t.Fatalf("got %+v, %v", runs, err)
					}
					if r := y.until(t, runs[0].ID, finished); r.Outcome != workflow.OutcomeSucceeded {
						t.Errorf("the next run saw the files of the one before: %+v", r)
					}
				}
				y.until(t, id, func(workflow.Run) bool {
					left := tmps(t, dir)
					for _, name := range []string{"work", "home", "kept"} {
						more, err := filepath.Glob(filepath.Join(y.launcher.Runs, "*", name))
						if err != nil {
							t.Fatal(err)
						}
						left = append(left, more...)
					}
					return len(left) == 0
				})
				goneWith(t, dir)
			})
		}
	}
}

// said0 is said for a run that need not be on record.
func (y *yard) said0(t *testing.T, id, text string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		data, _ := os.ReadFile(filepath.Join(y.launcher.Runs, id+".1", "log"))
		if strings.Contains(string(data), text) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the log never said %q: %s", text, data)
		}
	}
}

// TestFilesGoAfterInterrupt: a runner that a new server interrupts may die of that, or be killed: its files go then, not at the next start.
func TestFilesGoAfterInterrupt(t *testing.T) {
	s := newShop(t, `trap 'echo interrupted' INT; echo up; while :; do sleep 0.02; done`)
	s.job.Run.Workflow, s.job.Ladder = making(), run.Ladder{Again: time.Hour}
	p := s.start(t)
	if err := p.Handshake(nil); err != nil {
		t.Fatal(err)
	}
	await(t, p, "up\n")
	made(t, p.Dir())
	s.begin(t)
	await(t, p, "interrupted\n")
	if err := syscall.Kill(runnerPID(t, p.Dir()), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	onlyLog(t, p)
	goneWith(t, p.Dir())
}

// TestFilesGoUnkept: where a state could not be kept, it alone stays of all that the run made.
func TestFilesGoUnkept(t *testing.T) {
	for name, tt := range map[string]struct {
		state string // what the apply leaves
		stays []string
	}{
		"a file that cannot be kept": {"echo state > errored.tfstate; mkdir more; cp ../a/secrets.auto.tfvars more", []string{"a", "a/errored.tfstate"}},
		"a symlink to it":            {"mkdir -p ../b/c; echo state > ../b/c/d; cp secrets.auto.tfvars ../b; ln -s ../b/c/d errored.tfstate", []string{"a", "a/errored.tfstate", "b", "b/c", "b/c/d"}},
		"symlinks, one after the other": {"mkdir -p ../b/c; echo state > ../b/c/d; ln -s c ../b/e; ln -s e/d ../b/f; ln -s ../b/f errored.tfstate",
			[]string{"a", "a/errored.tfstate", "b", "b/c", "b/c/d", "b/e", "b/f"}},
		"a project behind symlinks": {"cd ..; mv a b; ln -s b c; ln -s c a; echo state > b/errored.tfstate", []string{"a", "b", "b/errored.tfstate", "c"}},
		"by way of TMPDIR":          {"echo state > ../b; ln -s \"$PWD/../b\" \"$TMPDIR/l\"; ln -s \"$TMPDIR/l\" errored.tfstate", []string{"a", "a/errored.tfstate", "b"}},
		"in TMPDIR":                 {"echo state > \"$TMPDIR/l\"; ln -s \"$TMPDIR/l\" errored.tfstate", []string{"a", "a/errored.tfstate"}},
		"symlinks in a circle":      {"ln -s ../b errored.tfstate; ln -s a/errored.tfstate ../b", []string{"a", "a/errored.tfstate", "b"}},
		"a directory of its name":   {"mkdir errored.tfstate; cp secrets.auto.tfvars errored.tfstate", []string{"a", "a/errored.tfstate"}},
		"a symlink to nothing":      {"ln -s none errored.tfstate", []string{"a", "a/errored.tfstate"}},
	} {
		for _, ends := range []string{"exit 1", "kill -KILL $PPID"} {
			t.Run(name+", "+strings.ReplaceAll(ends, "$", ""), func(t *testing.T) {
				t.Parallel()
				y := newYard(t, "cd a; "+tt.state+"; mv ARTEFACTS ARTEFACTS.away; touch ARTEFACTS; "+ends)
				if err := os.Mkdir(filepath.Join(y.job.GitDir, "a"), 0o700); err != nil {
					t.Fatal(err)
				}
				script, err := os.ReadFile(filepath.Join(y.job.GitDir, "apply"))
				if err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(y.job.GitDir, "apply"), strings.ReplaceAll(string(script), "ARTEFACTS", y.worker.Artefacts.Dir))
				y.job.Run.Workflow = making()
				stop := y.begin(t)
				id := y.ordered(t)
				r := y.until(t, id, finished)
				if want := id + ".1/work/a/errored.tfstate"; r.Apply.ErroredState != want || len(r.Diagnostics) != 1 || !strings.Contains(r.Diagnostics[0].Detail, "It remains, not encrypted, as "+want) {
					t.Errorf("got %q and %+v, want %s", r.Apply.ErroredState, r.Diagnostics, want)
				}
				stop()
				work := filepath.Join(y.launcher.Runs, id+".1", "work")
				var got []string
				err = filepath.WalkDir(work, func(name string, _ fs.DirEntry, err error) error {
					if rel, _ := filepath.Rel(work, name); rel != "." {
						got = append(got, rel)
					}
					return err
				})
				if err != nil || fmt.Sprint(got) != fmt.Sprint(tt.stays) {
					t.Errorf("got %q, %v, want %q", got, err, tt.stays)
				}
				if data, err := os.ReadFile(filepath.Join(work, "a", "errored.tfstate")); strings.Contains(tt.state, "echo state") && string(data) != "state\n" {
					t.Errorf("its state is %q, %v", data, err)
				}
				for _, dir := range tmps(t, filepath.Dir(work)) {
					if left, err := os.ReadDir(dir); !strings.Contains(tt.state, "TMPDIR") || err != nil || len(left) != 1 || left[0].Name() != "l" {
						t.Errorf("in TMPDIR is %v, %v", left, err)
					}
					if err := os.RemoveAll(dir); err != nil {
						t.Error(err)
					}
				}
				goneWith(t, filepath.Dir(work))
			})
		}
	}
}

// TestKeptIsTold: a state that was encrypted before its runner died is told of all the same: its file is gone by then.
func TestKeptIsTold(t *testing.T) {
	t.Parallel()
	y := newYard(t, `dir=${PWD%/work}; id=${dir##*/}; echo sealed > "ARTEFACTS/${id%.1}.errored.tfstate.age"; kill -KILL $PPID`)
	script, err := os.ReadFile(filepath.Join(y.job.GitDir, "apply"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(y.job.GitDir, "apply"), strings.ReplaceAll(string(script), "ARTEFACTS", y.worker.Artefacts.Dir))
	y.begin(t)
	id := y.ordered(t)
	if r := y.until(t, id, finished); r.Outcome != workflow.OutcomeUnknown || r.Apply.ErroredState != id+".errored.tfstate.age" {
		t.Errorf("got %s, kept is %q", r.Outcome, r.Apply.ErroredState)
	}
	if data, err := os.ReadFile(filepath.Join(y.worker.Artefacts.Dir, id+".errored.tfstate.age")); err != nil || string(data) != "sealed\n" {
		t.Errorf("got %q, %v", data, err)
	}
}
