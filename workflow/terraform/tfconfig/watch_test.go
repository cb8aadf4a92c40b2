package tfconfig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cardea-iac/cardea/workflow"
)

// counted counts how often a directory is read.
type counted struct {
	fstest.MapFS
	reads *int
}

func (c counted) ReadDir(name string) ([]fs.DirEntry, error) {
	*c.reads++
	return c.MapFS.ReadDir(name)
}

// However a glob is written and however deep the tree is, each directory is read once for all globs of a project.
func TestWatchListsTheTreeOnce(t *testing.T) {
	files, dir := fstest.MapFS{"p/main.tf": {Data: []byte(`terraform {` + "\n" + `backend "local" { path = "/s/p.tfstate" }` + "\n}")}}, "deep"
	for i := range 20 {
		dir += fmt.Sprintf("/d%d", i)
		files[dir+"/a.json"] = &fstest.MapFile{Data: []byte("{}")}
	}
	reads := 0
	tree := workflow.Tree{FS: counted{files, &reads}}
	e := New("")
	d, err := e.Discover(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	inputs := func(ctx context.Context, watch ...string) (workflow.Inputs, error) {
		return e.Inputs(ctx, tree, d, workflow.Project{Name: "p", Dir: "p", Watch: watch})
	}
	reads = 0
	none, err := inputs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	without := reads
	reads = 0
	hostile := "../" + strings.Repeat("**/", 8) + "{x,y,z}{x,y,z}*x*"
	in, err := inputs(t.Context(), hostile, "../**/*x*/**/a.json", "../deep/**/a.json")
	if err != nil || in.Refused != "" {
		t.Fatal(in.Refused, err)
	}
	if most := 23; reads-without > most {
		t.Errorf("%d directories were read for three globs, want at most %d", reads-without, most)
	}
	if in.Digest == none.Digest {
		t.Error("what is watched is not in the digest")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := inputs(ended, hostile); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it ends with its context", err)
	}
}

// What a glob names counts: files, symlinks, and for a plain name of a directory everything in it.
func TestWatchTakesWhatItNames(t *testing.T) {
	of := func(change string, watch ...string) string {
		t.Helper()
		files := fstest.MapFS{}
		for _, name := range []string{"p/main.tf", "shared/a.json", "shared/deep/b.json", "other/c.json"} {
			files[name] = &fstest.MapFile{Data: []byte("# " + name)}
		}
		if change != "" {
			files[change] = &fstest.MapFile{Data: []byte("# changed")}
		}
		tree, e := workflow.Tree{FS: files}, New("")
		d, err := e.Discover(t.Context(), tree)
		if err != nil {
			t.Fatal(err)
		}
		in, err := e.Inputs(t.Context(), tree, d, workflow.Project{Name: "p", Dir: "p", Watch: watch})
		if err != nil {
			t.Fatal(err)
		}
		return in.Digest
	}
	for _, c := range []struct {
		watch, change string
		counts        bool
	}{
		{"../shared/*.json", "shared/a.json", true},
		{"../shared/*.json", "shared/deep/b.json", false},
		{"../shared/**", "shared/deep/b.json", true},
		{"../shared", "shared/deep/b.json", true},
		{"../shared", "other/c.json", false},
		{"../{shared,other}/*.json", "other/c.json", true},
		{"../shared/*.json", "shared/new.json", true},
		{"../share", "shared/a.json", false},
	} {
		if got := of("", c.watch) != of(c.change, c.watch); got != c.counts {
			t.Errorf("%s when %s changed: counts %v, want %v", c.watch, c.change, got, c.counts)
		}
	}
}
