package templates

import (
	"iter"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// Named returns those of some fingerprints, by project name, that a text of ours shows: its
// table, or one of the lists that belong to it, has a row with the whole name and the
// fingerprint. That is what its readers saw; a plan's details may be on its page.
func Named(text string, fingerprints map[string]string) map[string]string {
	rows := map[string]string{}
	for line := range tableLines(text) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
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

// tableLines are the lines with projects of the first table of a text and of the lists that follow it.
func tableLines(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		text, ok := afterHead("\n" + text)
		for ok {
			var line string
			for {
				var rest string
				line, rest, _ = strings.Cut(text, "\n")
				if !strings.HasPrefix(line, "| ") || !strings.HasSuffix(line, " |") {
					break
				}
				text = rest
				if !yield(line) {
					return
				}
			}
			text = strings.TrimPrefix(text, foldClose)
			if !strings.HasPrefix(text, foldOpen) {
				return
			}
			text, ok = afterHead(text)
		}
	}
}

// afterHead is what follows the first head of a table.
func afterHead(text string) (rest string, ok bool) {
	at := len(text)
	for _, head := range tableHeads {
		if i := strings.Index(text, "\n"+head); 0 <= i && i < at {
			at, rest, ok = i, text[i+1+len(head):], true
		}
	}
	return rest, ok
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
	return "\n" + markdown.Count(n, "plan is", "plans are") + " not shown here in full, so " + who + " does not cover " +
		phrase.OneMany(n == 1, "it", "them") + ". " +
		"Look at " + phrase.OneMany(n == 1, "it", "them") + ", then use " +
		markdown.Code(w.links.Command("approve -p NAME@FINGERPRINT")) + ".\n"
}
