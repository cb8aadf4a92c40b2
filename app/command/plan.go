package command

import (
	"fmt"
	"path"
	"strings"
	"unicode"

	"github.com/cardea-iac/cardea/workflow"
)

// option is one option of `plan`: what its value is called, or "" for a switch.
type option struct {
	name, value string
	set         func(c *workflow.Command, value string) (fault string)
}

var planOptions = []option{
	{"-p", "a project's name", func(c *workflow.Command, v string) string { return add(&c.Select.Projects, v) }},
	{"-d", "a directory", func(c *workflow.Command, v string) string {
		dir, ok := cleanDir(v)
		if !ok {
			return fmt.Sprintf("%s is not a directory of this repository.", code(v))
		}
		return add(&c.Select.Dirs, dir)
	}},
	{"-e", "an environment", func(c *workflow.Command, v string) string { return add(&c.Select.Environments, v) }},
	{"-w", "a Terraform workspace", func(c *workflow.Command, v string) string { return add(&c.Select.Workspaces, v) }},
	{"--all", "", func(c *workflow.Command, _ string) string { c.Select.All = true; return "" }},
	{"--target", "an address", func(c *workflow.Command, v string) string { return add(&c.Options.Targets, v) }},
	{"--replace", "an address", func(c *workflow.Command, v string) string { return add(&c.Options.Replaces, v) }},
	{"--destroy", "", func(c *workflow.Command, _ string) string { c.Options.Destroy = true; return "" }},
	{"--refresh-only", "", func(c *workflow.Command, _ string) string { c.Options.RefreshOnly = true; return "" }},
}

// parsePlan reads the options of `plan`.
func parsePlan(rest, prefix string) (*workflow.Command, string) {
	list, ok := words(rest)
	if !ok {
		return nil, "A quote in the command does not end."
	}
	cmd := &workflow.Command{Verb: workflow.VerbPlan}
	for len(list) > 0 {
		word := list[0]
		list = list[1:]
		opt, value, given, fault := findOption(word, prefix)
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
	if fault := contradiction(cmd); fault != "" {
		return nil, fault
	}
	return cmd, ""
}

// findOption finds the option that a word names; given says that the word
// carries its value after "=".
func findOption(word, prefix string) (opt option, value string, given bool, fault string) {
	name, value, given := strings.Cut(word, "=")
	var names []string
	for _, o := range planOptions {
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
		return opt, "", false, fmt.Sprintf("`%s plan` does not know what %s is. To name a project: `%s plan -p NAME`.", prefix, code(word), prefix)
	}
	// A long option with one dash is terraform's habit, a dash of another length a phone's.
	bare := strings.ToLower(strings.TrimLeft(name, "-–—"))
	for _, n := range names {
		if strings.TrimLeft(n, "-") == bare {
			return opt, "", false, fmt.Sprintf("There is no option %s. Did you mean `%s`?", code(name), n)
		}
	}
	if near := nearest(strings.ToLower(name), names); near != "" && len(bare) > 2 {
		return opt, "", false, fmt.Sprintf("There is no option %s. Did you mean `%s`?", code(name), near)
	}
	return opt, "", false, fmt.Sprintf("There is no option %s.", code(name))
}

func take(cmd *workflow.Command, opt option, value string) string {
	if opt.value == "" {
		return opt.set(cmd, "")
	}
	if value == "" || strings.HasPrefix(value, "-") {
		return fmt.Sprintf("`%s` needs %s after it.", opt.name, opt.value)
	}
	if strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("The value of `%s` holds a character that cannot be seen.", opt.name)
	}
	return opt.set(cmd, value)
}

func add(list *[]string, value string) string {
	if len(*list) >= maxValues {
		return fmt.Sprintf("The command names more than %d values of one kind.", maxValues)
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

// contradiction says what two parts of a command cannot both hold.
func contradiction(c *workflow.Command) string {
	named := c.Select
	named.All = false
	switch {
	case c.Select.All && !named.Empty():
		return "`--all` means every project; it does not go together with `-p`, `-d`, `-e` or `-w`."
	case c.Options.Destroy && c.Options.RefreshOnly:
		return "`--destroy` and `--refresh-only` do not go together."
	case c.Options.RefreshOnly && len(c.Options.Replaces) > 0:
		return "`--replace` and `--refresh-only` do not go together."
	case c.Options.Destroy && len(c.Options.Replaces) > 0:
		return "`--replace` and `--destroy` do not go together."
	}
	return ""
}
