package run_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
)

// script is a step that a shell carries out.
func script(at workflow.Point, text string) workflow.Step {
	return workflow.Step{At: at, Name: "s", Run: []string{"sh", "-c", text}, Timeout: patience}
}

// TestSteps: what a step does to the run that it belongs to. Whatever it leaves is ended with it.
func TestSteps(t *testing.T) {
	// As long as a busy machine may need until a shell has said something.
	quick := func(s workflow.Step, limit time.Duration) workflow.Step { s.Timeout = limit; return s }
	program := func(words ...string) workflow.Step {
		return workflow.Step{At: workflow.BeforePlan, Name: filepath.Base(words[0]), Run: words, Timeout: patience}
	}
	setting := func(name, text string) workflow.Step { s := script(workflow.BeforeInit, text); s.Set = name; return s }
	const before = workflow.BeforeInit
	for _, tt := range []struct {
		name    string
		step    workflow.Step
		marker  string
		outcome workflow.Outcome
		summary string   // of the diagnostic
		detail  string   // of it
		log     []string // what the log says
	}{
		{"succeeds", script(before, "echo up; pwd; cat; echo to stderr >&2"), "", workflow.OutcomeSucceeded, "", "", []string{"$ step 1 (`s`), before init\nup\n", "/work\nto stderr\n", "planned"}},
		{"makes a file for the plan", script(workflow.BeforePlan, "printf '\\necho from a step\\n' >> plan"), "", workflow.OutcomeSucceeded, "", "", []string{"\nfrom a step\n"}},
		{"exits", script(workflow.BeforePlan, "seq 1 30; exit 3"), "", workflow.OutcomeFailed, "step 1 (`s`) exited 3", "11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n21\n22\n23\n24\n25\n26\n27\n28\n29\n30", []string{"Step 1 (`s`) exited 3.\n"}},
		{"refuses the plan", script(workflow.AfterPlan, "echo no; exit 1"), "", workflow.OutcomeFailed, "step 1 (`s`) exited 1", "no", []string{"planned"}},
		{"dies of a signal", script(before, "kill -SEGV $$"), "", workflow.OutcomeFailed, "step 1 (`s`) was ended by signal 11 (SIGSEGV)", "", nil},
		{"signals its group", script(before, "echo up; kill -KILL 0"), "", workflow.OutcomeFailed, "step 1 (`s`) was ended by signal 9 (SIGKILL)", "up", nil},
		{"hangs", quick(script(before, "echo up; sleep MARKER"), 5*time.Second), marker(61), workflow.OutcomeFailed, "step 1 (`s`) took longer than 5s and was stopped", "up", nil},
		{"hangs and hears nothing", quick(script(before, "trap '' TERM INT; echo up; sleep MARKER; sleep MARKER"), 5*time.Second), marker(62), workflow.OutcomeFailed, "step 1 (`s`) took longer than 5s and was stopped", "up", nil},
		{"leaves a child that holds its output", script(before, "sleep MARKER & echo up"), marker(63), workflow.OutcomeSucceeded, "", "", []string{"up\n", "planned"}},
		{"daemonizes", script(before, "setsid sh -c 'trap \"\" TERM INT HUP; (sleep MARKER; sleep MARKER) & sleep MARKER' </dev/null >/dev/null 2>&1 & echo up"), marker(64), workflow.OutcomeSucceeded, "", "", []string{"planned"}},
		{"multiplies", script(before, "(while :; do sleep MARKER & sleep 0.01; done) >/dev/null 2>&1 & sleep 0.3"), marker(65), workflow.OutcomeSucceeded, "", "", []string{"planned"}},
		{"kills its parent", script(before, "echo up; sleep MARKER & kill -KILL $PPID; sleep MARKER"), marker(66), workflow.OutcomeLost, "", "", nil},
		{"writes 100 MB", script(before, "echo begin; head -c 100000000 /dev/zero | tr '\\0' 'x'; echo; echo end; exit 1"), "", workflow.OutcomeFailed, "step 1 (`s`) exited 1", "end", []string{"begin\n", "xxx", "end\n"}},
		{"prints secrets", script(before, "echo \"t=$TF_VAR_token\"; printf sesame-; sleep 0.1; echo open; exit 1"), "", workflow.OutcomeFailed, "step 1 (`s`) exited 1", "t=***\n***", []string{"t=***\n***\n"}},
		{"prints secrets at the end of much", script(before, "head -c 20000 /dev/zero | tr '\\0' 'x'; echo \"$TF_VAR_token\"; exit 1"), "", workflow.OutcomeFailed, "step 1 (`s`) exited 1", "***", nil},
		{"is not there", program("/nowhere/render"), "", workflow.OutcomeFailed, "step 1 (`render`) could not be started: `/nowhere/render` does not exist, or its interpreter does not", "", []string{"Step 1 (`render`) could not be started"}},
		{"is not in the PATH", program("no-such-program-here"), "", workflow.OutcomeFailed, "step 1 (`no-such-program-here`) could not be started: the server has no program `no-such-program-here` in its PATH", "", nil},
		{"may not be run", program("./init"), "", workflow.OutcomeFailed, "step 1 (`init`) could not be started: `./init` has no execute permission", "", nil},
		{"would get an option", program("echo", "{repo}"), "", workflow.OutcomeFailed, "step 1 (`echo`) did not run: the argument `-x/y` would be read as an option", "", nil},
		{"sets a variable", setting("TF_VAR_given", "echo given-canary; echo more; echo beside >&2"), "", workflow.OutcomeSucceeded, "", "", []string{"$ step 1 (`s`), before init\nTF_VAR_given is set.\n", "plan has ***\n"}},
		{"sets nothing", setting("TF_VAR_given", "echo; echo given-canary"), "", workflow.OutcomeFailed, "step 1 (`s`) printed no value for TF_VAR_given", "", nil},
		{"sets too little", setting("TF_VAR_given", "echo abc"), "", workflow.OutcomeFailed, "step 1 (`s`) printed fewer than 6 bytes for TF_VAR_given, too few to hide them everywhere", "", nil},
		{"sets a plain name", setting("AWS_REGION", "echo eu-1"), "", workflow.OutcomeSucceeded, "", "", []string{"AWS_REGION is set.\n", "planned"}},
		{"sets too much", setting("TF_VAR_given", "head -c 40000 /dev/zero | tr '\\0' x"), "", workflow.OutcomeFailed, "step 1 (`s`) printed a line of more than 32 KB for TF_VAR_given", "", nil},
		{"sets a NUL", setting("TF_VAR_given", "printf 'abc\\0defghi\\n'"), "", workflow.OutcomeFailed, "step 1 (`s`) printed a NUL byte for TF_VAR_given", "", nil},
		{"sets what it may not", setting("LD_PRELOAD", "echo /tmp/evil.so"), "", workflow.OutcomeFailed, "step 1 (`s`) may not set LD_PRELOAD", "", nil},
		{"fails to set", setting("TF_VAR_given", "echo given-canary; echo no token of given-canary >&2; exit 2"), "", workflow.OutcomeFailed, "step 1 (`s`) exited 2", "no token of ***", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tr := newTrial(t, `echo planned; echo "plan has $TF_VAR_given"`)
			for i, word := range tt.step.Run {
				tt.step.Run[i] = strings.ReplaceAll(word, "MARKER", tt.marker)
			}
			tr.secrets = run.Secrets{Env: map[string]string{"TF_VAR_token": "sesame-open"}}
			tr.job.Run.Repo = workflow.Repo{Owner: "-x", Name: "y"}
			tr.job.Run.Workflow = &workflow.Workflow{Name: "w", Steps: []workflow.Step{tt.step}}
			res, p := tr.run(t)
			got := workflow.Diagnostic{}
			for _, d := range res.Diagnostics {
				got = d
			}
			detail := got.Detail
			if tt.outcome == workflow.OutcomeFailed && len(detail) > 1000 {
				detail = detail[strings.LastIndex(detail, "\n")+1:]
			}
			if strings.Contains(tt.name, "end of much") {
				detail = strings.TrimLeft(detail, "x")
			}
			if res.Outcome != tt.outcome || got.Summary != tt.summary || detail != tt.detail {
				t.Errorf("got %s %q\n%q\nwant %s %q\n%q", res.Outcome, got.Summary, detail, tt.outcome, tt.summary, tt.detail)
			}
			log := read(t, p, "log")
			for _, want := range tt.log {
				if !strings.Contains(log, want) {
					t.Errorf("the log has no %q:\n%.2000s", want, log)
				}
			}
			for _, secret := range []string{"sesame", "given-canary", "beside"} {
				if strings.Contains(log, secret) || strings.Contains(fmt.Sprint(res), secret) {
					t.Errorf("%q is seen:\n%.2000s\n%+v", secret, log, res)
				}
			}
			if len(log) > 21<<20 {
				t.Errorf("the log has %d bytes", len(log))
			}
			if tt.marker != "" {
				gone(t, tt.marker)
			}
		})
	}
}

// TestStepsAfterPlan: the plan is in a file that only its steps find, and is gone when they end.
func TestStepsAfterPlan(t *testing.T) {
	place := filepath.Join(t.TempDir(), "place")
	tr := newTrial(t, `echo "in the plan: $CARDEA_PLAN_JSON"`)
	tr.job.Run.Workflow = &workflow.Workflow{Steps: []workflow.Step{
		script(workflow.BeforePlan, `echo "before: $CARDEA_PLAN_JSON"`),
		script(workflow.AfterPlan, `cat "$CARDEA_PLAN_JSON"; stat -c %a "$CARDEA_PLAN_JSON"; echo "$CARDEA_PLAN_JSON" > `+place),
		script(workflow.AfterPlan, `test "$CARDEA_PLAN_JSON" = "$(cat `+place+`)" && echo the same`),
	}}
	res, p := tr.run(t)
	log := read(t, p, "log")
	for _, want := range []string{"before: \n", "in the plan: \n", "{\"secret\": \"in-the-plan\"}600\n", "the same\n"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log has no %q:\n%s", want, log)
		}
	}
	if res.Outcome != workflow.OutcomeSucceeded {
		t.Errorf("got %+v", res)
	}
	name, err := os.ReadFile(place)
	if _, there := os.Stat(strings.TrimSpace(string(name))); err != nil || there == nil {
		t.Errorf("%s: %v, %v", name, err, there)
	}
}

// TestStepsInterrupted: an interrupt ends a step, with what it started.
func TestStepsInterrupted(t *testing.T) {
	for i, text := range []string{"echo up; sleep MARKER", "trap '' INT TERM; echo up; sleep MARKER; sleep MARKER", "(trap '' INT TERM; sleep MARKER) & echo up; sleep MARKER"} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			mark := marker(70 + i)
			tr := newTrial(t, "echo planned")
			tr.job.Run.Workflow = &workflow.Workflow{Steps: []workflow.Step{script(workflow.BeforePlan, strings.ReplaceAll(text, "MARKER", mark))}}
			p := tr.start(t)
			if err := p.Handshake(nil); err != nil {
				t.Fatal(err)
			}
			await(t, p, "up\n")
			if err := p.Interrupt(); err != nil {
				t.Fatal(err)
			}
			if res := p.Wait(); res.Outcome != workflow.OutcomeCancelled {
				t.Errorf("got %+v", res)
			}
			if log := read(t, p, "log"); strings.Contains(log, "planned") {
				t.Errorf("it was planned:\n%s", log)
			}
			gone(t, mark)
		})
	}
}

// TestStepsOfApply: of the steps before a plan an apply takes those alone that set a variable; the
// steps around the apply are its own.
func TestStepsOfApply(t *testing.T) {
	set := script(workflow.BeforePlan, `echo "value-of-$KIND"`)
	set.Set = "TF_VAR_given"
	around := func(before, after string) []workflow.Step {
		return []workflow.Step{script(workflow.BeforeInit, "echo made > made; echo not for an apply"), set, script(workflow.AfterPlan, "echo not for an apply"),
			script(workflow.BeforeApply, before), script(workflow.AfterApply, after)}
	}
	for _, tt := range []struct {
		name, before, after, apply string
		outcome                    workflow.Outcome
		notStarted                 bool
		reason, summary            string
		severity                   workflow.Severity
	}{
		{"all is well", "echo before", "echo after", "echo applied", workflow.OutcomeSucceeded, false, "", "", ""},
		{"a step before it fails", "echo before; exit 4", "echo after", "echo applied", workflow.OutcomeFailed, true, "step 4 (`s`) exited 4", "step 4 (`s`) exited 4", workflow.SeverityError},
		{"a step after it fails", "echo before", "echo after; exit 5", "echo applied", workflow.OutcomeSucceeded, false, "Step 5 (`s`) exited 5.", "step 5 (`s`) exited 5", workflow.SeverityWarning},
		{"the apply fails", "echo before", "echo after", "echo applied; exit 1", workflow.OutcomeFailed, false, "apply: exit status 1", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tr := newTrial(t, "echo planned", "apply", tt.apply+`; test "$TF_VAR_given" = value-of-applies && echo given`)
			id, err := run.OpenKeys(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			tr.job.Recipient, tr.job.Artefacts = id.Recipient().String(), t.TempDir()
			tr.job.Run.Kind, tr.job.Run.Workflow = workflow.RunPlan, &workflow.Workflow{Steps: around(tt.before, tt.after)}
			tr.secrets.Env = map[string]string{"KIND": "plans-it"}
			plan, _ := tr.run(t)
			if plan.Outcome != workflow.OutcomeSucceeded || plan.Artefact == "" {
				t.Fatalf("got %+v", plan)
			}
			tr.job.Run.Apply = &workflow.ApplyOrder{PlanRun: tr.job.Run.ID, Artefact: plan.Artefact}
			tr.job.Run.ID, tr.job.Run.Kind = workflow.NewID(time.Now()), workflow.RunApply
			tr.secrets.Env, tr.secrets.Identity = map[string]string{"KIND": "applies"}, id.String()
			p := tr.start(t)
			if err := p.Handshake(nil); err != nil {
				t.Fatal(err)
			}
			res := p.Wait()
			log := read(t, p, "log")
			got := workflow.Diagnostic{}
			for _, d := range res.Diagnostics {
				got = d
			}
			if res.Outcome != tt.outcome || res.NotStarted != tt.notStarted || res.Reason != tt.reason || got.Summary != tt.summary || got.Severity != tt.severity {
				t.Errorf("got %+v\n%s", res, log)
			}
			want := map[string]bool{"not for an apply": false, "value-of": false, "TF_VAR_given is set.": true, "before\n": true, "applied\n": !tt.notStarted,
				"given\n": tt.outcome == workflow.OutcomeSucceeded, "after\n": tt.outcome == workflow.OutcomeSucceeded}
			for text, there := range want {
				if strings.Contains(log, text) != there {
					t.Errorf("%q in the log: %v:\n%s", text, !there, log)
				}
			}
		})
	}
}

// TestStepsAfterInterrupt: an apply that was asked to stop and succeeded all the same says which step did not run.
func TestStepsAfterInterrupt(t *testing.T) {
	tr := newTrial(t, "echo planned", "apply", "trap 'echo got; exit 0' INT; echo up; while :; do sleep 0.02; done")
	id, err := run.OpenKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tr.job.Recipient, tr.job.Artefacts = id.Recipient().String(), t.TempDir()
	plan, _ := tr.run(t)
	tr.job.Run.Apply = &workflow.ApplyOrder{PlanRun: tr.job.Run.ID, Artefact: plan.Artefact}
	tr.job.Run.ID, tr.job.Run.Kind = workflow.NewID(time.Now()), workflow.RunApply
	tr.job.Run.Workflow = &workflow.Workflow{Steps: []workflow.Step{script(workflow.AfterApply, "echo after")}}
	tr.secrets.Identity = id.String()
	p := tr.start(t)
	if err := p.Handshake(nil); err != nil {
		t.Fatal(err)
	}
	await(t, p, "up")
	if err := p.Interrupt(); err != nil {
		t.Fatal(err)
	}
	res := p.Wait()
	const want = "step 1 (`s`) did not run: the run was interrupted"
	if res.Outcome != workflow.OutcomeSucceeded || len(res.Diagnostics) != 1 || res.Diagnostics[0].Summary != want {
		t.Errorf("got %+v", res)
	}
	if log := read(t, p, "log"); strings.Contains(log, "after\n") {
		t.Errorf("the step ran:\n%s", log)
	}
}

// TestStepsRefuse: what a plan kept is removed when a step after it refuses the plan; what its
// applies would run is told.
func TestStepsRefuse(t *testing.T) {
	id, err := run.OpenKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, exit := range []string{"exit 0", "exit 1"} {
		tr := newTrial(t, "echo planned")
		tr.job.Recipient, tr.job.Artefacts = id.Recipient().String(), t.TempDir()
		tr.job.Run.Workflow = &workflow.Workflow{Name: "w", Steps: []workflow.Step{script(workflow.AfterPlan, exit),
			{At: workflow.AfterApply, Name: "notify", Run: []string{"/bin/notify"}}}}
		res, _ := tr.run(t)
		kept, err := filepath.Glob(filepath.Join(tr.job.Artefacts, "*"))
		if good := exit == "exit 0"; err != nil || (res.Outcome == workflow.OutcomeSucceeded) != good || (len(kept) == 1) != good || (res.Artefact != "") != good {
			t.Errorf("%s: got %+v, kept %q", exit, res, kept)
		} else if good && !strings.Contains(strings.Join(res.Plan.Notes, "\n"), "Step 2 (`notify`) of the server's workflow `w` runs the server's own program `/bin/notify` after an apply.") {
			t.Errorf("notes: %q", res.Plan.Notes)
		}
	}
}
