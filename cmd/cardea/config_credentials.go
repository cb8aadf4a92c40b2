package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cardea-iac/cardea/cmd/cardea/credential"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/run"
)

func (r *configReader) credentials(y *config.Value) {
	reader := credential.Reader{Dir: r.abs("."), Kinds: kinds, Faults: r.faults}
	y.MapOf(func(name string, v *config.Value) {
		if why := config.LabelFault(name); why != "" {
			v.Fault("the name of an entry of `credentials` %s", why)
			return
		}
		r.cfg.credentials[name] = reader.Entry(v)
	})
}

func variableFault(name string) string { return credential.NameFault(kinds, name) }

// Credential reads one entry of `credentials` as it is now, at the start of a run. Its errors contain no value; said is
// what people may read of one.
func (c Config) Credential(ctx context.Context, name string) (s run.Secrets, said string, err error) {
	s, err = c.credential(ctx, name, os.Environ())
	return s, credential.Said(err), err
}

func (c Config) credential(ctx context.Context, name string, environ []string) (s run.Secrets, err error) {
	entry, ok := c.credentials[name]
	if !ok {
		return s, fmt.Errorf("credentials %q are not in the server's configuration", name)
	}
	if s, err = entry.Read(ctx, environ); err != nil {
		return s, fmt.Errorf("reading credentials %q: %w", name, err)
	}
	return s, nil
}

// sayAbsent finds what credentials, steps and `data_dir` name and what is not there now, or is something else. `config check` refuses it; the server starts all the
// same, since something else may bring it later, and says it in its log.
func (r *configReader) sayAbsent() {
	absent := &config.Faults{}
	warn := func(at workflow.Position, format string, args ...any) {
		w := workflow.Diagnostic{Summary: fmt.Sprintf(format, args...), Position: at}
		r.cfg.Warnings = append(r.cfg.Warnings, w.String())
	}
	for _, name := range mapKeys(r.cfg.credentials) {
		r.cfg.credentials[name].Look(name, r.environ, absent, warn)
	}
	for _, p := range r.programs {
		if !credential.Runs(p.name) {
			absent.Add(p.at, "`%s`: the program `%s` was not found or is not executable", p.path, p.name)
		}
	}
	r.sayDataDir(absent, warn)
	r.cfg.absent = absent.List()
}
