// Package bolt keeps Cardea's state in one bbolt file, data_dir/cardea.db.
//
// Every kind of record has a bucket of JSON records and, where it is looked up
// by something other than its key, buckets of index keys beside it. An index
// key is made of fixed-width parts in the order it is scanned, so that "newest
// first, at most 50" is a walk of 50 steps from the end, however long the
// history is. Indexes are written in the transaction that writes their record
// and hold nothing that the record does not say.
//
// A record carries a checksum over its bucket, its key and its bytes: if a disk returns other
// bytes than were written, the result is an error that names the record, never a wrong
// answer. Large records are compressed.
//
// The store decides nothing: the rules that run inside its transactions are the service's.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/cardea-iac/cardea/workflow"
)

const (
	fileName = "cardea.db"
	// lockWait is how long Open waits for another process to let go of the file: long enough if
	// that is just ending, short enough for a prompt error if it is not.
	lockWait = 300 * time.Millisecond
	// brokenWait is how long a transaction may take to begin when nobody else is writing.
	brokenWait = 2 * time.Second
	// batchDelay is how long the first of several concurrent deliveries waits for
	// the others. A disk sync takes about 2 ms, so waiting longer gains nothing.
	batchDelay = 2 * time.Millisecond
	// mapSize is address space, not memory: mapping it all at once spares writers from waiting
	// for readers, as they would have to when the map grows.
	mapSize = 1 << 30
)

// ErrCorrupt says that a record is not what was written. The error that wraps it names the record.
var ErrCorrupt = errors.New("the record is damaged")

// Store is a workflow.Store on bbolt.
type Store struct {
	db *bbolt.DB
	// writing is held by the writer. bbolt's own lock is taken only while holding it, because
	// waiting for bbolt's lock cannot be given up when a context ends.
	writing  chan struct{}
	mu       sync.Mutex
	arrivals []*arrival // deliveries that wait for their turn
	broken   chan error
}

var _ workflow.Store = (*Store)(nil)

// Open opens or makes the database of a data directory, and brings its schema
// up to date. It refuses, with a sentence, a directory that another process
// uses, a schema that a newer Cardea wrote, and a file that was cut short.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	path := filepath.Join(dir, fileName)
	var db *bbolt.DB
	err := guard(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout:         lockWait,
			FreelistType:    bbolt.FreelistMapType,
			InitialMmapSize: mapSize,
		})
		return err
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("another cardea process uses the data directory %s: stop it, or give this one a data_dir of its own", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s (restore it from a copy if it is damaged): %w", path, err)
	}
	s := &Store{db: db, writing: make(chan struct{}, 1), broken: make(chan error, 1)}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// prepare checks that the file is whole and migrates the schema.
func (s *Store) prepare() error {
	if err := s.db.View(whole); err != nil {
		return err
	}
	return guard(func() error { return s.db.Update(migrate) })
}

// whole refuses a file that is shorter than it claims to be: reading a page beyond its end
// would end the process, and writing there would leave a hole before it.
func whole(btx *bbolt.Tx) error {
	path := btx.DB().Path()
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking at %s: %w", path, err)
	}
	if info.Size() < btx.Size() {
		return fmt.Errorf("%s is cut short: it has %d bytes of %d; restore it from a copy: %w",
			path, info.Size(), btx.Size(), ErrCorrupt)
	}
	return nil
}

// Close waits for transactions that are under way and closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Update implements workflow.Store. While others write, it waits until the context ends.
func (s *Store) Update(ctx context.Context, rule func(workflow.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.write(func(btx *bbolt.Tx) error { return rule(&tx{btx}) })
}

// write is a transaction of the holder of writing.
func (s *Store) write(act func(*bbolt.Tx) error) (err error) {
	ended := false
	defer func() {
		if (!ended || errors.Is(err, ErrCorrupt)) && !s.writable() {
			select {
			case s.broken <- fmt.Errorf("%s is damaged and can no longer be written: %w", s.db.Path(), ErrCorrupt):
			default: // it has been reported already
			}
		}
	}()
	err = guard(func() error {
		return storeError(s.db.Update(func(btx *bbolt.Tx) error {
			if err := whole(btx); err != nil {
				return err
			}
			return act(btx)
		}))
	})
	ended = true
	return err
}

// Broken says once that nothing can be written any more, whatever is tried, and that the
// process has to end. Whatever ends a transaction halfway may leave bbolt's own lock behind.
func (s *Store) Broken() <-chan error { return s.broken }

// writable reports whether a transaction can still be begun, and rolled back.
func (s *Store) writable() bool {
	begun := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				begun <- fmt.Errorf("beginning a transaction: %v", p)
			}
		}()
		begun <- guard(func() error {
			btx, err := s.db.Begin(true)
			if err != nil {
				return err
			}
			return errors.Join(whole(btx), btx.Rollback())
		})
	}()
	select {
	case err := <-begun:
		return err == nil || errors.Is(err, bolterrors.ErrDatabaseNotOpen)
	case <-time.After(brokenWait):
		return false
	}
}

// View implements workflow.Store.
func (s *Store) View(ctx context.Context, look func(workflow.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return guard(func() error {
		return storeError(s.db.View(func(btx *bbolt.Tx) error { return look(&tx{btx}) }))
	})
}

func storeError(err error) error {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return workflow.ErrClosed
	}
	return err
}

// guard turns a fault of the memory map (a file cut short or a bad sector under
// a running server) into an error: the runtime would otherwise end the process.
func guard(f func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(before)
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			if fault, ok := p.(interface{ Addr() uintptr }); ok {
				err = fmt.Errorf("reading the database at %#x: %w", fault.Addr(), ErrCorrupt)
				return
			}
			panic(p)
		default:
			panic(p)
		}
	}()
	return f()
}
