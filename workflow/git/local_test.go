package git_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/git"
)

// preview opens what is in dir and merges head into main, as a preview does.
func preview(t *testing.T, dir, head string) (workflow.Checkout, error) {
	t.Helper()
	l, err := git.OpenLocal(t.Context(), dir, filepath.Join(t.TempDir(), "scratch"))
	if err != nil {
		t.Fatal(err)
	}
	h, err := l.Resolve(t.Context(), head)
	if err != nil {
		t.Fatal(err)
	}
	base, err := l.Resolve(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	return l.Checkout(t.Context(), h, base, workflow.CheckoutMerge)
}

// clones has branches main and change, which both moved, and a file larger than what is read at once.
func clones(t *testing.T) (*repo, map[string]string) {
	r := newRepo(t)
	big := strings.Repeat("all work and no play\n", 200_000)
	r.write("prod/main.tf", "a\n")
	r.write("prod/big.txt", big)
	root := r.commit("root")
	r.branch("change", root)
	r.write("prod/main.tf", "b\n")
	r.commit("change")
	r.branch("main", root)
	r.write("stage/main.tf", "c\n")
	r.commit("base moves")
	r.git("repack", "-q", "-a", "-d")
	return r, map[string]string{"prod/main.tf": "b\n", "prod/big.txt": big, "stage/main.tf": "c\n"}
}

func read(t *testing.T, tree workflow.Tree) map[string]string {
	t.Helper()
	got := map[string]string{}
	if err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Size() == 0 {
			return fmt.Errorf("%s: %v, size 0", name, err)
		}
		data, err := fs.ReadFile(tree, name)
		got[name] = string(data)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestLocalClones: every way in which git keeps a clone can be previewed, and the clone stays as it is.
func TestLocalClones(t *testing.T) {
	for name, clone := range map[string]func(t *testing.T, r *repo, dir string) string{
		"itself": func(_ *testing.T, r *repo, _ string) string { return r.dir },
		"shared": func(_ *testing.T, r *repo, dir string) string {
			r.git("clone", "-q", "--shared", r.dir, dir)
			return dir
		},
		"reference": func(_ *testing.T, r *repo, dir string) string {
			r.git("clone", "-q", "--reference", r.dir, "file://"+r.dir, dir)
			return dir
		},
		"a chain": func(_ *testing.T, r *repo, dir string) string {
			r.git("clone", "-q", "--mirror", "--shared", r.dir, dir+"1")
			r.git("clone", "-q", "--mirror", "--shared", dir+"1", dir+"2")
			r.git("clone", "-q", "--shared", dir+"2", dir)
			return dir
		},
		"relative, by another name": func(t *testing.T, r *repo, dir string) string {
			r.git("clone", "-q", "--shared", r.dir, dir)
			objects := filepath.Join(r.git("rev-parse", "--absolute-git-dir"), "objects")
			if err := os.CopyFS(filepath.Join(filepath.Dir(dir), "store"), os.DirFS(objects)); err != nil {
				t.Fatal(err)
			}
			text := "# words\n\n../../../store\n/nowhere/objects\n"
			if err := os.WriteFile(filepath.Join(dir, ".git", "objects", "info", "alternates"),
				[]byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		},
		"linked work tree": func(_ *testing.T, r *repo, dir string) string {
			r.git("checkout", "-q", "main")
			r.git("worktree", "add", "-q", dir, "change")
			return dir
		},
		"partial, whole again": func(t *testing.T, r *repo, dir string) string {
			partial(r, dir)
			(&repo{t: t, dir: dir}).git("fetch", "-q", "--refetch", "--no-filter")
			return dir
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, want := clones(t)
			dir := clone(t, r, filepath.Join(t.TempDir(), "clone"))
			if name == "itself" {
				r.git("checkout", "-q", "change")
			} else if name != "linked work tree" {
				(&repo{t: t, dir: dir}).git("checkout", "-q", "change")
			}
			look := func() string {
				c := &repo{t: t, dir: dir}
				return c.git("count-objects", "-v") + c.git("for-each-ref")
			}
			before := look()
			c, err := preview(t, dir, "HEAD")
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, read(t, c.Planned)); d != "" {
				t.Errorf("planned (-want +got):\n%s", d)
			}
			if after := look(); after != before {
				t.Errorf("the clone changed:\n%s\n%s", before, after)
			}
		})
	}
}

func partial(r *repo, dir string) {
	r.git("config", "uploadpack.allowFilter", "true")
	r.git("config", "uploadpack.allowAnySHA1InWant", "true")
	r.git("clone", "-q", "--filter=blob:none", "--no-checkout", "file://"+r.dir, dir)
}

// TestPartialClone: what is not there is said with the command that brings it, before anything is planned.
func TestPartialClone(t *testing.T) {
	r, _ := clones(t)
	dir := filepath.Join(t.TempDir(), "clone")
	partial(r, dir)
	_, err := preview(t, dir, "change")
	if err == nil || !strings.Contains(err.Error(), "this clone is partial") ||
		!strings.Contains(err.Error(), "git fetch --refetch --no-filter") {
		t.Errorf("got %v, want what a partial clone lacks", err)
	}
}

// TestReadingCostsWhatIsRead: the indexes of a clone's packs are read once, not once for each object.
func TestReadingCostsWhatIsRead(t *testing.T) {
	r := newRepo(t)
	for i := range 200 {
		r.write(fmt.Sprintf("d%d/main.tf", i), strconv.Itoa(i))
	}
	root := r.commit("root")
	r.branch("change", root)
	r.write("d0/main.tf", "x")
	r.commit("change")
	r.branch("pad", root)
	for i := range 3000 {
		r.write(fmt.Sprintf("pad%d/f%d", i%50, i), "pad "+strconv.Itoa(i))
	}
	r.commit("pad")
	r.git("repack", "-q", "-a", "-d")
	indexes, err := filepath.Glob(filepath.Join(r.git("rev-parse", "--absolute-git-dir"), "objects", "pack", "*.idx"))
	if err != nil || len(indexes) != 1 {
		t.Fatalf("%v, %v", indexes, err)
	}
	index, err := os.Stat(indexes[0])
	if err != nil {
		t.Fatal(err)
	}
	before := bytesRead(t)
	c, err := preview(t, r.dir, "change")
	if err != nil {
		t.Fatal(err)
	}
	read(t, c.Planned)
	// Each object is read through a buffer of 4 KB at most.
	if got, most := bytesRead(t)-before, 4*index.Size()+3*401*4096; got > most {
		t.Errorf("%d bytes were read, want at most %d: the index has %d", got, most, index.Size())
	}
}

// bytesRead is what this process has read so far.
func bytesRead(t *testing.T) int64 {
	t.Helper()
	data, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "rchar: ")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseInt(line, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
