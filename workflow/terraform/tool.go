package terraform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hc-install/product"
	"github.com/hashicorp/hc-install/releases"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// tool is a program to run.
type tool struct {
	name    string // terraform or tofu
	path    string // the program
	exec    string // what terraform-exec is given: the program, or its shim
	version *version.Version
}

// registry is the host that a provider address without one means.
func (t tool) registry() string {
	if t.name == tfconfig.Tofu {
		return "registry.opentofu.org"
	}
	return "registry.terraform.io"
}

// toolRequest is which tool a run wants.
type toolRequest struct {
	options     Options
	tools       Tools
	scratch     string // a directory to run `version` in
	name        string
	exact       *version.Version    // nil: any
	constraints version.Constraints // nil: any
}

// findTool finds the program for a run: on PATH, else among the downloaded
// tools, else (terraform only) by download. Every refusal is a *failure whose
// sentence says what to install where.
func findTool(ctx context.Context, r toolRequest, p workflow.Project, dir string) (tool, error) {
	if r.tools.Path == "" {
		r.tools.Path = os.Getenv("PATH")
	}
	settings, err := tfconfig.SettingsOf(p)
	if err != nil {
		return tool{}, err
	}
	if r.name, err = chooseTool(settings.Tool, r.tools, dir); err != nil {
		return tool{}, err
	}
	if r.tools.Versions != "" {
		if r.constraints, err = version.NewConstraint(r.tools.Versions); err != nil {
			return tool{}, failed("The server's version constraint %q is not one: %s.", r.tools.Versions, err)
		}
	}
	wanted := settings.Version
	if wanted == "" {
		wanted = r.tools.Version
	}
	if wanted != "" {
		if r.exact, err = version.NewVersion(wanted); err != nil {
			return tool{}, failed("The wanted %s version %q is not a version.", r.name, wanted)
		}
		if !r.fits(r.exact) {
			return tool{}, failed("%s %s is wanted, but the server allows only %s.", r.name, wanted, r.tools.Versions)
		}
	}
	t, err := r.find(ctx)
	if err != nil {
		return tool{}, err
	}
	t.exec = shim(t, r.tools.Dir)
	return t, nil
}

// chooseTool says terraform or tofu: the project's word, the server's, else
// tofu for a directory with OpenTofu's own files or where only tofu is installed.
func chooseTool(wanted string, tools Tools, dir string) (string, error) {
	for _, name := range []string{wanted, tools.Tool} {
		switch name {
		case tfconfig.Terraform, tfconfig.Tofu:
			return name, nil
		case "", "auto":
		default:
			return "", failed("The tool %q is not known; it is terraform or tofu.", name)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if !e.IsDir() && tfconfig.OfTofu(e.Name()) {
			return tfconfig.Tofu, nil
		}
	}
	if lookPath(tfconfig.Terraform, tools.Path) == "" && len(downloaded(tools.Dir, tfconfig.Terraform)) == 0 &&
		(lookPath(tfconfig.Tofu, tools.Path) != "" || len(downloaded(tools.Dir, tfconfig.Tofu)) > 0) {
		return tfconfig.Tofu, nil
	}
	return tfconfig.Terraform, nil
}

func (r toolRequest) fits(v *version.Version) bool {
	if r.exact != nil && !v.Equal(r.exact) {
		return false
	}
	return r.constraints == nil || r.constraints.Check(v.Core()) // a pre-release counts as its release
}

func (r toolRequest) wish() string {
	switch {
	case r.exact != nil:
		return r.name + " " + r.exact.String()
	case r.constraints != nil:
		return r.name + " " + r.constraints.String()
	}
	return r.name
}

func (r toolRequest) find(ctx context.Context) (tool, error) {
	var seen []string
	if p := lookPath(r.name, r.tools.Path); p != "" {
		v, err := r.version(ctx, p)
		if err != nil {
			return tool{}, err
		}
		if r.fits(v) {
			return tool{name: r.name, path: p, version: v}, nil
		}
		seen = append(seen, fmt.Sprintf("%s %s is on PATH", r.name, v))
	}
	for _, v := range downloaded(r.tools.Dir, r.name) {
		if r.fits(v) {
			return tool{name: r.name, path: toolPath(r.tools.Dir, r.name, v), version: v}, nil
		}
	}
	if len(seen) == 0 {
		seen = append(seen, "there is no "+r.name+" on PATH")
	}
	where := "put it on the server's PATH"
	if r.tools.Dir != "" {
		where += fmt.Sprintf(" or at `tools/%s/VERSION/%s` below `data_dir`", r.name, r.name)
	}
	if r.name == tfconfig.Tofu || r.tools.Dir == "" {
		return tool{}, failed("%s is wanted, but %s: %s.", r.wish(), strings.Join(seen, ", "), where)
	}
	t, err := r.download(ctx)
	if err != nil {
		return tool{}, failed("%s is wanted, but %s: %s. Downloading it did not work: %s", r.wish(), strings.Join(seen, ", "), where, err)
	}
	return t, nil
}

// lookPath finds an executable in the absolute directories of a PATH; a
// relative one would look into the pull's files.
func lookPath(name, pathList string) string {
	for _, dir := range filepath.SplitList(pathList) {
		if !filepath.IsAbs(dir) {
			continue
		}
		p := filepath.Join(dir, name)
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return p
		}
	}
	return ""
}

func toolPath(dir, name string, v *version.Version) string {
	return filepath.Join(dir, name, v.Original(), name)
}

// downloaded lists the versions below the tools directory, newest first.
func downloaded(dir, name string) []*version.Version {
	entries, err := os.ReadDir(filepath.Join(dir, name))
	if err != nil || dir == "" {
		return nil // none yet
	}
	var out []*version.Version
	for _, e := range entries {
		v, err := version.NewVersion(e.Name())
		if err != nil {
			continue
		}
		if info, err := os.Stat(toolPath(dir, name, v)); err == nil && info.Mode()&0o111 != 0 {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b *version.Version) int { return b.Compare(a) })
	return out
}

// downloadTime bounds one download of a tool.
const downloadTime = 5 * time.Minute

// download installs terraform from HashiCorp's releases, checksums and
// signature verified, aside and then renamed into place. One process at a time
// does it; the others find the result.
func (r toolRequest) download(ctx context.Context) (tool, error) {
	base := filepath.Join(r.tools.Dir, r.name)
	if err := os.MkdirAll(base, 0o755); err != nil {
		return tool{}, err
	}
	unlock, err := lockFile(ctx, filepath.Join(base, ".lock"))
	if err != nil {
		return tool{}, err
	}
	defer unlock()
	for _, v := range downloaded(r.tools.Dir, r.name) {
		if r.fits(v) {
			return tool{name: r.name, path: toolPath(r.tools.Dir, r.name, v), version: v}, nil
		}
	}
	aside, err := os.MkdirTemp(base, ".incoming-")
	if err != nil {
		return tool{}, err
	}
	defer os.RemoveAll(aside)
	ctx, cancel := context.WithTimeout(ctx, downloadTime)
	defer cancel()
	path, err := r.install(ctx, aside)
	if err != nil {
		return tool{}, err
	}
	v, err := r.version(ctx, path)
	if err != nil {
		return tool{}, err
	}
	if !r.fits(v) {
		return tool{}, fmt.Errorf("the download is version %s", v)
	}
	if err := os.Chmod(aside, 0o755); err != nil {
		return tool{}, err
	}
	if err := os.Rename(aside, filepath.Join(base, v.Original())); err != nil {
		return tool{}, err
	}
	return tool{name: r.name, path: toolPath(r.tools.Dir, r.name, v), version: v}, nil
}

func (r toolRequest) install(ctx context.Context, dir string) (string, error) {
	if r.exact != nil {
		return (&releases.ExactVersion{Product: product.Terraform, Version: r.exact, InstallDir: dir, ApiBaseURL: r.options.ReleasesURL}).Install(ctx)
	}
	return (&releases.LatestVersion{Product: product.Terraform, Constraints: r.constraints, InstallDir: dir, ApiBaseURL: r.options.ReleasesURL}).Install(ctx)
}

// version asks a program for its version. The answer is kept beside the tools
// by path, size and modification time, so that a run does not start one more process.
func (r toolRequest) version(ctx context.Context, program string) (*version.Version, error) {
	key, err := programKey(program)
	if err != nil {
		return nil, err
	}
	if r.tools.Dir == "" {
		return r.askVersion(program)
	}
	memory := filepath.Join(r.tools.Dir, "versions", key)
	if v := remembered(memory); v != nil {
		return v, nil
	}
	if err := os.MkdirAll(filepath.Dir(memory), 0o755); err != nil {
		return nil, fmt.Errorf("remembering a version: %w", err)
	}
	unlock, err := lockFile(ctx, filepath.Join(r.tools.Dir, "versions", ".lock")) // the first runs begin together: one asks
	if err != nil {
		return nil, fmt.Errorf("remembering a version: %w", err)
	}
	defer unlock()
	if v := remembered(memory); v != nil {
		return v, nil
	}
	v, err := r.askVersion(program)
	if err != nil {
		return nil, err
	}
	if err := writeAside(memory, []byte(v.String()+"\n"), 0o644); err != nil {
		return nil, fmt.Errorf("remembering a version: %w", err)
	}
	return v, nil
}

// remembered is the version that a file of ours holds, nil when it holds none.
func remembered(file string) *version.Version {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	v, err := version.NewVersion(trimmed(data))
	if err != nil {
		return nil
	}
	return v
}

func (r toolRequest) askVersion(program string) (*version.Version, error) {
	cmd := exec.Command(program, "version", "-json")
	cmd.Dir = r.scratch
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, failed("`%s version` did not work (%s) %s", program, err, firstLine(stderr.String()))
	}
	var answer struct {
		Version string `json:"terraform_version"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, failed("`%s version -json` printed no JSON: %s.", program, err)
	}
	v, err := version.NewVersion(answer.Version)
	if err != nil {
		return nil, failed("`%s version` printed %q, which is not a version.", program, answer.Version)
	}
	return v, nil
}

// programKey names a program's file as it is now.
func programKey(program string) (string, error) {
	info, err := os.Stat(program)
	if err != nil {
		return "", err
	}
	return tfconfig.Hash(program, fmt.Sprint(info.Size()), fmt.Sprint(info.ModTime().UnixNano()))[:32], nil
}

// shim returns what terraform-exec should start. terraform-exec asks every
// binary for its version before init, which costs a third of a small plan; the
// shim answers that one question from what we know and becomes the program
// itself for everything else (same process, so signals and PDEATHSIG hold).
// Where a shim cannot be, the program is right too, only slower.
func shim(t tool, dir string) string {
	key, err := programKey(t.path)
	if err != nil || dir == "" {
		return t.path
	}
	if _, err := os.Stat("/bin/sh"); err != nil {
		return t.path
	}
	file := filepath.Join(dir, "shims", key, t.name)
	if _, err := os.Stat(file); err == nil {
		return file
	}
	answer := fmt.Sprintf(`{"terraform_version":%q,"platform":%q,"provider_selections":{},"terraform_outdated":false}`, t.version, platform())
	script := "#!/bin/sh\n" +
		"# Answers the version question of terraform-exec, else is " + t.name + ".\n" +
		`if [ "$*" = "version -json" ]; then printf '%s\n' ` + quoteShell(answer) + "; exit 0; fi\n" +
		"exec " + quoteShell(t.path) + ` "$@"` + "\n"
	if err := writeAside(file, []byte(script), 0o755); err != nil {
		return t.path
	}
	return file
}

func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// writeAside writes a file that others may read at any time: aside, then
// renamed. No process may be forked while it is open for writing, or the child
// would hold it open and starting it would fail with "text file busy".
func writeAside(file string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := os.CreateTemp(filepath.Dir(file), ".incoming-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone after the rename
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
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

func trimmed(b []byte) string { return strings.TrimSpace(string(b)) }
