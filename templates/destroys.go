package templates

import (
	"strings"

	"github.com/cardea-iac/cardea/templates/markdown"
)

// destroys names what plans that are not applied yet destroy, and what they replace: whoever
// approves should not have to open a fold for that.
func (w writer) destroys() string {
	var b strings.Builder
	for _, loss := range w.model.Losses() {
		var list []string
		for _, it := range loss.Items {
			names := make([]string, len(it.Projects))
			for i, name := range it.Projects {
				names[i] = markdown.Code(markdown.Cut(name, 120))
			}
			list = append(list, address(it.Change)+" ("+markdown.SomeOf(names, 2, "")+")")
		}
		if loss.More > 0 {
			list = append(list, "… "+markdown.Number(loss.More)+" more")
		}
		b.WriteString("\n**" + loss.Word + ":** " + strings.Join(list, ", ") + "\n")
	}
	return b.String()
}
