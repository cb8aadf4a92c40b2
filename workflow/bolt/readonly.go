package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// ErrInUse says that another process has the database of a data directory open for writing.
var ErrInUse = errors.New("another cardea process uses the data directory")

// OpenReadOnly opens the database of a data directory for reading: it makes nothing and
// brings nothing up to date, and Update and Receive are errors. It returns ErrInUse (wrapped)
// while a server has the database open, and an error that says so when there is none or its
// schema is a different one.
func OpenReadOnly(dir string) (*Store, error) {
	path := filepath.Join(dir, fileName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no database in the data directory %s: no server has run with it", dir)
	}
	var db *bbolt.DB
	err := guard(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, ReadOnly: true, InitialMmapSize: mapSize})
		return err
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%w %s", ErrInUse, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	s := &Store{db: db, writing: make(chan struct{}, 1)}
	if err := s.check(path); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// check reports a file that was cut short, or a schema that is not ours.
func (s *Store) check(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	return guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			if info.Size() < tx.Size() {
				return fmt.Errorf("%s is cut short: it has %d bytes of %d; restore it from a copy", path, info.Size(), tx.Size())
			}
			b := tx.Bucket(meta)
			if b == nil || len(b.Get(schemaKey)) != 8 {
				return fmt.Errorf("reading the schema of %s: %w", path, ErrCorrupt)
			}
			if have, want := binary.BigEndian.Uint64(b.Get(schemaKey)), uint64(len(migrations)); have != want {
				return fmt.Errorf("the database has schema %d and this cardea reads %d: read it with the cardea that wrote it, or start the server once", have, want)
			}
			return nil
		})
	})
}
