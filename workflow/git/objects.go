package git

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// objects reads from a repository's object directory and from those that it borrows from.
// go-git follows alternates too, but opens them again, with the indexes of all their packs,
// for every object.
type objects struct {
	*filesystem.Storage // the repository's own
	borrowed            []*filesystem.Storage
}

func openObjects(gitDir string) (*objects, error) {
	dirs, err := objectDirs(filepath.Join(gitDir, "objects"))
	if err != nil {
		return nil, fmt.Errorf("opening the repository: %w", err)
	}
	var all []*filesystem.Storage
	objectCache := cache.NewObjectLRU(32 * cache.MiByte)
	for _, dir := range dirs {
		// Packs stay open as long as the reader is used; the garbage collector closes
		// them. Opening one for each object would cost more than reading it.
		all = append(all, filesystem.NewStorageWithOptions(objectDir{osfs.New(dir)}, objectCache,
			filesystem.Options{KeepDescriptors: true}))
	}
	return &objects{Storage: all[0], borrowed: all[1:]}, nil
}

// EncodedObject implements storer.EncodedObjectStorer.
func (o *objects) EncodedObject(kind plumbing.ObjectType, id plumbing.Hash) (plumbing.EncodedObject, error) {
	found, err := o.Storage.EncodedObject(kind, id)
	for i := 0; i < len(o.borrowed) && errors.Is(err, plumbing.ErrObjectNotFound); i++ {
		found, err = o.borrowed[i].EncodedObject(kind, id)
	}
	return found, err
}

// EncodedObjectSize implements storer.EncodedObjectStorer.
func (o *objects) EncodedObjectSize(id plumbing.Hash) (int64, error) {
	size, err := o.Storage.EncodedObjectSize(id)
	for i := 0; i < len(o.borrowed) && errors.Is(err, plumbing.ErrObjectNotFound); i++ {
		size, err = o.borrowed[i].EncodedObjectSize(id)
	}
	return size, err
}

// maxBorrowed bounds the object directories of one repository; git follows five in a row.
const maxBorrowed = 64

// objectDirs returns an object directory and all that it borrows from, each once, as git
// finds them. A directory that is not there is passed over; a missing object is reported when
// it is needed.
func objectDirs(own string) ([]string, error) {
	if _, err := os.Stat(own); err != nil {
		return nil, err
	}
	dirs, seen := []string{own}, map[string]bool{filepath.Clean(own): true}
	for i := 0; i < len(dirs) && len(dirs) < maxBorrowed; i++ {
		data, err := os.ReadFile(filepath.Join(dirs[i], "info", "alternates"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(data)) {
			line = strings.TrimRight(line, "\r\n")
			if line == "" || line[0] == '#' {
				continue
			}
			if !filepath.IsAbs(line) {
				line = filepath.Join(dirs[i], line)
			}
			line = filepath.Clean(line)
			if info, err := os.Stat(line); err == nil && info.IsDir() && !seen[line] {
				seen[line] = true
				dirs = append(dirs, line)
			}
		}
	}
	return dirs, nil
}

// objectDir shows an object directory, whatever its name, as a repository that has nothing
// else, so that go-git finds no alternates in it.
type objectDir struct{ billy.Filesystem }

func (d objectDir) below(name string) (string, error) {
	name = filepath.ToSlash(filepath.Clean(name))
	rest, ok := strings.CutPrefix(name+"/", "objects/")
	if !ok || strings.HasPrefix(rest, "info/alternates/") {
		return "", &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return "./" + rest, nil
}

// Open implements billy.Filesystem.
func (d objectDir) Open(name string) (billy.File, error) {
	below, err := d.below(name)
	if err != nil {
		return nil, err
	}
	f, err := d.Filesystem.Open(below)
	if err != nil {
		return nil, err
	}
	return objectFile{f, name}, nil
}

// objectFile keeps the name by which it was opened: go-git opens a pack again by that name.
type objectFile struct {
	billy.File
	name string
}

// Name implements billy.File.
func (f objectFile) Name() string { return f.name }

// Stat implements billy.Filesystem.
func (d objectDir) Stat(name string) (os.FileInfo, error) {
	name, err := d.below(name)
	if err != nil {
		return nil, err
	}
	return d.Filesystem.Stat(name)
}

// ReadDir implements billy.Filesystem.
func (d objectDir) ReadDir(name string) ([]os.FileInfo, error) {
	name, err := d.below(name)
	if err != nil {
		return nil, err
	}
	return d.Filesystem.ReadDir(name)
}
