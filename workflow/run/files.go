package run

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardea-iac/cardea/workflow"
)

// protocol is the version of the socket's messages, runner.json and result.json, and of the run in
// job.json: what a server reads that another one's runner wrote. What only the runner reads of
// job.json, which is always the same program as its server, may change without it.
const protocol = 1

// files are the paths below one run's directory.
type files string

func (d files) path(name string) string { return filepath.Join(string(d), name) }
func (d files) job() string             { return d.path("job.json") }
func (d files) lock() string            { return d.path("runner.lock") }
func (d files) runner() string          { return d.path("runner.json") }
func (d files) output() string          { return d.path("output") }
func (d files) log() string             { return d.path("log") }
func (d files) progress() string        { return d.path("progress") }
func (d files) result() string          { return d.path("result.json") }

// engine are the paths that the engine works in.
func (d files) engine() workflow.RunFiles {
	return workflow.RunFiles{Workspace: d.path("work"), Home: d.path("home"), Tmp: d.tmp(), Out: d.path("kept")}
}

// longestTmp leaves room for the name of a socket: Linux takes paths of 107 bytes
// (unix(7)), and a tool's plugin listens at TMPDIR/plugin and up to ten digits.
const longestTmp = 80

// tmp is the run's TMPDIR. Where data_dir is so long that no provider could listen
// in it, it is beside it, under a name that nobody can guess before it is made.
func (d files) tmp() string {
	if tmp := d.path("tmp"); len(tmp) <= longestTmp {
		return tmp
	}
	sum := sha256.Sum256([]byte(d))
	return filepath.Join("/tmp", "cardea-"+filepath.Base(string(d))+"-"+hex.EncodeToString(sum[:4]))
}

// private are the directories that hold what a run reads and makes: they go when it ends.
func (d files) private() []string {
	e := d.engine()
	return []string{e.Workspace, e.Home, e.Tmp, e.Out, d.path("rest")}
}

// dirName is the directory of one epoch of a run. An id that is not one of ours is refused: it becomes a path.
func dirName(run string, epoch int) (string, error) {
	if run == "" || strings.Trim(run, "0123456789abcdefghijklmnopqrstuvwxyz-") != "" {
		return "", fmt.Errorf("%q is not a run's id", run)
	}
	return run + "." + strconv.Itoa(epoch), nil
}

// resultFile is result.json.
type resultFile struct {
	Protocol int `json:"protocol"`
	workflow.Result
}

// identity says which process is the runner, so that a pid is never mistaken for another one that got its number.
type identity struct {
	Protocol  int    `json:"protocol"`
	PID       int    `json:"pid"`
	StartTime uint64 `json:"start_time"` // in the system's own unit; Linux: field 22 of /proc/PID/stat, clock ticks after boot
	BootID    string `json:"boot_id"`
}

func identityOf(pid int) (identity, error) {
	p, err := readProcess(pid)
	if err != nil {
		return identity{}, fmt.Errorf("reading the process: %w", err)
	}
	boot, err := bootID()
	if err != nil {
		return identity{}, err
	}
	return identity{Protocol: protocol, PID: pid, StartTime: p.start, BootID: boot}, nil
}

// errNoRunner says that there is no live runner to signal.
var errNoRunner = errors.New("no runner is alive")

// signalRunner sends a signal to the runner of a directory, only while its lock is held and pid, start time and boot id agree.
func signalRunner(d files, sig syscall.Signal) error {
	held, err := lockHeld(d.lock())
	if err != nil {
		return err
	}
	if !held {
		return errNoRunner
	}
	var want identity
	if err := readJSON(d.runner(), &want); err != nil {
		return fmt.Errorf("reading the runner's identity: %w", err)
	}
	// A handle on the process, taken before it is compared, cannot come to mean another one.
	process, err := os.FindProcess(want.PID)
	if err != nil {
		return errNoRunner
	}
	defer process.Release()
	got, err := identityOf(want.PID)
	if err != nil || got != want {
		return errNoRunner
	}
	if err := process.Signal(sig); err != nil {
		return fmt.Errorf("signalling the runner: %w", err)
	}
	return nil
}

// takeLock takes the runner's lock and keeps it until the process ends. The
// descriptor is closed on exec: a plan's tools do not hold it.
func takeLock(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock: %w", err)
	}
	// Whoever looks whether we live holds it for an instant, so try for a while.
	for range 50 {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("taking the lock: another runner has this run: %w", err)
	}
	return f, nil
}

// inherit lets the processes that we start from now on hold a lock with us: it
// is free when the last of them is gone.
func inherit(lock *os.File) error {
	if _, err := unix.FcntlInt(lock.Fd(), unix.F_SETFD, 0); err != nil {
		return fmt.Errorf("handing the lock down: %w", err)
	}
	return nil
}

// lockHeld reports whether a runner lives. A lock file that is not there is not held.
func lockHeld(name string) (bool, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("opening the lock: %w", err)
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking at the lock: %w", err)
	}
	return false, nil
}

// awaitLock returns when no process of the run holds the lock any more.
func awaitLock(name string) error {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening the lock: %w", err)
	}
	defer f.Close()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// writeJSON writes a file so that it is there whole or not at all.
func writeJSON(name string, v any) error {
	return writeFile(name, v, func(*os.File) error { return nil })
}

// writeDurably is writeJSON for what must still be there after a power cut.
func writeDurably(name string, v any) error {
	if err := writeFile(name, v, (*os.File).Sync); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

func writeFile(name string, v any, sync func(*os.File) error) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", filepath.Base(name), err)
	}
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(name), err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = sync(f)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(name), err)
	}
	return nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("opening the run's directory: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("syncing the run's directory: %w", err)
	}
	return nil
}

func readJSON(name string, v any) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// removeAll removes a tree even where it holds directories without write permission.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	walkErr := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if e != nil && e.IsDir() {
			return os.Chmod(name, 0o700) // before it is read: WalkDir calls us first
		}
		return err
	})
	if again := os.RemoveAll(dir); again != nil {
		return errors.Join(again, walkErr)
	}
	return nil
}
