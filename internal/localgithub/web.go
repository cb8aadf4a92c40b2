package localgithub

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

//go:embed web
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
	}).ParseFS(webFiles, "web/*.html"))
})

var emojis = map[string]string{"+1": "👍", "-1": "👎", "laugh": "😄", "hooray": "🎉", "confused": "😕", "heart": "❤️", "rocket": "🚀", "eyes": "👀"}

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

// webMux serves the pages for people. Whoever opens them chooses whom to act as: this is no place for secrets, and it
// listens on loopback only. Forms are taken from these pages alone.
func (s *Server) webMux() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/{file}", http.StripPrefix("/static", http.FileServerFS(sub())))
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
	host := strings.TrimPrefix(s.url, "http://")
	_, port, _ := strings.Cut(host, ":")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != host && r.Host != "localhost:"+port { // a name that was made to point here
			http.Error(w, "unknown host", http.StatusMisdirectedRequest)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "same-origin")
		guarded.ServeHTTP(w, r)
	})
}

const userCookie = "localgithub_user"

// viewer is the person whom the browser acts as: the chosen one, else the first who may see the page's repository.
func (s *Server) viewer(r *http.Request) *model.Account {
	if c, err := r.Cookie(userCookie); err == nil {
		if a := s.st.Login(c.Value); a != nil && a.Token != "" {
			return a
		}
	}
	people := s.st.People()
	if len(people) == 0 {
		return nil
	}
	if repo := s.st.Repo(r.PathValue("owner") + "/" + r.PathValue("repo")); repo != nil {
		for _, a := range people {
			if repo.May(a, "read") {
				return a
			}
		}
	}
	return people[0]
}

func (s *Server) switchUser(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: userCookie, Value: r.FormValue("login"), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	back := r.FormValue("back")
	if !strings.HasPrefix(back, "/") || strings.HasPrefix(back, "//") || strings.Contains(back, "\\") {
		back = "/"
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func (s *Server) show(w http.ResponseWriter, name string, view any) {
	var buf bytes.Buffer
	if err := pages().ExecuteTemplate(&buf, name, view); err != nil {
		s.log.Error("rendering a page", "page", name, "err", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = buf.WriteTo(w) // a browser that has gone away
}

func (s *Server) homePage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	view := homeView{frame: s.frame(r, nil)}
	for _, repo := range model.Sorted(s.st.Repos, func(r *model.Repo) int64 { return r.ID }) {
		if repo.May(s.viewer(r), "read") {
			view.Repos = append(view.Repos, s.repoRow(repo))
		}
	}
	s.mu.Unlock()
	s.show(w, "home.html", view)
}

// repoOf finds the repository of a page, if the viewer may see it. The caller holds s.mu.
func (s *Server) repoOf(r *http.Request) *model.Repo {
	repo := s.st.Repo(r.PathValue("owner") + "/" + r.PathValue("repo"))
	if repo == nil || !repo.May(s.viewer(r), "read") {
		return nil
	}
	return repo
}

func (s *Server) pullOf(r *http.Request) *model.Pull {
	repo := s.repoOf(r)
	if repo == nil {
		return nil
	}
	if is := repo.Issues[atoi(r.PathValue("number"), -1)]; is != nil {
		return is.Pull
	}
	return nil
}

func (s *Server) repoPage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	repo := s.repoOf(r)
	if repo == nil {
		s.mu.Unlock()
		s.missingPage(w, r)
		return
	}
	view := s.repoView(r, repo)
	s.mu.Unlock()
	s.show(w, "repo.html", view)
}

// missingPage says that there is nothing, or nothing for this person, and lets one become another.
func (s *Server) missingPage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	view := homeView{frame: s.frame(r, nil)}
	s.mu.Unlock()
	w.WriteHeader(http.StatusNotFound)
	s.show(w, "missing.html", view)
}

func (s *Server) pullPage(w http.ResponseWriter, r *http.Request, tab string) {
	s.mu.Lock()
	p := s.pullOf(r)
	if p == nil {
		s.mu.Unlock()
		s.missingPage(w, r)
		return
	}
	s.workOutMergeable(p)
	view := s.pullView(r, p)
	dir, base, head := p.Repo.Dir, p.Base, p.Head
	s.mu.Unlock()
	view.Tab = tab
	if tab == "files" {
		files, err := s.git.Diff(r.Context(), dir, base, head, true)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		for _, f := range files {
			view.Diff = append(view.Diff, fileView{Path: f.Path, Previous: f.Previous, Status: f.Status, Additions: f.Additions, Deletions: f.Deletions, Lines: strings.Split(f.Patch, "\n")})
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

func (s *Server) pullVersion(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	p := s.pullOf(r)
	if p == nil {
		s.mu.Unlock()
		http.NotFound(w, r)
		return
	}
	view := s.pullView(r, p)
	s.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	_, _ = fmt.Fprint(w, version(view)) // a browser that has gone away
}

func (s *Server) runPage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	repo := s.repoOf(r)
	id, err := strconv.ParseInt(r.PathValue("run"), 10, 64)
	run := s.st.Runs[id]
	if repo == nil || err != nil || run == nil || run.Suite.Repo != repo {
		s.mu.Unlock()
		s.missingPage(w, r)
		return
	}
	view := s.runView(r, run)
	s.mu.Unlock()
	s.show(w, "run.html", view)
}

// pullForm does what a form of the pull's page asks for, as the viewer.
func (s *Server) pullForm(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	p, by := s.pullOf(r), s.viewer(r)
	s.mu.Unlock()
	if p == nil || by == nil {
		s.missingPage(w, r)
		return
	}
	full, n := r.PathValue("owner")+"/"+r.PathValue("repo"), p.Number
	var err error
	switch body := r.FormValue("body"); r.PathValue("do") {
	case "comment":
		_, err = s.Comment(full, n, by.Login, body)
	case "review":
		err = s.Review(full, n, by.Login, r.FormValue("event"), body)
	case "merge":
		_, err = s.Merge(full, n, by.Login, r.FormValue("sha"))
	case "state":
		err = s.SetPullState(full, n, by.Login, r.FormValue("state"))
	case "draft":
		err = s.SetDraft(full, n, by.Login, r.FormValue("draft") == "true")
	default:
		http.NotFound(w, r)
		return
	}
	s.done(w, r, err, fmt.Sprintf("/%s/pull/%d", full, n))
}

func (s *Server) runForm(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	by := s.viewer(r)
	s.mu.Unlock()
	id, err := strconv.ParseInt(r.PathValue("run"), 10, 64)
	if err != nil || by == nil {
		http.NotFound(w, r)
		return
	}
	if press := r.FormValue("press"); press != "" {
		err = s.PressButton(by.Login, id, press)
	} else {
		err = s.Rerequest(by.Login, id)
	}
	back := r.FormValue("back")
	if !strings.HasPrefix(back, "/"+r.PathValue("owner")+"/") {
		back = r.URL.Path
	}
	s.done(w, r, err, back)
}

// done goes back to the page, or says why what was asked cannot be.
func (s *Server) done(w http.ResponseWriter, r *http.Request, err error, back string) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}
