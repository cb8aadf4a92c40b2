package git

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/cardea-iac/cardea/workflow"
)

// Mirrors are the bare mirrors of all repositories under one directory. It is
// the server's workflow.Source and safe for concurrent use; one process may use a directory.
type Mirrors struct {
	dir    string
	webURL string
	token  func(context.Context, workflow.Repo) (string, error)

	// Refused is told when git was refused with a token, and reports whether there is another
	// one now; then the fetch is tried once more. Nil: there is none.
	Refused func(ctx context.Context, repo workflow.Repo, token string) bool

	// Log is told of mirrors that are mended. It may be nil.
	Log *slog.Logger

	mu     sync.Mutex
	locks  map[int64]*sync.RWMutex
	healed map[int64]healed
}

// NewMirrors keeps mirrors in dir. Repositories are fetched from
// webURL/owner/name.git with a token of the given function ("" = without).
func NewMirrors(dir, webURL string, token func(context.Context, workflow.Repo) (string, error)) (*Mirrors, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of mirrors: %w", err)
	}
	return &Mirrors{dir: dir, webURL: strings.TrimSuffix(webURL, "/"), token: token, locks: map[int64]*sync.RWMutex{},
		healed: map[int64]healed{}}, nil
}

// MirrorDir is the bare repository of repo; it exists after its first Checkout.
func (m *Mirrors) MirrorDir(repo workflow.Repo) string {
	return filepath.Join(m.dir, strconv.FormatInt(repo.ID, 10)+".git")
}

// lock returns the repository's lock: held for writing while its packs change,
// for reading while go-git has them open.
func (m *Mirrors) lock(id int64) *sync.RWMutex {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks[id] == nil {
		m.locks[id] = &sync.RWMutex{}
	}
	return m.locks[id]
}

// Checkout implements workflow.Source. The base is the tip of the base branch now: GitHub's
// base SHA is that of the pull's last push. A damaged mirror is mended or made anew without
// the caller noticing.
func (m *Mirrors) Checkout(ctx context.Context, p workflow.Pull,
	mode workflow.CheckoutMode) (workflow.Checkout, error) {
	const tries = 3 // as it is, then without what a killed git left behind, then made anew
	for n := 1; ; n++ {
		c, err := m.checkout(ctx, p, mode)
		if err == nil || n == tries || ctx.Err() != nil || !m.heal(p.Repo, err) {
			return c, err
		}
	}
}

func (m *Mirrors) checkout(ctx context.Context, p workflow.Pull,
	mode workflow.CheckoutMode) (workflow.Checkout, error) {
	if !shaPattern.MatchString(p.Head.SHA) {
		return workflow.Checkout{}, fmt.Errorf("checking out %s#%d: head %q is not a commit id",
			p.Repo.FullName(), p.Number, p.Head.SHA)
	}
	lock := m.lock(p.Repo.ID)
	lock.Lock()
	base, err := m.fetch(ctx, p)
	lock.Unlock()
	if err != nil {
		return workflow.Checkout{}, fmt.Errorf("fetching %s#%d: %w", p.Repo.FullName(), p.Number, err)
	}
	lock.RLock()
	defer lock.RUnlock()
	c, err := merge(ctx, m.MirrorDir(p.Repo), pair{head: p.Head.SHA, base: base}, mode)
	if err != nil {
		return workflow.Checkout{}, fmt.Errorf("checking out %s#%d: %w", p.Repo.FullName(), p.Number, err)
	}
	return c, nil
}

// fetch brings the head commit and the base branch's tip, in one call, and
// returns the tip. Both are pinned under refs/cardea/, so that no gc drops them.
func (m *Mirrors) fetch(ctx context.Context, p workflow.Pull) (base string, err error) {
	dir := m.MirrorDir(p.Repo)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		if err := initBare(ctx, dir); err != nil {
			return "", err
		}
	} else if err != nil {
		return "", fmt.Errorf("opening the mirror: %w", err)
	}
	url := m.webURL + "/" + p.Repo.FullName() + ".git"
	baseRef := tipRef(p.Base.Ref)
	err = m.authorised(ctx, p.Repo,
		command{gitDir: dir, args: []string{"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
			"--force", "--end-of-options", url, "refs/heads/" + p.Base.Ref + ":" + baseRef,
			p.Head.SHA + ":refs/cardea/commits/" + p.Head.SHA}}, url)
	if err != nil {
		return "", err
	}
	out, err := command{gitDir: dir,
		args: []string{"rev-parse", "--verify", "--quiet", "--end-of-options", baseRef + "^{commit}"}}.run(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the base branch %s: %w", p.Base.Ref, err)
	}
	base = strings.TrimSpace(string(out))
	// The plan's base stays readable after the branch has moved on or was force-pushed.
	pin := command{gitDir: dir, args: []string{"update-ref", "refs/cardea/commits/" + base, base}}
	if _, err := pin.run(ctx); err != nil {
		return "", fmt.Errorf("pinning the base commit: %w", err)
	}
	return base, m.compact(ctx, dir)
}

// tipRef is our name for the tip of a base branch. It is a hash, so that no name
// is a directory of another: git cannot keep `release` beside `release/1.0`, which
// may follow one another in a repository.
func tipRef(branch string) string {
	sum := sha256.Sum256([]byte(branch))
	return "refs/cardea/tips/" + hex.EncodeToString(sum[:])
}

// authorised runs a command that asks GitHub, with a token for this repository's URL and no
// other. If a token is refused before its time, another is tried, once.
func (m *Mirrors) authorised(ctx context.Context, repo workflow.Repo, c command, url string) error {
	for again := false; ; again = true {
		token := ""
		if m.token != nil {
			var err error
			if token, err = m.token(ctx, repo); err != nil {
				return fmt.Errorf("getting a token: %w", err)
			}
		}
		c.config = nil
		if token != "" {
			basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
			c.config = [][2]string{{"http." + url + ".extraHeader", "Authorization: Basic " + basic}}
		}
		_, err := c.run(ctx)
		if err == nil {
			return nil
		}
		err = explainFetch(err)
		if again || token == "" || m.Refused == nil || !errors.Is(err, errRefused) || !m.Refused(ctx, repo, token) {
			return err
		}
	}
}

// maxPacks is how many packs (one per fetch) may accumulate before they are combined.
const maxPacks = 40

// compact combines small packs now and then; the mirror's own automatic gc is
// off because it may drop what a queued run still needs.
func (m *Mirrors) compact(ctx context.Context, dir string) error {
	packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack"))
	if err != nil || len(packs) <= maxPacks {
		return err
	}
	if _, err := (command{gitDir: dir, args: []string{"repack", "-d", "--quiet", "--geometric=2"}}).run(ctx); err != nil {
		return fmt.Errorf("combining packs: %w", err)
	}
	return nil
}

// explainFetch tells git's refusals apart: a commit that is not there yet, a fault that
// passes, and all others. The texts it looks for are git's own (transport and remote-curl).
func explainFetch(err error) error {
	var exit *exitError
	if !errors.As(err, &exit) {
		return err
	}
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(exit.stderr, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("not our ref", "unadvertised object", "couldn't find remote ref", "did not send all necessary objects"):
		return fmt.Errorf("%w: %w", workflow.ErrNotYet, err)
	case has("returned error: 5", "returned error: 429", "Could not resolve host", "Connection refused",
		"Failed to connect", "Connection timed out", "timed out",
		"Connection reset", "Empty reply", "early EOF", "RPC failed", "hung up unexpectedly",
		"unexpected disconnect", "SSL", "TLS"):
		return fmt.Errorf("%w: %w", workflow.ErrPassing, err)
	case has("returned error: 401", "returned error: 403", "Authentication failed", "could not read Username"):
		return refused(err)
	}
	return err
}

// Diff lists the files that differ between two trees of a repository's mirror.
func (m *Mirrors) Diff(_ context.Context, repo workflow.Repo, was, now string) ([]workflow.FileChange, error) {
	if !shaPattern.MatchString(was) || !shaPattern.MatchString(now) {
		return nil, fmt.Errorf("comparing %q with %q: they must be tree ids", was, now)
	}
	lock := m.lock(repo.ID)
	lock.RLock()
	defer lock.RUnlock()
	r, err := open(m.MirrorDir(repo))
	if err != nil {
		return nil, err
	}
	before, err := r.tree(plumbing.NewHash(was))
	if err != nil {
		return nil, fmt.Errorf("reading tree %s: %w", was, err)
	}
	after, err := r.tree(plumbing.NewHash(now))
	if err != nil {
		return nil, fmt.Errorf("reading tree %s: %w", now, err)
	}
	return r.diff(before, after)
}

// SameFile reports whether a file of a pull's planned tree is the same in its head: only then
// do its line numbers mean the same to people. What cannot be read counts as different.
func (m *Mirrors) SameFile(rec workflow.PullRecord, file string) bool {
	lock := m.lock(rec.Pull.Repo.ID)
	lock.RLock()
	defer lock.RUnlock()
	r, err := open(m.MirrorDir(rec.Pull.Repo))
	if err != nil {
		return false
	}
	head, err := r.treeOf(rec.Pull.Head.SHA)
	if err != nil {
		return false
	}
	planned, err := OpenTree(m.MirrorDir(rec.Pull.Repo), rec.Tree)
	if err != nil {
		return false
	}
	id := func(t workflow.Tree) any {
		info, err := fs.Stat(t, file)
		if err != nil {
			return err
		}
		return info.Sys()
	}
	a, isID := id(planned).(workflow.ObjectID)
	return isID && a == id(r.fsTree(head))
}
