package run

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// What a plan made comes back as it was; the digest is of the content alone; and
// what cannot be carried over is said, with nothing left on the disk.
func TestArtefact(t *testing.T) {
	data := t.TempDir()
	id, err := OpenKeys(data)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := OpenKeys(data); err != nil || again.String() != id.String() {
		t.Fatalf("got another identity, %v", err)
	}
	if info, err := os.Stat(filepath.Join(data, "keys", "artefacts.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key is %v, %v", info.Mode(), err)
	}
	store := Artefacts{Dir: filepath.Join(data, "artefacts"), Identity: id}
	f := workflow.RunFiles{Workspace: t.TempDir(), Out: t.TempDir()}
	work, plan := f.Workspace, filepath.Join(f.Out, "plan")
	put := func(name, text string, mode fs.FileMode) {
		t.Helper()
		name = filepath.Join(work, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), mode), os.Chmod(name, mode)); err != nil {
			t.Fatal(err)
		}
	}
	put("a/run.sh", "#!/bin/sh", 0o750)
	put("z", "last", 0o600)
	put("big", "", 0o600)
	if err := errors.Join(os.Truncate(filepath.Join(work, "big"), maxMade+1), os.Symlink("run.sh", filepath.Join(work, "a/link")),
		os.Symlink("../../etc/passwd", filepath.Join(work, "a/out")), os.WriteFile(plan, []byte("saved"), 0o600)); err != nil {
		t.Fatal(err)
	}
	keep := func(run string, made ...string) (string, error) {
		return writeArtefact(store.file(run), id.Recipient().String(), f, workflow.Kept{Files: []string{"plan"}, Made: made, Seal: []byte("{}")})
	}
	first, err := keep("r1", "z", "a/run.sh", "a/link")
	if err != nil {
		t.Fatal(err)
	}
	if want := "e752c00c9968c38c03ba13ef536a88a434b4218f68f15ce1554c244463708f2e"; first != want {
		t.Errorf("an artefact of before had the digest %s, now it is %s", want, first)
	}
	if second, err := keep("r2", "a/link", "a/run.sh", "z"); err != nil || second != first {
		t.Errorf("the same content has digests %s and %s, %v", first, second, err)
	}
	for made, want := range map[string]string{
		"big":   "This plan cannot be applied: it made more than 64 MB of files in its workspace (`big` and others), which its apply would not have.",
		"a/out": "This plan cannot be applied: it made the symlink `a/out`, which leads out of its workspace.",
		"a":     "This plan cannot be applied: it made `a` in its workspace, which is not a file.",
	} {
		var no *notKeptError
		if _, err := keep("r3", made); !errors.As(err, &no) || no.sentence != want {
			t.Errorf("%s: got %v, want %q", made, err, want)
		}
	}
	if left, err := os.ReadDir(store.Dir); err != nil || len(left) != 2 {
		t.Errorf("got %v, %v, want two artefacts and nothing else", left, err)
	}

	into := workflow.RunFiles{Workspace: t.TempDir(), Out: t.TempDir()}
	to, out := into.Workspace, filepath.Join(into.Out, "plan")
	if err := os.WriteFile(filepath.Join(to, "z"), []byte("as committed"), 0o600); err != nil {
		t.Fatal(err)
	}
	seal, digest, err := unpackArtefact(store.file("r1"), id.String(), into)
	if err != nil || string(seal) != "{}" || digest != first {
		t.Fatalf("got %s, %s, %v", seal, digest, err)
	}
	for name, want := range map[string]string{filepath.Join(to, "z"): "last", filepath.Join(to, "a/link"): "#!/bin/sh", out: "saved"} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	if info, err := os.Stat(filepath.Join(to, "a/run.sh")); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("mode: got %v, %v", info.Mode(), err)
	}
	if err := store.Remove("r1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(store.file("r1")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v of what is removed", err)
	}
}

// TestArtefactOfGone: what was removed before a plan is removed again for its apply, and nothing outside.
func TestArtefactOfGone(t *testing.T) {
	data, dir := t.TempDir(), t.TempDir()
	id, err := OpenKeys(data)
	if err != nil {
		t.Fatal(err)
	}
	from := workflow.RunFiles{Workspace: filepath.Join(dir, "from"), Out: t.TempDir()}
	into := workflow.RunFiles{Workspace: filepath.Join(dir, "into"), Out: t.TempDir()}
	for _, name := range []string{"from/a/b", "into/a", "into/c/d", "into/stays", "outside"} {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(data, "artefacts", "r.age")
	write := func(gone ...string) error {
		_, err := writeArtefact(name, id.Recipient().String(), from, workflow.Kept{Made: []string{"a/b"}, Gone: gone})
		if err == nil {
			_, _, err = unpackArtefact(name, id.String(), into)
		}
		return err
	}
	if err := write("c/d", "a", "never"); err != nil {
		t.Fatal(err)
	}
	for name, there := range map[string]bool{"into/a/b": true, "into/c/d": false, "into/stays": true} {
		if _, err := os.Lstat(filepath.Join(dir, name)); (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := write("../outside"); err == nil {
		t.Error("an artefact reaches outside of its workspace")
	}
	if _, err := os.Lstat(filepath.Join(dir, "outside")); err != nil {
		t.Error(err)
	}
}

// What an engine keeps may be several files, each by its name and never elsewhere.
func TestArtefactOfSeveralFiles(t *testing.T) {
	data := t.TempDir()
	id, err := OpenKeys(data)
	if err != nil {
		t.Fatal(err)
	}
	f := workflow.RunFiles{Workspace: t.TempDir(), Out: t.TempDir()}
	for name, text := range map[string]string{"objects.json": "{}", "order": "1 2", "plan": "p"} {
		if err := os.WriteFile(filepath.Join(f.Out, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("order", filepath.Join(f.Out, "link")); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(data, "artefacts", "r.age")
	first, err := writeArtefact(name, id.Recipient().String(), f, workflow.Kept{Files: []string{"order", "objects.json"}, Seal: []byte("s")})
	if err != nil {
		t.Fatal(err)
	}
	into := workflow.RunFiles{Workspace: t.TempDir(), Out: t.TempDir()}
	seal, digest, err := unpackArtefact(name, id.String(), into)
	if err != nil || string(seal) != "s" || digest != first {
		t.Errorf("got %s, %s, %v", seal, digest, err)
	}
	for name, want := range map[string]string{"order": "1 2", "objects.json": "{}"} {
		if got, err := os.ReadFile(filepath.Join(into.Out, name)); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	if out, err := os.ReadDir(into.Out); err != nil || len(out) != 2 {
		t.Errorf("got %v, %v, want what was kept and nothing else", out, err)
	}
	for _, wrong := range []string{"", ".", "..", "seal", "made/x", "../plan", "/etc/passwd", "link", "missing"} {
		if _, err := writeArtefact(name, id.Recipient().String(), f, workflow.Kept{Files: []string{"order", wrong}}); err == nil {
			t.Errorf("%q was kept", wrong)
		}
	}
}

// A tar that names files outside of the workspace writes none there.
func TestUnpackStaysInside(t *testing.T) {
	dir := t.TempDir()
	work := filepath.Join(dir, "work")
	if err := errors.Join(os.Mkdir(work, 0o700), os.Symlink("..", filepath.Join(work, "up"))); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(work)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, name := range []string{"../out", "up/out", "/out", "a/../../out"} {
		if err := unpackMade(root, name, header(name, 0o600, 1), io.LimitReader(strings.NewReader("x"), 1)); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	link := &tar.Header{Typeflag: tar.TypeSymlink, Linkname: ".."}
	if err := unpackMade(root, "way", link, nil); err != nil {
		t.Fatal(err)
	}
	if err := unpackMade(root, "way/out", header("", 0o600, 1), strings.NewReader("x")); err == nil {
		t.Error("way/out was written")
	}
	if _, err := os.Lstat(filepath.Join(dir, "out")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("out is there: %v", err)
	}
}

// What stands in the place of a kept state and is no file is not removed: nobody knows what it holds.
func TestCleanKeepsErroredStates(t *testing.T) {
	l := &Launcher{Engines: workflow.Engines{terraform.New(terraform.Options{})}}
	for name, tt := range map[string]struct {
		engine string
		leave  func(file string) error
		gone   bool
	}{
		"nothing":                {"terraform", func(string) error { return nil }, true},
		"a file":                 {"terraform", func(f string) error { return os.WriteFile(f, []byte("{}"), 0o600) }, false},
		"a symlink":              {"terraform", func(f string) error { return os.Symlink("elsewhere", f) }, false},
		"a directory":            {"terraform", func(f string) error { return os.Mkdir(f, 0o700) }, false},
		"of an engine not there": {"pulleys", func(string) error { return nil }, false},
	} {
		d := files(t.TempDir())
		job := Job{Run: workflow.Run{Kind: workflow.RunApply, Project: workflow.Project{Dir: "app", Engine: tt.engine}}}
		dir := filepath.Join(d.engine().Workspace, "app")
		err := errors.Join(os.MkdirAll(dir, 0o700), writeDurably(d.job(), job), tt.leave(filepath.Join(dir, "errored.tfstate")))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range d.private() {
			if err := errors.Join(os.MkdirAll(name, 0o700), os.WriteFile(filepath.Join(name, "secret"), nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		err = l.clean(d)
		for _, secret := range d.private() {
			if _, there := os.Lstat(filepath.Join(secret, "secret")); there == nil && secret != d.engine().Workspace {
				t.Errorf("%s: %s has not gone", name, secret)
			}
		}
		if _, there := os.Lstat(dir); (there != nil) != tt.gone || (err == nil) != tt.gone {
			t.Errorf("%s: cleaned with %v, and the workspace is gone: %v", name, err, there != nil)
		}
	}
}
