package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/git"
)

// configCheckCmd checks a configuration file.
type configCheckCmd struct {
	File string `arg:"" optional:"" default:".cardea.yml" help:"The file to check: cardea.yml or .cardea.yml, which is the default."`
	Base string `placeholder:"REF" help:"Also show what would change compared with this branch or commit."`
}

// Help is what --help says besides.
func (configCheckCmd) Help() string {
	return "Exit status: 0 = OK; 1 = errors.\n\nExample: cardea config check .cardea.yml --base main"
}

// Run exits 0 when the file is good and 1 when it is not.
func (k configCheckCmd) Run(c *console, ctx bind) error {
	in := ConfigCheck{File: k.File, Environ: os.Environ(), Base: k.Base, Kinds: engines("").Kinds()}
	scratch, err := makeScratch("cardea-config-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	local, err := git.OpenLocal(ctx, filepath.Dir(k.File), filepath.Join(scratch, "repository.git"))
	switch {
	case errors.Is(err, git.ErrNotClone) && k.Base != "":
		return fmt.Errorf("--base: %w", err)
	case errors.Is(err, git.ErrNotClone), err != nil && k.Base == "" && !k.ofRepo(): // only the file itself can be checked
	case err != nil:
		return err
	default:
		in.Files = local.Files
		in.AtBase = func(ctx context.Context, file string) ([]byte, error) { return readAt(ctx, local, k.Base, file) }
		in.Discover = func(ctx context.Context, ref string) (workflow.Discovery, error) {
			var tree workflow.Tree
			if ref != "" {
				tree, err = local.Tree(ctx, ref)
			} else {
				tree.FS, err = local.Files(ctx)
			}
			if err != nil {
				return workflow.Discovery{}, err
			}
			return engines("").Discover(ctx, tree)
		}
	}
	if code := CheckConfig(ctx, in, cleaned{c.out}); code != 0 {
		return exitCode(code)
	}
	return nil
}

// ofRepo reports whether the file is a repository's, which is checked together with its directories.
func (k configCheckCmd) ofRepo() bool {
	data, err := os.ReadFile(k.File)
	return err == nil && isRepoConfig(k.File, data)
}

// readAt reads a file, named as on the command line, from a commit of the clone that it is
// in.
func readAt(ctx context.Context, local *git.Local, ref, file string) ([]byte, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(local.Root, abs)
	if err != nil {
		return nil, err
	}
	tree, err := local.Tree(ctx, ref)
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(tree, filepath.ToSlash(rel))
}
