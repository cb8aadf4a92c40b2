package terraform

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// Providers. A run's CLI configuration knows one place: our mirror, a directory
// laid out as terraform's unpacked filesystem mirror,
//
//	HOST/NAMESPACE/TYPE/VERSION/OS_ARCH/terraform-provider-TYPE_vVERSION
//
// from which init only makes symlinks. It is never written in place: what it
// lacks is fetched by an init of one run, under one lock a provider, while the
// others wait; then the package is copied aside, compared with the checksum
// that terraform verified, and renamed into place whole. An operator may put
// packages there too. terraform's plugin cache is not used: it is not safe
// for concurrent inits.

// mirrorOnly is the CLI configuration of a run.
func mirrorOnly(mirror string) string {
	if mirror == "" {
		return cliConfig("direct {}")
	}
	return cliConfig(mirrorBlock(mirror))
}

func mirrorBlock(mirror string) string {
	return "filesystem_mirror {\n    path = " + strconv.Quote(mirror) + "\n  }"
}

func cliConfig(sources string) string {
	return "disable_checkpoint = true\nprovider_installation {\n  " + sources + "\n}\n"
}

func (p *planning) writeCLIConfig(text string) error {
	return os.WriteFile(cliConfigFile(p.job.Files), []byte(text), 0o600)
}

// initProviders runs init from the mirror; when providers are missing there it
// fetches them, once for all runs that wait for them.
func (p *planning) initProviders() error {
	mirror := p.server.Providers
	if mirror == "" {
		return p.runInit()
	}
	if err := os.MkdirAll(mirror, 0o755); err != nil {
		return fmt.Errorf("the provider mirror: %w", err)
	}
	before := listPackages(mirror)
	err := p.runInit()
	missing := missingProviders(p.output.errors(), p.tool.registry())
	if err == nil || len(missing) == 0 {
		return err
	}
	for _, name := range missing {
		unlock, err := p.lockProvider(mirror, name)
		if err != nil {
			return err
		}
		defer unlock()
	}
	if now := listPackages(mirror); !maps.Equal(before, now) { // somebody fetched while we waited
		if err := p.runInit(); err == nil || len(missingProviders(p.output.errors(), p.tool.registry())) == 0 {
			return err
		}
	}
	return p.fetch(mirror, missing)
}

func (p *planning) lockProvider(mirror, address string) (func(), error) {
	dir := filepath.Join(mirror, ".locks")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	locked := p.lockedProviders()[address] // its version is only known when it is locked
	return lockFile(p.ctx, filepath.Join(dir, tfconfig.Hash(address, locked.Version)[:32]))
}

func (p *planning) lockedProviders() map[string]tfconfig.LockedProvider {
	data, err := p.readLockFile()
	if err != nil || data == nil {
		return nil // none, or init has said it
	}
	locked, _ := tfconfig.ParseLockFile(data)
	return locked
}

// fetch runs init with the providers' origin allowed, into this run's own data
// directory, then gives what came to the mirror. The modules are there already,
// and no code of a provider has run.
func (p *planning) fetch(mirror string, missing []string) error {
	sources := p.server.Sources
	p.came = func() error { return errors.Join(p.publish(mirror), p.writeCLIConfig(mirrorOnly(mirror))) }
	defer func() { p.came = nil }()
	if err := p.writeCLIConfig(cliConfig(mirrorBlock(mirror) + "\n  " + sources.methods())); err != nil {
		return err
	}
	p.output.note("Not yet in the provider mirror: " + strings.Join(missing, ", ") + "; fetching from " + sources.words() + ".")
	var err error
	if p.ofState(missing) {
		err = p.fetchApart(mirror, missing)
	} else {
		err = sources.trusting(p.job.Files.Tmp, p.runInit)
		if still := missingProviders(p.output.errors(), p.tool.registry()); err != nil && p.ofState(still) {
			missing, err = still, p.fetchApart(mirror, still)
		}
	}
	if err != nil {
		var f *failure
		if errors.As(err, &f) && (len(missingProviders(p.output.errors(), p.tool.registry())) > 0 || f.passing) {
			f.reason = p.notFetched(missing, f)
		}
		return err
	}
	return p.publish(mirror)
}

// publish copies the packages in the data directory that the mirror lacks.
func (p *planning) publish(mirror string) error {
	root := filepath.Join(p.dataDir(), "providers")
	have := listPackages(mirror)
	locked := p.lockedProviders()
	for pkg := range listPackages(root) {
		if have[pkg] {
			continue
		}
		parts := strings.Split(pkg, "/") // host, namespace, type, version, platform
		entry := locked[strings.Join(parts[:3], "/")]
		if entry.Version != parts[3] {
			return fmt.Errorf("provider %s was fetched, but the lock file has version %q", pkg, entry.Version)
		}
		size, err := publishPackage(filepath.Join(root, filepath.FromSlash(pkg)), mirror, pkg, entry.Hashes)
		if err != nil {
			return fmt.Errorf("adding provider %s to the mirror: %w", pkg, err)
		}
		p.output.note(fmt.Sprintf("Fetched %s %s: %s unpacked, verified, and kept in the provider mirror.",
			strings.Join(parts[:3], "/"), parts[3], phrase.Bytes(size)))
	}
	return nil
}

// publishPackage puts one package into the mirror, whole or not at all, and returns its size in bytes.
func publishPackage(from, mirror, pkg string, hashes []string) (size int64, err error) {
	if from, err = filepath.EvalSymlinks(from); err != nil {
		return 0, err
	}
	aside, err := os.MkdirTemp(mirror, ".incoming-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(aside)
	target := filepath.Join(aside, "package")
	if size, err = copyTree(from, target); err != nil {
		return 0, err
	}
	got, err := dirhash.HashDir(target, "", dirhash.Hash1) // terraform's "h1:" is this hash
	if err != nil {
		return 0, err
	}
	if !slices.Contains(hashes, got) {
		return 0, fmt.Errorf("its checksum %s is not the one that init verified", got)
	}
	place := filepath.Join(mirror, filepath.FromSlash(pkg))
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return 0, err
	}
	if err := os.Rename(target, place); err != nil && !errors.Is(err, fs.ErrExist) {
		return 0, err
	}
	return size, nil
}

// copyTree copies directories and regular files with their modes, as a package has no others. It
// returns how many bytes they are.
func copyTree(from, to string) (size int64, err error) {
	err = filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is not a regular file", rel)
		}
		size += info.Size()
		return copyFile(name, filepath.Join(to, rel), info.Mode().Perm())
	})
	return size, err
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// listPackages lists HOST/NAMESPACE/TYPE/VERSION/PLATFORM below a directory.
func listPackages(root string) map[string]bool {
	found, err := filepath.Glob(filepath.Join(root, "[^.]*", "*", "*", "*", platform()))
	if err != nil {
		return nil // only for a faulty pattern
	}
	out := map[string]bool{}
	for _, f := range found {
		if rel, err := filepath.Rel(root, f); err == nil {
			out[filepath.ToSlash(rel)] = true
		}
	}
	return out
}
