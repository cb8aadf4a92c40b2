package model

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// verdict is the first thing people read: what this pull does, in exact counts.
func verdict(v workflow.PullView, m Model) []Span {
	var s []Span
	switch m.Status {
	case StatusTrouble:
		return []Span{{phrase.Sentence(m.links.Say(v.Trouble.Title)), true}}
	case StatusUnknown:
		s = append(s, Span{"Looking for the affected projects.", false})
		if v.Pull.Head.SHA != "" {
			s[0].Text = fmt.Sprintf("Looking for the projects that `%s` affects.", phrase.Short(v.Pull.Head.SHA))
		}
		if v.Waiting != "" {
			s = append(s, Span{" " + phrase.Sentence(v.Waiting), false})
		}
		return s
	case StatusPlanning:
		s = append(s, Span{progress(m.Tally) + ".", false})
		if m.Tally.Failed+m.Tally.Changing > 0 {
			s = append(s, Span{" So far", false})
		}
	}
	add := func(text string, bold bool) {
		if text != "" {
			s = append(s, Span{space(s), false}, Span{text, bold})
		}
	}
	for _, a := range m.Alarms[:min(len(m.Alarms), 3)] {
		add(a.Title, true)
	}
	add(stopped(applyFailed(m)), true)
	if m.Tally.Failed > 0 {
		add(stopped(strings.Join(failed(m), ". ")), true)
	}
	add(stopped(applying(m)), false)
	add(applied(v, m), false)
	add(following(m), false)
	switch {
	case m.Tally.Changing > 0:
		s = append(append(s, Span{space(s), false}), changing(m)...)
		add(sameState(m), true)
		add(m.ApplyWaits(), false)
	case m.Status == StatusNothing && m.Tally.Affected > 0:
		add(nothingChanges(m.Tally), false)
	case m.Status == StatusNothing && m.Tally.Deleted == 0 && len(workflow.Unsupported(v.NotPlanned)) == 0:
		add("No projects affected.", false)
	}
	for _, n := range v.NotPlanned {
		add(NotPlanned(n), n.Kind != "")
	}
	if m.Tally.Deleted > m.Tally.Moved {
		add(deleted(m.Tally.Deleted-m.Tally.Moved), false)
	}
	if m.Tally.Moved > 0 {
		add(moved(m), false)
	}
	return s
}

// rowsIn are the rows in a state.
func rowsIn(m Model, state workflow.ProjectState) []Row {
	var out []Row
	for _, r := range m.Rows {
		if r.State == state {
			out = append(out, r)
		}
	}
	return out
}

// someNames lists the rows' names when they are few, else "".
func someNames(rows []Row) string {
	if len(rows) > 3 {
		return ""
	}
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.Name()
	}
	return phrase.AndList(phrase.Quoted(names))
}

// stopped is a sentence with its full stop, "" for none.
func stopped(sentence string) string {
	if sentence == "" {
		return ""
	}
	return sentence + "."
}

func applyFailed(m Model) string {
	rows := rowsIn(m, workflow.StateApplyFailed)
	switch len(rows) {
	case 0:
		return ""
	case 1:
		s := "The apply of " + phrase.CodeSpan(rows[0].Name()) + " failed"
		if part := PartDone(rows[0].Apply()); part != "" {
			return s + ": " + part
		}
		return s
	}
	s := markdown.Number(len(rows)) + " applies failed"
	if names := someNames(rows); names != "" {
		s += ": " + names
	}
	return s
}

func applying(m Model) string {
	rows := rowsIn(m, workflow.StateApplying)
	if len(rows) == 0 {
		return ""
	}
	if names := someNames(rows); names != "" {
		return "Applying " + names
	}
	return "Applying " + markdown.Number(len(rows)) + " projects"
}

// applied says how many of the projects that change are applied.
func applied(v workflow.PullView, m Model) string {
	t := m.Tally
	if t.Applied == 0 {
		return ""
	}
	all := t.Applied
	for _, r := range m.Rows {
		if r.Open || r.State == workflow.StateApplying || r.State == workflow.StateApplyFailed && !r.Open ||
			r.State == workflow.StateUnknown || r.State == workflow.StateErrored {
			all++
		}
	}
	s := fmt.Sprintf("%s of %s %s applied.", markdown.Number(t.Applied),
		markdown.Count(all, "changing project", "changing projects"), phrase.IsAre(t.Applied))
	if t.Applied < all || m.Status != StatusApplied {
		return s
	}
	s = markdown.Count(all, "project is", "projects are") + " fully applied."
	if all == 1 {
		s = phrase.CodeSpan(rowsIn(m, workflow.StateApplied)[0].Name()) + " is fully applied."
	}
	if m.Verifying() {
		return s + " Checking with a fresh plan whether anything is left."
	}
	switch v.Pull.State {
	case workflow.PullClosed:
		s += " The pull request was closed without being merged."
	case workflow.PullOpen:
		s += " Ready to merge"
		if slices.ContainsFunc(m.Rows, func(r Row) bool { return r.State == workflow.StateApplied && r.Ours }) { // or somebody unlocked them
			s += "; until then " + phrase.OneMany(all == 1, "the project stays", "they stay") + " locked"
		}
		s += "."
	}
	return s
}

// Verifying reports that a plan after an apply is still being made.
func (m Model) Verifying() bool {
	return slices.ContainsFunc(m.Rows, func(r Row) bool {
		return r.State == workflow.StateApplied && r.Record.Verify != nil && r.Record.Verify.State != workflow.RunFinished
	})
}

// ApplyWaits says what the plans with changes wait for, "Apply waits for 1 approval.";
// "" while nobody has asked the gate, or nothing is missing.
func (m Model) ApplyWaits() string {
	var waiting []Row
	for _, r := range m.Rows {
		if r.Open && r.lacks() {
			waiting = append(waiting, r)
		}
	}
	if len(waiting) == 0 {
		return ""
	}
	what, words := "Apply", lacking(waiting)
	if len(waiting) == 1 && m.Tally.Changing > 1 {
		what = "The apply of " + phrase.CodeSpan(waiting[0].Name())
	}
	if len(words) > 4 {
		words = append(words[:3:3], markdown.Number(len(words)-3)+" other things")
	}
	return what + " waits for " + phrase.AndList(words) + "."
}

// lacking is what plans with changes lack, in a few words each, in the gate's order.
func lacking(rows []Row) []string {
	words := map[workflow.Requirement][]string{}
	for _, r := range rows {
		for _, w := range r.Waits {
			if r.Open && w.Need != "" && !slices.Contains(words[w.Need], w.Short) {
				words[w.Need] = append(words[w.Need], w.Short)
			}
		}
	}
	var out []string
	for _, need := range slices.SortedFunc(maps.Keys(words), func(a, b workflow.Requirement) int {
		return cmp.Or(cmp.Compare(a.Rank(), b.Rank()), cmp.Compare(a, b))
	}) {
		if need == workflow.NeedApproved && len(words[need]) > 1 {
			words[need] = []string{"approvals"}
		}
		for _, w := range words[need] {
			if !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

func space(s []Span) string {
	if len(s) == 0 {
		return ""
	}
	return " "
}

func progress(t Tally) string {
	done := t.Affected - t.Queued - t.Planning
	s := fmt.Sprintf("Planning %s: %s done", markdown.Count(t.Affected, "project", "projects"), markdown.Number(done))
	if t.Planning > 0 {
		s += ", " + markdown.Number(t.Planning) + " running"
	}
	if t.Queued > 0 {
		s += ", " + markdown.Number(t.Queued) + " queued"
	}
	return s
}

func nothingChanges(t Tally) string {
	if t.Affected == 1 {
		return "1 project affected, no changes."
	}
	return fmt.Sprintf("%s projects affected, no changes.", markdown.Number(t.Affected))
}

func deleted(n int) string {
	if n == 1 {
		return "1 project was removed. Its resources are NOT destroyed and are no longer managed."
	}
	return markdown.Number(n) + " projects were removed. Their resources are NOT destroyed and are no longer managed."
}

// moved says of projects that a new one keeps their state.
func moved(m Model) string {
	if m.Tally.Moved > 1 {
		return markdown.Number(m.Tally.Moved) + " projects moved and keep their states."
	}
	for _, r := range m.Rows {
		if to := r.Record.MovedTo; to != "" {
			return fmt.Sprintf("%s moved to %s, which keeps its state.", phrase.CodeSpan(r.Name()), phrase.CodeSpan(to))
		}
	}
	return "1 project moved and keeps its state."
}

func changing(m Model) []Span {
	verb, who := "change", outOf(m.Tally.Changing, m.Tally)
	if m.Tally.Changing == 1 {
		verb = "changes"
	}
	if m.Tally.Applied > 0 { // after "2 of 5 changing projects are applied", all that change are not counted once more
		who = markdown.Count(m.Tally.Changing, "more project", "more projects")
	}
	s := []Span{{who + " " + verb + ": ", false}}
	s = append(s, joinSpans(countSpans(m))...)
	return append(s, Span{".", false})
}

// outOf is "2 of 12 projects": of all that the repository has, where that is known and more.
func outOf(n int, t Tally) string {
	if all := max(t.Total, t.Affected); all > n {
		return markdown.Number(n) + " of " + markdown.Count(all, "project", "projects")
	}
	return markdown.Count(n, "project", "projects")
}

// countSpans are the numbers of all plans; what destroys is bold and says where.
func countSpans(m Model) []Span {
	destroyed := where(m, func(c workflow.Counts) int { return c.Destroy })
	replaced := where(m, func(c workflow.Counts) int { return c.Replace })
	if replaced == destroyed { // said once, at the end of both
		replaced = ""
	}
	return boldCounts(m.Counts, replaced, destroyed)
}

// where names the environments a count falls into: " in prod", " (2 in dev, 1 in prod)".
func where(m Model, of func(workflow.Counts) int) string {
	by := map[string]int{}
	for _, r := range m.Rows {
		if n := of(r.Counts); n > 0 && r.Open {
			by[r.Record.Project.Environment] += n
		}
	}
	var names []string
	for e := range by {
		if e != "" {
			names = append(names, e)
		}
	}
	sort.Strings(names)
	switch {
	case len(names) == 0:
		return ""
	case len(by) == 1:
		return " in " + names[0]
	}
	parts := make([]string, 0, len(by))
	for _, e := range names {
		parts = append(parts, fmt.Sprintf("%s in %s", markdown.Number(by[e]), e))
	}
	if n := by[""]; n > 0 {
		parts = append(parts, markdown.Number(n)+" elsewhere")
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// titleOf is the verdict for the title of a check.
func titleOf(v workflow.PullView, m Model) string {
	var s string
	switch m.Status {
	case StatusTrouble:
		s = m.links.Say(v.Trouble.Title)
	case StatusUnknown:
		s = "Looking for affected projects"
		if v.Waiting != "" {
			s = "Waiting: " + strings.TrimSuffix(v.Waiting, ".")
		}
	case StatusPlanning:
		s = progress(m.Tally)
	case StatusFailed:
		s = strings.Join(failed(m), "; ")
		if m.Tally.Changing > 0 {
			s += "; " + CountsText(m.Counts)
		}
	case StatusApplyFailed, StatusApplying, StatusApplied:
		s = applyTitle(m)
	case StatusChanges:
		s = outOf(m.Tally.Changing, m.Tally) + ": " + CountsText(m.Counts)
	default:
		s = "No projects affected"
		switch {
		case m.Tally.Affected+m.Tally.Deleted == 0 && len(v.NotPlanned) > 0:
			return markdown.Title(NotPlannedTitle(v.NotPlanned))
		case m.Tally.Affected == 0 && m.Tally.Deleted > 0:
			s = markdown.Count(m.Tally.Deleted, "project was", "projects were") + " removed, nothing is planned"
		case m.Tally.Affected > 0:
			s = "No changes in " + markdown.Count(m.Tally.Affected, "project", "projects")
		}
	}
	if beside := NotPlannedTitle(v.NotPlanned); beside != "" && m.Status != StatusTrouble && m.Status != StatusUnknown {
		s = beside + "; " + s
	}
	return markdown.Title(s)
}

// applyTitle is what happens to plans that somebody began to apply.
func applyTitle(m Model) string {
	t := m.Tally
	for _, a := range m.Alarms {
		if a.Row.State == workflow.StateUnknown {
			return "Outcome unknown: the apply of " + a.Row.Name()
		}
	}
	switch {
	case len(m.Alarms) > 0:
		return "State not stored: the apply of " + m.Alarms[0].Row.Name()
	case t.ApplyFailed > 0:
		return applyFailed(m)
	case t.Applying > 0:
		return applying(m)
	}
	counts := workflow.Counts{}
	for _, r := range rowsIn(m, workflow.StateApplied) {
		counts = counts.Plus(r.Counts)
	}
	s := markdown.Count(t.Applied, "project is", "projects are") + " applied"
	if m.Verifying() {
		s += ", checking whether anything is left"
	}
	if counts.Zero() {
		return s
	}
	return s + ": " + CountsDone(counts)
}

// sameState says which projects with changes keep the state of another: whoever reads
// "1 to destroy" has to know whose that is.
func sameState(m Model) string {
	var out []string
	for _, r := range m.Rows {
		if s := r.StateOf(" shares its state with "); s != "" && r.Open {
			out = append(out, phrase.CodeSpan(r.Name())+s+".")
		}
	}
	if len(out) > 3 {
		return fmt.Sprintf("%s of them share their state with others.", markdown.Number(len(out)))
	}
	return strings.Join(out, " ")
}
