// Package page serves the read-only pages, as HTML for people and, with .json
// added to the path, as JSON for programs.
//
// A page reads the service and the run logs and changes nothing. What it says is made by
// package templates from the same model as comments and checks, so they never differ. A page
// asks for itself again, every two seconds while something on it goes on, else every five. Its
// ETag is of what the page is made from, so this costs nothing while nothing happens. A page has a
// budget of bytes, and one of a pull is rendered once at a time.
//
// Who may see the pages is decided before this handler (pages.access).
package page

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/app/preflight"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/templates/web"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// Config is what the pages need.
type Config struct {
	Service *service.Service
	// Logs opens a run's log; fs.ErrNotExist (wrapped) when there is none.
	Logs func(runID string) (io.ReadSeekCloser, error)
	// Progress is what a run has told of what it does; fs.ErrNotExist (wrapped) when it told nothing.
	Progress func(runID string) ([]workflow.Progress, error)
	// Checks says what cardea/plan and cardea/apply say of a head, from the records of
	// all open pulls with that head.
	Checks func(pulls []workflow.PullRecord) (plan, apply Check)
	// Order is how the server's rules for a repository order an environment, false where they do
	// not know it; nil: they know none.
	Order func(repo workflow.Repo, environment string) (int, bool)
	// Findings says what is wrong with the App and what is not, the worst first; nil: nothing is known.
	Findings func() []preflight.Finding
	// WebURL is GitHub's address for links to pulls, "" for none.
	WebURL string
	Prefix string // of commands, "" means cardea
	Log    *slog.Logger
}

// Check is where a check run stands: its status, and its conclusion once that is completed.
type Check struct {
	Status     string `json:"status"`
	Conclusion string `json:"conclusion"`
}

// Policy is the Content-Security-Policy of every page: nothing but what we serve
// ourselves, no inline script or style, no frames, no forms.
const Policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// New returns the handler of all pages.
func New(cfg Config) http.Handler {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &server{Config: cfg, links: model.Links{Fingerprints: true, Prefix: cfg.Prefix},
		renders: newRenders(), born: birth()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.serve(s.index))
	mux.HandleFunc("GET /{owner}/{repo}", s.serve(s.repo))
	mux.HandleFunc("GET /{owner}/{repo}/pull/{number}", s.versioned(s.pullState, s.pull))
	mux.HandleFunc("GET /{owner}/{repo}/project/{name...}", s.serve(s.project))
	mux.HandleFunc("GET /{owner}/{repo}/history.jsonl", s.history)
	mux.HandleFunc("GET /runs/{id}", s.versioned(s.runState, s.run))
	mux.HandleFunc("GET /runs/{id}/log", s.runLog)
	mux.Handle("GET /static/{file}", http.FileServerFS(web.Static))
	mux.HandleFunc("/", s.serve(func(context.Context, *http.Request) (page, error) { return page{}, errNotFound }))
	return headers(mux)
}

type server struct {
	Config
	links   model.Links
	renders *renders
	born    string
}

// page is what a path shows, in both forms.
type page struct {
	html func(io.Writer) error
	json any
}

// headers sets the headers that every answer has, and takes .json off the path: the routes
// see one path for both forms.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", Policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "private, no-cache")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "pages are read-only", http.StatusMethodNotAllowed)
			return
		}
		if trimmed, ok := strings.CutSuffix(r.URL.EscapedPath(), ".json"); ok {
			r = r.Clone(context.WithValue(r.Context(), jsonKey{}, true))
			r.URL.RawPath = trimmed
			r.URL.Path = strings.TrimSuffix(r.URL.Path, ".json")
		}
		next.ServeHTTP(newSending(w), r)
	})
}

// jsonKey marks a request whose path ended in .json.
type jsonKey struct{}

func wantsJSON(r *http.Request) bool { return r.Context().Value(jsonKey{}) != nil }

var errNotFound = fmt.Errorf("no such page: %w", workflow.ErrNotFound)

// serve answers with what look found, in the form that was asked for.
func (s *server) serve(look func(context.Context, *http.Request) (page, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.send(w, r, s.draw(r, look)) }
}

// answer is a page as it is sent.
type answer struct {
	status int
	kind   string
	body   []byte
	tag    string // "": the body's hash
}

// draw makes the answer of what look finds.
func (s *server) draw(r *http.Request, look func(context.Context, *http.Request) (page, error)) answer {
	p, err := look(r.Context(), r)
	status := http.StatusOK
	if err != nil {
		status, p = s.fault(r, err)
	}
	var body bytes.Buffer
	kind := "text/html; charset=utf-8"
	if wantsJSON(r) {
		kind = "application/json; charset=utf-8"
		enc := json.NewEncoder(&body)
		enc.SetIndent("", "  ")
		err = enc.Encode(p.json)
	} else {
		err = p.html(&body)
	}
	if err != nil {
		s.Log.ErrorContext(r.Context(), "writing a page", "path", r.URL.Path, "error", err)
		return answer{status: http.StatusInternalServerError, kind: "text/plain; charset=utf-8",
			body: []byte("this page could not be created\n")}
	}
	return answer{status: status, kind: kind, body: body.Bytes()}
}

func (s *server) send(w http.ResponseWriter, r *http.Request, a answer) {
	w.Header().Set("Content-Type", a.kind)
	if a.status == http.StatusOK {
		if a.tag == "" {
			sum := sha256.Sum256(a.body)
			a.tag = `"` + hex.EncodeToString(sum[:12]) + `"`
		}
		w.Header().Set("ETag", a.tag)
		if r.Header.Get("If-None-Match") == a.tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.WriteHeader(a.status)
	if r.Method == http.MethodHead {
		return
	}
	if _, err := w.Write(a.body); err != nil {
		s.Log.DebugContext(r.Context(), "sending a page", "path", r.URL.Path, "error", err)
	}
}

// fault turns an error into a page. Only "not found" is told apart; any other error is ours,
// and its reason stays in the log.
func (s *server) fault(r *http.Request, err error) (int, page) {
	status, title, text := http.StatusNotFound, "Not found",
		"This page does not exist, or Cardea knows nothing about its subject yet. It may have another name, or no event about it has arrived."
	if !errors.Is(err, workflow.ErrNotFound) && !errors.Is(err, fs.ErrNotExist) {
		s.Log.ErrorContext(r.Context(), "making a page", "path", r.URL.Path, "error", err)
		status, title, text = http.StatusInternalServerError, "Something went wrong",
			"The page could not be created. The server's log says why; trying again may help."
	}
	p := web.MessagePage{Head: web.Head{Title: title}, Text: text}
	return status, page{
		html: func(w io.Writer) error { return web.WriteMessage(w, p) },
		json: map[string]string{"error": strings.ToLower(title)},
	}
}

func (s *server) index(ctx context.Context, _ *http.Request) (page, error) {
	repos, err := s.Service.Repos(ctx)
	if err != nil {
		return page{}, err
	}
	open, err := s.Service.OpenPulls(ctx, 0)
	if err != nil {
		return page{}, err
	}
	by := map[int64][]workflow.PullRecord{}
	for _, rec := range open {
		by[rec.Pull.Repo.ID] = append(by[rec.Pull.Repo.ID], rec)
	}
	p := web.IndexPage{Head: web.Head{Title: "Repositories", JSON: "/.json"}}
	out := indexJSON{Problems: []preflight.Finding{}, Repositories: []repoJSON{}}
	if s.Findings != nil {
		out.Problems = append(out.Problems, problems(s.Findings())...)
	}
	p.Problems, p.More = alarms(out.Problems)
	for _, r := range repos {
		p.Repos = append(p.Repos, web.RepoPulls{Repo: r.Repo, Pulls: s.lines(by[r.Repo.ID])})
		out.Repositories = append(out.Repositories, repoJSONOf(r.Repo, by[r.Repo.ID]))
	}
	return page{func(w io.Writer) error { return web.WriteIndex(w, p) }, out}, nil
}

// problems are the findings that are errors or warnings.
func problems(all []preflight.Finding) []preflight.Finding {
	return slices.DeleteFunc(all, func(f preflight.Finding) bool { return f.Level == preflight.OK })
}

// alarms are the errors, which the page shows while they stand, and how many more of them there are.
func alarms(found []preflight.Finding) (out []model.Said, more int) {
	for _, f := range found {
		switch {
		case f.Level != preflight.Error:
		case len(out) < problemsShown:
			out = append(out, model.Said{Text: f.Found, Mend: f.Fix})
		default:
			more++
		}
	}
	return out, more
}

// lines are pulls in a list. Their records suffice; plans are not read.
func (s *server) lines(records []workflow.PullRecord) []web.PullLine {
	lines := make([]web.PullLine, len(records))
	for i, rec := range records {
		lines[i] = web.PullLine{Pull: rec.Pull, Model: model.Read(workflow.PullView{PullRecord: rec}, s.links),
			URL: model.PullPath(rec.Pull)}
	}
	return lines
}

const (
	problemsShown = 10 // on the page of all repositories

	eventsShown  = 150 // of the history on a page
	runsShown    = 50  // of a project on a page
	pullRuns     = 500 // of a pull that its JSON tells
	changesOpen  = 600 // of all plans together on a pull's page, at least leastOpen of each
	leastOpen    = 10
	leastPart    = 2 << 10 // bytes of a page below which a plan's changes are only counted
	changesShown = 500     // of a plan on a run's page
)

func (s *server) repo(ctx context.Context, r *http.Request) (page, error) {
	rec, err := s.repoOf(ctx, r)
	if err != nil {
		return page{}, err
	}
	open, err := s.Service.OpenPulls(ctx, rec.ID)
	if err != nil {
		return page{}, err
	}
	events, err := s.Service.Events(ctx, workflow.OfRepo(rec.ID), 0, eventsShown)
	if err != nil {
		return page{}, err
	}
	locks, err := s.Service.Locks(ctx, rec.ID)
	if err != nil {
		return page{}, err
	}
	lines := s.lines(open)
	var order func(string) (int, bool)
	if s.Order != nil {
		order = func(environment string) (int, bool) { return s.Order(rec, environment) }
	}
	p := web.RepoPage{Head: web.Head{Title: rec.FullName(), Crumbs: []web.Crumb{{Text: rec.FullName()}},
		JSON: model.RepoPath(rec) + ".json"},
		Repo: rec, Pulls: lines, Matrix: web.MatrixOf(lines, order), Holds: model.HoldsOf(locks),
		Acts: model.ActsOfRepo(events, s.links)}
	return page{func(w io.Writer) error { return web.WriteRepo(w, p) }, repoJSONOf(rec, open)}, nil
}

func (s *server) repoOf(ctx context.Context, r *http.Request) (workflow.Repo, error) {
	rec, err := s.Service.RepoByName(ctx, r.PathValue("owner")+"/"+r.PathValue("repo"))
	return rec.Repo, err
}

func (s *server) project(ctx context.Context, r *http.Request) (page, error) {
	repo, err := s.repoOf(ctx, r)
	if err != nil {
		return page{}, err
	}
	name := r.PathValue("name")
	if name == "" {
		name = "." // the project of the root directory; "." cannot stand in a path
	}
	runs, err := s.Service.RunsOfProject(ctx, repo.ID, name, r.URL.Query().Get("before"), runsShown)
	if err != nil {
		return page{}, err
	}
	if len(runs) == 0 && !r.URL.Query().Has("before") {
		if err := s.unrun(ctx, repo, name); err != nil {
			return page{}, err
		}
	}
	path := model.ProjectPath(repo, name)
	p := web.ProjectPage{Head: web.Head{Title: name,
		Crumbs: []web.Crumb{{Text: repo.FullName(), URL: model.RepoPath(repo)}, {Text: name}}, JSON: path + ".json"},
		Repo: repo, Name: name, Runs: runs}
	out := projectHistoryJSON{Repository: repo.FullName(), Project: name, Runs: runsJSON(runs)}
	if p.Says, err = s.neverMerged(ctx, runs); err != nil {
		return page{}, err
	}
	locks, err := s.Service.Locks(ctx, repo.ID)
	if err != nil {
		return page{}, err
	}
	for _, l := range locks {
		if l.Project == name && p.Lock == nil {
			p.Lock, out.Lock = &model.Hold{Lock: l}, &lockJSON{Pull: l.Pull.Number, User: l.User.Login, Since: l.Since.UTC()}
		}
	}
	out.Says = strings.ReplaceAll(p.Says, "`", "")
	if len(runs) == runsShown {
		before := "?before=" + url.QueryEscape(runs[len(runs)-1].ID)
		p.OlderURL, out.Older = path+before, path+".json"+before
	}
	return page{func(w io.Writer) error { return web.WriteProject(w, p) }, out}, nil
}

// unrun returns an error unless an open pull has this project, which never ran: a refused or
// deleted one still has a page, to which the pull's page links.
func (s *server) unrun(ctx context.Context, repo workflow.Repo, name string) error {
	open, err := s.Service.OpenPulls(ctx, repo.ID)
	if err != nil {
		return err
	}
	for i := range open {
		if open[i].Project(name) != nil {
			return nil
		}
	}
	return errNotFound
}
