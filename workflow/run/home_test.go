package run_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
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

const awsConfig = "[profile prod]\nregion = eu-central-1\naws_secret_access_key = canary-of-files\n"

// homeSecrets are credentials with files, and a variable that names one of them.
func homeSecrets() run.Secrets {
	return run.Secrets{Env: map[string]string{"KUBECONFIG": "~/.kube/config", "OTHER": "~/.none/config"},
		Files: []run.HomeFile{{Path: ".aws/config", Data: []byte(awsConfig)},
			{Path: ".kube/config", Data: []byte("users: [{name: prod, user: {token: canary-of-kube}}]\n")}}}
}

// TestHomeFiles: a run's files are in its HOME before init, for its own user only; a variable that is the name of one is its
// place; HOME is the same for each run of a project; nothing of it is left, in no file and no log.
func TestHomeFiles(t *testing.T) {
	script := `ls -ld "$HOME/.aws" "$HOME/.aws/config" "$KUBECONFIG" | cut -c1-10; cat "$KUBECONFIG"; echo "OTHER=$OTHER"; echo "HOME=$HOME"; head -2 ~/.aws/config; cat ~/.aws/config; base64 -w0 ~/.aws/config; cat "$HOME/../job.json" "$HOME"/../output`
	var homes []string
	tr := newTrial(t, script, "init", "test -f ~/.aws/config")
	for i := range 3 {
		tr.job.Run.ID = workflow.NewID(time.Now())
		if i == 2 {
			tr.job.Run.Project.Dir = "other"
		}
		tr.secrets = homeSecrets()
		res, p := tr.run(t)
		log := read(t, p, "log")
		if res.Outcome != workflow.OutcomeSucceeded || !strings.HasPrefix(log, "drwx------\n-rw-------\n-rw-------\n") || !strings.Contains(log, "region = eu-central-1\n") ||
			!strings.Contains(log, "OTHER=***\n") {
			t.Fatalf("got %+v, %s", res, log)
		}
		_, home, _ := strings.Cut(log, "HOME=")
		home, _, _ = strings.Cut(home, "\n")
		homes = append(homes, home)
		if _, err := os.Lstat(home); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", home, err)
		}
		nowhere(t, filepath.Dir(tr.launcher.Runs), "canary-of-")
	}
	if homes[0] != homes[1] || homes[0] == homes[2] {
		t.Errorf("got %q, want one HOME for each project", homes)
	}
}

// nowhere: no file below a directory has the text, in the clear or in base64.
func nowhere(t *testing.T, dir, text string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if name != dir && errors.Is(err, fs.ErrNotExist) {
			return nil // a worker removes it
		}
		if err != nil || e.IsDir() {
			return err
		}
		if e.Type()&fs.ModeSymlink != 0 {
			return nil
		}
		files++
		data, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		for _, form := range []string{text, strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("x"+text)), "=")[2:10]} {
			if strings.Contains(string(data), form) {
				t.Errorf("%q is in %s: %s", form, name, data)
			}
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files, %v", files, err)
	}
}

// TestHomeGoes: credentials do not stay where a runner dies, with or without a server, or where an apply's files must.
func TestHomeGoes(t *testing.T) {
	const waits = `echo up; while :; do sleep 0.02; done`
	kill := func(t *testing.T, p *run.Process) {
		t.Helper()
		var who struct {
			PID int `json:"pid"`
		}
		if err := json.Unmarshal([]byte(read(t, p, "runner.json")), &who); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(who.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-p.Done()
	}
	empty := func(t *testing.T, data string) {
		t.Helper()
		for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			left, _ := filepath.Glob(filepath.Join(data, "runs", "*", "home"))
			links, _ := filepath.Glob(filepath.Join(data, "homes", "*"))
			if len(left)+len(links) == 0 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("left are %q and %q", left, links)
			}
		}
		nowhere(t, data, "canary-of-")
	}
	for _, kind := range []workflow.RunKind{workflow.RunPlan, workflow.RunApply} {
		t.Run("at the next start, "+string(kind), func(t *testing.T) {
			s := newShop(t, waits)
			if s.job.Run.Kind = kind; kind == workflow.RunApply { // one of which nobody knows
				s.job.Run.Apply = &workflow.ApplyOrder{}
			}
			s.secrets = homeSecrets()
			p := s.start(t)
			if kind == workflow.RunPlan {
				if err := p.Handshake(nil); err != nil {
					t.Fatal(err)
				}
				await(t, p, "up")
				kill(t, p)
			} else { // it refuses, since there is no saved plan: put back what a dead one would leave
				p.Wait()
				if err := os.MkdirAll(filepath.Join(p.Dir(), "home", ".aws"), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(p.Dir(), "home", ".aws", "config"), []byte(awsConfig), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s.begin(t)
			empty(t, filepath.Dir(s.launcher.Runs))
		})
	}
	t.Run("with the server there", func(t *testing.T) {
		tr := newTrial(t, waits)
		tr.secrets = homeSecrets()
		p := tr.start(t)
		if err := p.Handshake(nil); err != nil {
			t.Fatal(err)
		}
		await(t, p, "up")
		if data, err := os.ReadFile(filepath.Join(p.Dir(), "home", ".aws", "config")); err != nil || string(data) != awsConfig {
			t.Fatalf("got %q, %v: the test looks at nothing", data, err)
		}
		kill(t, p)
		if err := tr.launcher.Clean(p); err != nil {
			t.Fatal(err)
		}
		links, _ := filepath.Glob(filepath.Join(filepath.Dir(tr.launcher.Runs), "homes", "*"))
		if _, err := os.Stat(links[0]); !errors.Is(err, fs.ErrNotExist) || len(links) != 1 {
			t.Errorf("%q leads somewhere: %v", links, err)
		}
		nowhere(t, filepath.Dir(tr.launcher.Runs), "canary-of-")
		tr.job.Run.ID = workflow.NewID(time.Now()) // the next run of the project takes the symlink over
		if err := errors.Join(os.Remove(links[0]), os.MkdirAll(filepath.Join(links[0], "planted"), 0o700)); err != nil {
			t.Fatal(err) // whatever is in its place
		}
		next := tr.start(t)
		<-next.Ready()
		if _, err := os.Stat(filepath.Join(links[0], ".aws", "config")); err != nil {
			t.Error(err)
		}
		next.Refuse()
		next.Wait()
	})
}
