package model

import (
	"fmt"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// NotPlanned says, about something that a change concerns and that Cardea does not plan, who
// has to do what.
func NotPlanned(n workflow.NotPlanned) string {
	dirs, them := dirsOf(n), phrase.OneMany(n.Count == 1, "it", "them")
	if n.Kind == "" {
		return fmt.Sprintf("%s changed, but nothing plans %s: no project calls %s, and %s no backend. If %s is a project, give it a backend.",
			dirs, them, them, phrase.OneMany(n.Count == 1, "it has", "they have"), phrase.OneMany(n.Count == 1, "it", "one of them"))
	}
	if n.Kind == workflow.Unreadable {
		return fmt.Sprintf("%s changed, but Cardea cannot read all of %s files, so nothing plans %s. Fix the files, or list %s in `autodiscover.ignore` if %s.",
			dirs, phrase.OneMany(n.Count == 1, "its", "their"), them, them, phrase.OneMany(n.Count == 1, "it is no project", "they are no projects"))
	}
	return fmt.Sprintf("%s changed, but Cardea does not plan %s: whoever runs it here must plan and apply %s. To stop this message, list %s in `autodiscover.ignore` in the base branch's `%s`.",
		dirs, n.Kind, them, them, workflow.RepoConfigFile)
}

func dirsOf(n workflow.NotPlanned) string {
	const most = 3
	var out []string
	for _, d := range n.Dirs[:min(len(n.Dirs), most)] {
		out = append(out, phrase.CodeSpan(d))
	}
	if more := n.Count - len(out); more > 0 {
		out = append(out, markdown.Number(more)+" more")
	}
	return phrase.AndList(out)
}

// NotPlannedTitle is the same for a title: "1 Terragrunt directory is not planned"; "" for nothing.
func NotPlannedTitle(all []workflow.NotPlanned) string {
	var out []string
	for _, n := range all {
		one, many := n.Kind+" directory", n.Kind+" directories"
		if n.Kind == "" {
			one, many = "module that no project uses", "modules that no project uses"
		}
		out = append(out, markdown.Count(n.Count, one, many))
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
