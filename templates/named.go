package templates

import (
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// tableHead begins the table of projects.
const tableHead = "| Project | + | ~ | ± | - | State | Waits for | Plan |\n| --- | --: | --: | --: | --: | --- | --- | --- |\n"

// Named returns those of some fingerprints, by project name, that a text of ours shows: its
// table has a row with the whole name and the fingerprint. That is what its readers saw; a
// plan's details may be on its page.
func Named(text string, fingerprints map[string]string) map[string]string {
	_, table, _ := strings.Cut("\n"+text, "\n"+tableHead)
	rows := map[string]string{}
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| ") || !strings.HasSuffix(line, " |\n") {
			break
		}
		name, rest, _ := strings.Cut(line[2:], " | ")
		rows[name] = rest[strings.LastIndex(rest, " | ")+1:]
	}
	out := map[string]string{}
	for name, fp := range fingerprints {
		short := workflow.ShortFingerprint(fp)
		if plan, ok := rows[markdown.CodeCell(name)]; ok && short != "" && strings.Contains(plan, markdown.CodeCell(short)) {
			out[name] = fp
		}
	}
	return out
}

// unnamed says how many plans with changes a table leaves out, and how they can be approved
// all the same. who is the command, or the button, that does not cover them.
func (w writer) unnamed(table, who string) string {
	if !w.links.Fingerprints {
		return ""
	}
	plans := map[string]string{}
	for _, r := range w.model.Rows {
		if r.Plan != nil && r.Plan.Fingerprint != "" && !r.Plan.NoChanges && r.State == workflow.StatePlanned {
			plans[r.Name()] = r.Plan.Fingerprint
		}
	}
	n := len(plans) - len(Named(table, plans))
	if n == 0 {
		return ""
	}
	return "\n" + markdown.Count(n, "plan is", "plans are") + " not named here in full: " + who + " is not about " +
		phrase.OneMany(n == 1, "it", "them") + ". " +
		"Look at " + phrase.OneMany(n == 1, "it", "them") + ", then " +
		markdown.Code(w.links.Command("approve -p NAME@FINGERPRINT")) + ".\n"
}
