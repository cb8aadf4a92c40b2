package steps

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// placeholders are what a step's words may stand for, by name.
var placeholders = map[string]func(run workflow.Run, dir string) string{
	"dir":         func(_ workflow.Run, dir string) string { return dir },
	"project":     func(run workflow.Run, _ string) string { return run.Project.Name },
	"environment": func(run workflow.Run, _ string) string { return run.Project.Environment },
	"workspace":   func(run workflow.Run, _ string) string { return run.Project.VariantOrDefault() },
	"repo":        func(run workflow.Run, _ string) string { return run.Repo.FullName() },
}

// Words are a step's program and arguments in a run; dir is the project's directory, absolute.
// What stands for a placeholder stays within its argument, and is never looked at again. One at
// the beginning of an argument that would make an option of it is refused: a repository chooses
// the names.
func Words(s workflow.Step, run workflow.Run, dir string) ([]string, error) {
	var pairs []string
	for name, value := range placeholders {
		pairs = append(pairs, "{"+name+"}", value(run, dir))
	}
	fill := strings.NewReplacer(pairs...)
	out := make([]string, len(s.Run))
	for i, word := range s.Run {
		out[i] = fill.Replace(word)
		if strings.HasPrefix(out[i], "-") && !strings.HasPrefix(word, "-") {
			return nil, fmt.Errorf("the argument %s would be read as an option", phrase.Name(out[i]))
		}
		if strings.ContainsRune(out[i], 0) {
			return nil, fmt.Errorf("the argument %s has a NUL byte", phrase.Name(out[i]))
		}
	}
	return out, nil
}

var placeholder = regexp.MustCompile(`\{([a-z_]+)\}`)

// Fault says why the words of a step are refused, without their subject; "" when they are good.
func Fault(run []string) string {
	var known []string
	for name := range placeholders {
		known = append(known, name)
	}
	slices.Sort(known)
	if len(run) == 0 || run[0] == "" {
		return "names no program"
	}
	if placeholder.MatchString(run[0]) {
		return fmt.Sprintf("has the placeholder %q in its program: a repository would choose what is run", run[0])
	}
	for i, word := range run {
		for _, m := range placeholder.FindAllStringSubmatch(word, -1) {
			if slices.Contains(known, m[1]) {
				if i > 0 && isScript(run, i) {
					return fmt.Sprintf("has %s in a shell script, where a name from the repository would be code: "+
						`give it as an argument of its own, as in [sh, -c, 'render "$1"', render, "%s"]`, m[0], m[0])
				}
				continue
			}
			if near := phrase.Nearest(m[1], known); near != "" {
				return fmt.Sprintf("has the unknown placeholder %s: did you mean {%s}?", m[0], near)
			}
		}
	}
	return ""
}

var (
	shells    = []string{"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "fish", "busybox"}
	scripting = regexp.MustCompile(`^-[A-Za-z]*[ce]$`)
)

// isScript reports whether an argument is a script for a shell or another interpreter, written out.
func isScript(run []string, i int) bool {
	for j := range i {
		if interprets(path.Base(run[j])) && slices.ContainsFunc(run[j+1:i], scripting.MatchString) && scripting.MatchString(run[i-1]) {
			return true
		}
	}
	return false
}

var interpreters = regexp.MustCompile(`^(python|perl|ruby|node|nodejs|php|lua|awk|gawk|mawk|deno|bun|tclsh|pwsh)[0-9.]*$`)

// interprets reports whether a program's work is to carry out what another file or its arguments say.
func interprets(program string) bool {
	return slices.Contains(shells, program) || interpreters.MatchString(program) ||
		slices.Contains([]string{"env", "make", "xargs", "sudo", "nice", "timeout", "nohup", "setsid", "go", "npm", "npx", "yarn", "just", "task"}, program)
}

// serversOwn reports whether a step runs a program of the server and no code of the tree: its
// program is an absolute path, and none that carries out what others say; and no word of its
// arguments names a file of the tree, which there says.
func serversOwn(s workflow.Step, there func(name string) bool) bool {
	if !path.IsAbs(s.Run[0]) || interprets(path.Base(s.Run[0])) {
		return false
	}
	for _, arg := range s.Run[1:] {
		for _, word := range strings.FieldsFunc(arg, func(r rune) bool { return strings.ContainsRune(" \t\n=,;:|&<>()'\"`@", r) }) {
			if !path.IsAbs(word) && there(strings.TrimPrefix(word, "{dir}/")) {
				return false
			}
		}
	}
	return true
}

// OfApply are the steps that are taken for an apply, by their place in the workflow: those around
// it, and before it the ones that set a variable, which are taken for a plan as well.
func OfApply(w *workflow.Workflow) (places []int) {
	if w == nil {
		return nil
	}
	for i, s := range w.Steps {
		if s.At == workflow.BeforeApply || s.At == workflow.AfterApply || s.Set != "" && s.At != workflow.AfterPlan {
			places = append(places, i)
		}
	}
	return places
}

// MayMake reports whether a workflow has steps before a plan, which may make files that the tree does not have.
func MayMake(w *workflow.Workflow) bool {
	return w != nil && slices.ContainsFunc(w.Steps, func(s workflow.Step) bool {
		return s.At == workflow.BeforeInit || s.At == workflow.BeforePlan
	})
}

// Hidden are the steps of an apply that may run code of the tree, as effects that no change of
// the plan shows. there reports whether the tree has a file, by its name from the project's
// directory.
func Hidden(w *workflow.Workflow, there func(name string) bool) (out []workflow.HiddenEffect) {
	for _, i := range OfApply(w) {
		if s := w.Steps[i]; !serversOwn(s, there) {
			out = append(out, workflow.HiddenEffect{Kind: workflow.StepEffect, Address: address(i, s),
				Text: fmt.Sprintf("%s of the server's workflow %s runs %s %s", Label(i, s), phrase.Name(w.Name),
					phrase.Name(strings.Join(s.Run, " ")), moments[s.At])})
		}
	}
	return out
}

// Notes tell of the other ones: programs of the server's own.
func Notes(w *workflow.Workflow, hidden []workflow.HiddenEffect) (out []string) {
	for _, i := range OfApply(w) {
		s := w.Steps[i]
		isIt := func(e workflow.HiddenEffect) bool { return e.Kind == workflow.StepEffect && e.Address == address(i, s) }
		if !slices.ContainsFunc(hidden, isIt) {
			out = append(out, phrase.Sentence(fmt.Sprintf("%s of the server's workflow %s runs the server's own program %s %s",
				Label(i, s), phrase.Name(w.Name), phrase.Name(s.Run[0]), moments[s.At])))
		}
	}
	return out
}

func address(i int, s workflow.Step) string { return fmt.Sprintf("%s %d %s", s.At, i+1, s.Name) }

// moments say when a step of an apply is taken.
var moments = map[workflow.Point]string{
	workflow.BeforeInit: "before an apply's init", workflow.BeforePlan: "before an apply",
	workflow.BeforeApply: "before an apply", workflow.AfterApply: "after an apply",
}
