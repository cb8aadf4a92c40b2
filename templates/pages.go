package templates

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	terminal "github.com/buildkite/terminal-to-html/v3"

	"github.com/cardea-iac/cardea/workflow"
)

// Static holds what the pages load: static/style.css, static/live.js, static/icon.svg.
//
//go:embed static
var Static embed.FS

//go:embed html
var htmlFiles embed.FS

// pages are parsed when one is first asked for: every runner is a process of this
// program too, and pays for what is made at its start.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"parts": sentenceParts, "place": Place, "clean": Clean, "mark": markClass, "short": short, "number": Number, "fingerprint": shortFingerprint,
		"unnamed": unnamed, "repoPath": RepoPath, "runPath": RunPath, "projectPath": ProjectPath, "runClass": runClass, "runWord": runWord, "took": Took, "sentence": sentence,
		"fit": fitDiagnostics, "few": few, "left": left,
	}).ParseFS(htmlFiles, "html/*.html"))
})

// Head is what all pages have.
type Head struct {
	Title  string
	Crumbs []Crumb
	JSON   string // the path of the same as JSON, "" without
	Live   bool   // it changes soon: the page reads itself again
}

// Crumb is one step of the way to a page.
type Crumb struct{ Text, URL string }

// IndexPage is the page of all repositories.
type IndexPage struct {
	Head  Head
	Repos []RepoPulls
}

// RepoPulls is a repository with its open pulls.
type RepoPulls struct {
	Repo  workflow.Repo
	Pulls []PullLine
}

// PullLine is a pull in a list.
type PullLine struct {
	Pull  workflow.Pull
	Model Model
	URL   string
}

// RepoPage is the page of one repository.
type RepoPage struct {
	Head   Head
	Repo   workflow.Repo
	Pulls  []PullLine
	Matrix Matrix
	Holds  []Hold // all locks of the repository
	Events []workflow.Event
}

// PullURL is the path of a pull of the same repository.
func (p RepoPage) PullURL(number int) string {
	return PullPath(workflow.Pull{Repo: p.Repo, Number: number})
}

// PullPage is the page of a pull.
type PullPage struct {
	Head     Head
	View     workflow.PullView
	Model    Model
	Rows     []Row // all of them, those without changes last
	Groups   []ShownGroup
	Checks   []CheckLine
	Events   []workflow.Event
	BaseSHA  string // of which the plans are
	When     string // when and with what they were made
	ForgeURL string
}

// PullURL is the path of a pull of the same repository.
func (p PullPage) PullURL(number int) string {
	return PullPath(workflow.Pull{Repo: p.View.Pull.Repo, Number: number})
}

// ShownGroup is a group with the changes that the page shows.
type ShownGroup struct {
	Group
	Shown   []ShownChange
	Total   int
	More    int // how many are not shown
	MoreURL string
}

// ShownChange is one change as a page shows it.
type ShownChange struct {
	Word, Class, Address string
	Say                  string // what happens to it, in a few words
	Lines                []DiffLine
	Open                 bool
}

// CheckLine is a check run in a word.
type CheckLine struct{ Name, Word, Class string }

// ProjectPage is the history of a project.
type ProjectPage struct {
	Head     Head
	Repo     workflow.Repo
	Name     string
	Lock     *Hold  // nil: nobody holds it
	Says     string // what is special about it now, a sentence: its last apply was never merged
	Runs     []workflow.Run
	OlderURL string
}

// PullURL is the path of a pull of the same repository.
func (p ProjectPage) PullURL(number int) string {
	return PullPath(workflow.Pull{Repo: p.Repo, Number: number})
}

// RunPage is the page of one run.
type RunPage struct {
	Head                 Head
	Run                  workflow.Run
	Plan                 *workflow.Plan
	Options, Tool        string
	Apply                *ApplyPart // of an apply; nil for other runs
	PullURL              string
	Steps                []Step
	Failed               bool
	Reason               string
	Filters              []Filter
	Changes              []ShownChange
	EarlierURL, LaterURL string
	Later                int
	Log                  template.HTML // of [LogHTML]
	LogCut               bool
}

// ApplyPart is what a run's page says of an apply.
type ApplyPart struct {
	Order   *workflow.ApplyOrder
	PlanURL string
	Part    string // how much of it was carried out, a sentence, "" where that is not known
	Alarm   *Alarm
	Facts   []Fact // of the authorisation: what was confirmed before it started
}

// Fact is one line of a table.
type Fact struct {
	Name, Value string // the value is for [Prose]
}

// Step is one point in a run's life.
type Step struct {
	Word, Class, After string
	At                 time.Time
}

// Filter narrows the changes to one action.
type Filter struct {
	Word, URL string
	Count     int
	Current   bool
}

// MessagePage says one thing: that there is no such page, for example.
type MessagePage struct {
	Head Head
	Text string
}

// WriteIndex, WriteRepo, WritePull, WriteProject, WriteRun and WriteMessage write
// a page as HTML. Nothing is written when a template fails.
func WriteIndex(w io.Writer, p IndexPage) error { return write(w, "index.html", p) }

// WriteRepo writes the page of a repository.
func WriteRepo(w io.Writer, p RepoPage) error { return write(w, "repo.html", p) }

// WritePull writes the page of a pull.
func WritePull(w io.Writer, p PullPage) error { return write(w, "pull.html", p) }

// WriteProject writes the history of a project.
func WriteProject(w io.Writer, p ProjectPage) error { return write(w, "project.html", p) }

// WriteRun writes the page of a run.
func WriteRun(w io.Writer, p RunPage) error { return write(w, "run.html", p) }

// WriteMessage writes a page with one message.
func WriteMessage(w io.Writer, p MessagePage) error { return write(w, "message.html", p) }

func write(w io.Writer, name string, page any) error {
	var b bytes.Buffer
	if err := pages().ExecuteTemplate(&b, name, page); err != nil {
		return fmt.Errorf("rendering %s: %w", name, err)
	}
	// Names and titles stand in pages as they are; the characters in them that
	// nobody sees are made visible here, one by one, which cannot touch the markup.
	_, err := io.WriteString(w, visible(b.String()))
	return err
}

// unnamed reports an event whose text does not name its project.
func unnamed(e workflow.Event) bool {
	return e.Project != "" && !strings.Contains(e.Text, "`"+e.Project+"`")
}

func markClass(l DiffLine) string {
	switch l.Mark {
	case '+':
		return "a"
	case '-':
		return "r"
	case '!':
		return "c"
	case '#':
		return "k"
	}
	return "s"
}

func shortFingerprint(f string) string { return workflow.Plan{Fingerprint: f}.ShortFingerprint() }

// ActionWord is what happens to a change's address, in a word.
func ActionWord(c workflow.Change) string {
	switch {
	case c.Mode == "output":
		return "output"
	case c.Action == workflow.ActionDelete:
		return "destroy"
	case c.Imported && c.Action != workflow.ActionImport:
		return "import, " + string(c.Action)
	}
	return string(c.Action)
}

// Took is how long a run took, or how long it has been queued so far as it is known.
func Took(r workflow.Run) string {
	if r.Started.IsZero() || r.Finished.IsZero() {
		return ""
	}
	return Duration(r.Finished.Sub(r.Started))
}

// Duration prints a span of time for people: "0.4 s", "12 s", "3 min 4 s", "2 h 5 min".
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 10*time.Second:
		return strings.Replace(fmt.Sprintf("%.1f s", d.Seconds()), ".0 ", " ", 1)
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

func runWord(r workflow.Run) string {
	switch {
	case r.State != workflow.RunFinished:
		return string(r.State)
	case r.Kind == workflow.RunApply && r.Apply != nil && r.Apply.ErroredState != "":
		return "state kept"
	case r.Kind == workflow.RunApply && r.Outcome == workflow.OutcomeSucceeded:
		return "applied"
	case r.Kind == workflow.RunVerify && r.Outcome == workflow.OutcomeSucceeded && r.NoChanges:
		return "converged"
	case r.Kind == workflow.RunVerify && r.Outcome == workflow.OutcomeSucceeded:
		return "changes left"
	case r.Outcome == workflow.OutcomeSucceeded && r.NoChanges:
		return "no changes"
	case r.Outcome == workflow.OutcomeSucceeded:
		return "planned"
	}
	return strings.ReplaceAll(string(r.Outcome), "_", " ")
}

func runClass(r workflow.Run) string {
	switch {
	case r.State != workflow.RunFinished:
		return string(r.State)
	case r.Kind == workflow.RunApply && (r.Outcome == workflow.OutcomeUnknown || r.Apply != nil && r.Apply.ErroredState != ""):
		return "failed"
	case r.Kind == workflow.RunApply && r.Outcome == workflow.OutcomeSucceeded:
		return "applied"
	case r.Outcome == workflow.OutcomeSucceeded && r.NoChanges:
		return "no_changes"
	case r.Outcome == workflow.OutcomeSucceeded:
		return "planned"
	case r.Outcome == workflow.OutcomeFailed || r.Outcome == workflow.OutcomeTimedOut || r.Outcome == workflow.OutcomeLost:
		return "failed"
	}
	return "stopped"
}

// terminalStrings are sequences with text in them (links, images, titles): a log has no business with any.
var terminalStrings = regexp.MustCompile("(?s)\x1b[\\]P^_X].*?(?:\x07|\x1b\\\\|$)")

// lineControls move the cursor up or left across lines, with which a log could paint over itself.
var lineControls = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[A-LN-Za-ln-z@^`{-~]")

// LogHTML is a log with its colours as classes. Only colours are taken from it:
// what moves the cursor, links or hides is left out, and what cannot be seen is shown by its number.
func LogHTML(log []byte) template.HTML {
	log = terminalStrings.ReplaceAll(log, nil)
	log = lineControls.ReplaceAll(log, nil)
	var b strings.Builder
	for i, part := range strings.Split(string(log), "\x1b[") {
		if i > 0 {
			b.WriteString("\x1b[")
		}
		b.WriteString(Clean(part))
	}
	return template.HTML(terminal.Render([]byte(b.String()))) //nolint:gosec // its text is escaped, and only colours reach it
}
