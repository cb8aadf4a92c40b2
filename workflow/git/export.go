package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/workflow"
)

// ExportSpec says what a workspace holds.
type ExportSpec struct {
	GitDir string // a bare repository of ours
	Tree   string // tree id
	// Paths limit the workspace: a file, a directory (with all below it), or a
	// glob. Empty: the whole tree.
	Paths []string
	// Own are the directories in which a symlink that leaves the tree makes us refuse the
	// project; elsewhere such a symlink is left out, with a note. Empty: everywhere.
	Own []string
	Dir string // the workspace: empty or absent
	// Planted are the names that the tree must not bring with it.
	Planted []workflow.Planted
}

// RefusedError says, as a sentence, why a tree cannot be a workspace.
type RefusedError struct{ Sentence string }

func (e *RefusedError) Error() string { return e.Sentence }

// Export writes a tree's files, as committed, into a workspace, and nothing else: no .git, no
// hook, filter or attribute at work. Then it removes what is planted, and says so in notes. A
// *RefusedError means that the project must not be planned.
func Export(ctx context.Context, s ExportSpec) (notes []string, err error) {
	if !shaPattern.MatchString(s.Tree) {
		return nil, fmt.Errorf("exporting: %q is not a tree id", s.Tree)
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the workspace: %w", err)
	}
	index, err := os.MkdirTemp("", "cardea-index-*")
	if err != nil {
		return nil, fmt.Errorf("making a private index: %w", err)
	}
	defer os.RemoveAll(index)
	env := []string{"GIT_INDEX_FILE=" + filepath.Join(index, "index")}
	if err := fillIndex(ctx, s, env); err != nil {
		return nil, err
	}
	out := command{gitDir: s.GitDir, env: append(env, "GIT_WORK_TREE="+s.Dir), config: [][2]string{{"core.bare", "false"}},
		args: []string{"checkout-index", "--all", "--force", "--quiet", "--prefix=" + s.Dir + "/"}}
	if _, err := out.run(ctx); err != nil {
		return nil, fmt.Errorf("exporting tree %s: %w", s.Tree, err)
	}
	return clean(s)
}

func fillIndex(ctx context.Context, s ExportSpec, env []string) error {
	if len(s.Paths) == 0 {
		if _, err := (command{gitDir: s.GitDir, env: env, args: []string{"read-tree", s.Tree}}).run(ctx); err != nil {
			return fmt.Errorf("reading tree %s: %w", s.Tree, err)
		}
		return nil
	}
	list, err := command{gitDir: s.GitDir, args: []string{"ls-tree", "-r", "-z", "--full-tree", s.Tree}}.run(ctx)
	if err != nil {
		return fmt.Errorf("listing tree %s: %w", s.Tree, err)
	}
	wanted := newMatcher(s.Paths)
	var picked bytes.Buffer
	for entry := range bytes.SplitSeq(list, []byte{0}) {
		_, name, ok := bytes.Cut(entry, []byte{'\t'})
		if ok && wanted.match(string(name)) {
			picked.Write(entry)
			picked.WriteByte(0)
		}
	}
	add := command{gitDir: s.GitDir, env: env, stdin: &picked, args: []string{"update-index", "-z", "--index-info"}}
	if _, err := add.run(ctx); err != nil {
		return fmt.Errorf("picking files of tree %s: %w", s.Tree, err)
	}
	return nil
}

// matcher tells which files the given paths name.
type matcher struct {
	exact map[string]bool // files and directories
	globs []glob.Glob
}

func newMatcher(paths []string) matcher {
	m := matcher{exact: map[string]bool{}}
	for _, p := range paths {
		p = path.Clean(p)
		m.exact[p] = true
		if strings.ContainsAny(p, "*?[{") {
			m.globs = append(m.globs, glob.Compile(p))
		}
	}
	return m
}

func (m matcher) match(name string) bool {
	if m.exact["."] {
		return true
	}
	for at := name; at != "."; at = path.Dir(at) {
		if m.exact[at] {
			return true
		}
	}
	for _, g := range m.globs {
		if g.Match(name) {
			return true
		}
	}
	return false
}

// planted says why the workspace must not hold a name, "" where it may.
func (s ExportSpec) planted(name string, dir bool) string {
	for _, p := range s.Planted {
		if p.Match(name, dir) {
			return p.Why
		}
	}
	return ""
}

// clean walks the workspace once: removes what is planted, and looks at every symlink.
func clean(s ExportSpec) (notes []string, err error) {
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		return nil, fmt.Errorf("opening the workspace: %w", err)
	}
	defer root.Close()
	err = filepath.WalkDir(s.Dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(s.Dir, file)
		if err != nil || rel == "." {
			return err
		}
		rel = filepath.ToSlash(rel)
		// A symlink counts like the directory.
		if why := s.planted(d.Name(), d.IsDir() || d.Type()&fs.ModeSymlink != 0); why != "" {
			notes = append(notes, fmt.Sprintf("`%s` was left out of the workspace: %s.", rel, why))
			if err := os.RemoveAll(file); err != nil {
				return err
			}
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.Type()&fs.ModeSymlink == 0 || staysInside(root, rel) {
			return nil
		}
		if s.owns(rel) {
			return &RefusedError{Sentence: fmt.Sprintf("The symlink `%s` leads out of the repository. Replace it with a file, or point it to a file in the repository.", rel)}
		}
		notes = append(notes, fmt.Sprintf("The symlink `%s` was left out of the workspace: it leads out of the repository.", rel))
		return os.Remove(file)
	})
	if err != nil {
		var refused *RefusedError
		if errors.As(err, &refused) {
			return notes, refused
		}
		return notes, fmt.Errorf("looking through the workspace: %w", err)
	}
	sort.Strings(notes)
	return notes, nil
}

// staysInside reports whether a symlink resolves below the root. If its target does not
// exist, its text at least must not point outside.
func staysInside(root *os.Root, rel string) bool {
	_, err := root.Stat(filepath.FromSlash(rel))
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err == nil
	}
	target, err := root.Readlink(filepath.FromSlash(rel))
	if err != nil || path.IsAbs(target) {
		return false
	}
	return filepath.IsLocal(path.Join(path.Dir(rel), target))
}

func (s ExportSpec) owns(rel string) bool {
	if len(s.Own) == 0 {
		return true
	}
	for _, dir := range s.Own {
		if dir = path.Clean(dir); dir == "." || rel == dir || strings.HasPrefix(rel, dir+"/") {
			return true
		}
	}
	return false
}
