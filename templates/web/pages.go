package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/diff"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// Static holds what the pages load: style, scripts and icons.
//
//go:embed static
var Static embed.FS

//go:embed html
var htmlFiles embed.FS

// pages are parsed when one is first asked for: every runner is a process of this program
// too, and would pay for whatever is done at start.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"pieces": pieces, "place": model.Place, "clean": markdown.Clean, "mark": markClass, "line": lineText, "short": phrase.Short,
		"number": markdown.Number, "fingerprint": workflow.ShortFingerprint,
		"unnamed": unnamed, "repoPath": model.RepoPath, "runPath": model.RunPath, "projectPath": model.ProjectPath,
		"runClass": runClass, "subject": SubjectOf, "runWord": runWord, "took": model.Took, "sentence": phrase.Sentence,
		"fit": fitDiagnostics, "few": few, "left": left, "leftOf": leftOf, "tell": tell,
		"loss": lossText, "cut": markdown.Cut, "progress": progressOf, "effects": effects, "toolName": phrase.ToolName, "sentences": sentences,
	}).ParseFS(htmlFiles, "html/*.html"))
})

// Head is what all pages have.
type Head struct {
	Title  string
	Crumbs []Crumb
	JSON   string // the path of the page as JSON, "" if there is none
	Live   bool   // something on it goes on: it is asked for again every two seconds, else every five
	state  sign
	waits  int // how many of its subjects wait for somebody
}

// Crumb is one step of the way to a page.
type Crumb struct{ Text, URL string }

// IndexPage is the page of all repositories.
type IndexPage struct {
	Head     Head
	Problems []model.Said // why nothing works, or not everything
	More     int          // how many are not shown
	Repos    []RepoPulls
}

// RepoPulls is a repository with its open pulls.
type RepoPulls struct {
	Repo  workflow.Repo
	Pulls []PullLine
}

// PullLine is a pull in a list.
type PullLine struct {
	Pull  workflow.Pull
	Model model.Model
	URL   string
}

// RepoPage is the page of one repository.
type RepoPage struct {
	Head   Head
	Repo   workflow.Repo
	Pulls  []PullLine
	Matrix Matrix
	Holds  []model.Hold // all locks of the repository
	Acts   []model.Act
}

// PullURL is the path of another pull of the same repository.
func (p RepoPage) PullURL(number int) string {
	return model.PullPath(workflow.Pull{Repo: p.Repo, Number: number})
}

// PullPage is the page of a pull.
type PullPage struct {
	Head     Head
	View     workflow.PullView
	Model    model.Model
	Rows     []model.Row // all of them, those without changes last
	Groups   []ShownGroup
	Checks   []CheckLine
	Acts     []model.Act
	BaseSHA  string // on which the plans are made
	When     string // when and with what they were made
	ForgeURL string
	Source   string // where the head's files are on GitHub, of [SourceURL]
}

// PullURL is the path of another pull of the same repository.
func (p PullPage) PullURL(number int) string {
	return model.PullPath(workflow.Pull{Repo: p.View.Pull.Repo, Number: number})
}

// ShownGroup is a group with the changes that the page shows.
type ShownGroup struct {
	model.Group
	Shown   []ShownChange
	More    int // how many are not shown
	MoreURL string
}

// ShownChange is one change as a page shows it.
type ShownChange struct {
	Word, Class, Address string
	Say                  string // what happens to it, in a few words
	Lines                []diff.Line
	Open                 bool
	risky                bool // it takes away what exists
}

// CheckLine is a check run in a word.
type CheckLine struct{ Name, Word, Class string }

// ProjectPage is the history of a project.
type ProjectPage struct {
	Head     Head
	Repo     workflow.Repo
	Name     string
	Lock     *model.Hold // nil: nobody holds it
	Says     string      // what is special about it now, a sentence: its last apply was never merged
	Runs     []workflow.Run
	OlderURL string
}

// PullURL is the path of another pull of the same repository.
func (p ProjectPage) PullURL(number int) string {
	return model.PullPath(workflow.Pull{Repo: p.Repo, Number: number})
}

// RunPage is the page of a run.
type RunPage struct {
	Head                 Head
	Run                  workflow.Run
	Plan                 *workflow.Plan
	Options, Tool        string
	Apply                *ApplyPart // of an apply; nil for other runs
	For                  subjectLink
	Steps                []Step
	Failed               bool
	Reason               string
	Filters              []Filter
	Changes              []ShownChange
	EarlierURL, LaterURL string
	Later                int
	Source               string              // see [PullPage]
	Progress             []workflow.Progress // as they stand
	Log                  *Log                // nil: there is none
}

// ApplyPart is what a run's page says of an apply.
type ApplyPart struct {
	Missing []model.Said // what the gate lacked
	PlanURL string
	Part    string // how much of it was carried out, a sentence, "" where that is not known
	Alarm   *model.Alarm
	Facts   []fact // of the authorisation: what was confirmed before it started
}

// subjectLink is what a run is for, in words of ours, and where it is shown, "" for nowhere.
type subjectLink struct{ Words, URL string }

// SubjectOf is what a run is for.
func SubjectOf(r workflow.Run) subjectLink {
	s := r.Subject()
	return subjectLink{s.Words(), model.SubjectPath(r.Repo, s)}
}

// fact is one line of a table.
type fact struct {
	Name, Value string // the value is a sentence of ours
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
func WriteIndex(w io.Writer, p IndexPage) error {
	var all []PullLine
	for _, r := range p.Repos {
		all = append(all, r.Pulls...)
	}
	p.Head.state, p.Head.waits = signOfPulls(all)
	return write(w, "index.html", p)
}

// WriteRepo writes the page of a repository.
func WriteRepo(w io.Writer, p RepoPage) error {
	p.Head.state, p.Head.waits = signOfPulls(p.Pulls)
	return write(w, "repo.html", p)
}

// WritePull writes the page of a pull.
func WritePull(w io.Writer, p PullPage) error {
	p.Head.state, p.Head.waits = signOfStatus(p.Model.Status), waiting(p.Rows)
	return write(w, "pull.html", p)
}

// WriteProject writes the history of a project.
func WriteProject(w io.Writer, p ProjectPage) error {
	if len(p.Runs) > 0 {
		p.Head.state = signOfRun(p.Runs[0])
	}
	return write(w, "project.html", p)
}

// WriteRun writes the page of a run.
func WriteRun(w io.Writer, p RunPage) error {
	p.Head.state = signOfRun(p.Run)
	return write(w, "run.html", p)
}

// WriteMessage writes a page with one message.
func WriteMessage(w io.Writer, p MessagePage) error { return write(w, "message.html", p) }

func write(w io.Writer, name string, page any) error {
	var b bytes.Buffer
	if err := pages().ExecuteTemplate(&b, name, page); err != nil {
		return fmt.Errorf("rendering %s: %w", name, err)
	}
	// Names and titles stand in pages as they are. Characters in them that cannot be seen are
	// made visible here, one by one, which cannot affect the markup.
	_, err := io.WriteString(w, markdown.Visible(b.String()))
	return err
}

// unnamed reports an event whose text does not name its project.
func unnamed(e model.Event) bool {
	return e.Project != "" && !strings.Contains(e.Said, "`"+e.Project+"`")
}
