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

	"github.com/hashicorp/go-version"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// tool is a program to run.
type tool struct {
	name    string // terraform or tofu
	path    string // the program
	exec    string // what terraform-exec is given: the program, or its shim
	version *version.Version
	because string // why it is not the one that the server would choose, "" where it is
}

// registry is the host that a provider address without one means.
func (t tool) registry() string {
	if t.name == tfconfig.Tofu {
		return "registry.opentofu.org"
	}
	return "registry.terraform.io"
}

// initsInJSON reports whether init can print messages for machines: both tools as terraform-exec
// starts them from version 1.9. Plan and apply always can.
func (t tool) initsInJSON() bool { return !t.version.Core().LessThan(jsonInit) }

var jsonInit = version.Must(version.NewVersion("1.9.0"))

// toolRequest is what the search for a run's tool goes by.
type toolRequest struct {
	options  Options
	tools    Tools
	expected tfconfig.Expected
	sealed   bool   // a plan was made with this version: the server's own may be a pre-release
	scratch  string // a directory to run `version` in
	log      func(text string)
	wish     wish
}

// say tells of something in the run's log.
func (r toolRequest) say(format string, args ...any) {
	if r.log != nil {
		r.log(fmt.Sprintf(format, args...))
	}
}

// findTool finds the program for a run: on PATH, else among the downloaded
// tools, else by download. Every refusal is a *failure whose sentence says who
// wants what, what is there, and what to do.
func findTool(ctx context.Context, r toolRequest, p workflow.Project, dir string) (tool, error) {
	if r.tools.Path == "" {
		r.tools.Path = os.Getenv("PATH")
	}
	settings, err := tfconfig.SettingsOf(p)
	if err != nil {
		return tool{}, err
	}
	name, err := r.chooseTool(settings.Tool, dir)
	if err != nil {
		return tool{}, err
	}
	if r.wish, err = wishOf(name, r.tools, settings, r.expected); err != nil {
		return tool{}, err
	}
	if w := r.wish; w.own && !r.sealed && w.server != nil && older(w.server, w.exact) {
		return tool{}, w.notAllowed()
	}
	t, err := r.find(ctx)
	if err != nil {
		return tool{}, err
	}
	t.exec = shim(t, r.tools.Dir)
	return t, nil
}

// chooseTool says terraform or tofu: the project's word, the server's, else
// tofu for a directory with OpenTofu's own files, the one that version files name,
// or tofu where only tofu is installed.
func (r toolRequest) chooseTool(wanted, dir string) (string, error) {
	tools := r.tools
	for _, name := range []string{wanted, tools.Tool} {
		switch name {
		case tfconfig.Terraform, tfconfig.Tofu:
			return name, nil
		case "", "auto":
		default:
			return "", failed("Unknown tool %q: use terraform or tofu.", name)
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
	if r.expected.Tool != "" { // it was decided by version files
		return r.expected.Tool, nil
	}
	if lookPath(tfconfig.Terraform, tools.Path) == "" && len(downloaded(tools.Dir, tfconfig.Terraform)) == 0 &&
		(lookPath(tfconfig.Tofu, tools.Path) != "" || len(downloaded(tools.Dir, tfconfig.Tofu)) > 0) {
		return tfconfig.Tofu, nil
	}
	return tfconfig.Terraform, nil
}

// find looks for the tool. What is on PATH, or the version that the server names, is the
// default and runs where it fits; else the newest downloaded one that fits.
func (r toolRequest) find(ctx context.Context) (tool, error) {
	w, seen := r.wish, "there is no "+r.wish.tool+" on PATH"
	var usual *version.Version // the default's
	if p := lookPath(w.tool, r.tools.Path); p != "" {
		v, err := r.version(ctx, p)
		if err != nil {
			return tool{}, err
		}
		if w.fits(v) {
			return tool{name: w.tool, path: p, version: v, because: r.because(v, v)}, nil
		}
		usual, seen = v, fmt.Sprintf("%s %s is on PATH", w.tool, v)
	}
	if t, ok := r.kept(usual); ok {
		return t, nil
	}
	if others := downloaded(r.tools.Dir, w.tool); len(others) > 0 {
		seen += " and " + listVersions(others) + " among the downloaded tools"
	}
	where := r.tools.whereToPut(w.tool)
	if w.own || len(w.required) > 0 {
		where += ", or change the version that the repository asks for"
	}
	if r.tools.Dir == "" {
		return tool{}, w.refused("%s, but %s: %s.", w, seen, where)
	}
	if err := r.download(ctx); err != nil {
		why := strings.TrimRight(err.Error(), ". ") + "."
		if o := outageOf([]workflow.Diagnostic{{Summary: err.Error()}}); o != nil {
			why = o.sentence("Cardea") + r.tools.wayOut(o, false)
		}
		return tool{}, w.refused("%s, but %s: %s. Downloading it failed: %s", w, seen, where, why)
	}
	t, ok := r.kept(usual)
	if !ok {
		return tool{}, fmt.Errorf("the downloaded %s is not in %s", w.tool, r.tools.Dir)
	}
	return t, nil
}

// kept is the newest downloaded tool that fits.
func (r toolRequest) kept(usual *version.Version) (tool, bool) {
	for _, v := range downloaded(r.tools.Dir, r.wish.tool) {
		if r.wish.fits(v) {
			return tool{name: r.wish.tool, path: toolPath(r.tools.Dir, r.wish.tool, v), version: v, because: r.because(v, usual)}, true
		}
	}
	return tool{}, false
}

// because says why a version runs, "" where it is the server's default.
func (r toolRequest) because(v, usual *version.Version) string {
	if named, err := version.NewVersion(r.tools.Version); err == nil {
		usual = named
	}
	if usual != nil && v.Equal(usual) {
		return ""
	}
	return r.wish.because()
}

func listVersions(all []*version.Version) string {
	const most = 5
	var out []string
	for i, v := range all {
		if i == most {
			return strings.Join(out, ", ") + fmt.Sprintf(" and %d older ones", len(all)-most)
		}
		out = append(out, v.String())
	}
	return strings.Join(out, ", ")
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

// broken says what to do about a program that does not say its version, and what that said instead.
func broken(said string) string {
	if said = firstLine(said); said != "" {
		said = "It said: " + strings.TrimRight(said, ".") + ". "
	}
	return said + "Reinstall it, or put one that works first on PATH."
}

func (r toolRequest) askVersion(program string) (*version.Version, error) {
	cmd := exec.Command(program, "version", "-json")
	cmd.Dir = r.scratch
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, failed("`%s version` failed (%s). %s", program, err, broken(stderr.String()))
	}
	var answer struct {
		Version string `json:"terraform_version"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, failed("`%s version -json` printed no JSON: %s. %s", program, err, broken(""))
	}
	v, err := version.NewVersion(answer.Version)
	if err != nil {
		return nil, failed("`%s version` printed %q, which is not a version. %s", program, answer.Version, broken(""))
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
		`if [ "$*" = "version -json" ]; then printf '%s\n' ` + phrase.ShellWord(answer) + "; exit 0; fi\n" +
		"exec " + phrase.ShellWord(t.path) + ` "$@"` + "\n"
	if err := writeAside(file, []byte(script), 0o755); err != nil {
		return t.path
	}
	return file
}

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

func trimmed(b []byte) string { return strings.TrimSpace(string(b)) }
