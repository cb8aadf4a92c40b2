// Package web has the pages for people: what GitHub's own pages show of repositories, pulls
// and checks, and their forms.
//
// A page is drawn from the model as one person sees it. The browser says who that is, as
// there are no secrets here. Whatever a form does is done by Actions, which check again
// whether that person may.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub/bare"
	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

//go:embed *.html *.css *.js
var webFiles embed.FS

// pages are the templates of the human side, parsed when one is first asked for.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"markdown": renderMarkdown,
		"ago":      ago,
		"emoji":    func(content string) string { return emojis[content] },
		"initial":  func(login string) string { return strings.ToUpper(login[:1]) },
		"tint": func(login string) int {
			sum := 0
			for _, c := range login {
				sum += int(c)
			}
			return sum % 8
		},
		"short":     func(sha string) string { return sha[:min(7, len(sha))] },
		"diffclass": diffClass,
		"pair":      func(repo string, row pullRow) map[string]any { return map[string]any{"Repo": repo, "Row": row} },
		"words":     func(s string) string { return strings.ReplaceAll(s, "_", " ") },
	}).ParseFS(webFiles, "*.html"))
})

var emojis = map[string]string{"+1": "👍", "-1": "👎", "laugh": "😄", "hooray": "🎉",
	"confused": "😕", "heart": "❤️", "rocket": "🚀", "eyes": "👀"}

func ago(t time.Time) string {
	switch d := time.Since(t); {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return t.Format("2 Jan 2006")
}

// Site is the pages of one GitHub. Everything that it changes is changed by Act, as the
// person who is looking.
type Site struct {
	URL   string
	Log   *slog.Logger
	Mu    *sync.Mutex // guards State; Look is called under it, Act is not
	State *model.State
	Git   bare.Git
	Look  func(*model.Pull) // starts what GitHub works out once somebody looks at a pull
	Act   Actions
}

// Actions are what the forms do.
type Actions struct {
	Comment      func(full string, number int, login, body string) (int64, error)
	Review       func(full string, number int, login, event, body string) error
	Merge        func(full string, number int, login, sha string) (string, error)
	SetPullState func(full string, number int, login, state string) error
	SetDraft     func(full string, number int, login string, draft bool) error
	PressButton  func(login string, runID int64, identifier string) error
	Rerequest    func(login string, runID int64) error
}

// Handler serves the pages for people. Anybody who opens them chooses whom to act as: there
// are no secrets here, and the server listens on loopback only. Forms are accepted from these
// pages alone.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/{file}", http.StripPrefix("/static", http.FileServerFS(webFiles)))
	mux.HandleFunc("GET /{$}", s.homePage)
	mux.HandleFunc("POST /as", s.switchUser)
	mux.HandleFunc("GET /{owner}/{repo}", s.repoPage)
	mux.HandleFunc("GET /{owner}/{repo}/pull/{number}", func(w http.ResponseWriter, r *http.Request) { s.pullPage(w, r, "conversation") })
	mux.HandleFunc("GET /{owner}/{repo}/pull/{number}/files", func(w http.ResponseWriter, r *http.Request) { s.pullPage(w, r, "files") })
	mux.HandleFunc("GET /{owner}/{repo}/pull/{number}/version", s.pullVersion)
	mux.HandleFunc("GET /{owner}/{repo}/pull/{number}/checks/{run}", s.runPage)
	mux.HandleFunc("GET /{owner}/{repo}/runs/{run}", s.runPage)
	mux.HandleFunc("POST /{owner}/{repo}/pull/{number}/{do}", s.pullForm)
	mux.HandleFunc("POST /{owner}/{repo}/runs/{run}", s.runForm)
	guarded := http.NewCrossOriginProtection().Handler(mux)
	host := strings.TrimPrefix(s.URL, "http://")
	_, port, _ := strings.Cut(host, ":")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != host && r.Host != "localhost:"+port { // a foreign name that resolves to this machine
			http.Error(w, "unknown host", http.StatusMisdirectedRequest)
			return
		}
		w.Header().Set("Content-Security-Policy",
			"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "same-origin")
		guarded.ServeHTTP(w, r)
	})
}

const userCookie = "localgithub_user"

// viewer is the person as whom the browser acts: the chosen one, otherwise the first who may
// see the page's repository.
func (s *Site) viewer(r *http.Request) *model.Account {
	if c, err := r.Cookie(userCookie); err == nil {
		if a := s.State.Login(c.Value); a != nil && a.Token != "" {
			return a
		}
	}
	people := s.State.People()
	if len(people) == 0 {
		return nil
	}
	if repo := s.State.Repo(r.PathValue("owner") + "/" + r.PathValue("repo")); repo != nil {
		for _, a := range people {
			if repo.May(a, "read") {
				return a
			}
		}
	}
	return people[0]
}

func (s *Site) switchUser(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: userCookie, Value: r.FormValue("login"), Path: "/", HttpOnly: true,
		SameSite: http.SameSiteStrictMode})
	back := r.FormValue("back")
	if !strings.HasPrefix(back, "/") || strings.HasPrefix(back, "//") || strings.Contains(back, "\\") {
		back = "/"
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func (s *Site) show(w http.ResponseWriter, name string, view any) {
	var buf bytes.Buffer
	if err := pages().ExecuteTemplate(&buf, name, view); err != nil {
		s.Log.Error("rendering a page", "page", name, "err", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = buf.WriteTo(w) // a browser that has gone away
}

func (s *Site) homePage(w http.ResponseWriter, r *http.Request) {
	s.Mu.Lock()
	view := homeView{frame: s.frame(r, nil)}
	for _, repo := range model.Sorted(s.State.Repos, func(r *model.Repo) int64 { return r.ID }) {
		if repo.May(s.viewer(r), "read") {
			view.Repos = append(view.Repos, s.repoRow(repo))
		}
	}
	s.Mu.Unlock()
	s.show(w, "home.html", view)
}

// repoOf finds the repository of a page, if the viewer may see it. The caller holds s.Mu.
func (s *Site) repoOf(r *http.Request) *model.Repo {
	repo := s.State.Repo(r.PathValue("owner") + "/" + r.PathValue("repo"))
	if repo == nil || !repo.May(s.viewer(r), "read") {
		return nil
	}
	return repo
}

func (s *Site) pullOf(r *http.Request) *model.Pull {
	repo := s.repoOf(r)
	if repo == nil {
		return nil
	}
	n, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		return nil
	}
	if is := repo.Issues[n]; is != nil {
		return is.Pull
	}
	return nil
}

func (s *Site) repoPage(w http.ResponseWriter, r *http.Request) {
	s.Mu.Lock()
	repo := s.repoOf(r)
	if repo == nil {
		s.Mu.Unlock()
		s.missingPage(w, r)
		return
	}
	view := s.repoView(r, repo)
	s.Mu.Unlock()
	s.show(w, "repo.html", view)
}

// missingPage says that there is nothing here, or nothing for this person, and offers to
// become another.
func (s *Site) missingPage(w http.ResponseWriter, r *http.Request) {
	s.Mu.Lock()
	view := homeView{frame: s.frame(r, nil)}
	s.Mu.Unlock()
	w.WriteHeader(http.StatusNotFound)
	s.show(w, "missing.html", view)
}

func (s *Site) pullPage(w http.ResponseWriter, r *http.Request, tab string) {
	s.Mu.Lock()
	p := s.pullOf(r)
	if p == nil {
		s.Mu.Unlock()
		s.missingPage(w, r)
		return
	}
	s.Look(p)
	view := s.pullView(r, p)
	dir, base, head := p.Repo.Dir, p.Base, p.Head
	s.Mu.Unlock()
	view.Tab = tab
	if tab == "files" {
		files, err := s.Git.Diff(r.Context(), dir, base, head, true)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		for _, f := range files {
			view.Diff = append(view.Diff, fileView{Path: f.Path, Previous: f.Previous, Status: f.Status, Additions: f.Additions,
				Deletions: f.Deletions, Lines: strings.Split(f.Patch, "\n")})
		}
	}
	view.Version = version(view)
	s.show(w, "pull.html", view)
}

// version changes whenever the page would look different.
func version(view pullView) string {
	var buf bytes.Buffer
	if err := pages().ExecuteTemplate(&buf, "conversation", view); err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(buf.Bytes())
	return hex.EncodeToString(sum[:8])
}

func (s *Site) pullVersion(w http.ResponseWriter, r *http.Request) {
	s.Mu.Lock()
	p := s.pullOf(r)
	if p == nil {
		s.Mu.Unlock()
		http.NotFound(w, r)
		return
	}
	view := s.pullView(r, p)
	s.Mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	_, _ = fmt.Fprint(w, version(view)) // a browser that has gone away
}

func (s *Site) runPage(w http.ResponseWriter, r *http.Request) {
	s.Mu.Lock()
	repo := s.repoOf(r)
	id, err := strconv.ParseInt(r.PathValue("run"), 10, 64)
	run := s.State.Runs[id]
	if repo == nil || err != nil || run == nil || run.Suite.Repo != repo {
		s.Mu.Unlock()
		s.missingPage(w, r)
		return
	}
	view := s.runView(r, run)
	s.Mu.Unlock()
	s.show(w, "run.html", view)
}

// pullForm does what a form of the pull's page asks for, as the viewer.
func (s *Site) pullForm(w http.ResponseWriter, r *http.Request) {
	s.Mu.Lock()
	p, by := s.pullOf(r), s.viewer(r)
	s.Mu.Unlock()
	if p == nil || by == nil {
		s.missingPage(w, r)
		return
	}
	full, n := r.PathValue("owner")+"/"+r.PathValue("repo"), p.Number
	var err error
	switch body := r.FormValue("body"); r.PathValue("do") {
	case "comment":
		_, err = s.Act.Comment(full, n, by.Login, body)
	case "review":
		err = s.Act.Review(full, n, by.Login, r.FormValue("event"), body)
	case "merge":
		_, err = s.Act.Merge(full, n, by.Login, r.FormValue("sha"))
	case "state":
		err = s.Act.SetPullState(full, n, by.Login, r.FormValue("state"))
	case "draft":
		err = s.Act.SetDraft(full, n, by.Login, r.FormValue("draft") == "true")
	default:
		http.NotFound(w, r)
		return
	}
	s.done(w, r, err, fmt.Sprintf("/%s/pull/%d", full, n))
}

func (s *Site) runForm(w http.ResponseWriter, r *http.Request) {
	s.Mu.Lock()
	by := s.viewer(r)
	s.Mu.Unlock()
	id, err := strconv.ParseInt(r.PathValue("run"), 10, 64)
	if err != nil || by == nil {
		http.NotFound(w, r)
		return
	}
	if press := r.FormValue("press"); press != "" {
		err = s.Act.PressButton(by.Login, id, press)
	} else {
		err = s.Act.Rerequest(by.Login, id)
	}
	back := r.FormValue("back")
	if !strings.HasPrefix(back, "/"+r.PathValue("owner")+"/") {
		back = r.URL.Path
	}
	s.done(w, r, err, back)
}

// done goes back to the page, or says why the request cannot be carried out.
func (s *Site) done(w http.ResponseWriter, r *http.Request, err error, back string) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}
