package workflow

import "testing"

func TestRelativePath(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ dir, name, want string }{
		{"app", "mods/a", "../mods/a"}, {"a/b", "a/c", "../c"}, {".", "m", "m"}, {"a", ".", ".."}, {"a", "a/m", "m"}, {"a", "a", "."},
		{"a/b/c", "d.tfvars", "../../../d.tfvars"}, {"a/b", "a/b/c/d", "c/d"}, {"ab", "a", "../a"},
	} {
		if got := RelativePath(tt.dir, tt.name); got != tt.want {
			t.Errorf("%s from %s: got %q, want %q", tt.name, tt.dir, got, tt.want)
		}
	}
}
