package main

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/git"
	"github.com/cardea-iac/cardea/workflow/survey"
	"github.com/cardea-iac/cardea/workflow/terraform"
	"github.com/cardea-iac/cardea/workflow/terraform/terraformtest"
)

// TestReads holds what we say of a project's files against what terraform does:
// for each repository of testdata/reads, init and plan of live/prod run under a
// tracer, and every file and directory of the repository that they name to the
// kernel must be in the workspace, with `workspace: closure` too, and its change
// must affect the project and its inputs. Nothing of ours decides what is expected.
func TestReads(t *testing.T) {
	terraformtest.Terraform(t)
	fixtures, err := filepath.Glob("testdata/reads/*.txtar")
	fatal(t, err)
	if len(fixtures) < 10 {
		t.Fatalf("got %d repositories", len(fixtures))
	}
	for _, name := range fixtures {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			newReading(t, name).check()
		})
	}
}

// reading is one repository and what terraform did with it.
type reading struct {
	t       *testing.T
	root    string // a work tree that terraform may write into
	gitDir  string
	index   string
	tree    string
	files   map[string]bool // of the repository; directories too
	touched touched
	engine  *terraform.Engine
}

func newReading(t *testing.T, fixture string) *reading {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	fatal(t, err)
	r := &reading{t: t, root: dir + "/tree", gitDir: dir + "/git", index: dir + "/index", files: map[string]bool{},
		touched: touched{named: map[string]bool{}, listed: map[string]bool{}}, engine: terraform.New(terraform.Options{})}
	archive, err := txtar.ParseFile(fixture)
	fatal(t, err)
	var initArgs, planArgs []string
	for _, f := range archive.Files {
		text := bytes.ReplaceAll(f.Data, []byte("STATE"), []byte(dir+"/state"))
		switch name := filepath.Join(r.root, f.Name); f.Name {
		case "INIT":
			initArgs = strings.Fields(string(text))
		case "PLAN":
			planArgs = strings.Fields(string(text))
		default:
			fatal(t, os.MkdirAll(filepath.Dir(name), 0o755))
			if to, link := strings.CutPrefix(string(text), "-> "); link {
				fatal(t, os.Symlink(strings.TrimSpace(to), name))
				continue
			}
			fatal(t, os.WriteFile(name, text, 0o755))
		}
	}
	r.git("init", "-q", "--bare")
	r.git("--work-tree="+r.root, "add", "-A", "-f")
	r.tree = r.git("write-tree")
	for _, name := range strings.Split(r.git("ls-files"), "\n") {
		for ; name != "."; name = path.Dir(name) {
			r.files[name] = true
		}
	}
	r.terraform(append([]string{"init", "-input=false", "-no-color"}, initArgs...))
	r.terraform(append([]string{"plan", "-input=false", "-no-color", "-out=" + dir + "/plan"}, planArgs...))
	return r
}

func (r *reading) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"--git-dir=" + r.gitDir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_INDEX_FILE="+r.index, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func (r *reading) terraform(args []string) {
	r.t.Helper()
	program, err := exec.LookPath("terraform")
	fatal(r.t, err)
	cmd := exec.Command(program, args...)
	cmd.Dir = r.root + "/live/prod"
	cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=/dev/null",
		"TF_DATA_DIR="+filepath.Dir(r.root)+"/data", "HOME="+filepath.Dir(r.root))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	trace(r.t, r.root, cmd, &r.touched)
}

// check asks of every path that terraform named what we say of it.
func (r *reading) check() {
	t := r.t
	affected, run := r.survey(r.tree, "live/prod/main.tf")
	if !affected {
		t.Fatal("the project is not affected by its own code")
	}
	closure := filepath.Dir(r.root) + "/closure"
	_, err := git.Export(t.Context(), git.ExportSpec{GitDir: r.gitDir, Tree: r.tree, Paths: run.Paths, Dir: closure})
	fatal(t, err)
	t.Logf("%d paths, closure %v", len(r.touched.named), run.Paths)
	checked := 0
	for _, name := range slices.Sorted(maps.Keys(r.touched.named)) {
		if name == "." || name == ".git" || strings.HasPrefix(name, ".git/") || path.Base(name) == ".terraform.lock.hcl" {
			continue
		}
		info, err := os.Stat(filepath.Join(r.root, name))
		switch {
		case r.files[name]:
			if _, err := os.Lstat(filepath.Join(closure, name)); err != nil {
				t.Errorf("terraform looks at %s, which a workspace of the closure does not have", name)
			}
			if err == nil && !info.IsDir() {
				checked++
				r.changed(name)
			}
		case err != nil && r.files[path.Dir(name)]: // looked for: it must count when it comes
			checked++
			r.changed(name)
		}
	}
	for name := range r.touched.listed {
		if name == "." || !r.files[name] {
			continue
		}
		entries, err := os.ReadDir(filepath.Join(r.root, name))
		fatal(t, err)
		for _, e := range entries {
			if e.Type() == fs.ModeDir || !r.touched.named[path.Join(name, e.Name())] {
				continue
			}
			checked++
			r.changed(path.Join(name, "new-"+e.Name())) // of the kind that is read
		}
	}
	if checked < 3 {
		t.Errorf("only %d paths were checked", checked)
	}
}

// changed gives the file another content, or makes it, and asks whether the project is affected and
// its inputs are others.
func (r *reading) changed(name string) {
	r.t.Helper()
	_, before := r.survey(r.tree, "live/prod/main.tf")
	blob := filepath.Dir(r.root) + "/blob"
	fatal(r.t, os.WriteFile(blob, []byte("changed "+name), 0o600))
	r.git("read-tree", r.tree)
	r.git("update-index", "--add", "--replace", "--cacheinfo", "100644,"+r.git("hash-object", "-w", blob)+","+name)
	tree := r.git("write-tree")
	affected, after := r.survey(tree, name)
	if !affected {
		r.t.Errorf("terraform looks at %s, and its change does not affect the project", name)
	}
	if before.InputsDigest == "" || after.InputsDigest == before.InputsDigest {
		r.t.Errorf("terraform looks at %s, and the inputs of its plan are the same after its change", name)
	}
}

// survey is what the server says of a change of one file to a tree.
func (r *reading) survey(planned, changed string) (affected bool, run workflow.Run) {
	r.t.Helper()
	co := workflow.Checkout{Head: "head", Base: "base",
		Changes: []workflow.FileChange{{Path: changed, Status: "modified"}}}
	var err error
	co.BaseTree, err = git.OpenTree(r.gitDir, r.tree)
	fatal(r.t, err)
	co.Planned, err = git.OpenTree(r.gitDir, planned)
	fatal(r.t, err)
	rules := workflow.DefaultRules("*")
	rules.Closure = true
	s, trouble, err := survey.Read(r.t.Context(), workflow.Engines{r.engine}, rules, workflow.Pull{}, co)
	fatal(r.t, err)
	if trouble != nil {
		r.t.Fatalf("got %+v", trouble)
	}
	for _, a := range s.Affected {
		if a.Project.Dir == "live/prod" {
			affected = true
		}
	}
	for _, p := range s.Resolution.Projects {
		if p.Dir == "live/prod" {
			run, _, err = s.PlanRun(r.t.Context(), p) // code that a change made nonsense of is refused: that is a difference
			fatal(r.t, err)
		}
	}
	return affected, run
}
