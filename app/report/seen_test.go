package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/templates"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// many are planned projects, each with a fingerprint of its own.
func many(n int, name string) (out []workflow.ProjectRecord) {
	for i := range n {
		p := planned(fmt.Sprintf(name, i))
		p.Run.Fingerprint = fmt.Sprintf("%012x%052d", i+1, i)
		out = append(out, p)
	}
	return out
}

// What counts as seen is what the text names with its fingerprint, and the text says
// how many it does not name: in the comment, in a comment that had to be halved, and in the check with the buttons.
func TestSeenIsWhatIsNamed(t *testing.T) {
	o := Options{Links: model.Links{PublicURL: "https://cardea.example.com", Fingerprints: true, Prefix: "cardea"}}
	for name, tt := range map[string]struct {
		projects []workflow.ProjectRecord
		all      bool
	}{
		"few":             {many(3, "p%d"), true},
		"1000":            {many(1000, "environments/production/eu-west-1/p%04d"), false},
		"500 long names":  {many(500, strings.Repeat("long-", 22)+"%03d"), false},
		"a name cut":      {append(many(2, "p%d"), many(1, strings.Repeat("x", 130)+"%d")...), false},
		"hostile names":   {many(3, "a | `b` |%d"), true},
		"two of one name": {many(2, "a%[1]d`x`"), true},
	} {
		t.Run(name, func(t *testing.T) {
			v := view(tt.projects...)
			w := Desired(v, nil, o)
			for what, text := range map[string]string{"comment": w.Comment,
				"half of it": halve(w.Comment, "https://cardea.example.com"),
				"check":      templates.ApplyCheck(v, o.Links).Summary} {
				got, named := templates.Named(text, w.Plans), 0
				for _, p := range tt.projects {
					row := false
					for line := range strings.Lines(text) {
						row = row || strings.HasPrefix(line, "| "+markdown.CodeCell(p.Project.Name)+" |") &&
							strings.Contains(line, "`"+p.Run.Fingerprint[:12]+"`")
					}
					if row {
						named++
					}
					if (got[p.Project.Name] != "") != row {
						t.Fatalf("%s: %s counts as seen: %v, has a row: %v", what, p.Project.Name, got[p.Project.Name] != "", row)
					}
				}
				if what != "half of it" && tt.all != (named == len(tt.projects)) {
					t.Errorf("%s: %d of %d are named", what, named, len(tt.projects))
				}
				if left := len(tt.projects) - named; what != "half of it" && left > 0 &&
					!strings.Contains(text, fmt.Sprintf("\n%d plan", left)) {
					t.Errorf("%s does not say that it leaves out %d plans", what, left)
				}
			}
			if diff := cmp.Diff(Offered(v, o.Links),
				templates.Named(templates.ApplyCheck(v, o.Links).Summary, w.Plans)); diff != "" {
				t.Errorf("what the button is about (-got +want):\n%s", diff)
			}
			if n := len(w.Comment); n > templates.MaxComment+200 {
				t.Errorf("the comment has %d bytes", n)
			}
		})
	}
}

// A text of others that looks like a row of the table is none.
func TestSeenIsNotWhatOthersSay(t *testing.T) {
	fp := strings.Repeat("ab", 32)
	row := "| `p` | 1 | 0 | 0 | 0 | planned | – | `" + fp[:12] + "` |\n"
	for _, text := range []string{row, "```text\n" + row + "```\n",
		"| Project | + | ~ | ± | - | State | Waits for | Plan |\n| --- | --: | --: | --: | --: | --- | --- | --- |\n\n" +
			row} {
		if got := templates.Named(text, map[string]string{"p": fp}); len(got) != 0 {
			t.Errorf("%q counts as seen in %q", got, text)
		}
	}
}
