package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// notedPrograms are those whose arguments a story can have noted.
var notedPrograms = []string{"terraform", "tofu", "git", "ssh"}

// noted PROGRAM...: from now on every start of these programs is noted: its arguments in the file argv, and the environment of
// plans and applies in planned.env. It is this binary that is found under their names; a shell would lose some of the environment.
func (s *story) cmdNoted(ts *testscript.TestScript, args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, name := range args {
		program, err := exec.LookPath(name)
		if name == "tofu" {
			program, err = s.tofu(), nil
		}
		if err != nil {
			return err
		}
		for dir, target := range map[string]string{"noted": self, "real": program} {
			if err := os.MkdirAll(ts.MkAbs(dir), 0o755); err != nil {
				return err
			}
			if err := os.Symlink(target, ts.MkAbs(filepath.Join(dir, name))); err != nil {
				return err
			}
		}
	}
	ts.Setenv("PATH", ts.MkAbs("noted")+string(os.PathListSeparator)+ts.Getenv("PATH"))
	return nil
}

// becomeNoted notes how it was started, and becomes the real program. It returns only if it cannot.
func becomeNoted(name string) error {
	self := os.Args[0]
	if !strings.Contains(self, "/") {
		self, _ = exec.LookPath(name) // it was found in that way
	}
	at := filepath.Dir(filepath.Dir(self))
	add := func(file string, lines []string) error {
		f, err := os.OpenFile(filepath.Join(at, file), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
		}
		return err
	}
	err := add("argv", []string{strings.Join(append([]string{name}, os.Args[1:]...), " ")})
	if len(os.Args) > 1 && slices.Contains([]string{"plan", "apply", "show"}, os.Args[1]) {
		err = errors.Join(err, add("planned.env", os.Environ()))
	}
	if err != nil {
		return err
	}
	return syscall.Exec(filepath.Join(at, "real", name), os.Args, os.Environ())
}

// sinks are all the places where something could come out, as they are now.
type sinks struct {
	forms map[string]string // how a text may be written -> which text that is
	found []string          // in which places, and which text
	seen  map[string]int    // how many places of each kind were looked at
}

// secrets are what must be nowhere whatever a story is about: tokens that GitHub gave the App, its key and its webhook's secret.
func (s *story) secrets() ([]string, error) {
	texts := []string{worldSecret}
	for line := range strings.Lines(s.app.PrivateKeyPEM) {
		if line = strings.TrimSpace(line); len(line) >= 40 && !strings.HasPrefix(line, "-----") {
			texts = append(texts, line)
		}
	}
	for _, x := range s.gh.Exchanges() {
		if x.Cut {
			return nil, errors.New("GitHub forgot what it was sent: this story is too long for its sinks")
		}
		if !strings.HasSuffix(x.Path, "/access_tokens") || x.Status != http.StatusCreated {
			continue
		}
		var given moduleToken
		if err := json.Unmarshal(x.ResponseBody, &given); err != nil {
			return nil, err
		}
		texts = append(texts, given.Token)
	}
	return texts, nil
}

// sinks TEXT|@FILE...: no text, and no longer line of a file, is anywhere where it could come out, in whatever form: in what was
// ever sent to GitHub, in any page, log and history, in the server's log, metrics, environment and data, the database and what runs
// left there too, and in arguments of programs, as they were noted. Neither are the App's own key, secret and tokens.
func (s *story) cmdSinks(ts *testscript.TestScript, args []string) error {
	texts, err := s.secrets()
	if err != nil {
		return err
	}
	for _, arg := range args {
		name, isFile := strings.CutPrefix(arg, "@")
		if !isFile {
			texts = append(texts, arg)
			continue
		}
		for line := range strings.Lines(ts.ReadFile(name)) {
			if line = strings.TrimSpace(line); len(line) >= 40 && !strings.HasPrefix(line, "-----") {
				texts = append(texts, line)
			}
		}
	}
	look := sinks{forms: map[string]string{}, seen: map[string]int{}}
	for _, text := range texts {
		forms, err := formsOf(text)
		if err != nil {
			return err
		}
		for _, form := range forms {
			look.forms[form] = text
		}
	}
	for _, kind := range []func(*sinks) error{s.sentToGitHub, s.servedPages, s.keptFiles, s.serverProcess} {
		if err := kind(&look); err != nil {
			return err
		}
	}
	data, err := os.ReadFile(ts.MkAbs("argv"))
	if err != nil {
		return fmt.Errorf("nothing was noted: %w", err)
	}
	look.at("arguments", "arguments of a program", data)
	look.seen["arguments"] = bytes.Count(data, []byte("\n"))
	fmt.Fprintln(ts.Stdout(), look.seen)
	if len(look.found) > 0 {
		return fmt.Errorf("found:\n%s", strings.Join(look.found, "\n"))
	}
	return nil
}

// formsOf are the ways in which a text may be written down.
func formsOf(text string) ([]string, error) {
	quoted, err := json.Marshal(text)
	if err != nil {
		return nil, err
	}
	forms := []string{text, strings.Trim(string(quoted), `"`), html.EscapeString(text), url.QueryEscape(text), url.PathEscape(text), hex.EncodeToString([]byte(text))}
	for before := range 3 { // as a part of something longer
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			all := encoding.EncodeToString(append(make([]byte, before), text...))
			forms = append(forms, all[[]int{0, 2, 3}[before]:(before+len(text))*8/6])
		}
	}
	return forms, nil
}

// at looks into one place.
func (l *sinks) at(kind, place string, data []byte) {
	l.seen[kind]++
	for form, text := range l.forms {
		if bytes.Contains(data, []byte(form)) {
			l.found = append(l.found, fmt.Sprintf("%s: %q as %q", place, text, form))
		}
	}
}

// sentToGitHub is all that the App ever said there, and what people see there now.
func (s *story) sentToGitHub(l *sinks) error {
	for _, x := range s.gh.Exchanges() {
		if x.ActorKind == "installation" || x.ActorKind == "app" {
			l.at("requests", "a request to GitHub: "+x.Method+" "+x.Path, slices.Concat([]byte(x.Escaped+"?"+x.Query+"\n"), x.RequestBody))
		}
	}
	for number := 1; ; number++ {
		comments, err := s.gh.Comments(s.repo, number)
		if err != nil || len(comments) == 0 {
			return nil // pulls are numbered from 1
		}
		for _, c := range comments {
			if c.Author != s.author.login {
				l.at("comments", fmt.Sprintf("a comment on #%d", number), []byte(c.Body))
			}
		}
	}
}

var links = regexp.MustCompile(`(?:href|src)="(/[^"#]*)`)

// servedPages are all that one comes to from the first page, each as JSON too, and the metrics.
func (s *story) servedPages(l *sinks) error {
	seen := map[string]bool{}
	for todo := []string{"/", "/readyz", "/healthz"}; len(todo) > 0; {
		page := todo[0]
		todo = todo[1:]
		if seen[page] {
			continue
		}
		if seen[page] = true; len(seen) > 2000 {
			return fmt.Errorf("the pages have no end: %s", page)
		}
		text, err := s.get(page)
		if err != nil {
			return err
		}
		kind := "pages"
		switch {
		case strings.HasSuffix(page, "/log"):
			kind = "logs"
		case strings.HasSuffix(page, ".jsonl"):
			kind = "histories"
		case strings.HasSuffix(page, ".json"):
			kind = "JSON"
		}
		if strings.HasPrefix(text, "200 ") {
			l.at(kind, "the page "+page, []byte(text))
		}
		for _, m := range links.FindAllStringSubmatch(text, -1) {
			todo = append(todo, html.UnescapeString(m[1]))
		}
		if kind == "pages" && !strings.Contains(page, "?") && page != "/" {
			todo = append(todo, page+".json", page+"/log")
		}
	}
	address, err := s.metricsAddress()
	if err != nil {
		return err
	}
	resp, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	l.at("metrics", "the metrics", text)
	return err
}

// keptFiles are all files of the server, whatever they are.
func (s *story) keptFiles(l *sinks) error {
	for _, dir := range []string{filepath.Join(s.dir, "data"), filepath.Join(s.dir, "server.log")} {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && name != dir {
				return nil // a run ended meanwhile, and took its files with it
			}
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(name)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			rel, _ := filepath.Rel(s.dir, name) // it is below
			l.at("files", "the file "+rel, slices.Concat([]byte(rel+"\n"), data))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// serverProcess is what other processes may see of the server.
func (s *story) serverProcess(l *sinks) error {
	for _, name := range []string{"environ", "cmdline"} {
		if data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.server.cmd.Process.Pid, name)); err == nil { // better still if not
			l.at("processes", "the server's "+name, data)
		}
	}
	return nil
}

// metricsAddress is where the server that was started last says that its metrics are.
func (s *story) metricsAddress() (string, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, "server.log"))
	if err != nil {
		return "", err
	}
	all := regexp.MustCompile(`"metrics":"([0-9.]+:[0-9]+)"`).FindAllSubmatch(text, -1)
	if len(all) == 0 {
		return "", errors.New("the server's log does not say where its metrics are")
	}
	return string(all[len(all)-1][1]), nil
}
