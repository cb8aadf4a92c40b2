package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Model is what people are told about a pull, before it is put into any form.
// Sentences in it are for [markdown.Prose]: code stands between backticks.
type Model struct {
	// Verdict is what matters, in the order of reading. Part of it is bold.
	Verdict []Span
	// Status of all plans together.
	Status Status
	// Trouble says why there are no plans, and who can mend it.
	Trouble []string
	// Title is the verdict in at most 100 characters, without markup.
	Title string
	// Rows are the projects to be read about: failures, destroys, replaces,
	// changes, those still running, deleted ones.
	Rows []Row
	// Unchanged are the projects whose plans are empty.
	Unchanged []Row
	// Alarms are applies after which a person has to act before anything else may happen.
	Alarms []Alarm
	// Failures and Groups tell about the rows in detail, the greatest risk first.
	Failures []Failure
	Groups   []Group
	// Missing is what the plans with changes wait for, and who can mend it.
	Missing []Said
	// Approvals are those of the newest plans, and those that fell; Holds are the locks.
	Approvals []Said
	Holds     []Hold
	// Hidden is what else the plans run.
	Hidden []Said
	// Warnings of all plans.
	Warnings []Said
	// Notes about the whole pull and its plans, sentences.
	Notes []Said
	// Commands that may come next, at most two.
	Commands []Command
	Counts   workflow.Counts
	Tally    Tally

	lacks []lack // of which Missing is made
	links Links
}

// Span is a piece of a sentence.
type Span struct {
	Text string
	Bold bool
}

// Status says how far the plans of a pull are.
type Status string

// The statuses, in the order in which one hides the next.
const (
	StatusUnknown     Status = "unknown"      // it is not yet known what head affects
	StatusTrouble     Status = "trouble"      // it cannot be known, or may not be planned
	StatusPlanning    Status = "planning"     // some plans are not made yet
	StatusFailed      Status = "failed"       // at least one plan failed or was refused
	StatusApplyFailed Status = "apply_failed" // an apply failed, its outcome is unknown, or its state is kept
	StatusApplying    Status = "applying"
	StatusChanges     Status = "changes" // all are made, some have changes that are not applied
	StatusApplied     Status = "applied" // all that changed is applied
	StatusNothing     Status = "nothing" // no project is affected, or no plan has changes
)

// Tally counts projects by state.
type Tally struct {
	Total       int // projects of the repository; 0 where that is not known
	Affected    int // all but deleted ones
	Changing    int // with unapplied changes
	Unchanged   int
	Failed      int // their plans; refused ones too
	Queued      int
	Planning    int
	Deleted     int // moved ones too
	Moved       int // whose state a new project keeps
	Applying    int
	Applied     int
	ApplyFailed int
	Alarmed     int // outcome unknown, or state kept
}

// Group is projects with the same changes.
type Group struct {
	Rows    []Row
	Changes []workflow.Change // in the order of risk
	Left    workflow.Left     // how many changes are not here, because the plan is one of many
	Counts  workflow.Counts
	Drift   []workflow.Change
	Word    string // "applying" or "applied"; "" while nothing began to apply it
}

// Failure is projects that failed in the same way.
type Failure struct {
	Rows        []Row
	Word        string // "plan failed", "plan timed out", "apply failed", "refused", ...
	Part        string // how much of a failed apply was carried out, a sentence
	Reason      string
	Diagnostics []workflow.Diagnostic
}

// Told reports whether the diagnostics already say what the reason says.
func (f Failure) Told() bool { return Told(f.Reason, f.Diagnostics) }

// Told reports whether diagnostics already say what a run's reason says.
func Told(reason string, diagnostics []workflow.Diagnostic) bool {
	return slices.ContainsFunc(diagnostics, func(d workflow.Diagnostic) bool { return d.Summary != "" && strings.Contains(reason, d.Summary) })
}

// Said is a sentence with the projects it is about; none: the whole pull. Mend
// says who can do something about it, "" where there is nothing to say.
type Said struct {
	Text, Mend string
	Projects   []string
}

// Read makes the model of a pull.
func Read(v workflow.PullView, l Links) Model {
	m := Model{Notes: say(nil, v.Notes), links: l, Tally: Tally{Total: v.Total}}
	if v.Trouble != nil {
		m.Trouble = l.SayAll(v.Trouble.Sentences)
	}
	for _, p := range v.Projects {
		m.add(RowOf(v, p, l))
	}
	m.Status = statusOf(v, m.Tally)
	slices.SortStableFunc(m.Rows, byRisk)
	slices.SortStableFunc(m.Unchanged, func(a, b Row) int { return cmp.Compare(a.Name(), b.Name()) })
	m.Alarms = alarmsOf(append(pastRows(v, l), m.Rows...), l)
	m.Failures = failuresOf(m.Rows, l)
	m.Groups = groupsOf(m.Rows)
	for _, r := range slices.Concat(m.Rows, m.Unchanged) {
		m.remark(r)
		m.gated(v, r)
	}
	m.stopped(v, l)
	m.Missing = saidOf(m.lacks, l)
	m.Verdict = verdict(v, m)
	m.Title = titleOf(v, m)
	m.Commands = commandsFor(v, m, l)
	return m
}

func (m *Model) add(r Row) {
	if r.State == workflow.StateDeleted {
		m.Tally.Deleted++
		if r.Record.MovedTo != "" {
			m.Tally.Moved++
		}
		m.Rows = append(m.Rows, r)
		return
	}
	m.Tally.Affected++
	if r.Open {
		m.Tally.Changing++
		m.Counts = m.Counts.Plus(r.Counts)
	}
	t := &m.Tally
	switch r.State {
	case workflow.StateNoChanges:
		t.Unchanged++
		m.Unchanged = append(m.Unchanged, r)
		return
	case workflow.StatePlanned:
	case workflow.StatePlanning:
		t.Planning++
	case workflow.StateQueued:
		t.Queued++
	case workflow.StateApplying:
		t.Applying++
	case workflow.StateApplied:
		t.Applied++
	case workflow.StateApplyFailed:
		t.ApplyFailed++
	case workflow.StateUnknown, workflow.StateErrored:
		t.Alarmed++
	default:
		t.Failed++
	}
	m.Rows = append(m.Rows, r)
}

func statusOf(v workflow.PullView, t Tally) Status {
	switch {
	case v.Trouble != nil:
		return StatusTrouble
	case !v.Known:
		return StatusUnknown
	case t.Queued+t.Planning > 0:
		return StatusPlanning
	case t.Failed > 0:
		return StatusFailed
	case t.ApplyFailed+t.Alarmed > 0:
		return StatusApplyFailed
	case t.Applying > 0:
		return StatusApplying
	case t.Changing > 0:
		return StatusChanges
	case t.Applied > 0:
		return StatusApplied
	}
	return StatusNothing
}

func groupsOf(rows []Row) []Group {
	var groups []Group
	by := map[string]int{}
	for _, r := range rows {
		word := ""
		if r.State == workflow.StateApplying || r.State == workflow.StateApplied {
			word = string(r.State)
		}
		if r.Plan == nil || r.Plan.Total() == 0 || !r.Open && word == "" {
			continue
		}
		key := word + " " + r.Plan.ChangesHash
		if i, ok := by[key]; ok && r.Plan.ChangesHash != "" {
			groups[i].Rows = append(groups[i].Rows, r)
			continue
		}
		by[key] = len(groups)
		groups = append(groups, Group{Rows: []Row{r}, Changes: workflow.ByRisk(r.Plan.Changes), Left: r.Plan.Left,
			Counts: r.Plan.Counts, Drift: r.Plan.Drift, Word: word})
	}
	return groups
}

func failuresOf(rows []Row, l Links) []Failure {
	var out []Failure
	byText := map[string]int{}
	for _, r := range rows {
		f, ok := failureOf(r, l)
		if !ok {
			continue
		}
		key := failureKey(f, r.Record.Project.Dir)
		if i, ok := byText[key]; ok {
			out[i].Rows = append(out[i].Rows, r)
			out[i].Diagnostics = sameValues(out[i].Diagnostics, f.Diagnostics)
			continue
		}
		byText[key] = len(out)
		f.Rows = []Row{r}
		out = append(out, f)
	}
	return out
}

func failureOf(r Row, l Links) (f Failure, ok bool) {
	switch run, apply := r.Record.Run, r.Record.Apply; {
	case r.State == workflow.StateRefused:
		return Failure{Word: "refused", Reason: l.Say(r.Record.Project.Refused)}, true
	case r.State == workflow.StatePlanFailed && run != nil:
		return Failure{Word: failureWord(run.Outcome), Reason: run.Reason, Diagnostics: run.Diagnostics}, true
	case r.State == workflow.StateApplyFailed && apply != nil:
		return Failure{Word: "apply failed", Part: phrase.Joined(stopped(PartDone(apply.Apply)), endSentence(apply.Apply)), Reason: apply.Reason,
			Diagnostics: apply.Diagnostics}, true
	case r.State == workflow.StateErrored && apply != nil && len(apply.Diagnostics) > 0:
		return Failure{Word: "the state could not be stored", Part: phrase.Joined(stopped(PartDone(apply.Apply)), endSentence(apply.Apply)),
			Diagnostics: apply.Diagnostics}, true
	}
	return f, false
}

// failureKey is the same for failures that differ only in the project's directory.
func failureKey(f Failure, dir string) string {
	var b strings.Builder
	b.WriteString(f.Word + "\x00" + f.Part + "\x00" + f.Reason)
	for _, d := range f.Diagnostics {
		d.Position.File = strings.TrimPrefix(d.Position.File, dir+"/")
		d.Snippet.Values = "" // of one project
		fmt.Fprintf(&b, "\x00%+v", d)
	}
	return b.String()
}

// sameValues are the diagnostics of one of several projects without the values that differ between them.
func sameValues(list, other []workflow.Diagnostic) []workflow.Diagnostic {
	out := slices.Clone(list)
	for i := range out {
		if out[i].Snippet.Values != other[i].Snippet.Values { // as many: their keys are the same
			out[i].Snippet.Values = ""
		}
	}
	return out
}

func failureWord(o workflow.Outcome) string {
	switch o {
	case workflow.OutcomeTimedOut:
		return "plan timed out"
	case workflow.OutcomeCancelled:
		return "plan cancelled"
	case workflow.OutcomeSuperseded:
		return "plan superseded"
	case workflow.OutcomeLost:
		return "plan lost"
	}
	return "plan failed"
}

// remark takes over what a row's plan says beside its changes.
func (m *Model) remark(r Row) {
	name := r.Name()
	if r.State == workflow.StateDeleted {
		for _, reason := range r.Reasons {
			m.Notes = addSaid(m.Notes, reason, name)
		}
	}
	if run := r.Record.Run; run != nil && !run.Options.Zero() {
		m.Notes = addSaid(m.Notes, fmt.Sprintf("Planned with `%s`.", OptionsText(run.Options)), name)
	}
	if run := r.Record.Run; run != nil {
		for _, n := range run.StateNotes() {
			m.Notes = addSaid(m.Notes, n, name)
		}
	}
	if apply := r.Record.Apply; apply != nil && r.State == workflow.StateApplied {
		for _, d := range apply.Diagnostics { // what went wrong after it
			m.Warnings = addSaid(m.Warnings, warning(d), name)
		}
	}
	if r.Plan == nil {
		return
	}
	for _, h := range r.Plan.Hidden {
		m.Hidden = addSaid(m.Hidden, h.Text, name)
	}
	for _, c := range r.Plan.Checks {
		m.Warnings = addSaid(m.Warnings, c, name)
	}
	for _, w := range r.Plan.Warnings {
		if len(r.Plan.Checks) == 0 || w.Summary != failedCheck {
			m.Warnings = addSaid(m.Warnings, warning(w), name)
		}
	}
	for _, n := range r.Plan.Notes {
		m.Notes = addSaid(m.Notes, n, name)
	}
}

// failedCheck is the tools' warning for a check block. The plan says which, and with what words.
const failedCheck = "Check block assertion failed"

// warning is a tool's warning with what it is about.
func warning(d workflow.Diagnostic) string {
	text := strings.TrimSuffix(d.Summary, ".")
	if d.Address != "" {
		text = "`" + strings.ReplaceAll(d.Address, "`", "'") + "`: " + text
	}
	if detail, _, _ := strings.Cut(strings.TrimSpace(d.Detail), "\n\n"); detail != "" && detail != d.Summary {
		text += ": " + detail
	}
	return text
}

func say(out []Said, sentences []string) []Said {
	for _, s := range sentences {
		out = append(out, Said{Text: s})
	}
	return out
}

func addSaid(out []Said, text, project string) []Said {
	for i := range out {
		if out[i].Text != text {
			continue
		}
		if !slices.Contains(out[i].Projects, project) {
			out[i].Projects = append(out[i].Projects, project)
		}
		return out
	}
	return append(out, Said{Text: text, Projects: []string{project}})
}

// Total is how many changes the group's plan has.
func (g Group) Total() int { return len(g.Changes) + g.Left.Changes }

// Numbers are what the group's plan does, or did.
func (g Group) Numbers() []Span {
	if done := CountsDone(g.Counts); g.Applied() && done != "" {
		return []Span{{Text: done}}
	}
	return joinSpans(boldCounts(g.Counts, "", ""))
}

// Applied reports whether its plans are carried out.
func (g Group) Applied() bool { return g.Word == string(workflow.StateApplied) }
