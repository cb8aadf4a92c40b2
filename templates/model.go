package templates

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// Model is what people are told about a pull, before it is put into any form.
// Sentences in it are for [Prose]: code stands between backticks.
type Model struct {
	// Verdict is what matters, in the order of reading. Part of it is bold.
	Verdict []Span
	// Status of all plans together.
	Status Status
	// Title is the verdict in at most 100 characters, without markup.
	Title string
	// Rows are the projects to be read about: failures, destroys, replaces,
	// changes, those still at work, deleted ones.
	Rows []Row
	// Unchanged are the projects whose plans are empty.
	Unchanged []Row
	// Failures and Groups tell about the rows in detail, the greatest risk first.
	Failures []Failure
	Groups   []Group
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
}

// Span is a piece of a sentence.
type Span struct {
	Text string
	Bold bool
}

// Status says how far the plans of a pull are.
type Status string

// The statuses.
const (
	StatusUnknown  Status = "unknown"  // it is not yet known what head affects
	StatusTrouble  Status = "trouble"  // it cannot be known, or may not be planned
	StatusPlanning Status = "planning" // some plans are not made yet
	StatusFailed   Status = "failed"   // at least one plan failed or was refused
	StatusChanges  Status = "changes"  // all are made, some have changes
	StatusNothing  Status = "nothing"  // no project is affected, or no plan has changes
)

// Tally counts projects by state.
type Tally struct {
	Affected  int // all but deleted ones
	Changing  int
	Unchanged int
	Failed    int // refused ones too
	Queued    int
	Planning  int
	Deleted   int
}

// Row is one project.
type Row struct {
	Record workflow.ProjectRecord
	Plan   *workflow.Plan // nil while there is none
	State  workflow.ProjectState
	Counts workflow.Counts
	// WaitsFor is what must happen before this project moves on, sentences. Empty: nothing.
	WaitsFor []string
	RunURL   string
}

// Name is the project's name.
func (r Row) Name() string { return r.Record.Project.Name }

// Group is projects with the same changes.
type Group struct {
	Rows    []Row
	Changes []workflow.Change // in the order of risk
	Counts  workflow.Counts
	Drift   []workflow.Change
	Checks  []string
}

// Failure is projects that failed in the same way.
type Failure struct {
	Rows        []Row
	Word        string // "plan failed", "plan timed out", "refused", ...
	Reason      string
	Diagnostics []workflow.Diagnostic
}

// Told reports that the diagnostics say what the reason says.
func (f Failure) Told() bool {
	for _, d := range f.Diagnostics {
		if d.Summary != "" && strings.Contains(f.Reason, d.Summary) {
			return true
		}
	}
	return false
}

// Said is a sentence with the projects it is about; none: the whole pull.
type Said struct {
	Text     string
	Projects []string
}

// Command is something a person may write next.
type Command struct {
	Why, Text string
}

// Read makes the model of a pull.
func Read(v workflow.PullView, l Links) Model {
	m := Model{Notes: say(nil, v.Notes)}
	for _, p := range v.Projects {
		m.add(RowOf(v, p, l))
	}
	m.Status = statusOf(v, m.Tally)
	slices.SortStableFunc(m.Rows, byRisk)
	slices.SortStableFunc(m.Unchanged, func(a, b Row) int { return cmp.Compare(a.Name(), b.Name()) })
	m.Failures = failuresOf(m.Rows)
	m.Groups = groupsOf(m.Rows)
	for _, r := range slices.Concat(m.Rows, m.Unchanged) {
		m.remark(r)
	}
	m.Verdict = verdict(v, m)
	m.Title = titleOf(v, m)
	m.Commands = commandsFor(v, m, l)
	return m
}

// RowOf is one project of a pull.
func RowOf(v workflow.PullView, p workflow.ProjectRecord, l Links) Row {
	r := Row{Record: p, Plan: v.PlanOf(p), State: p.State()}
	if r.Plan != nil {
		r.Counts = r.Plan.Counts
	} else if p.Run != nil {
		r.Counts = p.Run.Counts
	}
	if p.Run != nil {
		r.RunURL = l.Run(p.Run.ID)
	}
	r.WaitsFor = waitsFor(p, r)
	return r
}

// waitsFor says what a project waits for, as far as that is so in its state.
func waitsFor(p workflow.ProjectRecord, r Row) []string {
	switch r.State {
	case workflow.StateQueued:
		if p.Run != nil && p.Run.Waiting != "" {
			return []string{p.Run.Waiting}
		}
		return []string{"a free worker"}
	case workflow.StatePlanning:
		if p.Run != nil && p.Run.Interrupt != "" {
			return []string{"its plan to stop: " + p.Run.Interrupt}
		}
		return []string{"its plan"}
	case workflow.StatePlanFailed:
		return []string{"a plan that succeeds"}
	case workflow.StateRefused:
		return []string{"a mend: " + p.Project.Refused}
	case workflow.StatePlanned:
		if len(p.Upstream) > 0 {
			return []string{fmt.Sprintf("%s, which changes too: this plan is provisional", list(ticked(p.Upstream)))}
		}
	}
	return nil
}

func ticked(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = "`" + strings.ReplaceAll(n, "`", "'") + "`"
	}
	return out
}

func (m *Model) add(r Row) {
	if r.State == workflow.StateDeleted {
		m.Tally.Deleted++
		m.Rows = append(m.Rows, r)
		return
	}
	m.Tally.Affected++
	switch r.State {
	case workflow.StateNoChanges:
		m.Tally.Unchanged++
		m.Unchanged = append(m.Unchanged, r)
		return
	case workflow.StatePlanned:
		m.Tally.Changing++
		m.Counts = m.Counts.Plus(r.Counts)
	case workflow.StatePlanning:
		m.Tally.Planning++
	case workflow.StateQueued:
		m.Tally.Queued++
	default:
		m.Tally.Failed++
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
	case t.Changing > 0:
		return StatusChanges
	}
	return StatusNothing
}

// rank orders the rows: what needs a person's eyes comes first.
func rank(r Row) int {
	switch {
	case r.State == workflow.StatePlanFailed || r.State == workflow.StateRefused:
		return 0
	case r.State == workflow.StatePlanned && r.Counts.Destroy > 0:
		return 1
	case r.State == workflow.StatePlanned && r.Counts.Replace > 0:
		return 2
	case r.State == workflow.StatePlanned:
		return 3
	case r.State == workflow.StatePlanning:
		return 4
	case r.State == workflow.StateQueued:
		return 5
	}
	return 6
}

func byRisk(a, b Row) int {
	return cmp.Or(
		cmp.Compare(rank(a), rank(b)),
		cmp.Compare(b.Counts.Destroy, a.Counts.Destroy),
		cmp.Compare(b.Counts.Replace, a.Counts.Replace),
		cmp.Compare(b.Counts.Change, a.Counts.Change),
		cmp.Compare(b.Counts.Add, a.Counts.Add),
		cmp.Compare(a.Name(), b.Name()),
	)
}

// actionOrder is the order in which actions are listed: the greatest risk first.
var actionOrder = []workflow.Action{workflow.ActionDelete, workflow.ActionReplace, workflow.ActionUpdate, workflow.ActionCreate,
	workflow.ActionImport, workflow.ActionMove, workflow.ActionForget, workflow.ActionInvoke, workflow.ActionRead, workflow.ActionNoOp}

// changeRank orders the changes of a plan; resources come before outputs and invocations.
func changeRank(c workflow.Change) int {
	rank := slices.Index(actionOrder, c.Action)
	switch c.Mode {
	case "action":
		return rank + 100
	case "output":
		return rank + 200
	}
	return rank
}

// ByRisk returns changes in the order in which they are read: what destroys first.
func ByRisk(changes []workflow.Change) []workflow.Change {
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b workflow.Change) int { return cmp.Compare(changeRank(a), changeRank(b)) })
	return changes
}

func groupsOf(rows []Row) []Group {
	var groups []Group
	byHash := map[string]int{}
	for _, r := range rows {
		if r.State != workflow.StatePlanned || r.Plan == nil {
			continue
		}
		if i, ok := byHash[r.Plan.ChangesHash]; ok && r.Plan.ChangesHash != "" {
			groups[i].Rows = append(groups[i].Rows, r)
			continue
		}
		byHash[r.Plan.ChangesHash] = len(groups)
		groups = append(groups, Group{Rows: []Row{r}, Changes: ByRisk(r.Plan.Changes), Counts: r.Counts, Drift: r.Plan.Drift, Checks: r.Plan.Checks})
	}
	return groups
}

func failuresOf(rows []Row) []Failure {
	var out []Failure
	byText := map[string]int{}
	for _, r := range rows {
		var f Failure
		switch run := r.Record.Run; {
		case r.State == workflow.StateRefused:
			f = Failure{Word: "refused", Reason: r.Record.Project.Refused}
		case r.State == workflow.StatePlanFailed && run != nil:
			f = Failure{Word: failureWord(run.Outcome), Reason: run.Reason, Diagnostics: run.Diagnostics}
		default:
			continue
		}
		key := failureKey(f, r.Record.Project.Dir)
		if i, ok := byText[key]; ok {
			out[i].Rows = append(out[i].Rows, r)
			continue
		}
		byText[key] = len(out)
		f.Rows = []Row{r}
		out = append(out, f)
	}
	return out
}

// failureKey is the same for failures that differ only in the project's directory.
func failureKey(f Failure, dir string) string {
	var b strings.Builder
	b.WriteString(f.Word + "\x00" + f.Reason)
	for _, d := range f.Diagnostics {
		d.Position.File = strings.TrimPrefix(d.Position.File, dir+"/")
		fmt.Fprintf(&b, "\x00%+v", d)
	}
	return b.String()
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
	p, name := r.Record.Project, r.Name()
	if p.HeadEnvironment != "" && r.State != workflow.StateDeleted {
		holds := "no environment"
		if p.Environment != "" {
			holds = "`" + p.Environment + "`"
		}
		m.Notes = addSaid(m.Notes, fmt.Sprintf("The change labels it `%s`; %s holds, for the base branch decides that.", p.HeadEnvironment, holds), name)
	}
	if r.State == workflow.StateDeleted {
		for _, reason := range r.Record.Reasons {
			m.Notes = addSaid(m.Notes, reason, name)
		}
	}
	if run := r.Record.Run; run != nil && !run.Options.Zero() {
		m.Notes = addSaid(m.Notes, fmt.Sprintf("Planned with `%s`.", OptionsText(run.Options)), name)
	}
	if r.Plan == nil {
		return
	}
	for _, h := range r.Plan.Hidden {
		m.Hidden = addSaid(m.Hidden, h.Text, name)
	}
	for _, w := range r.Plan.Warnings {
		m.Warnings = addSaid(m.Warnings, w.Summary, name)
	}
	for _, n := range r.Plan.Notes {
		m.Notes = addSaid(m.Notes, n, name)
	}
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

func commandsFor(v workflow.PullView, m Model, l Links) []Command {
	if v.Pull.Number == 0 {
		return nil
	}
	var failed []string
	for _, f := range m.Failures {
		if f.Word == "refused" {
			continue
		}
		for _, r := range f.Rows {
			failed = append(failed, r.Name())
		}
	}
	again := Command{Why: "to plan again", Text: l.command("plan")}
	switch {
	case m.Status == StatusUnknown:
		return nil
	case m.Status == StatusTrouble:
		if v.Trouble.Kind != workflow.TroubleFailed || strings.Contains(strings.Join(v.Trouble.Sentences, " "), "`"+again.Text+"`") {
			return nil // a push mends it, or the sentences say who can
		}
		return []Command{again}
	case m.Status == StatusPlanning:
		return []Command{{Why: "to see what each project waits for", Text: l.command("status")}}
	case len(failed) == 1:
		return []Command{{Why: "to plan the failed project again", Text: l.command("plan -p " + Quote(failed[0]))}}
	case len(failed) > 1 && len(failed) <= 5:
		words := make([]string, len(failed))
		for i, n := range failed {
			words[i] = "-p " + Quote(n)
		}
		return []Command{{Why: "to plan the failed projects again", Text: l.command("plan " + strings.Join(words, " "))}}
	case m.Tally.Affected > 0:
		return []Command{again}
	}
	return nil
}

// OptionsText is the plan mode as a command takes it, "" for a plain plan.
func OptionsText(o workflow.PlanOptions) string {
	var parts []string
	for _, t := range o.Targets {
		parts = append(parts, "--target "+Quote(t))
	}
	for _, r := range o.Replaces {
		parts = append(parts, "--replace "+Quote(r))
	}
	if o.Destroy {
		parts = append(parts, "--destroy")
	}
	if o.RefreshOnly {
		parts = append(parts, "--refresh-only")
	}
	return strings.Join(parts, " ")
}

// Quote is a word as a command takes it: in double quotes where it needs them.
func Quote(word string) string {
	word = cleanLine(word)
	plain := word != ""
	for _, r := range word {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-@:+,=", r) {
			plain = false
		}
	}
	if plain {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}
