package templates_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/model"
)

// TestBrief: what a page says is missing names no plan that a command on it names exactly, and leaves out nothing else.
func TestBrief(t *testing.T) {
	shorter := 0
	views := maps.Clone(cases())
	maps.Copy(views, applyCases())
	for name, v := range views {
		m := model.Read(v, links)
		brief := m.Brief()
		if len(brief) != len(m.Missing) {
			t.Fatalf("%s: %d of %d are left", name, len(brief), len(m.Missing))
		}
		for i, full := range m.Missing {
			said := brief[i]
			if said.Text != full.Text || !slices.Equal(said.Projects, full.Projects) {
				t.Errorf("%s: got %+v of %+v", name, said, full)
			}
			exact := ""
			for _, c := range m.Commands {
				if c.Exact != "" && strings.Contains(full.Mend, phrase.CodeSpan(c.Exact)) {
					exact = c.Exact
				}
			}
			switch {
			case exact == "" && said.Mend != full.Mend:
				t.Errorf("%s: %q became %q", name, full.Mend, said.Mend)
			case exact != "":
				shorter++
				if want := strings.ReplaceAll(full.Mend, phrase.CodeSpan(exact), "`cardea approve`"); said.Mend != want {
					t.Errorf("%s: got %q, want %q", name, said.Mend, want)
				}
			}
		}
	}
	if shorter < 2 {
		t.Errorf("%d are shorter", shorter)
	}
}
