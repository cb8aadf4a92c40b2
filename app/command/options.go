package command

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// option is one option of a command: what its value is called, or "" for a switch.
type option struct {
	name, value string
	set         func(c *workflow.Command, value string) (fault string)
}

var (
	byProject = option{"-p", "a project's name", func(c *workflow.Command, v string) string { return add(&c.Select.Projects, v) }}
	byDir     = option{"-d", "a directory", func(c *workflow.Command, v string) string {
		dir, ok := cleanDir(v)
		if !ok {
			return fmt.Sprintf("%s is not a directory of this repository.", code(v))
		}
		return add(&c.Select.Dirs, dir)
	}}
	byEnvironment = option{"-e", "an environment", func(c *workflow.Command, v string) string { return add(&c.Select.Environments, v) }}
	byWorkspace   = option{"-w", "a workspace", func(c *workflow.Command, v string) string { return add(&c.Select.Workspaces, v) }}
	exactly       = option{"-p", "a project's name", projectAt}
	present       = option{"-p", "a project's name", projectNow}
)

// options are those of each verb; a verb that is not here takes nothing.
var options = map[workflow.Verb][]option{
	workflow.VerbPlan: {
		byProject, byDir, byEnvironment, byWorkspace,
		{"--all", "", func(c *workflow.Command, _ string) string { c.Select.All = true; return "" }},
		{"--target", "an address", func(c *workflow.Command, v string) string { return add(&c.Options.Targets, v) }},
		{"--replace", "an address", func(c *workflow.Command, v string) string { return add(&c.Options.Replaces, v) }},
		{"--destroy", "", func(c *workflow.Command, _ string) string { c.Options.Destroy = true; return "" }},
		{"--refresh-only", "", func(c *workflow.Command, _ string) string { c.Options.RefreshOnly = true; return "" }},
	},
	workflow.VerbApply:   {present, byDir, byEnvironment, byWorkspace},
	workflow.VerbApprove: {exactly, byEnvironment},
	workflow.VerbLock:    {byProject},
	workflow.VerbUnlock:  {byProject},
	workflow.VerbCancel:  {{"--apply", "", func(c *workflow.Command, _ string) string { c.CancelApply = true; return "" }}},
	workflow.VerbResolve: {byProject, {"--outcome", "`applied` or `failed`", func(c *workflow.Command, v string) string {
		v = strings.ToLower(v)
		if v != "applied" && v != "failed" {
			return fmt.Sprintf("`--outcome` must be `applied` or `failed`, not %s.", code(v))
		}
		if c.Outcome != "" && c.Outcome != v {
			return "The command gives two outcomes."
		}
		c.Outcome = v
		return ""
	}}},
}

// How many digits of a fingerprint a command may give: enough not to match another by chance,
// and at most all of them.
const minFingerprint, maxFingerprint = 8, 64

// fingerprinted splits NAME@FINGERPRINT at its last @: a name may have one, too.
func fingerprinted(v string) (name, digits string, given bool) {
	at := strings.LastIndexByte(v, '@')
	if at < 0 {
		return v, "", false
	}
	return v[:at], strings.ToLower(v[at+1:]), true
}

// projectAt reads NAME, or NAME@FINGERPRINT. What is no digits behind an @ belongs to a name.
func projectAt(c *workflow.Command, v string) string {
	name, digits, given := fingerprinted(v)
	if !given || name != "" && strings.Trim(digits, "0123456789abcdef") != "" {
		return add(&c.Select.Projects, v)
	}
	switch {
	case name == "":
		return fmt.Sprintf("%s names no project before the `@`.", code(v))
	case !isFingerprint(digits):
		return fmt.Sprintf("%s: what follows the `@` is a plan's fingerprint, at least %d of the digits that the summary shows.", code(v), minFingerprint)
	case c.Fingerprints[name] != "" && c.Fingerprints[name] != digits:
		return fmt.Sprintf("The command gives two fingerprints for %s.", code(name))
	}
	if fault := add(&c.Select.Projects, name); fault != "" {
		return fault
	}
	if c.Fingerprints == nil {
		c.Fingerprints = map[string]string{}
	}
	c.Fingerprints[name] = digits
	return ""
}

func isFingerprint(digits string) bool {
	return minFingerprint <= len(digits) && len(digits) <= maxFingerprint && strings.Trim(digits, "0123456789abcdef") == ""
}

// projectNow reads the NAME of a project whose present plan is meant.
func projectNow(c *workflow.Command, v string) string {
	if name, digits, given := fingerprinted(v); given && name != "" && isFingerprint(digits) {
		return fmt.Sprintf("%s: `approve` says which plan is meant; `-p %s` applies the current one, if it is the one that was approved.",
			code(v), phrase.Argument(phrase.Shown(name)))
	}
	return add(&c.Select.Projects, v)
}

// grammar is what may follow a verb.
type grammar struct {
	verb    workflow.Verb
	prefix  string
	options []option
}

// parse reads the options of a command.
func (g grammar) parse(rest string) (*workflow.Command, string) {
	list, fault := words(rest)
	if fault != "" {
		return nil, fault
	}
	cmd := &workflow.Command{Verb: g.verb}
	for len(list) > 0 {
		word := list[0]
		list = list[1:]
		opt, value, given, fault := g.find(word)
		if fault != "" {
			return nil, fault
		}
		if opt.value != "" && !given {
			if len(list) == 0 || strings.HasPrefix(list[0], "-") {
				return nil, fmt.Sprintf("`%s` needs %s after it.", opt.name, opt.value)
			}
			value, list = list[0], list[1:]
		}
		if fault := take(cmd, opt, value); fault != "" {
			return nil, fault
		}
	}
	for _, fault := range []string{contradiction(cmd), g.lacks(cmd)} {
		if fault != "" {
			return nil, fault
		}
	}
	return cmd, ""
}

// elsewhere are what other programs call our options.
var elsewhere = map[string]string{"project": "-p", "dir": "-d", "directory": "-d", "workspace": "-w",
	"environment": "-e", "env": "-e"}

// find finds the option that a word names; given says that the word carries its
// value after "=".
func (g grammar) find(word string) (opt option, value string, given bool, fault string) {
	name, value, given := strings.Cut(word, "=")
	var names []string
	for _, o := range g.options {
		if o.name != name {
			names = append(names, o.name)
			continue
		}
		if given && o.value == "" {
			return o, "", false, fmt.Sprintf("`%s` takes no value.", o.name)
		}
		return o, value, given, ""
	}
	if !strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "–") && !strings.HasPrefix(word, "—") {
		return opt, "", false, g.stray(word)
	}
	if word == "--" { // other tools pass on what follows it
		return opt, "", false, fmt.Sprintf("Leave out `--`: `%s %s` has options of its own and passes no others on.", g.prefix, g.verb)
	}
	// People who use terraform write long options with one dash; phones turn two dashes into a
	// long one.
	bare := strings.ToLower(strings.TrimLeft(name, "-–—"))
	for _, n := range names {
		if strings.TrimLeft(n, "-") == bare {
			return opt, "", false, fmt.Sprintf("There is no option %s. Did you mean `%s`?", code(name), n)
		}
	}
	if known := elsewhere[bare]; known != "" && slices.Contains(names, known) {
		return opt, "", false, fmt.Sprintf("There is no option %s. Did you mean `%s`?", code(name), known)
	}
	if near := phrase.Nearest(name, names); near != "" && len(bare) > 2 {
		return opt, "", false, fmt.Sprintf("There is no option %s. Did you mean `%s`?", code(name), near)
	}
	return opt, "", false, fmt.Sprintf("`%s %s` has no option %s.", g.prefix, g.verb, code(name))
}

// stray says what to do about a word that is not an option: most likely a project's name.
func (g grammar) stray(word string) string {
	say := fmt.Sprintf("`%s %s` does not understand %s.", g.prefix, g.verb, code(word))
	for _, o := range g.options {
		if o.name == "-p" {
			return say + fmt.Sprintf(" To name a project: `%s %s -p NAME`.", g.prefix, g.verb)
		}
	}
	return say
}

// lacks says what a verb needs and was not given.
func (g grammar) lacks(c *workflow.Command) string {
	switch {
	case g.verb == workflow.VerbLock && len(c.Select.Projects) == 0:
		return fmt.Sprintf("`%s lock` needs the projects to lock: `%s lock -p NAME`.", g.prefix, g.prefix)
	case g.verb != workflow.VerbResolve:
		return ""
	case len(c.Select.Projects) != 1:
		return fmt.Sprintf("`%s resolve` needs exactly one project, by its name: `%s resolve -p NAME --outcome applied`.",
			g.prefix, g.prefix)
	case c.Outcome == "":
		return fmt.Sprintf("`%s resolve` needs the outcome of the apply: `--outcome applied` or `--outcome failed`.", g.prefix)
	}
	return ""
}

func take(cmd *workflow.Command, opt option, value string) string {
	if opt.value == "" {
		return opt.set(cmd, "")
	}
	if value == "" || strings.HasPrefix(value, "-") {
		return fmt.Sprintf("`%s` needs %s after it.", opt.name, opt.value)
	}
	if strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("The value of `%s` contains an invisible character.", opt.name)
	}
	return opt.set(cmd, value)
}

func add(list *[]string, value string) string {
	if len(*list) >= maxValues {
		return fmt.Sprintf("The command gives more than %d values of one kind.", maxValues)
	}
	*list = append(*list, value)
	return ""
}

// cleanDir returns a directory (or a glob of directories) below the repository's root.
func cleanDir(v string) (string, bool) {
	if strings.HasPrefix(v, "/") || strings.Contains(v, `\`) {
		return "", false
	}
	dir := path.Clean(v)
	return dir, dir != ".." && !strings.HasPrefix(dir, "../")
}

// contradiction says which two parts of a command contradict each other.
func contradiction(c *workflow.Command) string {
	named := c.Select
	named.All = false
	switch {
	case c.Select.All && !named.Empty():
		return "`--all` means every project; it cannot be combined with `-p`, `-d`, `-e` or `-w`."
	case c.Options.Destroy && c.Options.RefreshOnly:
		return "`--destroy` and `--refresh-only` cannot be combined."
	case c.Options.RefreshOnly && len(c.Options.Replaces) > 0:
		return "`--replace` and `--refresh-only` cannot be combined."
	case c.Options.Destroy && len(c.Options.Replaces) > 0:
		return "`--replace` and `--destroy` cannot be combined."
	}
	return ""
}
