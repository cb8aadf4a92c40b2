package git_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/git"
)

func openLocal(t *testing.T, dir string) *git.Local {
	t.Helper()
	l, err := git.OpenLocal(t.Context(), dir, filepath.Join(t.TempDir(), "scratch"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// everything lists a directory with contents, and with times but those of objects: git notes there that one is
// in use.
func everything(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if d.Type() == os.ModeSymlink {
			got[name], err = os.Readlink(name)
			return err
		}
		data, err := os.ReadFile(name)
		info, statErr := d.Info()
		got[name] = string(data)
		if !strings.Contains(name, "/objects/") {
			got[name] += info.ModTime().String()
		}
		return errors.Join(err, statErr)
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestWorkTree: the files as they are: changed, deleted, new, staged or not, executable, linked; not what
// is ignored. The clone, its index and its objects stay as they were.
func TestWorkTree(t *testing.T) {
	r := newRepo(t)
	r.write("a/main.tf", "one\n")
	r.write("b/main.tf", "one\n")
	r.write("c/main.tf", "one\n")
	r.write(".gitignore", "*.secret\nignored/\n")
	head := r.commit("root")
	r.write("a/main.tf", "two\n")   // changed
	r.git("add", "a/main.tf")       // staged,
	r.write("a/main.tf", "three\n") // and changed again
	if err := os.RemoveAll(filepath.Join(r.dir, "b")); err != nil {
		t.Fatal(err)
	}
	r.write("d/new file.tf", "new\n")
	r.write("x.secret", "no\n")
	r.write("ignored/main.tf", "no\n")
	r.write("run.sh", "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(r.dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("c", filepath.Join(r.dir, "link")); err != nil {
		t.Fatal(err)
	}
	before := everything(t, r.dir)
	l := openLocal(t, filepath.Join(r.dir, "a")) // from below, all of it all the same
	commit, err := l.WorkTree(t.Context(), head)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, everything(t, r.dir)); diff != "" {
		t.Errorf("the clone changed (-before +after):\n%s", diff)
	}
	co, err := l.Checkout(t.Context(), commit, head, workflow.CheckoutMerge)
	if err != nil {
		t.Fatal(err)
	}
	var changed []string
	for _, c := range co.Changes {
		changed = append(changed, c.Path)
	}
	got := strings.Join(changed, ", ")
	for _, want := range []string{"a/main.tf", "b/main.tf", "d/new file.tf", "run.sh", "link"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
	if strings.Contains(got, "secret") || strings.Contains(got, "ignored") || strings.Contains(got, "c/main.tf") {
		t.Errorf("got %s, want nothing that is ignored or as it was", got)
	}
	tree, err := l.Tree(t.Context(), "HEAD")
	if err != nil || len(read(t, tree)) != 4 {
		t.Errorf("HEAD has %v, %v, want what was committed", read(t, tree), err)
	}
}

// TestWorkTreeOdd: work trees that are not simply one.
func TestWorkTreeOdd(t *testing.T) {
	t.Run("linked", func(t *testing.T) {
		r := newRepo(t)
		r.write("main.tf", "one\n")
		head := r.commit("root")
		dir := filepath.Join(t.TempDir(), "a tree")
		r.git("worktree", "add", "-q", "--detach", dir)
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte("two\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		l := openLocal(t, dir)
		commit, err := l.WorkTree(t.Context(), head)
		if err != nil {
			t.Fatal(err)
		}
		co, err := l.Checkout(t.Context(), commit, head, workflow.CheckoutMerge)
		if err != nil || len(co.Changes) != 1 {
			t.Errorf("got %v, %v, want one change", co.Changes, err)
		}
	})
	t.Run("nothing changed", func(t *testing.T) {
		r := newRepo(t)
		r.write("main.tf", "one\n")
		head := r.commit("root")
		l := openLocal(t, r.dir)
		commit, err := l.WorkTree(t.Context(), head)
		if err != nil {
			t.Fatal(err)
		}
		if co, err := l.Checkout(t.Context(), commit, head, workflow.CheckoutMerge); err != nil || len(co.Changes) != 0 {
			t.Errorf("got %v, %v, want no change", co.Changes, err)
		}
	})
	t.Run("in a merge", func(t *testing.T) {
		r := newRepo(t)
		r.write("main.tf", "one\n")
		root := r.commit("root")
		r.branch("change", root)
		r.write("main.tf", "two\n")
		r.commit("change")
		r.branch("main", root)
		r.write("main.tf", "three\n")
		head := r.commit("other")
		if out, err := exec.Command("git", "-C", r.dir, "merge", "change").CombinedOutput(); err == nil {
			t.Fatalf("there is no conflict: %s", out)
		}
		if _, err := openLocal(t, r.dir).WorkTree(t.Context(), head); err == nil || !strings.Contains(err.Error(), "1 file has conflicts: resolve them first") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("bare", func(t *testing.T) {
		r := newRepo(t)
		r.write("main.tf", "one\n")
		head := r.commit("root")
		dir := filepath.Join(t.TempDir(), "bare.git")
		r.git("clone", "-q", "--bare", r.dir, dir)
		l := openLocal(t, dir)
		if _, err := l.WorkTree(t.Context(), head); !errors.Is(err, git.ErrBare) {
			t.Errorf("got %v, want that it is bare", err)
		}
		if n, err := l.Uncommitted(t.Context()); n != 0 || err != nil {
			t.Errorf("got %d, %v, want nothing uncommitted", n, err)
		}
	})
}

// TestBareAndInside: a bare clone can be previewed; a .git directory says where to go.
func TestBareAndInside(t *testing.T) {
	r, _ := clones(t)
	dir := filepath.Join(t.TempDir(), "bare.git")
	r.git("clone", "-q", "--bare", r.dir, dir)
	if _, err := preview(t, dir, "change"); err != nil {
		t.Error(err)
	}
	_, err := git.OpenLocal(t.Context(), filepath.Join(r.dir, ".git"), filepath.Join(t.TempDir(), "scratch"))
	if err == nil || !strings.Contains(err.Error(), "is inside a .git directory: change to the clone's working directory") {
		t.Errorf("got %v", err)
	}
	if _, err := git.OpenLocal(t.Context(), t.TempDir(), filepath.Join(t.TempDir(), "scratch")); !errors.Is(err, git.ErrNotClone) {
		t.Errorf("got %v, want that it is no repository", err)
	}
}

// TestDefaultBase: the remote's default branch, else main, else master; the remote's own where the clone's
// is only behind it, or is what is checked out.
func TestDefaultBase(t *testing.T) {
	commitTo := func(r *repo, branch, text string) string {
		r.git("checkout", "-q", branch)
		r.write("main.tf", text)
		return r.commit(text)
	}
	for _, tt := range []struct {
		name string
		make func(t *testing.T) (dir, want string) // want: branch and commit
	}{
		{"main alone", func(t *testing.T) (string, string) {
			r := newRepo(t)
			r.write("main.tf", "one\n")
			return r.dir, "main " + r.commit("root")
		}},
		{"master alone", func(t *testing.T) (string, string) {
			r := newRepo(t)
			r.write("main.tf", "one\n")
			sha := r.commit("root")
			r.git("branch", "-m", "main", "master")
			return r.dir, "master " + sha
		}},
		{"origin/HEAD", func(t *testing.T) (string, string) {
			r := newRepo(t)
			r.write("main.tf", "one\n")
			sha := r.commit("root")
			r.git("branch", "-m", "main", "trunk")
			dir := filepath.Join(t.TempDir(), "clone")
			r.git("clone", "-q", r.dir, dir)
			(&repo{t: t, dir: dir}).git("checkout", "-q", "-b", "change")
			(&repo{t: t, dir: dir}).git("branch", "-q", "-D", "trunk")
			return dir, "trunk " + sha
		}},
		{"the clone's own is behind", func(t *testing.T) (string, string) {
			r := newRepo(t)
			r.write("main.tf", "one\n")
			r.commit("root")
			dir := filepath.Join(t.TempDir(), "clone")
			r.git("clone", "-q", r.dir, dir)
			newer := commitTo(r, "main", "two\n")
			c := &repo{t: t, dir: dir}
			c.git("checkout", "-q", "-b", "change")
			c.git("fetch", "-q")
			return dir, "main " + newer
		}},
		{"the clone's own is ahead", func(t *testing.T) (string, string) {
			r := newRepo(t)
			r.write("main.tf", "one\n")
			r.commit("root")
			dir := filepath.Join(t.TempDir(), "clone")
			r.git("clone", "-q", r.dir, dir)
			c := &repo{t: t, dir: dir}
			own := commitTo(c, "main", "two\n")
			c.git("checkout", "-q", "-b", "change")
			return dir, "main " + own
		}},
		{"it is checked out", func(t *testing.T) (string, string) {
			r := newRepo(t)
			r.write("main.tf", "one\n")
			sha := r.commit("root")
			dir := filepath.Join(t.TempDir(), "clone")
			r.git("clone", "-q", r.dir, dir)
			commitTo(&repo{t: t, dir: dir}, "main", "two\n")
			return dir, "main " + sha
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, want := tt.make(t)
			name, commit, err := openLocal(t, dir).DefaultBase(t.Context())
			if err != nil || name+" "+commit != want {
				t.Errorf("got %s %s, %v, want %s", name, commit, err, want)
			}
		})
	}
	r := newRepo(t)
	r.write("main.tf", "one\n")
	r.commit("root")
	r.git("branch", "-m", "main", "work")
	if _, _, err := openLocal(t, r.dir).DefaultBase(t.Context()); !errors.Is(err, git.ErrNoBase) {
		t.Errorf("got %v, want that there is none", err)
	}
}
