package credential

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/run"
	"github.com/cardea-iac/cardea/workflow/secret"
)

// Entry is one entry of `credentials`: where a run's secret variables and files come
// from. Only names and places are kept; the values are read when a run starts.
type Entry struct {
	Env      map[string]string
	File     string   // absolute
	PassEnv  []string // patterns over names of the server's own environment
	Exec     []string
	ExecTime time.Duration
	Files    []HomeSource // in the order of the file
	PassHome []string     // below the home directory of the server's user

	kinds workflow.Kinds
	dir   string                       // where relative paths start and the program runs
	at    map[string]workflow.Position // of what can turn out not to be there, by its path below the entry
	// items are those of the lists PassEnv and PassHome, by the lists' keys: where each stands.
	items map[string][]*config.Value
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

// Reader reads entries from the server's configuration.
type Reader struct {
	Dir    string // absolute: relative paths start there
	Kinds  workflow.Kinds
	Faults *config.Faults
}

func (r Reader) abs(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(r.Dir, file)
}

// Entry reads one entry.
func (r Reader) Entry(v *config.Value) Entry {
	c := Entry{ExecTime: execTimeout, kinds: r.Kinds, dir: r.Dir, at: map[string]workflow.Position{}, items: map[string][]*config.Value{}}
	v.Map(r.keys(&c), nil)
	if !slices.ContainsFunc([]string{"env", "env_from_file", "pass_env", "exec", "files", "pass_home"}, v.Has) {
		v.Fault("`%s` needs at least one of env, env_from_file, pass_env, exec, files and pass_home", v.Path())
	}
	if v.Has("exec_timeout") && !v.Has("exec") {
		v.Fault("`%s.exec_timeout` only applies to `exec`, which is not set", v.Path())
	}
	if why := GitConfigFault(c.Env); why != "" && c.File == "" && c.PassEnv == nil && c.Exec == nil {
		v.Fault("`%s`: %s", v.Path(), why)
	}
	return c
}

func (r Reader) keys(c *Entry) config.Keys {
	return config.Keys{
		"env": func(y *config.Value) {
			c.at["env"] = y.Position()
			c.Env = r.variables(y)
		},
		"env_from_file": func(y *config.Value) {
			c.at["env_from_file"] = y.Position()
			if y.String(&c.File); c.File != "" {
				c.File = r.abs(c.File)
			}
		},
		"pass_env": func(y *config.Value) { c.PassEnv = r.passPatterns(y, c.items) },
		"exec": func(y *config.Value) {
			c.at["exec"] = y.Position()
			c.Exec = r.command(y)
		},
		"exec_timeout": func(y *config.Value) { y.Duration(&c.ExecTime, time.Second) },
		"files":        func(y *config.Value) { c.Files = r.homeSources(y) },
		"pass_home":    func(y *config.Value) { c.PassHome = homePaths(y, c.items) },
	}
}

// variables reads a mapping of environment variables. No fault contains a value.
func (r Reader) variables(y *config.Value) map[string]string {
	env := map[string]string{}
	y.MapOf(func(name string, v *config.Value) {
		if why := NameFault(r.Kinds, name); why != "" {
			v.Fault("`%s`: %s", y.Path(), why)
			return
		}
		var value string
		v.Number(&value)
		env[name] = value
	})
	return env
}

// NameFault says why no run accepts a variable of this name from credentials, "" where runs do.
func NameFault(kinds workflow.Kinds, name string) string {
	switch {
	case !variablePattern.MatchString(name):
		return fmt.Sprintf("%q is not a valid name for an environment variable", name)
	case run.EnvFault(kinds, name) != "":
		return name + " " + run.EnvFault(kinds, name)
	}
	return ""
}

func (r Reader) passPatterns(y *config.Value, items map[string][]*config.Value) []string {
	var list []string
	y.List(func(v *config.Value) {
		s, ok := v.Text()
		switch {
		case !ok:
		case !passPattern.MatchString(s):
			v.Fault("`%s` must be the name of an environment variable, with * for any text, not %q", v.Path(), s)
		case matchesAny(neverPassed, s):
			v.Fault("`%s`: %s is never passed from the server's environment", v.Path(), s)
		case !strings.Contains(s, "*") && run.EnvFault(r.Kinds, s) != "":
			v.Fault("`%s`: %s %s", v.Path(), s, run.EnvFault(r.Kinds, s))
		default:
			list = append(list, s)
			items["pass_env"] = append(items["pass_env"], v)
		}
	})
	return list
}

// told is an error of which people who see the run may read a sentence.
type told struct {
	sentence string
	error
}

// unreadable names what could not be read; only the server's log says where on the server that is.
func unreadable(what string, err error) error {
	return told{"The problem is " + what + "; the server's log says more.", err}
}

// Read reads the entry as it is now. Of variables that come from several places those that the entry itself says win
// over its program's, those over the server's environment, and those over the file. It is called at the start of each
// run. Its errors contain no value; Said is what people may read of one.
func (c Entry) Read(ctx context.Context, environ []string) (s run.Secrets, err error) {
	if s.Env, err = c.variables(ctx, environ); err == nil {
		s.Files, err = c.homeFiles(environ)
	}
	if err != nil {
		return run.Secrets{}, err
	}
	return s, nil
}

// Said is what people who see a run may read of an error of Read, "" where that is nothing.
func Said(err error) string {
	if t := (told{}); errors.As(err, &t) {
		return t.sentence
	}
	return ""
}

// variables are the entry's variables.
func (c Entry) variables(ctx context.Context, environ []string) (map[string]string, error) {
	env := map[string]string{}
	if c.File != "" {
		if err := c.readFile(env); err != nil {
			return nil, err
		}
	}
	passed := c.passed(environ)
	maps.Copy(env, passed)
	if len(c.Exec) > 0 {
		known := maps.Clone(env)
		maps.Copy(known, c.Env)
		printed, err := c.execute(ctx, environ, passed, known)
		if err != nil {
			return nil, err
		}
		maps.Copy(env, printed)
	}
	maps.Copy(env, c.Env)
	if why := GitConfigFault(env); why != "" {
		return nil, errors.New(why)
	}
	return env, nil
}

// passed is what the entry takes from the server's environment.
func (c Entry) passed(environ []string) map[string]string {
	env := map[string]string{}
	for _, kv := range environ {
		key, value, _ := strings.Cut(kv, "=")
		if matchesAny(c.PassEnv, key) && !matchesAny(neverPassed, key) && c.nameFault(key) == "" {
			env[key] = value
		}
	}
	return env
}

func (c Entry) nameFault(name string) string { return run.EnvFault(c.kinds, name) }

// readFile reads the entry's file of variables.
func (c Entry) readFile(into map[string]string) error {
	data, err := ReadFile(c.File)
	if err == nil {
		if err = ReadVariables(c.kinds, string(data), into); err != nil {
			err = fmt.Errorf("%s: %w", c.File, err)
		}
	}
	if err != nil {
		return unreadable("its `env_from_file`", err)
	}
	return nil
}

// GitConfigFault says where the variables that carry git's configuration do not fit together:
// git would fail at every module, or silently leave a setting out.
func GitConfigFault(env map[string]string) string {
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
		return fmt.Sprintf("GIT_CONFIG_COUNT is missing: without it git ignores every GIT_CONFIG_KEY_; set it to the number of pairs, here \"%d\"", len(pairs))
	case err != nil || n < 0 || n > 1000:
		return "GIT_CONFIG_COUNT must be the number of pairs GIT_CONFIG_KEY_0 and GIT_CONFIG_VALUE_0, …"
	}
	for i := range n {
		for _, half := range []string{"GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"} {
			if _, ok := env[half+strconv.Itoa(i)]; !ok {
				return fmt.Sprintf("GIT_CONFIG_COUNT is %d, but %s%d is missing", n, half, i)
			}
		}
	}
	if len(pairs) > n {
		return fmt.Sprintf("GIT_CONFIG_COUNT is %d, but the number of pairs is %d: git would ignore the others", n, len(pairs))
	}
	return ""
}

// ReadVariables reads NAME=value lines: comments start with #, a line may begin with `export `,
// and a value may stand in single or double quotes, in which there are no escapes. What is no name
// may be a part of a secret and is not repeated.
func ReadVariables(kinds workflow.Kinds, text string, into map[string]string) error {
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		key = strings.TrimSpace(key)
		if !ok || !variablePattern.MatchString(key) {
			return fmt.Errorf("line %d is not NAME=value", i+1)
		}
		if why := NameFault(kinds, key); why != "" {
			return fmt.Errorf("line %d: %s", i+1, why)
		}
		into[key] = secret.Unquoted(strings.TrimSpace(value))
	}
	return nil
}
