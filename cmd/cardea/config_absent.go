package main

import (
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/run"
)

// sayAbsent finds what credentials and steps name and what is not there now. `config check` refuses it; the server starts all the
// same, since something else may bring it later, and says it in its log.
func (r *configReader) sayAbsent() {
	absent := &config.Faults{}
	for _, name := range mapKeys(r.cfg.credentials) {
		c, at := r.cfg.credentials[name], "credentials."+name
		r.sayUnread(name, c)
		if c.File != "" {
			env := map[string]string{}
			err := readEnvFrom(c.File, env)
			if maps.Copy(env, c.Env); err == nil && c.Exec == nil && c.PassEnv == nil && gitConfigFault(env) != "" {
				err = errors.New(gitConfigFault(env))
			}
			if err != nil {
				absent.Add(c.at["env_from_file"], "`%s.env_from_file`: %v", at, err)
			}
		}
		if len(c.Exec) > 0 {
			if _, err := exec.LookPath(c.Exec[0]); err != nil {
				absent.Add(c.at["exec"], "`%s.exec`: the program `%s` was not found or is not executable", at, c.Exec[0])
			}
		}
		for _, s := range c.Files {
			if _, err := s.read(r.environ); err != nil && s.Env == "" {
				absent.Add(s.at, "`%s`: %v", s.path, err)
			} else if err != nil {
				r.warn(s.at, "`%s.from_env`: %v; runs that need it will fail", s.path, err)
			}
		}
		for i, file := range c.PassHome {
			out, err := copyHome(homeIn(r.environ), file, map[string]run.HomeFile{})
			if err != nil {
				absent.Add(c.at["pass_home."+file], "`%s.pass_home[%d]`: %v", at, i, err)
			} else if len(out) > 0 {
				r.warn(c.at["pass_home."+file], "`%s.pass_home[%d]`: symlinks that are broken or leave the home directory are not copied: %s", at, i, phrase.AndList(out))
			}
		}
		for i, variables := range c.PassEnv {
			if !strings.Contains(variables, "*") && len((credential{PassEnv: []string{variables}}).passed(r.environ)) == 0 {
				r.warn(c.at["pass_env."+variables], "`%s.pass_env[%d]`: %s is not set in the server's environment; runs start without it", at, i, variables)
			}
		}
	}
	for _, p := range r.programs {
		if _, err := exec.LookPath(p.name); err != nil {
			absent.Add(p.at, "`%s`: the program `%s` was not found or is not executable", p.path, p.name)
		}
	}
	r.cfg.absent = absent.List()
}

// sayUnread warns of variables of an entry that name what its runs do not have.
func (r *configReader) sayUnread(name string, c credential) {
	has := func(file string) bool {
		return slices.ContainsFunc(c.Files, func(s homeSource) bool { return s.Path == file || below(s.Path, file) }) ||
			slices.ContainsFunc(c.PassHome, func(p string) bool { return p == file || below(p, file) || below(file, p) })
	}
	for _, variable := range mapKeys(c.Env) {
		for _, part := range filepath.SplitList(c.Env[variable]) {
			if file, ok := strings.CutPrefix(part, "~/"); ok && (c.Files != nil || c.PassHome != nil) && !has(file) {
				r.warn(c.at["env"], "`credentials.%s.env.%s` begins with ~/ but is not one of the entry's files", name, variable)
			}
		}
	}
	_, profile := c.Env["AWS_PROFILE"]
	_, config := c.Env["AWS_CONFIG_FILE"]
	_, shared := c.Env["AWS_SHARED_CREDENTIALS_FILE"]
	if profile && !config && !shared && !has(".aws") && c.File == "" && c.Exec == nil && c.PassEnv == nil {
		r.warn(c.at["env"], "`credentials.%s` sets AWS_PROFILE but has no file that defines the profile: add `files: {\"~/.aws/config\": ...}` or `pass_home: [.aws]`", name)
	}
}

func (r *configReader) warn(at workflow.Position, format string, args ...any) {
	r.cfg.Warnings = append(r.cfg.Warnings, workflow.Diagnostic{Summary: fmt.Sprintf(format, args...), Position: at}.String())
}
