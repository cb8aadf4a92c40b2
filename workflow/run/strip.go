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

// states are the names where an apply may have left a state that is stored nowhere else, and the
// files that they lead to: the whole workspace where it cannot be told what these are.
func (d files) states(p workflow.Project, kind workflow.Kind) (keep []string) {
	all := []string{d.engine().Workspace}
	real, err := filepath.EvalSymlinks(string(d))
	if err != nil {
		return all
	}
	for _, name := range d.rescues(p, kind) {
		keep = append(keep, name)
		_, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) {
			continue // nothing, or a symlink that leads to nothing
		}
		to, e := filepath.EvalSymlinks(name)
		if err != nil || e != nil {
			return all
		}
		if rel, err := filepath.Rel(real, to); err == nil && filepath.IsLocal(rel) {
			keep = append(keep, d.path(rel))
		}
	}
	return keep
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
