package git

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/cardea-iac/cardea/workflow"
)

// remakeAfter is how soon a mirror may be made anew once more: if a fault comes back at once,
// the mirror is not the cause.
const remakeAfter = time.Hour

// healed is what was done to a repository's mirror.
type healed struct {
	remade time.Time
}

// heal mends a mirror after a call on it failed with err, and reports whether trying again
// makes sense. What a killed git left behind (lock files, half packs) is removed; a mirror
// that is damaged in another way is thrown away and cloned again.
func (m *Mirrors) heal(repo workflow.Repo, err error) bool {
	if !localFault(err) {
		return false
	}
	lock := m.lock(repo.ID)
	lock.Lock()
	defer lock.Unlock()
	dir := m.MirrorDir(repo)
	if left := removeLeftovers(dir); left > 0 {
		m.log().Warn("removed files that a killed git process left in a mirror",
			"repo", repo.FullName(), "files", left, "error", err)
		return true
	}
	m.mu.Lock()
	again := time.Since(m.healed[repo.ID].remade) < remakeAfter
	if !again {
		m.healed[repo.ID] = healed{remade: time.Now()}
	}
	m.mu.Unlock()
	if again {
		return false
	}
	m.log().Warn("a mirror is damaged; deleting and cloning it again", "repo",
		repo.FullName(), "dir", dir, "error", err)
	aside, err := os.MkdirTemp(m.dir, ".damaged-*")
	if err == nil {
		err = os.Rename(dir, filepath.Join(aside, "mirror.git"))
	}
	if err == nil {
		err = os.RemoveAll(aside)
	}
	if err != nil {
		m.log().Error("a damaged mirror could not be deleted", "dir", dir, "error", err)
	}
	return err == nil
}

func (m *Mirrors) log() *slog.Logger {
	if m.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return m.Log
}

// localFault reports whether an error may come from the mirror itself: git failed, and
// neither the server nor what it sent is the reason; or an object that git fetched is not
// there.
func localFault(err error) bool {
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return true
	}
	var exit *exitError
	if !errors.As(err, &exit) || errors.Is(err, errRefused) {
		return false
	}
	missing := strings.Contains(exit.stderr, "did not send all necessary objects") // unless they are lost here
	if errors.Is(err, workflow.ErrPassing) && !missing {
		return false
	}
	quiet := exit.code == 1 && strings.TrimSpace(exit.stderr) == "" // an answer, not a fault
	return !quiet && !strings.Contains(exit.stderr, "fsck")
}

// removeLeftovers removes what a killed git leaves in a mirror: lock files, which no living
// git can hold while we hold the repository's lock, and half-received packs.
func removeLeftovers(dir string) (removed int) {
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil // what cannot be read is not a leftover
		}
		if name := e.Name(); strings.HasSuffix(name, ".lock") || strings.HasPrefix(name, "tmp_pack_") ||
			strings.HasPrefix(name, "tmp_idx_") || strings.HasPrefix(name, "tmp_obj_") {
			if os.Remove(path) == nil {
				removed++
			}
		}
		return nil
	})
	return removed
}

// errRefused says that GitHub's git refused our token.
var errRefused = errors.New("GitHub refused the App's token for git: grant the App the permission `contents: read`")

func refused(err error) error { return fmt.Errorf("%w: %w", errRefused, err) }
