package main

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/cardea-iac/cardea/workflow/config"
)

// credential is one entry of `credentials`: where a run's secret variables come
// from. Only names and places are kept; the values are read when a run starts.
type credential struct {
	Env     map[string]string
	File    string   // absolute
	PassEnv []string // patterns over names of the server's own environment
}

// neverPassed are patterns of variables that are never taken from the server's own
// environment: they are the server's secrets, or would steer terraform.
var neverPassed = []string{"CARDEA_*", "GITHUB_*", "TF_CLI_ARGS*", "TF_DATA_DIR", "TF_WORKSPACE", "TF_LOG*"}

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

func (r *configReader) credentials(y *config.Value) {
	y.MapOf(func(name string, v *config.Value) {
		if why := config.LabelFault(name); why != "" {
			v.Fault("the name of an entry of `credentials` %s", why)
			return
		}
		c := credential{}
		v.Map(config.Keys{
			"env": func(y *config.Value) { c.Env = readVariables(y) },
			"env_from_file": func(y *config.Value) {
				if y.String(&c.File); c.File != "" {
					c.File = r.abs(c.File)
				}
			},
			"pass_env": func(y *config.Value) { c.PassEnv = passPatterns(y) },
		}, nil)
		if !v.Has("env") && !v.Has("env_from_file") && !v.Has("pass_env") {
			v.Fault("`%s` has none of env, env_from_file and pass_env", v.Path())
		}
		if why := gitConfigFault(c.Env); why != "" && c.File == "" && c.PassEnv == nil {
			v.Fault("`%s`: %s", v.Path(), why)
		}
		r.cfg.credentials[name] = c
	})
}

// readVariables reads a mapping of environment variables. No fault contains a value.
func readVariables(y *config.Value) map[string]string {
	env := map[string]string{}
	y.MapOf(func(name string, v *config.Value) {
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
	case envFault(name) != "":
		return name + " " + envFault(name)
	}
	return ""
}

func passPatterns(y *config.Value) []string {
	var list []string
	y.List(func(v *config.Value) {
		s, ok := v.Text()
		switch {
		case !ok:
		case !passPattern.MatchString(s):
			v.Fault("`%s` must be a name of an environment variable, * for any text, not %q", v.Path(), s)
		case matchesAny(neverPassed, s):
			v.Fault("`%s`: %s is never passed from the server's environment", v.Path(), s)
		case !strings.Contains(s, "*") && envFault(s) != "":
			v.Fault("`%s`: %s %s", v.Path(), s, envFault(s))
		default:
			list = append(list, s)
		}
	})
	return list
}

// Credential reads the variables of one entry of `credentials` as they are now: from the
// file, then the server's environment, then what the entry itself says; later ones win. It is
// called at the start of each run. Its errors contain no value.
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
		if matchesAny(entry.PassEnv, key) && !matchesAny(neverPassed, key) && envFault(key) == "" {
			env[key] = value
		}
	}
	for key, value := range entry.Env {
		env[key] = value
	}
	if why := gitConfigFault(env); why != "" {
		return nil, fmt.Errorf("credentials %q: %s", name, why)
	}
	return env, nil
}

// gitConfigFault says where the variables that carry git's configuration do not fit together:
// git would fail at every module, or silently leave a setting out.
func gitConfigFault(env map[string]string) string {
	pairs := map[string]bool{}
	for name := range env {
		for _, half := range []string{"GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"} {
			if n, ok := strings.CutPrefix(name, half); ok {
				pairs[n] = true
			}
		}
	}
	count, given := env["GIT_CONFIG_COUNT"]
	n, err := strconv.Atoi(count)
	switch {
	case !given && len(pairs) == 0:
		return ""
	case !given:
		return fmt.Sprintf("GIT_CONFIG_COUNT is missing: git takes no GIT_CONFIG_KEY_ without it; it is how many there are, here \"%d\"", len(pairs))
	case err != nil || n < 0 || n > 1000:
		return "GIT_CONFIG_COUNT must be the number of pairs GIT_CONFIG_KEY_0 and GIT_CONFIG_VALUE_0, …"
	}
	for i := range n {
		for _, half := range []string{"GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"} {
			if _, ok := env[half+strconv.Itoa(i)]; !ok {
				return fmt.Sprintf("GIT_CONFIG_COUNT is %d, and %s%d is missing", n, half, i)
			}
		}
	}
	if len(pairs) > n {
		return fmt.Sprintf("GIT_CONFIG_COUNT is %d, and there are %d pairs: git would leave out the others", n, len(pairs))
	}
	return ""
}

// readEnvFile reads NAME=value lines: comments start with #, a line may begin with `export `,
// and a value may stand in single or double quotes, in which there are no escapes.
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
