package git

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/cardea-iac/cardea/workflow"
)

func parent(dir string) string { return filepath.Dir(dir) }

// reader is a repository opened once. go-git's handles miss objects that arrive later, so
// each request opens its own; they are not safe for concurrent use, so all reads go through
// mu.
type reader struct {
	mu    sync.Mutex
	store *objects
	// trees are those read so far: the paths to many files lead through the same few. entries is
	// how many entries they have together. Nothing changes them.
	trees   map[plumbing.Hash]*object.Tree
	entries int
}

// maxEntries bounds what a reader remembers, to some 25 MB.
const maxEntries = 1 << 18

func open(gitDir string) (*reader, error) {
	store, err := openObjects(gitDir)
	if err != nil {
		return nil, err
	}
	return &reader{store: store, trees: map[plumbing.Hash]*object.Tree{}}, nil
}

func (r *reader) tree(id plumbing.Hash) (*object.Tree, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t, ok := r.trees[id]; ok {
		return t, nil
	}
	t, err := object.GetTree(r.store, id)
	if err != nil {
		return nil, err
	}
	if r.entries += len(t.Entries); r.entries > maxEntries {
		clear(r.trees)
		r.entries = len(t.Entries)
	}
	r.trees[id] = t
	return t, nil
}

func (r *reader) treeOf(commit string) (*object.Tree, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, err := object.GetCommit(r.store, plumbing.NewHash(commit))
	if err != nil {
		return nil, err
	}
	return c.Tree()
}

// OpenTree opens a tree of a bare repository as a file system. FileInfo.Sys()
// is the workflow.ObjectID of the file or directory. Symlinks are followed
// within the tree; one that leaves it is an error.
func OpenTree(gitDir, treeID string) (workflow.Tree, error) {
	if !shaPattern.MatchString(treeID) {
		return workflow.Tree{}, fmt.Errorf("%q is not a tree id", treeID)
	}
	r, err := open(gitDir)
	if err != nil {
		return workflow.Tree{}, err
	}
	t, err := r.tree(plumbing.NewHash(treeID))
	if err != nil {
		return workflow.Tree{}, fmt.Errorf("opening tree %s: %w", treeID, err)
	}
	return r.fsTree(t), nil
}

func (r *reader) fsTree(t *object.Tree) workflow.Tree {
	return workflow.Tree{ID: t.Hash.String(), FS: &treeFS{reader: r, root: t}}
}

// treeFS is an fs.FS (with ReadDir, ReadFile, Stat, ReadLink and Lstat) over a git tree.
type treeFS struct {
	*reader
	root *object.Tree
}

var errEscapes = errors.New("the symlink leaves the repository")

const maxLinks = 16

// find resolves name to its entry. follow says whether a final symlink is followed.
func (f *treeFS) find(op, name string, follow bool) (object.TreeEntry, error) {
	if !fs.ValidPath(name) {
		return object.TreeEntry{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	e, err := f.walk(name, follow)
	if err != nil {
		return e, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return e, nil
}

// walk goes down from the root one element at a time, restarting at every symlink's target.
func (f *treeFS) walk(name string, follow bool) (object.TreeEntry, error) {
	rootEntry := object.TreeEntry{Name: ".", Mode: filemode.Dir, Hash: f.root.Hash}
	for links := 0; links <= maxLinks; links++ {
		entry, at, rest, err := f.descend(rootEntry, name)
		if err != nil || entry.Mode != filemode.Symlink || (rest == "" && !follow) {
			return entry, err
		}
		target, err := f.blob(entry.Hash)
		if err != nil {
			return entry, err
		}
		if path.IsAbs(string(target)) {
			return entry, errEscapes
		}
		name = path.Join(path.Dir(at), string(target), rest)
		if name == ".." || strings.HasPrefix(name, "../") {
			return entry, errEscapes
		}
	}
	return rootEntry, errors.New("too many symlinks")
}

// descend stops at the first symlink or at the end: at is where, rest what is left of the name.
func (f *treeFS) descend(entry object.TreeEntry, name string) (_ object.TreeEntry, at, rest string, err error) {
	if name == "." {
		return entry, ".", "", nil
	}
	parts := strings.Split(name, "/")
	tree := f.root
	for i, part := range parts {
		if entry.Mode != filemode.Dir {
			return entry, "", "", fs.ErrNotExist
		}
		if i > 0 {
			if tree, err = f.tree(entry.Hash); err != nil {
				return entry, "", "", err
			}
		}
		found, ok := lookup(tree, part)
		if !ok {
			return entry, "", "", fs.ErrNotExist
		}
		entry = found
		if entry.Mode == filemode.Symlink {
			return entry, strings.Join(parts[:i+1], "/"), strings.Join(parts[i+1:], "/"), nil
		}
	}
	return entry, name, "", nil
}

func lookup(t *object.Tree, name string) (object.TreeEntry, bool) {
	for _, e := range t.Entries {
		if e.Name == name {
			return e, true
		}
	}
	return object.TreeEntry{}, false
}

func (f *treeFS) blob(id plumbing.Hash) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := object.GetBlob(f.store, id)
	if err != nil {
		return nil, err
	}
	r, err := b.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// Stat follows symlinks.
func (f *treeFS) Stat(name string) (fs.FileInfo, error) {
	e, err := f.find("stat", name, true)
	if err != nil {
		return nil, err
	}
	return f.info(path.Base(name), e), nil
}

// Lstat does not follow a final symlink.
func (f *treeFS) Lstat(name string) (fs.FileInfo, error) {
	e, err := f.find("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return f.info(path.Base(name), e), nil
}

// ReadLink returns a symlink's target as committed.
func (f *treeFS) ReadLink(name string) (string, error) {
	e, err := f.find("readlink", name, false)
	if err != nil {
		return "", err
	}
	if e.Mode != filemode.Symlink {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	target, err := f.blob(e.Hash)
	return string(target), err
}

// ReadFile follows symlinks.
func (f *treeFS) ReadFile(name string) ([]byte, error) {
	e, err := f.find("open", name, true)
	if err != nil {
		return nil, err
	}
	if e.Mode == filemode.Dir || e.Mode == filemode.Submodule {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	return f.blob(e.Hash)
}

// ReadDir lists a directory in order of names; symlinks are listed as such.
func (f *treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := f.find("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if e.Mode == filemode.Submodule {
		return nil, nil
	}
	if e.Mode != filemode.Dir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	t, err := f.tree(e.Hash)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	out := make([]fs.DirEntry, len(t.Entries))
	for i, e := range t.Entries {
		out[i] = dirEntry{fs: f, entry: e}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name() < out[j].Name() })
	return out, nil
}

// Open follows symlinks.
func (f *treeFS) Open(name string) (fs.File, error) {
	e, err := f.find("open", name, true)
	if err != nil {
		return nil, err
	}
	info := f.info(path.Base(name), e)
	if info.IsDir() {
		entries, err := f.ReadDir(name)
		if err != nil {
			return nil, err
		}
		return &openDir{info: info, entries: entries}, nil
	}
	data, err := f.blob(e.Hash)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{info: info, Reader: strings.NewReader(string(data))}, nil
}

func (f *treeFS) info(name string, e object.TreeEntry) fs.FileInfo {
	return fileInfo{fs: f, name: name, mode: modeOf(e.Mode), hash: e.Hash, file: e.Mode.IsFile()}
}

func modeOf(m filemode.FileMode) fs.FileMode {
	switch m {
	case filemode.Dir:
		return fs.ModeDir | 0o755
	case filemode.Submodule: // shown as an empty directory, but marked: its files are in no tree of ours
		return fs.ModeDir | fs.ModeSticky | 0o755
	case filemode.Symlink:
		return fs.ModeSymlink | 0o777
	case filemode.Executable:
		return 0o755
	}
	return 0o644
}

// fileInfo looks up the size only when asked: listing a large tree for its ids must not open
// every object.
type fileInfo struct {
	fs   *treeFS
	name string
	mode fs.FileMode
	hash plumbing.Hash
	file bool
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Mode() fs.FileMode  { return i.mode }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i fileInfo) Sys() any           { return workflow.ObjectID(i.hash.String()) }

// Size is 0 for directories and for an object that cannot be read; reading it gives the error.
func (i fileInfo) Size() int64 {
	if !i.file {
		return 0
	}
	i.fs.mu.Lock()
	defer i.fs.mu.Unlock()
	size, err := i.fs.store.EncodedObjectSize(i.hash)
	if err != nil {
		return 0
	}
	return size
}

type dirEntry struct {
	fs    *treeFS
	entry object.TreeEntry
}

func (d dirEntry) Name() string               { return d.entry.Name }
func (d dirEntry) IsDir() bool                { return d.Type().IsDir() }
func (d dirEntry) Type() fs.FileMode          { return modeOf(d.entry.Mode).Type() }
func (d dirEntry) Info() (fs.FileInfo, error) { return d.fs.info(d.entry.Name, d.entry), nil }

type openFile struct {
	info fs.FileInfo
	*strings.Reader
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

type openDir struct {
	info    fs.FileInfo
	entries []fs.DirEntry
	at      int
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.Name(), Err: errors.New("is a directory")}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	left := d.entries[d.at:]
	if n > 0 && len(left) == 0 {
		return nil, io.EOF
	}
	if n > 0 && len(left) > n {
		left = left[:n]
	}
	d.at += len(left)
	return left, nil
}
