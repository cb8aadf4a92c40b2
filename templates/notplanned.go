package templates

import (
	"fmt"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// NotPlanned says of what a change concerns and nobody plans here who must do what.
func NotPlanned(n workflow.NotPlanned) string {
	dirs := dirsOf(n)
	if n.Kind == "" {
		return fmt.Sprintf("%s %s and nobody plans %s: no project calls %s, and %s no backend. If one is a project, give it a backend.",
			dirs, plural(n.Count, "changes", "change"), plural(n.Count, "it", "them"), plural(n.Count, "it", "them"), plural(n.Count, "it has", "they have"))
	}
	return fmt.Sprintf("%s %s, and Cardea does not plan %s: whoever runs it here must plan and apply %s. Once the base branch's `%s` names %s in `autodiscover.ignore`, nothing is said of %s any more.",
		dirs, plural(n.Count, "changes", "change"), n.Kind, plural(n.Count, "it", "them"), workflow.RepoConfigFile, plural(n.Count, "it", "them"), plural(n.Count, "it", "them"))
}

func dirsOf(n workflow.NotPlanned) string {
	const most = 3
	var out []string
	for _, d := range n.Dirs[:min(len(n.Dirs), most)] {
		out = append(out, code(d))
	}
	if more := n.Count - len(out); more > 0 {
		out = append(out, Number(more)+" more")
	}
	return list(out)
}

// notPlannedTitle is the same for a title: "1 Terragrunt directory is not planned"; "" for nothing.
func notPlannedTitle(all []workflow.NotPlanned) string {
	var out []string
	for _, n := range all {
		one, many := n.Kind+" directory", n.Kind+" directories"
		if n.Kind == "" {
			one, many = "module that no project uses", "modules that no project uses"
		}
		out = append(out, count(n.Count, one, many))
	}
	if len(out) == 0 {
		return ""
	}
	verb := "are"
	if len(out) == 1 && all[0].Count == 1 {
		verb = "is"
	}
	return strings.Join(out, ", ") + " " + verb + " not planned"
}
