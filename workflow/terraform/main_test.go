package terraform

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/terraformtest"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// The tests plan as the server does: in a process of its own whose environment
// is Env and nothing else. That process is this test binary.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "plan-job" {
		if err := planProcess(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if dir, err := sharedTools(); err == nil {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

// order is what the process is told; answer what it says.
type order struct {
	Project  workflow.Project
	Plan     workflow.PlanOptions
	Files    workflow.RunFiles
	Tools    Tools
	Create   bool // create_workspace
	Options  Options
	NotReady string             // what job.Ready answers, "" = go
	Secret   string             // what fetching is given; "": nothing
	Host     string             // whose token that is; "": registry.example
	Rest     map[string]string  // what job.Whole exports; nil: the tree is whole
	Expected *tfconfig.Expected // nil: what discovery says of the workspace
}

// expected reads the workspace as the server reads a tree.
func expected(o order) (x tfconfig.Expected, err error) {
	if !filepath.IsLocal(o.Project.Dir) {
		return x, nil
	}
	e, tree := New(o.Options), workflow.Tree{FS: os.DirFS(o.Files.Workspace)}
	d, err := e.Discover(context.Background(), tree)
	if err != nil {
		return x, err
	}
	in, err := e.Inputs(context.Background(), tree, d, o.Project)
	if err != nil {
		return x, err
	}
	return tfconfig.ReadExpected(in.Expected)
}

type answer struct {
	Result workflow.Result
	Log    string
	Error  string
}

func planProcess(in io.Reader, out io.Writer) error {
	runtime.LockOSThread()
	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return err
	}
	var log bytes.Buffer
	job := workflow.PlanJob{Project: o.Project, Options: o.Plan, Files: o.Files, Server: Server{Tools: o.Tools, CreateWorkspace: o.Create}.JSON(),
		RepoID: 1, Key: []byte("the repository's key"), Log: &log}
	if o.Expected == nil {
		x, err := expected(o)
		if err != nil {
			return err
		}
		o.Expected = &x
	}
	job.Expected = o.Expected.JSON()
	job.Ready = func(context.Context) error {
		if o.NotReady != "" {
			return errors.New(o.NotReady)
		}
		return nil
	}
	if o.Secret != "" {
		job.FetchSecret = true
		job.Fetch = func(do func() error) error {
			name := "TF_TOKEN_" + strings.ReplaceAll(cmp.Or(o.Host, "registry.example"), ".", "_")
			return errors.Join(os.Setenv(name, o.Secret), do(), os.Unsetenv(name))
		}
	}
	if o.Rest != nil {
		job.Whole = func(context.Context) error { return writeFiles(o.Files.Workspace, o.Rest) }
	}
	var a answer
	res, err := New(o.Options).Plan(context.Background(), job)
	if err != nil {
		a.Error = err.Error()
	}
	a.Result, a.Log = res, log.String()
	return json.NewEncoder(out).Encode(a)
}

func writeFiles(dir string, files map[string]string) error {
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// world is a repository's files, one project in them, and its state.
type world struct {
	t     testing.TB
	state string // the local backend's file, outside of the tree
	files map[string]string
	links map[string]string // symlinks: name -> target
	order order
	env   []string // added to the process's environment
}

// newWorld has a project in "app". STATE in a file's text is the state's path.
func newWorld(t testing.TB, files map[string]string) *world {
	t.Helper()
	terraformtest.Terraform(t)
	tools, err := sharedTools()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, files: files, state: filepath.Join(t.TempDir(), "state")}
	w.order.Project = workflow.Project{Name: "app", Dir: "app", Engine: "terraform"}
	nothing := httptest.NewServer(http.NotFoundHandler()) // nothing is downloaded
	t.Cleanup(nothing.Close)
	w.order.Options = Options{ReleasesURL: nothing.URL, OpenTofu: OpenTofuReleases{Index: nothing.URL, URL: nothing.URL}}
	w.order.Tools = Tools{Dir: tools, Path: os.Getenv("PATH")}
	return w
}

const backend = `terraform {
  backend "local" {
    path          = "STATE/terraform.tfstate"
    workspace_dir = "STATE/others"
  }
}
`

// sharedTools is one tools directory for all tests, as on a server.
var sharedTools = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "cardea-tools-") })

// workspace writes the files into a new workspace and returns a run's files.
func (w *world) workspace() workflow.RunFiles {
	w.t.Helper()
	dir := w.t.TempDir()
	f := workflow.RunFiles{Workspace: dir + "/work", Home: dir + "/home", Tmp: dir + "/tmp", Out: dir + "/kept"}
	for _, d := range []string{f.Workspace, f.Home, f.Tmp, f.Out, w.state} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			w.t.Fatal(err)
		}
	}
	filled := map[string]string{}
	for name, text := range w.files {
		filled[name] = string(bytes.ReplaceAll([]byte(text), []byte("STATE"), []byte(w.state)))
	}
	if err := writeFiles(f.Workspace, filled); err != nil {
		w.t.Fatal(err)
	}
	for name, target := range w.links {
		if err := os.Symlink(target, filepath.Join(f.Workspace, name)); err != nil {
			w.t.Fatal(err)
		}
	}
	return f
}

// plan plans in a fresh workspace and process.
func (w *world) plan() answer {
	w.t.Helper()
	w.order.Files = w.workspace()
	cmd := w.command()
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		w.t.Fatalf("the planning process: %v\n%s", err, stderr.String())
	}
	var a answer
	if err := json.Unmarshal(out.Bytes(), &a); err != nil {
		w.t.Fatalf("the planning process said %q: %v", out.String(), err)
	}
	if _, err := os.Stat(filepath.Join(w.order.Files.Out, savedPlan)); !errors.Is(err, os.ErrNotExist) {
		w.t.Errorf("the saved plan is still there (%v)", err)
	}
	return a
}

func (w *world) command() *exec.Cmd {
	w.t.Helper()
	text, err := json.Marshal(w.order)
	if err != nil {
		w.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(self, "plan-job")
	cmd.Env = append(Env(w.order.Files, w.order.Tools), w.env...)
	cmd.Stdin = bytes.NewReader(text)
	cmd.WaitDelay = time.Minute
	return cmd
}

// mustPlan plans and fails the test unless the plan succeeded.
func (w *world) mustPlan() *workflow.Plan {
	w.t.Helper()
	a := w.plan()
	if a.Error != "" || a.Result.Outcome != workflow.OutcomeSucceeded {
		w.t.Fatalf("got %q %q %s, want a plan\n%s", a.Result.Outcome, a.Result.Reason, a.Error, a.Log)
	}
	return a.Result.Plan
}

// apply brings the world to its files, with terraform itself.
func (w *world) apply() {
	w.t.Helper()
	if err := w.terraform(w.workspace(), []string{"init", "-no-color"}, []string{"apply", "-no-color", "-auto-approve"}); err != nil {
		w.t.Fatal(err)
	}
}

// terraform runs commands in a workspace's project, with the settings of a run.
func (w *world) terraform(f workflow.RunFiles, commands ...[]string) error {
	if err := os.WriteFile(cliConfigFile(f), []byte(mirrorOnly(w.order.Tools.Providers)), 0o600); err != nil {
		return err
	}
	for _, args := range commands {
		cmd := exec.Command("terraform", args...)
		cmd.Dir = filepath.Join(f.Workspace, "app")
		cmd.Env = Env(f, w.order.Tools)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("terraform %v: %w\n%s", args, err, out)
		}
	}
	return nil
}
