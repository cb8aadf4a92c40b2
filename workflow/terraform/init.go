package terraform

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/terraform-exec/tfexec"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// init runs init (never with -upgrade, -reconfigure or -migrate-state) and
// holds the lock-file policy: a committed lock file is what decides, so init
// must find nothing to change in it.
func (p *planning) init() error {
	committed, err := p.readLockFile()
	if err != nil {
		return err
	}
	if err := p.initProviders(); err != nil {
		var f *failure
		if committed != nil && errors.As(err, &f) && !f.passing && lockFault(p.output.errors()) {
			return &failure{reason: "The committed `" + tfconfig.LockFile + "` does not fit. " + p.lockMend(), diagnostics: f.diagnostics}
		}
		return err
	}
	after, err := p.readLockFile()
	if err != nil {
		return err
	}
	if committed != nil && !bytes.Equal(committed, after) {
		return failed("%s init would change the committed `%s` (%s). %s", p.tool.name, p.relative(tfconfig.LockFile), lockDifference(committed, after), p.lockMend())
	}
	if err := p.lookFetched(); err != nil {
		return err
	}
	if committed == nil {
		for address := range p.fetched.Providers {
			p.unlocked = append(p.unlocked, address)
		}
		slices.Sort(p.unlocked)
	}
	return nil
}

// runInit is one init. A backend, and OpenTofu's encryption, may start programs that the change
// names. So what is fetched with secrets is fetched before, by an init that looks at neither.
func (p *planning) runInit() error {
	var options []tfexec.InitOption
	for _, f := range p.settings.BackendConfig {
		options = append(options, tfexec.BackendConfig(f))
	}
	if !p.job.FetchSecret {
		return p.initFault(p.fetching(func() error { return p.initWith("init", options...) }))
	}
	if !p.hasFetched { // and never again: by then there is a backend that it would use
		locked, err := p.readLockFile()
		if err != nil {
			return err
		}
		if err := p.fetching(func() error { return p.initWith("init -backend=false", tfexec.Backend(false)) }); err != nil {
			return p.initFault(err)
		}
		p.hasFetched = true
		if err := p.relock(locked); err != nil {
			return err
		}
		if p.came != nil { // where they came from may want a token, and asks for it again
			if err := p.came(); err != nil {
				return err
			}
		}
	}
	return p.initFault(p.initWith("init", options...))
}

// relock puts a committed lock file back in place where init forgot what only the state needs. Where it
// changed anything else it stays, and is the reason to refuse the project.
func (p *planning) relock(committed []byte) error {
	if committed == nil {
		return nil
	}
	after, err := p.readLockFile()
	if err != nil {
		return err
	}
	was, _ := tfconfig.ParseLockFile(committed) // as for lockDifference
	now, _ := tfconfig.ParseLockFile(after)
	for address, provider := range now {
		if before, ok := was[address]; !ok || before.Version != provider.Version || !slices.Equal(before.Hashes, provider.Hashes) {
			return nil
		}
	}
	return os.WriteFile(filepath.Join(p.dir, tfconfig.LockFile), committed, 0o600)
}

// initWith starts init.
func (p *planning) initWith(heading string, options ...tfexec.InitOption) error {
	if p.tool.initsInJSON() {
		return p.messages(heading, func(w io.Writer) error { return p.tf.InitJSON(p.uncancelled, w, options...) })
	}
	return p.step(heading, func() error { return p.tf.Init(p.uncancelled, options...) })
}

// initFault is an init's error with what was not given to it.
func (p *planning) initFault(err error) error {
	if err == nil {
		return nil
	}
	fault := p.commandFailed("init", err)
	var denied *workflow.Denied
	var f *failure
	if errors.As(fault, &f) && !f.passing {
		f.reason = cmp.Or(p.untrustedInit(), f.reason)
	}
	if errors.As(err, &denied) && errors.As(fault, &f) {
		f.reason, f.passing, f.outage = denied.Why, denied.Passing, nil
		for i, d := range f.diagnostics { // the tool's words are about a password that nobody typed
			if slices.ContainsFunc(denied.What, func(name string) bool { return strings.Contains(d.Detail, name) }) {
				f.diagnostics[i].Detail = ""
			}
		}
	}
	return fault
}

// early are the commands of OpenTofu that evaluate the configuration early and take var files for it since
// 1.8.0, by the names of the variables with which they are given arguments. Plans get theirs as options.
var early = []string{"init", "workspace_list", "workspace_select", "workspace_new", "state_pull", "show"}

// giveVarFiles lets OpenTofu's commands have the project's var files: sources of modules, backends and
// encryption may be made from them. terraform-exec has no option for it.
func (p *planning) giveVarFiles() error {
	if !p.isEarly() {
		return nil
	}
	var args []string
	for _, f := range p.settings.VarFiles {
		args = append(args, phrase.ShellWord("-var-file="+f))
	}
	for _, command := range early {
		if err := os.Setenv("TF_CLI_ARGS_"+command, strings.Join(args, " ")); err != nil {
			return err
		}
	}
	return nil
}

// isEarly reports whether init already needs the project's var files.
func (p *planning) isEarly() bool {
	return p.tool.name == tfconfig.Tofu && len(p.settings.VarFiles) > 0 && !p.tool.version.Core().LessThan(version.Must(version.NewVersion("1.8.0")))
}

// varFilesOfInit looks for the var files that init gets.
func (p *planning) varFilesOfInit() error {
	if !p.isEarly() {
		return nil
	}
	return p.varFilesBefore("init", workflow.BeforeInit)
}

// varFiles looks for the var files of a plan: those that the tree does not have a step was to make.
func (p *planning) varFiles() error { return p.varFilesBefore("plan", workflow.BeforePlan) }

func (p *planning) varFilesBefore(command string, point workflow.Point) error {
	for _, f := range p.settings.VarFiles {
		if info, err := os.Stat(filepath.Join(p.dir, filepath.FromSlash(f))); err == nil && !info.IsDir() {
			continue
		}
		return failed("`var_files` of its entry names %s, which does not exist when `%s %s` needs it: it is not in the repository, "+
			"and no step up to `%s` of the server's workflow made it.", phrase.Name(path.Join(p.job.Project.Dir, f)), p.tool.name, command, point)
	}
	return nil
}

// fetching is where modules and providers come.
func (p *planning) fetching(do func() error) error {
	if p.job.Fetch == nil {
		return do()
	}
	return p.job.Fetch(func() error {
		// A shell, as of the shim, drops variables with a ":" in their names: tokens of registries with a port.
		lost := func(kv string) bool { name, _, _ := strings.Cut(kv, "="); return strings.Contains(name, ":") }
		if p.tool.exec == p.tool.path || !slices.ContainsFunc(os.Environ(), lost) {
			return do()
		}
		direct, err := tfexec.NewTerraform(p.dir, p.tool.path)
		if err != nil {
			return err
		}
		if _, _, err := direct.Version(p.uncancelled, false); err != nil {
			return err
		}
		shimmed := p.tf
		p.tf = direct
		defer func() { p.tf = shimmed }()
		return do()
	})
}

func (p *planning) readLockFile() ([]byte, error) {
	data, err := readRegular(filepath.Join(p.dir, tfconfig.LockFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func (p *planning) relative(file string) string {
	return strings.TrimPrefix(filepath.ToSlash(filepath.Join(p.job.Project.Dir, file)), "./")
}

// lockMend is the line to run.
func (p *planning) lockMend() string {
	dir := p.job.Project.Dir
	if strings.ContainsAny(dir, " '\"$\\`;&|<>()*?[]") {
		dir = phrase.ShellWord(dir)
	}
	return fmt.Sprintf("Run `%s -chdir=%s providers lock -platform=%s` (with one more -platform for each other platform you use) and commit the result.", p.tool.name, dir, platform())
}

// lockDifference names what init changed.
func lockDifference(before, after []byte) string {
	old, _ := tfconfig.ParseLockFile(before) // both went through terraform: what does not parse was its fault to report
	now, _ := tfconfig.ParseLockFile(after)
	var out []string
	for _, address := range slices.Sorted(maps.Keys(now)) {
		was, ok := old[address]
		switch {
		case !ok:
			out = append(out, address+" is missing from it")
		case was.Version != now[address].Version:
			out = append(out, fmt.Sprintf("%s is locked at %s, but init chose %s", address, was.Version, now[address].Version))
		case !slices.Equal(was.Hashes, now[address].Hashes):
			out = append(out, address+" lacks a checksum for "+platform())
		}
	}
	for _, address := range slices.Sorted(maps.Keys(old)) {
		if _, ok := now[address]; !ok {
			out = append(out, address+" is no longer used")
		}
	}
	if len(out) == 0 {
		return "its layout"
	}
	return strings.Join(out, "; ")
}
