package git_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/git"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// repo is a work tree made by the real git, served over smart HTTP.
type repo struct {
	t   testing.TB
	dir string
}

func newRepo(t testing.TB) *repo {
	t.Helper()
	r := &repo{t: t, dir: filepath.Join(t.TempDir(), "acme", "infra.git")}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r.git("init", "-q", "-b", "main")
	r.git("config", "uploadpack.allowAnySHA1InWant", "true")
	r.git("config", "http.receivepack", "false")
	return r
}

func (r *repo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.dir, "-c", "user.name=ada", "-c", "user.email=ada@example.com"},
		args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repo) write(name, text string) {
	r.t.Helper()
	p := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repo) link(name, target string) {
	r.t.Helper()
	p := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink(target, p); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repo) commit(message string) string {
	r.t.Helper()
	r.git("add", "-A", "-f")
	r.git("commit", "-q", "--allow-empty", "-m", message)
	return r.git("rev-parse", "HEAD")
}

func (r *repo) branch(name, from string) { r.t.Helper(); r.git("checkout", "-q", "-B", name, from) }

// serve puts the repository behind git's own HTTP backend and asks for the token.
func (r *repo) serve(token string) *httptest.Server {
	execPath, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		r.t.Fatal(err)
	}
	backend := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(execPath)), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(filepath.Dir(r.dir)), "GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_GLOBAL=/dev/null",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, pass, _ := req.BasicAuth(); pass != token {
			w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, req)
	}))
	r.t.Cleanup(srv.Close)
	return srv
}

const token = "ghs_1_test.token-0123456789abcdefghijklmnop"

func mirrors(t testing.TB, r *repo) *git.Mirrors {
	t.Helper()
	srv := r.serve(token)
	m, err := git.NewMirrors(filepath.Join(t.TempDir(), "repos"), srv.URL, func(context.Context, workflow.Repo) (string, error) { return token, nil })
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func pull(head string) workflow.Pull {
	return workflow.Pull{Repo: workflow.Repo{ID: 7, Owner: "acme", Name: "infra"}, Number: 1,
		Head: workflow.Ref{Ref: "change", SHA: head}, Base: workflow.Ref{Ref: "main"}, State: workflow.PullOpen}
}

func TestCheckoutPlansWhatTheMergeButtonWouldMake(t *testing.T) {
	r := newRepo(t)
	r.write("prod/main.tf", "a\n")
	r.write("old/main.tf", "moved as it is\n")
	r.write("gone/main.tf", "deleted\n")
	root := r.commit("root")
	r.branch("change", root)
	r.write("prod/main.tf", "b\n")
	r.git("mv", "old", "new")
	r.git("rm", "-q", "gone/main.tf")
	head := r.commit("change")
	r.branch("main", root)
	r.write("other/main.tf", "base moved on\n")
	base := r.commit("base moves")

	m := mirrors(t, r)
	for range 2 { // cold, then warm
		c, err := m.Checkout(t.Context(), pull(head), workflow.CheckoutMerge)
		if err != nil {
			t.Fatal(err)
		}
		want := []workflow.FileChange{{Path: "gone/main.tf", Status: "deleted"},
			{Path: "new/main.tf", OldPath: "old/main.tf", Status: "renamed"}, {Path: "prod/main.tf", Status: "modified"}}
		slices.SortFunc(c.Changes, func(a, b workflow.FileChange) int { return strings.Compare(a.Path, b.Path) })
		if d := cmp.Diff(want, c.Changes); d != "" {
			t.Errorf("changes (-want +got):\n%s", d)
		}
		if c.Base != base || c.Head != head {
			t.Errorf("got base %s head %s, want %s %s", c.Base, c.Head, base, head)
		}
		// The planned tree has what both sides did.
		for name, want := range map[string]string{"prod/main.tf": "b\n", "other/main.tf": "base moved on\n"} {
			if got, err := fs.ReadFile(c.Planned, name); err != nil || string(got) != want {
				t.Errorf("planned %s = %q, %v; want %q", name, got, err, want)
			}
		}
	}
	c, err := m.Checkout(t.Context(), pull(head), workflow.CheckoutHead)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Stat(c.Planned, "other/main.tf"); !errors.Is(err, fs.ErrNotExist) || len(c.Changes) != 3 {
		t.Errorf("head alone: other/main.tf: %v, %d changes; want it absent and 3 changes", err, len(c.Changes))
	}
	noTokenOnDisk(t, filepath.Dir(m.MirrorDir(pull(head).Repo)))
}

func noTokenOnDisk(t testing.TB, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(file)
		if bytes.Contains(data, []byte(token)) {
			t.Errorf("the token is in %s", file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCheckoutConflict(t *testing.T) {
	r := newRepo(t)
	r.write("prod/main.tf", "a\n")
	root := r.commit("root")
	r.branch("change", root)
	r.write("prod/main.tf", "b\n")
	head := r.commit("change")
	r.branch("main", root)
	r.write("prod/main.tf", "c\n")
	r.commit("base moves")
	c, err := mirrors(t, r).Checkout(t.Context(), pull(head), workflow.CheckoutMerge)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"prod/main.tf"}, c.Conflicts); d != "" {
		t.Errorf("conflicts (-want +got):\n%s", d)
	}
}

func TestCheckoutSaysWhenHeadIsNotThereYet(t *testing.T) {
	r := newRepo(t)
	r.commit("root")
	absent := strings.Repeat("ab", 20)
	_, err := mirrors(t, r).Checkout(t.Context(), pull(absent), workflow.CheckoutMerge)
	if !errors.Is(err, workflow.ErrNotYet) || !errors.Is(err, workflow.ErrPassing) {
		t.Errorf("got %v, want ErrNotYet, which is passing", err)
	}
	for _, bad := range []string{"", "main", "--upload-pack=touch /tmp/x", strings.Repeat("AB", 20)} {
		if _, err := mirrors(t, r).Checkout(t.Context(), pull(bad), workflow.CheckoutMerge); err == nil ||
			errors.Is(err, workflow.ErrPassing) {
			t.Errorf("head %q: got %v, want a refusal that is not passing", bad, err)
		}
	}
}

// A token that is refused is given up for another, once.
func TestCheckoutWithARefusedToken(t *testing.T) {
	r := newRepo(t)
	head := r.commit("root")
	srv := r.serve(token)
	for _, tt := range []struct {
		name  string
		next  string
		other bool
		want  int // tokens that were used
	}{{"another is good", token, true, 2}, {"another is bad too", "ghs_bad", true, 2},
		{"there is no other", token, false, 1}} {
		given, refused := []string{}, []string{}
		m, err := git.NewMirrors(filepath.Join(t.TempDir(), "repos"), srv.URL,
			func(context.Context, workflow.Repo) (string, error) {
				given = append(given, map[bool]string{true: "ghs_old", false: tt.next}[len(given) == 0])
				return given[len(given)-1], nil
			})
		if err != nil {
			t.Fatal(err)
		}
		m.Refused = func(_ context.Context, _ workflow.Repo, token string) bool {
			refused = append(refused, token)
			return tt.other
		}
		_, err = m.Checkout(t.Context(), pull(head), workflow.CheckoutMerge)
		if good := tt.other && tt.next == token; good != (err == nil) || len(given) != tt.want ||
			!slices.Equal(refused, []string{"ghs_old"}) {
			t.Errorf("%s: got %v with the tokens %q, refused %q", tt.name, err, given, refused)
		}
	}
}

func TestUnreachableServerIsPassing(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	m, err := git.NewMirrors(t.TempDir(), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Checkout(t.Context(), pull(strings.Repeat("ab", 20)),
		workflow.CheckoutMerge); !errors.Is(err, workflow.ErrPassing) {
		t.Errorf("got %v, want a passing fault", err)
	}
}

func TestTreeIsAFileSystem(t *testing.T) {
	r := newRepo(t)
	r.write("prod/main.tf", "resource\n")
	r.write("modules/vpc/main.tf", "vpc\n")
	r.write("modules/run.sh", "#!/bin/sh\n")
	first := r.commit("root")
	r.git("update-index", "--add", "--cacheinfo", "160000,"+first+",vendor")
	r.git("commit", "-q", "-m", "a submodule")
	sha := r.git("rev-parse", "HEAD")
	tree := r.git("rev-parse", sha+"^{tree}")
	fsys, err := git.OpenTree(filepath.Join(r.dir, ".git"), tree)
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(fsys, "prod/main.tf", "modules/vpc/main.tf", "modules/run.sh"); err != nil {
		t.Error(err)
	}
	info, err := fs.Stat(fsys, "modules/vpc")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Sys(), workflow.ObjectID(r.git("rev-parse", sha+":modules/vpc")); got != want {
		t.Errorf("Sys() of a directory = %v, want its tree id %v", got, want)
	}
	if info, err = fs.Lstat(fsys, "vendor"); err != nil || !info.IsDir() || info.Mode()&fs.ModeSticky == 0 {
		t.Errorf("a submodule is %v, %v; want a directory that is marked", info, err)
	}
}

func TestTreeFollowsSymlinksInsideOnly(t *testing.T) {
	r := newRepo(t)
	r.write("common/versions.tf", "versions\n")
	r.link("prod/versions.tf", "../common/versions.tf")
	r.link("alias", "prod")
	r.link("prod/passwd", "/etc/passwd")
	r.link("prod/up", "../../outside")
	r.link("prod/loop", "loop")
	sha := r.commit("root")
	fsys, err := git.OpenTree(filepath.Join(r.dir, ".git"), r.git("rev-parse", sha+"^{tree}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"prod/versions.tf", "alias/versions.tf"} {
		if got, err := fs.ReadFile(fsys, name); err != nil || string(got) != "versions\n" {
			t.Errorf("%s = %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"prod/passwd", "prod/up", "prod/loop"} {
		if got, err := fs.ReadFile(fsys, name); err == nil {
			t.Errorf("%s was read: %q", name, got)
		}
	}
}

// export exports the repository's HEAD through a mirror, as a run does.
func export(t testing.TB, r *repo, spec git.ExportSpec) (string, []string, error) {
	t.Helper()
	sha := r.commit("export")
	m := mirrors(t, r)
	c, err := m.Checkout(t.Context(), pull(sha), workflow.CheckoutMerge)
	if err != nil {
		t.Fatal(err)
	}
	spec.GitDir, spec.Tree, spec.Dir = m.MirrorDir(pull(sha).Repo), c.Planned.ID, filepath.Join(t.TempDir(), "work")
	notes, err := git.Export(t.Context(), spec)
	return spec.Dir, notes, err
}

func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, file)
		if d.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(file)
			out[rel] = "-> " + target
			return err
		}
		data, err := os.ReadFile(file)
		out[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestExportWritesFilesAsCommitted(t *testing.T) {
	r := newRepo(t)
	// Filters of the operator's and attributes of the repository must not rewrite a byte.
	r.write("prod/main.tf", "one\ntwo $Id$\n")
	r.write("prod/hidden.tf", "still here\n")
	r.write("prod/.gitattributes", "*.tf text eol=crlf ident filter=evil\nhidden.tf export-ignore\n")
	r.link("prod/versions.tf", "../common/versions.tf")
	r.write("common/versions.tf", "v\n")
	r.git("config", "filter.evil.smudge", "touch /tmp/never")
	r.git("add", "-A")
	dir, notes, err := export(t, r, git.ExportSpec{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"prod/main.tf": "one\ntwo $Id$\n",
		"prod/hidden.tf": "still here\n", "common/versions.tf": "v\n",
		"prod/.gitattributes": "*.tf text eol=crlf ident filter=evil\nhidden.tf export-ignore\n", "prod/versions.tf": "-> ../common/versions.tf"}
	if d := cmp.Diff(want, files(t, dir)); d != "" {
		t.Errorf("workspace (-want +got):\n%s", d)
	}
	if len(notes) > 0 {
		t.Errorf("notes: %q", notes)
	}
}

func TestExportLeavesOutWhatIsPlanted(t *testing.T) {
	r := newRepo(t)
	r.write("prod/main.tf", "x\n")
	r.write("prod/.terraform.lock.hcl", "lock\n")
	r.write("prod/.terraform/environment", "prod")
	r.write("prod/terraform.d/plugins/evil", "evil")
	r.write("terraform.d/plugins/evil", "evil")
	r.write("prod/saved.tfplan", "evil")
	r.write("prod/errored.tfstate", "evil")
	r.link("stage/.terraform", "../prod")
	dir, notes, err := export(t, r, git.ExportSpec{Planted: terraform.New(terraform.Options{}).Kind().Planted})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"prod/main.tf": "x\n", "prod/.terraform.lock.hcl": "lock\n"}
	if d := cmp.Diff(want, files(t, dir)); d != "" {
		t.Errorf("workspace (-want +got):\n%s", d)
	}
	if len(notes) != 6 {
		t.Errorf("got %d notes, want one for each of 6: %q", len(notes), notes)
	}
}

func TestExportRefusesSymlinksThatLeave(t *testing.T) {
	for _, target := range []string{"/etc/passwd", "../../outside", "../up/../../outside"} {
		r := newRepo(t)
		r.write("prod/main.tf", "x\n")
		r.write("stage/main.tf", "x\n")
		r.link("prod/out", target)
		_, _, err := export(t, r, git.ExportSpec{Own: []string{"prod"}})
		var refused *git.RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "`prod/out` leads out of the repository") {
			t.Errorf("%s: got %v, want a refusal that names it", target, err)
		}
		dir, notes, err := export(t, r, git.ExportSpec{Own: []string{"stage"}})
		if err != nil || len(notes) != 1 {
			t.Errorf("%s, another project: notes %q, %v; want one note", target, notes, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, "prod/out")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the symlink is in the workspace: %v", target, err)
		}
	}
}

func TestExportOfSomePaths(t *testing.T) {
	r := newRepo(t)
	for i := range 50 {
		r.write(fmt.Sprintf("p%02d/main.tf", i), "x\n")
	}
	r.write("root.json", "{}")
	r.write("p01/sub/deep.tpl", "t")
	r.write("shared/a.json", "a")
	r.write("shared/b.txt", "b")
	dir, _, err := export(t, r, git.ExportSpec{Paths: []string{"p01", "shared/*.json", "*.json"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"p01/main.tf": "x\n", "p01/sub/deep.tpl": "t", "shared/a.json": "a", "root.json": "{}"}
	if d := cmp.Diff(want, files(t, dir)); d != "" {
		t.Errorf("workspace (-want +got):\n%s", d)
	}
}

func TestLocalCloneIsNotChanged(t *testing.T) {
	r := newRepo(t)
	r.write("prod/main.tf", "a\n")
	root := r.commit("root")
	r.branch("change", root)
	r.write("prod/main.tf", "b\n")
	r.commit("change")
	r.branch("main", root)
	r.write("stage/main.tf", "c\n")
	r.commit("base moves")
	r.git("checkout", "-q", "change")
	before := r.git("count-objects", "-v") + r.git("for-each-ref")

	l, err := git.OpenLocal(t.Context(), filepath.Join(r.dir, "prod"), filepath.Join(t.TempDir(), "scratch"))
	if err != nil {
		t.Fatal(err)
	}
	head, err := l.Resolve(t.Context(), "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	base, err := l.Resolve(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Checkout(t.Context(), head, base, workflow.CheckoutMerge)
	if err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(t.TempDir(), "work")
	if _, err := git.Export(t.Context(), git.ExportSpec{GitDir: l.GitDir(), Tree: c.Planned.ID, Dir: work}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"prod/main.tf": "b\n", "stage/main.tf": "c\n"}
	if d := cmp.Diff(want, files(t, work)); d != "" {
		t.Errorf("workspace (-want +got):\n%s", d)
	}
	if after := r.git("count-objects", "-v") + r.git("for-each-ref"); after != before {
		t.Errorf("the clone changed:\n%s\n%s", before, after)
	}
	if _, err := l.Resolve(t.Context(), "nowhere"); err == nil {
		t.Error("an unknown branch resolved")
	}
	if _, err := git.OpenLocal(t.Context(), t.TempDir(),
		filepath.Join(t.TempDir(), "s")); !errors.Is(err, git.ErrNotClone) {
		t.Errorf("outside a clone: %v, want ErrNotClone", err)
	}
}
