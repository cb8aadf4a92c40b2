package terraform

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"syscall"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// seal is what a plan run tells its apply beside the saved plan. No secret is in it.
type seal struct {
	Tool     string `json:"tool"`
	Version  string `json:"version"`
	LockFile []byte `json:"lock_file,omitempty"` // after init; nil: there is none
	// Fetched is what init brought: the saved plan holds the configuration of modules,
	// but not the scripts and files beside it.
	Fetched workflow.Fetched `json:"fetched"`
	// Said are the values that the plan calls sensitive and that stand in the repository all the same.
	Said []string `json:"said,omitempty"`
}

// keep hands the plan over for its apply, if there is something to apply.
func (p *planning) keep() error {
	if p.job.Keep == nil || p.plan.NoChanges {
		return nil
	}
	if _, err := savedState(p.saved()); err != nil {
		p.plan.Notes = append(p.plan.Notes, "This plan cannot be applied: the saved plan does not say which state it was made from.")
		return nil
	}
	s := seal{Tool: p.tool.name, Version: p.tool.version.String(), Fetched: p.fetched, Said: slices.Sorted(maps.Keys(p.said))}
	var err error
	if s.LockFile, err = p.readLockFile(); err != nil {
		return err
	}
	if err := p.collect(); err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	lock := p.relative(tfconfig.LockFile) // the seal has it
	made := slices.DeleteFunc(p.made, func(f string) bool { return f == lock })
	if err := p.job.Keep(p.ctx, workflow.Kept{Files: []string{savedPlan}, Made: made, Gone: p.gone, Seal: text}); err != nil {
		return fmt.Errorf("keeping the plan: %w", err)
	}
	return nil
}

// listing is a workspace at one moment: its files by slash-separated relative path.
type listing map[string]stamp

// stamp changes with whatever writes a file: the change time cannot be set back.
type stamp struct {
	inode, size uint64
	changed     syscall.Timespec
}

// look lists the workspace.
func (p *planning) look() (err error) {
	p.before, err = listFiles(p.job.Files.Workspace, p.dataDir())
	if p.tree == nil {
		p.tree = p.before
	}
	return err
}

// collect adds to made what changed in the workspace since it was listed.
func (p *planning) collect() error {
	if p.job.Keep == nil {
		return nil
	}
	now, err := listFiles(p.job.Files.Workspace, p.dataDir())
	if err != nil {
		return err
	}
	for name, s := range now {
		if p.before[name] != s {
			p.made = append(p.made, name)
		}
	}
	p.gone = nil
	for name := range p.before {
		if _, there := now[name]; !there {
			p.gone = append(p.gone, name)
		}
	}
	sort.Strings(p.made)
	p.made = slices.Compact(p.made)
	return nil
}

// listFiles lists what is below root, without one directory.
func listFiles(root, without string) (listing, error) {
	out := listing{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && name == without {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // something of the plan still tidies up
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		out[filepath.ToSlash(rel)] = stampOf(info)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the workspace: %w", err)
	}
	return out, nil
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: uint64(info.Size())}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode, s.changed = sys.Ino, changedAt(sys)
	}
	return s
}

func hashFile(h io.Writer, name, rel string, kind fs.FileMode) error {
	if kind&fs.ModeSymlink != 0 {
		target, err := os.Readlink(name)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(h, "link %q %q\n", rel, target)
		return err
	}
	f, err := openRegular(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(h, "file %q %o %d\n", rel, info.Mode().Perm(), info.Size()); err != nil {
		return err
	}
	_, err = io.Copy(h, f)
	return err
}
