package main

import (
	"fmt"
	"os/exec"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
)

// sayAbsent finds what credentials name and what is not there now. `config check` refuses it; the server starts all the
// same, since something else may bring it later, and says it in its log.
func (r *configReader) sayAbsent() {
	absent := &config.Faults{}
	for _, name := range mapKeys(r.cfg.credentials) {
		c, at := r.cfg.credentials[name], "credentials."+name
		if c.File != "" {
			if err := readEnvFrom(c.File, map[string]string{}); err != nil {
				absent.Add(c.at["env_from_file"], "`%s.env_from_file`: %v", at, err)
			}
		}
		if len(c.Exec) > 0 {
			if _, err := exec.LookPath(c.Exec[0]); err != nil {
				absent.Add(c.at["exec"], "`%s.exec`: there is no program `%s` that can be run", at, c.Exec[0])
			}
		}
		for _, s := range c.Files {
			if _, err := s.read(r.environ); err != nil && s.Env == "" {
				absent.Add(s.at, "`%s`: %v", s.path, err)
			} else if err != nil {
				r.warn(s.at, "`%s.from_env`: %v; a run that needs it fails", s.path, err)
			}
		}
		for i, file := range c.PassHome {
			alone := credential{PassHome: []string{file}}
			if _, err := alone.homeFiles(r.environ); err != nil {
				absent.Add(c.at["pass_home."+file], "`%s.pass_home[%d]`: %v", at, i, strings.TrimPrefix(err.Error(), "pass_home: "))
			}
		}
		for i, variables := range c.PassEnv {
			if !strings.Contains(variables, "*") && len((credential{PassEnv: []string{variables}}).passed(r.environ)) == 0 {
				r.warn(c.at["pass_env."+variables], "`%s.pass_env[%d]`: %s is not in the server's environment; runs start without it", at, i, variables)
			}
		}
	}
	r.cfg.absent = absent.List()
}

func (r *configReader) warn(at workflow.Position, format string, args ...any) {
	r.cfg.Warnings = append(r.cfg.Warnings, workflow.Diagnostic{Summary: fmt.Sprintf(format, args...), Position: at}.String())
}
