package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cardea-iac/cardea/workflow"
)

// What a run read and made, decrypted secrets among it, goes with the run: before anybody is told
// that it has ended, since another run of its project may begin then. Only a state that is stored
// nowhere else stays.

// strip removes a run's directories, but of those what may hold a state: the files that are named
// in keep and the directories on the way to them. A directory that is itself named stays whole.
func (d files) strip(keep []string) error {
	var faults []error
	for _, dir := range d.private() {
		switch {
		case slices.Contains(keep, dir):
		case slices.ContainsFunc(keep, func(name string) bool { return beneath(name, dir) }):
			faults = append(faults, prune(dir, keep))
		default:
			faults = append(faults, removeAll(dir))
		}
	}
	return errors.Join(faults...)
}

// prune removes everything below a directory but what is to be kept.
func prune(dir string, keep []string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var faults []error
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		kept := slices.Contains(keep, name)
		way := slices.ContainsFunc(keep, func(k string) bool { return beneath(k, name) })
		switch {
		case e.IsDir() && (kept || way): // a directory is no state, whatever its name
			faults = append(faults, prune(name, keep))
		case !kept && !way:
			faults = append(faults, removeAll(name))
		}
	}
	return errors.Join(faults...)
}

func beneath(name, dir string) bool { return strings.HasPrefix(name, dir+string(filepath.Separator)) }

// states are the names where an apply may have left a state that is stored nowhere else, the files
// that they lead to, and each symlink on the way: whoever looks again must find the same. They are
// the whole workspace where it cannot be told what these are.
func (d files) states(p workflow.Project, kind workflow.Kind) (keep []string) {
	all := []string{d.engine().Workspace}
	ours := map[string]string{} // what symlinks lead to -> its name
	for _, dir := range []string{string(d), d.tmp()} {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return all
		}
		ours[real] = dir
	}
	for _, name := range d.rescues(p, kind) {
		way, err := wayTo(name)
		if err != nil {
			return all
		}
		keep = append(keep, name)
		for _, place := range way {
			for real, dir := range ours {
				if rel, err := filepath.Rel(real, place); err == nil && filepath.IsLocal(rel) {
					keep = append(keep, filepath.Join(dir, rel))
				}
			}
		}
	}
	return keep
}

// mostLinks is how many symlinks the system follows.
const mostLinks = 40

// wayTo are the symlinks on the way to an absolute path, and the file where it ends, if there is one.
func wayTo(name string) (way []string, err error) {
	at, left := string(filepath.Separator), strings.Split(name, string(filepath.Separator))
	for links := 0; len(left) > 0; {
		next := filepath.Join(at, left[0]) // of ".." too: at has no symlinks
		left = left[1:]
		info, err := os.Lstat(next)
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
			return way, nil // it leads to nothing
		case err != nil:
			return nil, err
		case info.Mode()&fs.ModeSymlink == 0:
			if at = next; len(left) == 0 && !info.IsDir() {
				way = append(way, next)
			}
			continue
		}
		if way, links = append(way, next), links+1; links > mostLinks {
			return way, nil
		}
		to, err := os.Readlink(next)
		if err != nil {
			return nil, err
		}
		if filepath.IsAbs(to) {
			at = string(filepath.Separator)
		}
		left = append(strings.Split(to, string(filepath.Separator)), left...)
	}
	return way, nil
}

// strip removes the run's files. An apply that may have left a state leaves it there unless that is kept by now.
func (r *runner) strip(clean bool) error {
	if clean {
		return r.dir.strip(nil)
	}
	return r.dir.strip(r.dir.states(r.job.Run.Project, r.deps.Engines.KindOf(r.job.Run.Project)))
}

// strip removes what a run whose runner is gone read and made. Where an apply left a state that is
// stored nowhere else it stays, and is the error.
func (l *Launcher) strip(d files, r workflow.Run) error {
	if r.Kind != workflow.RunApply {
		return d.strip(nil)
	}
	fault := l.mayClean(d, r.Project)
	if fault == nil {
		return d.strip(nil)
	}
	keep := []string{d.engine().Workspace}
	if _, known := l.Engines.Of(r.Project); known {
		keep = d.states(r.Project, l.Engines.KindOf(r.Project))
	}
	return errors.Join(fault, d.strip(keep))
}

// mayClean is an error where an apply may have left a state that is stored nowhere else:
// as a file that is kept by now, or as anything else of that name, which only people look into.
func (l *Launcher) mayClean(d files, p workflow.Project) error {
	if _, known := l.Engines.Of(p); !known {
		return fmt.Errorf("what an apply of the engine %q leaves behind is unknown", p.Engine)
	}
	for _, name := range d.rescues(p, l.Engines.KindOf(p)) {
		switch _, err := os.Lstat(name); {
		case err == nil:
			return fmt.Errorf("%s holds a state that is stored nowhere else", name)
		case !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
			return fmt.Errorf("looking for an errored state: %w", err)
		}
	}
	return nil
}

// clean removes what a finished run no longer needs. Its log and its progress stay.
func (l *Launcher) clean(d files) error {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return fmt.Errorf("cleaning a run: %w", err)
	}
	var job Job
	if err := readJSON(d.job(), &job); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cleaning a run: reading its job: %w", err)
	}
	if err := l.strip(d, job.Run); err != nil { // what is secret goes, whatever else has to stay
		return fmt.Errorf("cleaning a run: %w", err)
	}
	var faults []error
	for _, e := range entries {
		if e.Name() != "log" && e.Name() != "progress" {
			faults = append(faults, removeAll(d.path(e.Name())))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("cleaning a run: %w", err)
	}
	return nil
}
