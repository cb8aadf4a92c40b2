package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrBare says that a clone has commits only.
var ErrBare = errors.New("this clone is bare, so it has no uncommitted files")

// WorkTree makes a commit of the files as they are now: what is changed, and what is new and not
// ignored. It lies over head in the scratch repository; the clone, its index and its objects stay
// as they are.
func (l *Local) WorkTree(ctx context.Context, head string) (commit string, err error) {
	if l.Root == "" {
		return "", ErrBare
	}
	if unmerged, err := l.work(ctx, "ls-files", "--unmerged", "-z"); err != nil {
		return "", err
	} else if len(unmerged) > 0 {
		return "", fmt.Errorf("%s: resolve them first", inConflict(conflicted(unmerged)))
	}
	index := filepath.Join(l.scratch, "index")
	if err := l.copyIndex(ctx, index); err != nil {
		return "", err
	}
	objects, err := l.work(ctx, "rev-parse", "--path-format=absolute", "--git-path", "objects")
	if err != nil {
		return "", err
	}
	env := append(l.home(), "GIT_INDEX_FILE="+index, "GIT_OBJECT_DIRECTORY="+filepath.Join(l.scratch, "objects"),
		"GIT_ALTERNATE_OBJECT_DIRECTORIES="+strings.TrimSpace(string(objects)))
	do := func(args ...string) (string, error) {
		out, err := command{args: append([]string{"-C", l.Root}, args...), env: env,
			config: [][2]string{{"safe.directory", "*"}, {"core.splitIndex", "false"}, {"core.untrackedCache", "false"}}}.run(ctx)
		return strings.TrimSpace(string(out)), err
	}
	if _, err := do("add", "--all", "--", "."); err != nil {
		return "", fmt.Errorf("reading the uncommitted files: %w", err)
	}
	tree, err := do("write-tree")
	if err != nil {
		return "", fmt.Errorf("writing the tree of the files: %w", err)
	}
	if commit, err = do("commit-tree", tree, "-p", head, "-m", "The work tree"); err != nil {
		return "", fmt.Errorf("writing the commit of the files: %w", err)
	}
	return commit, nil
}

// conflicted counts the files in the output of ls-files --unmerged -z, which names each up to three times.
func conflicted(list []byte) int {
	names := map[string]bool{}
	for entry := range bytes.SplitSeq(list, []byte{0}) {
		if _, name, ok := bytes.Cut(entry, []byte{'\t'}); ok {
			names[string(name)] = true
		}
	}
	return len(names)
}

// copyIndex copies the clone's index: it knows what of the files needs no second look, and which are
// left out of the work tree on purpose (sparse-checkout).
func (l *Local) copyIndex(ctx context.Context, to string) error {
	out, err := l.work(ctx, "rev-parse", "--path-format=absolute", "--git-path", "index")
	if err != nil {
		return err
	}
	from := strings.TrimSpace(string(out))
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever added
	}
	if err != nil {
		return fmt.Errorf("reading the index: %w", err)
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("reading the index: %w", err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		return err
	}
	// A file that was written no earlier than the index is looked at again, whatever its time says: a
	// newer index would hide that it changed in the same instant.
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}

func inConflict(files int) string {
	if files == 1 {
		return "1 file has conflicts"
	}
	return fmt.Sprintf("%d files have conflicts", files)
}
