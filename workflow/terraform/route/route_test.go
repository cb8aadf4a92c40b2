package route_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/cardea-iac/cardea/workflow/terraform/route"
)

// TestLost: why a path leads to no file, named by the symlink that is at fault.
func TestLost(t *testing.T) {
	tree := fstest.MapFS{"a/x.tf": {Data: []byte("x")}, "b/y.tf": {Data: []byte("y")}, "sub": {Mode: fs.ModeDir | fs.ModeSticky | 0o755}}
	for name, target := range map[string]string{"a/out": "/etc", "a/up": "../../x", "a/self": "self", "a/gone": "none/z", "a/dir": "../b", "a/chain": "../b/out", "b/out": "/etc", "a/below": "../sub/m.tf"} {
		tree[name] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
	}
	const fix = ". Replace it with a file, or point it to a file in the repository"
	for name, want := range map[string]string{
		"a/out":      "it is a symlink that leads out of the repository" + fix,
		"a/up":       "it is a symlink that leads out of the repository" + fix,
		"a/self":     "it is a symlink that leads in a circle" + fix,
		"a/gone":     "it is a symlink that leads to `a/none/z`, which does not exist" + fix,
		"a/dir":      "it is a symlink that leads to a directory" + fix,
		"a/chain":    "the symlink `b/out` leads out of the repository" + fix,
		"a/out/x.tf": "the symlink `a/out` leads out of the repository" + fix,
		"a/below":    "it is a symlink that leads into the git submodule `sub`, which Cardea does not fetch" + fix,
		"a":          "it is not a file",
	} {
		if got := route.Lost(tree, name); got != want {
			t.Errorf("%s:\n got %q\nwant %q", name, got, want)
		}
	}
	for name, want := range map[string]bool{"a/x.tf": true, "a/gone": true, "a/dir/y.tf": true, "a/out": false, "a/out/x": false, "../x": false, "a/self": false} {
		if got := route.Inside(tree, name); got != want {
			t.Errorf("%s is inside: %t", name, got)
		}
	}
}
