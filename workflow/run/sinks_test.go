package run_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
)

// The canaries of a run's secrets, by where they come from. None is written anywhere else in this file, and no script says one.
// Each ends in the number of this process: another one that runs these tests has them in the environment of its own tools.
var (
	ofEnv      = "canary-of-the-environment-1" + ours
	ofFile     = "canary-of-a-file-in-home-2" + ours
	ofRegistry = "canary-of-a-registry-3" + ours
	ofModule   = "canary-of-a-module-token-4" + ours
	ofStep     = "canary-of-a-step-5" + ours
	ofKey      = "canary-key-of-the-repository-6" + ours
)

var canaries = []string{ofEnv, ofFile, ofRegistry, ofModule, ofStep, ofKey}

// TestNoSink: while a plan fetches and plans, while its apply does, and after both, no secret is in the arguments of any process
// on the machine, in the environment of one that is not a tool of the run, or in a file of the run or an artefact, but for the
// files of its HOME. What fetching has is then in no environment at all.
func TestNoSink(t *testing.T) {
	const stage = `echo "at NAME"; while [ ! -e go-NAME ]; do sleep 0.02; done
`
	at := func(name string) string { return strings.ReplaceAll(stage, "NAME", name) }
	// Everything that a tool can say of its secrets is said.
	const tells = `env; env | base64 -w0; echo; cat ~/.aws/config; cat /proc/$PPID/environ | tr '\0' '\n'
`
	tr := newTrial(t, tells+at("plan"), "init", fill+`fill https github.example:8443 acme/modules; `+tells+at("init"), "apply", tells+at("apply"))
	id, err := run.OpenKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tr.job.Recipient, tr.job.Artefacts = id.Recipient().String(), t.TempDir()
	// The canary of the step is made of two words, so that its arguments have none.
	step := script(workflow.BeforePlan, `c=canary-of; echo $c-a-step-5`+ours+`; echo beside >&2; `+tells)
	step.Set = "TF_VAR_step"
	tr.job.Run.Workflow = &workflow.Workflow{Name: "w", Steps: []workflow.Step{step}}
	var a asks
	fetching := a.fetching(map[string]string{"acme/modules": ofModule})
	fetching.Env = map[string]string{"TF_TOKEN_registry_example": ofRegistry}
	tr.secrets = run.Secrets{Env: map[string]string{"TF_VAR_secret": ofEnv}, Fetch: fetching, Key: []byte(ofKey),
		Files: []run.HomeFile{{Path: ".aws/config", Data: []byte("[default]\naws_secret_access_key = " + ofFile + "\n")}}}
	p := tr.start(t)
	await(t, p, "at init\n")
	tr.noSink(t, p, map[string]int{ofEnv: 1, ofRegistry: 1})
	write(t, filepath.Join(p.Dir(), "work", "go-init"), "")
	if err := p.Handshake(nil); err != nil {
		t.Fatal(err)
	}
	await(t, p, "at plan\n")
	tr.noSink(t, p, map[string]int{ofEnv: 1, ofStep: 1})
	write(t, filepath.Join(p.Dir(), "work", "go-plan"), "")
	plan := p.Wait()
	if plan.Outcome != workflow.OutcomeSucceeded || plan.Artefact == "" {
		t.Fatalf("got %+v\n%s", plan, read(t, p, "log"))
	}
	tr.noSink(t, p, nil)

	tr.job.Run.Apply = &workflow.ApplyOrder{PlanRun: tr.job.Run.ID, Artefact: plan.Artefact}
	tr.job.Run.ID, tr.job.Run.Kind = workflow.NewID(time.Now()), workflow.RunApply
	tr.secrets.Identity = id.String()
	p = tr.start(t)
	if err := p.Handshake(nil); err != nil {
		t.Fatal(err)
	}
	await(t, p, "at apply\n")
	tr.noSink(t, p, map[string]int{ofEnv: 1, ofStep: 1}, id.String())
	write(t, filepath.Join(p.Dir(), "work", "go-apply"), "")
	if res := p.Wait(); res.Outcome != workflow.OutcomeSucceeded {
		t.Fatalf("got %+v\n%s", res, read(t, p, "log"))
	}
	tr.noSink(t, p, nil, id.String())
}

// noSink looks everywhere. Of those in tools so many at least are in the environment of the run's tools: else nothing is looked at.
func (tr *trial) noSink(t *testing.T, p *run.Process, tools map[string]int, more ...string) {
	t.Helper()
	texts := append(more, canaries...)
	has := func(where string, data []byte) {
		for _, text := range texts {
			for shift := range 3 {
				form := base64.RawStdEncoding.EncodeToString([]byte("xxx"[:shift] + text))[4 : 4+len(text)]
				if bytes.Contains(data, []byte(text)) || bytes.Contains(data, []byte(form)) {
					t.Errorf("%s is in %s:\n%.3000s", text, where, data)
					break
				}
			}
		}
	}
	found := map[string]int{}
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range names {
		if data, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil {
			has(dir+"/cmdline", data)
		}
		tool := toolOf(t, dir, p) // asked first: a tool may end as soon as its environment is read
		data, err := os.ReadFile(filepath.Join(dir, "environ"))
		if err != nil {
			continue // it is gone, or hides it
		}
		if !tool && !toolOf(t, dir, p) { // what it was asked about may have lost its parent meanwhile
			has(dir+"/environ", data)
			continue
		}
		for _, text := range texts {
			if n := bytes.Count(data, []byte(text)); n > 0 {
				if found[text] += n; tools[text] == 0 {
					t.Errorf("a tool has %s in its environment: %s", text, bytes.ReplaceAll(data, []byte{0}, []byte("\n")))
				}
			}
		}
	}
	for text, least := range tools {
		if found[text] < least {
			t.Errorf("no tool has %s in its environment", text)
		}
	}
	files := 0
	for _, dir := range []string{filepath.Dir(tr.launcher.Runs), tr.job.Artefacts} {
		err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() && name == filepath.Join(p.Dir(), "home") {
				return fs.SkipDir // gone meanwhile, or the files of the credentials themselves
			}
			if !e.Type().IsRegular() {
				return nil
			}
			files++
			data, err := os.ReadFile(name)
			has(name, data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 3 {
		t.Errorf("looked at %d files", files)
	}
}

// toolOf reports whether a process is below the runner of a run.
func toolOf(t *testing.T, dir string, p *run.Process) bool {
	t.Helper()
	if _, err := os.Stat(filepath.Join(p.Dir(), "runner.json")); err != nil {
		return false
	}
	runner := fmt.Sprint(runnerPID(t, p.Dir()))
	for pid := filepath.Base(dir); pid != "0" && pid != ""; {
		data, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			return false
		}
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if pid = fields[1]; pid == runner {
			return true
		}
		if _, err := strconv.Atoi(pid); err != nil {
			return false
		}
	}
	return false
}
