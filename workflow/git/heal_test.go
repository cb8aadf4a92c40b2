package git_test

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// A branch that is gone does not bar one whose name begins with its own, nor the other way round.
func TestBranchNamesThatFollowOneAnother(t *testing.T) {
	r := newRepo(t)
	r.write("a", "1")
	main := r.commit("first")
	m := mirrors(t, r)
	for _, name := range []string{"release", "release/1.0", "release/1.0/x", "release"} {
		r.branch(name, main)
		r.branch("change", main)
		r.write("b", name)
		p := pull(r.commit("change"))
		p.Base.Ref = name
		c, err := m.Checkout(t.Context(), p, workflow.CheckoutMerge)
		if err != nil || c.Base != main {
			t.Fatalf("base %s: got %+v, %v", name, c, err)
		}
		r.git("checkout", "-q", "main")
		r.git("branch", "-D", name)
	}
}

// However a mirror is damaged, the next checkout works, and the log says what was done.
func TestDamagedMirrorHeals(t *testing.T) {
	every := func(t *testing.T, dir, suffix string, do func(path string)) {
		t.Helper()
		n := 0
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() && strings.HasSuffix(path, suffix) {
				do(path)
				n++
			}
			return err
		})
		if err != nil || n == 0 {
			t.Fatalf("nothing to damage: %v", err)
		}
	}
	write := func(t *testing.T, path, text string) {
		t.Helper()
		if err := os.Chmod(path, 0o600); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		says   string
	}{
		"lock of all refs": {func(t *testing.T, dir string) { write(t, filepath.Join(dir, "packed-refs.lock"), ""); pack(t, dir) }, ""},
		"lock of a ref": {func(t *testing.T, dir string) {
			every(t, filepath.Join(dir, "refs", "cardea", "tips"), "", func(path string) { write(t, path+".lock", "") })
		}, "removed files that a killed git"},
		"packs cut short": {func(t *testing.T, dir string) {
			every(t, filepath.Join(dir, "objects", "pack"), ".pack", func(path string) { write(t, path, "PACK") })
		}, ""},
		"packs gone": {func(t *testing.T, dir string) {
			every(t, filepath.Join(dir, "objects", "pack"), "", func(path string) { _ = os.Remove(path) })
		}, ""},
		"a ref of rubbish": {func(t *testing.T, dir string) {
			every(t, filepath.Join(dir, "refs", "cardea", "tips"), "", func(path string) { write(t, path, "rubbish\n") })
		}, "deleting and cloning it again"},
		"no HEAD": {func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "HEAD")); err != nil {
				t.Fatal(err)
			}
		}, "deleting and cloning it again"},
		"faulty configuration": {func(t *testing.T, dir string) { write(t, filepath.Join(dir, "config"), "[core") }, "deleting and cloning it again"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			r.write("a", "1")
			main := r.commit("first")
			r.branch("change", main)
			r.write("b", "1")
			first := r.commit("change")
			m := mirrors(t, r)
			var said bytes.Buffer
			m.Log = slog.New(slog.NewTextHandler(&said, nil))
			if _, err := m.Checkout(t.Context(), pull(first), workflow.CheckoutMerge); err != nil {
				t.Fatal(err)
			}
			if said.Len() > 0 {
				t.Fatalf("a sound mirror was mended: %s", said.String())
			}
			c.damage(t, m.MirrorDir(pull(first).Repo))
			r.git("checkout", "-q", "main")
			r.write("m", "2")
			tip := r.commit("main moves")
			r.git("checkout", "-q", "change")
			r.write("b", "2")
			got, err := m.Checkout(t.Context(), pull(r.commit("more")), workflow.CheckoutMerge)
			if err != nil || got.Base != tip || len(got.Changes) != 1 {
				t.Fatalf("got %+v, %v; the log says %s", got, err, said.String())
			}
			if !strings.Contains(said.String(), c.says) {
				t.Errorf("the log says %q, want %q", said.String(), c.says)
			}
		})
	}
}

// pack makes the next git need the lock of all refs.
func pack(t *testing.T, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, "packed-refs.lock")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("git", "-C", dir, "pack-refs", "--all").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "packed-refs.lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// What is not the mirror's fault does not cost the mirror.
func TestSoundMirrorStays(t *testing.T) {
	r := newRepo(t)
	r.write("a", "1")
	main := r.commit("first")
	r.branch("change", main)
	r.write("b", "1")
	head := r.commit("change")
	m := mirrors(t, r)
	var said bytes.Buffer
	m.Log = slog.New(slog.NewTextHandler(&said, nil))
	if _, err := m.Checkout(t.Context(), pull(head), workflow.CheckoutMerge); err != nil {
		t.Fatal(err)
	}
	gone := pull(strings.Repeat("a", 40))
	if _, err := m.Checkout(t.Context(), gone, workflow.CheckoutMerge); err == nil {
		t.Fatal("a commit that is not there was checked out")
	}
	r.git("checkout", "-q", "--orphan", "other")
	r.write("c", "1")
	if _, err := m.Checkout(t.Context(), pull(r.commit("unrelated")), workflow.CheckoutMerge); err == nil {
		t.Fatal("unrelated histories were merged")
	}
	if _, err := m.Checkout(t.Context(), pull(r.git("rev-parse", "other")), workflow.CheckoutHead); err == nil {
		t.Fatal("unrelated histories have a merge base")
	}
	if said.Len() > 0 {
		t.Errorf("the mirror was mended: %s", said.String())
	}
}
