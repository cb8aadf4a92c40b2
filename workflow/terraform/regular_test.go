package terraform

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/go-version"

	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// TestPipesAreNotRead: code of the pull that runs at plan time may put a pipe
// where we read a file. To open one would wait for ever.
func TestPipesAreNotRead(t *testing.T) {
	dir := t.TempDir()
	p := &planning{dir: dir, tool: tool{version: version.Must(version.NewVersion("1.11.4"))}}
	if err := os.MkdirAll(filepath.Join(p.dataDir(), "modules"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.dataDir(), "modules", "modules.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func() error{
		filepath.Join(dir, tfconfig.LockFile):         func() error { _, err := p.readLockFile(); return err },
		filepath.Join(p.dataDir(), "modules", "m.sh"): func() error { return p.lookFetched() },
		filepath.Join(p.dataDir(), "modules", "note.json"): func() error {
			_, err := installedModules(filepath.Join(p.dataDir(), "modules", "note.json"))
			return err
		},
		filepath.Join(dir, "plan"): func() error { _, err := savedState(filepath.Join(dir, "plan")); return err },
	} {
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := read(); err == nil || !strings.Contains(err.Error(), filepath.Base(name)+" is not a regular file") {
			t.Errorf("got %v, want a refusal of %s", err, filepath.Base(name))
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}
