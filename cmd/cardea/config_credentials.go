package main

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// credential is one entry of `credentials`: where a run's secret variables come
// from. Only names and places are kept; the values are read when a run starts.
type credential struct {
	Env     map[string]string
	File    string   // absolute
	PassEnv []string // patterns over names of the server's own environment
}

// neverPassed are patterns of variables that never come from the server's own
// environment: they are the server's secrets, or would steer terraform.
var neverPassed = []string{"CARDEA_*", "GITHUB_*", "TF_CLI_ARGS*", "TF_DATA_DIR", "TF_WORKSPACE", "TF_LOG*"}

// ours are variables that the runner sets itself; credentials must not touch them.
var ours = []string{"CARDEA_*", "TF_CLI_ARGS*", "TF_DATA_DIR", "TF_WORKSPACE", "TF_LOG*", "TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG",
	"TF_PLUGIN_CACHE_DIR", "TF_IN_AUTOMATION", "TF_INPUT", "HOME", "TMPDIR", "PATH", "LD_*", "GIT_*"}

func matchesAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, err := path.Match(p, name); err == nil && ok {
			return true
		}
	}
	return false
}

var (
	variablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	passPattern     = regexp.MustCompile(`^[A-Za-z0-9_*]+$`)
)

func (r *configReader) credentials(y *workflow.YAML) {
	y.MapOf(func(name string, v *workflow.YAML) {
		if why := workflow.LabelFault(name); why != "" {
			v.Fault("the name of an entry of `credentials` %s", why)
			return
		}
		c := credential{}
		v.Map(workflow.Keys{
			"env": func(y *workflow.YAML) { c.Env = readVariables(y) },
			"env_from_file": func(y *workflow.YAML) {
				if y.String(&c.File); c.File != "" {
					c.File = r.abs(c.File)
				}
			},
			"pass_env": func(y *workflow.YAML) { c.PassEnv = passPatterns(y) },
		}, nil)
		if !v.Has("env") && !v.Has("env_from_file") && !v.Has("pass_env") {
			v.Fault("`%s` has none of env, env_from_file and pass_env", v.Path())
		}
		r.cfg.credentials[name] = c
	})
}

// readVariables reads a mapping of environment variables. No fault holds a value.
func readVariables(y *workflow.YAML) map[string]string {
	env := map[string]string{}
	y.MapOf(func(name string, v *workflow.YAML) {
		if why := variableFault(name); why != "" {
			v.Fault("`%s`: %s", y.Path(), why)
			return
		}
		var value string
		v.Number(&value)
		env[name] = value
	})
	return env
}

func variableFault(name string) string {
	switch {
	case !variablePattern.MatchString(name):
		return fmt.Sprintf("%q is not a name of an environment variable", name)
	case matchesAny(ours, name):
		return fmt.Sprintf("%s is set by Cardea for every run and cannot be a credential", name)
	}
	return ""
}

func passPatterns(y *workflow.YAML) []string {
	var list []string
	y.List(func(v *workflow.YAML) {
		s, ok := v.Text()
		switch {
		case !ok:
		case !passPattern.MatchString(s):
			v.Fault("`%s` must be a name of an environment variable, * for any text, not %q", v.Path(), s)
		case matchesAny(neverPassed, s) || (!strings.Contains(s, "*") && matchesAny(ours, s)):
			v.Fault("`%s`: %s is never passed from the server's environment", v.Path(), s)
		default:
			list = append(list, s)
		}
	})
	return list
}

// Credential reads the variables of one entry of `credentials`, now: from the
// file first, then the server's environment, then what is written, the later
// ones winning. It is called at the start of each run. Its errors hold no value.
func (c Config) Credential(name string) (map[string]string, error) {
	return c.credential(name, os.Environ())
}

func (c Config) credential(name string, environ []string) (map[string]string, error) {
	entry, ok := c.credentials[name]
	if !ok {
		return nil, fmt.Errorf("credentials %q are not in the server's configuration", name)
	}
	env := map[string]string{}
	if entry.File != "" {
		data, err := os.ReadFile(entry.File)
		if err != nil {
			return nil, fmt.Errorf("reading credentials %q: %w", name, err)
		}
		if err := readEnvFile(string(data), env); err != nil {
			return nil, fmt.Errorf("reading credentials %q from %s: %w", name, entry.File, err)
		}
	}
	for _, kv := range environ {
		key, value, _ := strings.Cut(kv, "=")
		if matchesAny(entry.PassEnv, key) && !matchesAny(neverPassed, key) && !matchesAny(ours, key) {
			env[key] = value
		}
	}
	for key, value := range entry.Env {
		env[key] = value
	}
	return env, nil
}

// readEnvFile reads NAME=value lines: comments start with #, `export ` may stand
// first, and a value may stand in single or double quotes, which have no escapes.
func readEnvFile(text string, into map[string]string) error {
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		key = strings.TrimSpace(key)
		if !ok {
			return fmt.Errorf("line %d is not NAME=value", i+1)
		}
		if why := variableFault(key); why != "" {
			return fmt.Errorf("line %d: %s", i+1, why)
		}
		value = strings.TrimSpace(value)
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		into[key] = value
	}
	return nil
}
