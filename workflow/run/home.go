package run

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// A run has a HOME of its own, with the files of its credentials and nothing else of the server. It is
// at another place each time, and what says `~` would differ from plan to plan and never be done. So
// HOME is the name of a symlink that is the same for all runs of a project, one after the other.

// HomeFile is a file in a run's HOME.
type HomeFile struct {
	Path string `json:"path,omitempty"` // below HOME, clean, with slashes; "": it is not written, and only must not be seen
	Data []byte `json:"data,omitempty"`
	// Among says that the file came along in a directory: a lone plain word in it is no secret.
	Among bool `json:"among,omitempty"`
}

// What the files of a run may have: of one, of all, and how many.
const (
	MaxHomeFile  = 1 << 20
	MaxHomeBytes = 4 << 20
	MaxHomeFiles = 500
)

// homes is where the symlinks are, beside the directory of runs.
func homes(runs string) string { return filepath.Join(filepath.Dir(runs), "homes") }

// homeOf is the HOME of a project's runs.
func homeOf(runs string, r workflow.Run) string {
	key, err := json.Marshal([]any{r.Repo.ID, r.Project.Key()})
	if err != nil {
		return "" // numbers and texts always encode; a run without a name for its HOME uses the place itself
	}
	sum := sha256.Sum256(key)
	return filepath.Join(homes(runs), hex.EncodeToString(sum[:8]))
}

// files are the paths that the engine works in.
func (r *runner) files() workflow.RunFiles {
	f := r.dir.engine()
	if r.job.Home != "" {
		f.Home = r.job.Home
	}
	return f
}

// makeHome makes the run's HOME with the files of its credentials.
func (r *runner) makeHome() error {
	own := r.dir.engine().Home
	if err := os.Mkdir(own, 0o700); err != nil {
		return err
	}
	if err := writeHome(own, r.secrets.Files); err != nil {
		return fmt.Errorf("writing the files of the credentials: %w", err)
	}
	if r.job.Home == "" {
		return nil
	}
	aside := r.job.Home + "." + filepath.Base(string(r.dir))
	if err := os.MkdirAll(filepath.Dir(aside), 0o700); err != nil {
		return err
	}
	if err := os.Symlink(own, aside); err != nil {
		return err
	}
	err := os.Rename(aside, r.job.Home)
	if err != nil { // what is there is no symlink, and not of ours
		err = errors.Join(removeAll(r.job.Home), os.Rename(aside, r.job.Home))
	}
	return err
}

// writeHome writes files into a directory. No error holds a file's content.
func writeHome(dir string, list []HomeFile) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range list {
		if f.Path == "" {
			continue
		}
		name := filepath.FromSlash(f.Path)
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return fmt.Errorf("~/%s: %w", f.Path, err)
		}
		if err := writeNew(root, name, f.Data); err != nil {
			return fmt.Errorf("~/%s: %w", f.Path, err)
		}
	}
	return nil
}

func writeNew(root *os.Root, name string, data []byte) error {
	out, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return errors.Join(err, out.Close())
}

// leaveHome removes the symlink, if it still leads to this run.
func (r *runner) leaveHome() {
	if to, err := os.Readlink(r.job.Home); err == nil && to == r.dir.engine().Home {
		_ = os.Remove(r.job.Home) // one that is left leads nowhere, and the next start removes it
	}
}

// inHome is a value with the places of files instead of their names, `~/.kube/config`, where it is just that
// or a list of them: not every program knows what `~` is.
func (s Secrets) inHome(value, home string) string {
	if !s.namesFile(value) {
		return value
	}
	names := filepath.SplitList(value)
	for i, name := range names {
		names[i] = filepath.Join(home, strings.TrimPrefix(name, "~/"))
	}
	return strings.Join(names, string(filepath.ListSeparator))
}

// namesFile reports whether a value is the name of one of the files, or of a directory that holds some, or a list of such.
func (s Secrets) namesFile(value string) bool {
	for _, part := range filepath.SplitList(value) {
		name, ok := strings.CutPrefix(part, "~/")
		if !ok || !slices.ContainsFunc(s.Files, func(f HomeFile) bool { return f.Path != "" && (f.Path == name || strings.HasPrefix(f.Path, name+"/")) }) {
			return false
		}
	}
	return value != ""
}

// tidyFirst removes what plans that died left of their files, before any run of ours can begin in
// their place, and the names of homes that are gone. An apply's go before its end is reported. It
// returns the plans that go on.
func (l *Launcher) tidyFirst(plans []earlier, log *slog.Logger) (remnants []earlier) {
	warn := func(err error) {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			log.Warn("removing the files of an earlier run", "error", err)
		}
	}
	for _, p := range plans {
		switch held, err := lockHeld(p.dir.lock()); {
		case err != nil: // tidy says so
		case held:
			remnants = append(remnants, p)
		default:
			warn(p.dir.strip(nil))
		}
	}
	entries, err := os.ReadDir(homes(l.Runs))
	warn(err)
	for _, e := range entries {
		name := filepath.Join(homes(l.Runs), e.Name())
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			warn(os.Remove(name))
		}
	}
	return remnants
}
