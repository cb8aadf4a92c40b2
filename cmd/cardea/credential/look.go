package credential

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/run"
)

// warning takes what is worth knowing and no fault.
type warning func(at workflow.Position, format string, args ...any)

// Look says what the entry names and what is not there now.
func (c Entry) Look(name string, environ []string, absent *config.Faults, warn warning) {
	at := "credentials." + name
	c.lookUnread(name, warn)
	if c.File != "" {
		env := map[string]string{}
		err := c.readFile(env)
		if maps.Copy(env, c.Env); err == nil && c.Exec == nil && c.PassEnv == nil && GitConfigFault(env) != "" {
			err = errors.New(GitConfigFault(env))
		}
		if err != nil {
			absent.Add(c.at["env_from_file"], "`%s.env_from_file`: %v", at, err)
		}
	}
	if len(c.Exec) > 0 {
		if !Runs(c.Exec[0]) {
			absent.Add(c.at["exec"], "`%s.exec`: the program `%s` was not found or is not executable", at, c.Exec[0])
		}
	}
	for _, s := range c.Files {
		if _, err := s.read(environ); err != nil && s.Env == "" {
			absent.Add(s.at, "`%s`: %v", s.path, err)
		} else if err != nil {
			warn(s.at, "`%s.from_env`: %v; runs that need it will fail", s.path, err)
		}
	}
	for i, file := range c.PassHome {
		at, where := c.items["pass_home"][i].Path(), c.items["pass_home"][i].Position()
		out, err := copyHome(HomeIn(environ), file, map[string]run.HomeFile{})
		if err != nil {
			absent.Add(where, "`%s`: %v", at, err)
			continue
		}
		if len(out.symlinks) > 0 {
			warn(where, "`%s`: symlinks that are broken or leave the home directory are not copied: %s", at, phrase.AndList(out.symlinks))
		}
		if len(out.refused) > 0 {
			warn(where, "`%s`: a run takes no such file, so these are not copied: %s", at, phrase.AndList(out.refused))
		}
		if out.empty {
			warn(where, "`%s`: there is no file in it to copy", at)
		}
	}
	for i, variables := range c.PassEnv {
		if !strings.Contains(variables, "*") && len((Entry{PassEnv: []string{variables}, kinds: c.kinds}).passed(environ)) == 0 {
			v := c.items["pass_env"][i]
			warn(v.Position(), "`%s`: %s is not set in the server's environment; runs start without it", v.Path(), variables)
		}
	}
}

// Runs reports whether a program is there and may be started.
func Runs(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// lookUnread warns of variables of an entry that name what its runs do not have.
func (c Entry) lookUnread(name string, warn warning) {
	has := func(file string) bool {
		return slices.ContainsFunc(c.Files, func(s HomeSource) bool { return s.Path == file || below(s.Path, file) }) ||
			slices.ContainsFunc(c.PassHome, func(p string) bool { return p == file || below(p, file) || below(file, p) })
	}
	for _, variable := range slices.Sorted(maps.Keys(c.Env)) {
		for _, part := range filepath.SplitList(c.Env[variable]) {
			if file, ok := strings.CutPrefix(part, "~/"); ok && (c.Files != nil || c.PassHome != nil) && !has(file) {
				warn(c.at["env"], "`credentials.%s.env.%s` begins with ~/ but is not one of the entry's files", name, variable)
			}
			if info, err := os.Stat(part); filepath.IsAbs(part) && err == nil && info.Mode().IsRegular() && info.Size() > run.MaxHomeFile {
				warn(c.at["env"], "`credentials.%s.env.%s` names a file of more than %d MB: secrets are looked for, and hidden, only in its first %d MB",
					name, variable, run.MaxHomeFile>>20, run.MaxHomeFile>>20)
			}
		}
	}
	_, profile := c.Env["AWS_PROFILE"]
	_, config := c.Env["AWS_CONFIG_FILE"]
	_, shared := c.Env["AWS_SHARED_CREDENTIALS_FILE"]
	if profile && !config && !shared && !has(".aws") && c.File == "" && c.Exec == nil && c.PassEnv == nil {
		warn(c.at["env"], "`credentials.%s` sets AWS_PROFILE but has no file that defines the profile: add `files: {\"~/.aws/config\": ...}` or `pass_home: [.aws]`", name)
	}
}

// Places are where the values of an entry can be read: its files, the configuration that
// contains them, and the files that its variables name. What its program reads we cannot know.
func (c Entry) Places(config, home string) (places []string) {
	env := map[string]string{}
	if Readable(c.File) != "" {
		places = append(places, c.File)
		if c.readFile(env) != nil {
			clear(env) // the fault is said elsewhere
		}
	}
	written := len(c.Env) > 0
	for _, s := range c.Files {
		written = written || s.Text != ""
		if Readable(s.File) != "" && !slices.Contains(places, s.File) {
			places = append(places, s.File)
		}
	}
	for _, name := range c.PassHome {
		if dir := filepath.Join(home, name); home != "" && reachable(dir) {
			places = append(places, dir)
		}
	}
	if written && Readable(config) != "" {
		places = append(places, config)
	}
	maps.Copy(env, c.Env)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if filepath.IsAbs(env[name]) && Readable(env[name]) != "" {
			places = append(places, "the file that "+name+" names")
		}
	}
	return places
}

// reachable reports whether this user can read a file, or look into a directory.
func reachable(name string) bool {
	f, err := os.Open(name)
	if err == nil {
		_ = f.Close() // it was only opened
	}
	return err == nil
}

// Readable returns the name of a file that this user can read, "" of any other.
func Readable(file string) string {
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	_ = f.Close() // it was only read
	return file
}
