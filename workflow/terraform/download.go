package terraform

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hashicorp/hc-install/product"
	"github.com/hashicorp/hc-install/releases"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// downloadTime bounds one download of a tool.
const downloadTime = 5 * time.Minute

// download puts a version that is wanted among the downloaded tools: verified, aside and then
// renamed into place. One process at a time does it; the others find the result.
func (r toolRequest) download(ctx context.Context) error {
	base := filepath.Join(r.tools.Dir, r.wish.tool)
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	unlock, err := lockFile(ctx, filepath.Join(base, ".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if _, ok := r.kept(nil); ok {
		return nil
	}
	aside, err := os.MkdirTemp(base, ".incoming-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside) // gone after the rename
	ctx, cancel := context.WithTimeout(ctx, downloadTime)
	defer cancel()
	path, err := r.install(ctx, aside)
	if err != nil {
		return err
	}
	v, err := r.askVersion(path)
	if err != nil {
		return err
	}
	if !r.wish.fits(v) {
		return fmt.Errorf("the download is version %s", v)
	}
	if err := os.Chmod(aside, 0o755); err != nil {
		return err
	}
	return os.Rename(aside, filepath.Join(base, v.String()))
}

// install downloads into a directory and returns the program in it. Checksums and signature are verified.
func (r toolRequest) install(ctx context.Context, dir string) (string, error) {
	if r.wish.tool == tfconfig.Tofu {
		return r.installTofu(ctx, dir)
	}
	what := title(r.wish.tool)
	if r.wish.exact != nil {
		what += " " + r.wish.exact.String()
	}
	r.say("Downloading %s from %s.", what, cmp.Or(r.options.ReleasesURL, "releases.hashicorp.com"))
	path, err := r.installTerraform(ctx, dir)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(path); err == nil {
		r.say("Downloaded %s, checksum and signature verified; program size: %s.", what, phrase.Bytes(info.Size()))
	}
	return path, nil
}

func (r toolRequest) installTerraform(ctx context.Context, dir string) (string, error) {
	if r.wish.exact != nil {
		return (&releases.ExactVersion{Product: product.Terraform, Version: r.wish.exact, InstallDir: dir, HTTPClient: r.client(),
			ApiBaseURL: r.options.ReleasesURL}).Install(ctx)
	}
	return (&releases.LatestVersion{Product: product.Terraform, Constraints: r.wish.constraints(), InstallDir: dir, HTTPClient: r.client(),
		ApiBaseURL: r.options.ReleasesURL}).Install(ctx)
}

// lockFile takes an exclusive lock between processes, or gives up when ctx is done.
func lockFile(ctx context.Context, file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, err
	}
	got := make(chan error, 1)
	go func() { got <- syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }()
	select {
	case err := <-got:
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", filepath.Base(file), err)
		}
		return func() { f.Close() }, nil // closing releases it
	case <-ctx.Done():
		go func() { <-got; f.Close() }()
		return nil, ctx.Err()
	}
}
