package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
)

// sayDataDir finds a data directory that the server could not use: a fault. One that is not there yet may be on another
// machine than this one, so that this user may not make it is only a warning. Nothing is made.
func (r *configReader) sayDataDir(absent *config.Faults, warn func(at workflow.Position, format string, args ...any)) {
	at, given := r.at["data_dir"]
	if !given {
		at = workflow.Position{File: r.cfg.File}
	}
	switch trouble, elsewhere := dataDirTrouble(r.cfg.DataDir, mayKeep); {
	case trouble == "":
	case !elsewhere:
		absent.Add(at, "%s", trouble)
	case given:
		warn(at, "%s", trouble)
	}
}

// mayKeep says why this user may not keep files in a directory, without trying it.
func mayKeep(dir string) error { return unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK) }

// dataDirTrouble says what is wrong with a data directory, as a sentence, and whether it may be none elsewhere.
func dataDirTrouble(dir string, may func(string) error) (trouble string, elsewhere bool) {
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
			if at != filepath.Dir(at) {
				continue
			}
		case err != nil:
			why := err
			if path := (*fs.PathError)(nil); errors.As(err, &path) {
				why = path.Err
			}
			return fmt.Sprintf("`data_dir`: %s cannot be looked at (%v): run this as the user that the server runs as, or name another directory", at, why), true
		case !info.IsDir() && at == dir:
			return fmt.Sprintf("`data_dir`: %s is not a directory: remove it, or name another directory", dir), false
		case !info.IsDir():
			return fmt.Sprintf("`data_dir`: the directory %s cannot be made, since %s is not a directory: name another one", dir, at), false
		default:
			err = may(at)
		}
		switch {
		case err == nil:
			return "", false
		case at == dir && info != nil:
			return cannotKeep(dir, err).Error(), false
		}
		return fmt.Sprintf("`data_dir`: %s does not exist, and this user may not make it in %s: "+
			"if the server will run here as this user, make it first, or name another directory", dir, at), true
	}
}
