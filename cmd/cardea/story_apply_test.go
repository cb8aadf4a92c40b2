package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cardea-iac/cardea/internal/localgithub"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/terraformtest"
)

// What the stories of approve, apply and lock need besides.

// applyCommands are their words.
func applyCommands() map[string]func(*story, *testscript.TestScript, []string) error {
	return map[string]func(*story, *testscript.TestScript, []string) error{
		"ended":       (*story).cmdEnded,
		"count":       (*story).cmdCount,
		"state":       (*story).cmdState,
		"asks":        (*story).cmdAsks,
		"fingerprint": (*story).cmdFingerprint,
		"remember":    (*story).cmdRemember,
		"stateserver": (*story).cmdStateServer,
		"appears":     (*story).cmdAppears,
		"runs":        (*story).cmdRuns,
		"seen":        (*story).cmdSeen,
		"provider":    (*story).cmdProvider,
		"archives":    (*story).cmdArchives,
	}
}

// count NAME N: the file NAME.count beside the states, to which an apply itself
// appends a line each time that it carries something out, has N lines. It is the truth for "applied twice".
func (s *story) cmdCount(ts *testscript.TestScript, args []string) error {
	want, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(ts.Getenv("STATE"), args[0]+".count"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if got := bytes.Count(data, []byte("\n")); got != want {
		return fmt.Errorf("%s was carried out %d times, want %d\n%s", args[0], got, want, s.serverLog())
	}
	return nil
}

// pageProject is a project in a pull's JSON.
type pageProject struct {
	Name, State, Reason, Fingerprint string
	Approvals                        []struct{ User string }
	Lock                             *struct{ Pull int }
	Runs                             []struct{ Kind, Outcome string }
}

func (s *story) project(name string) (pageProject, error) {
	text, err := s.get(fmt.Sprintf("/%s/pull/%d.json", s.repo, s.pull))
	if err != nil {
		return pageProject{}, err
	}
	var page struct{ Projects []json.RawMessage }
	if _, body, ok := strings.Cut(text, "\n"); !ok || json.Unmarshal([]byte(body), &page) != nil {
		return pageProject{}, fmt.Errorf("no page: %s", text)
	}
	for _, raw := range page.Projects {
		p := pageProject{}
		_ = json.Unmarshal(raw, &p) // a reason is a list of sentences on some pages: what decodes is enough
		if p.Name == name {
			return p, nil
		}
	}
	return pageProject{}, fmt.Errorf("the page has no project %q", name)
}

// state NAME STATE [ours|free|#N] [approvals]: waits until the pull's JSON says so
// of a project: its state, who holds its lock ("ours" is this pull, "free" nobody), how many approvals count.
func (s *story) cmdState(_ *testscript.TestScript, args []string) error {
	return s.poll("project "+strings.Join(args, " "), func() (string, bool) {
		p, err := s.project(args[0])
		if err != nil {
			return err.Error(), false
		}
		lock := "free"
		if p.Lock != nil {
			lock = "#" + strconv.Itoa(p.Lock.Pull)
		}
		ok := p.State == args[1]
		if len(args) > 2 {
			want := strings.Replace(args[2], "ours", "#"+strconv.Itoa(s.pull), 1)
			ok = ok && (want == "any" || lock == want)
		}
		if len(args) > 3 {
			ok = ok && strconv.Itoa(len(p.Approvals)) == args[3]
		}
		return fmt.Sprintf("state %s, lock %s, %d approvals, runs %v", p.State, lock, len(p.Approvals), p.Runs), ok
	})
}

// runs NAME KIND N: waits until a project has N runs of a kind that are over.
func (s *story) cmdRuns(_ *testscript.TestScript, args []string) error {
	return s.poll("runs of "+strings.Join(args, " "), func() (string, bool) {
		p, err := s.project(args[0])
		if err != nil {
			return err.Error(), false
		}
		n := 0
		for _, r := range p.Runs {
			if r.Kind == args[1] && r.Outcome != "" {
				n++
			}
		}
		return fmt.Sprint(p.Runs), strconv.Itoa(n) == args[2]
	})
}

// provider VERSION [reader]: the server's mirror has hashicorp/time, a real provider, as that version;
// or acme/reader, whose reader_object reads the file that it names while it is applied.
func (s *story) cmdProvider(ts *testscript.TestScript, args []string) error {
	if len(args) > 1 {
		return writeFile(ts.MkAbs(filepath.Join("world/data/providers/registry.terraform.io/acme", args[1], args[0],
			runtime.GOOS+"_"+runtime.GOARCH,
			"terraform-provider-"+args[1]+"_v"+args[0])), s.reader(), 0o755)
	}
	const versions = "registry.terraform.io/hashicorp/time"
	return os.CopyFS(ts.MkAbs(filepath.Join("world/data/providers", versions, args[0])),
		os.DirFS(filepath.Join(s.mirror, versions, terraformtest.TimeVersion)))
}

func writeFile(name string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, data, mode)
}

// archives: starts a server of module archives, and sets $ARCHIVES in the files of later
// pushes: $ARCHIVES/NAME.zip is what the directory served/NAME holds at that moment.
func (s *story) cmdArchives(ts *testscript.TestScript, _ []string) error {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimSuffix(filepath.Base(r.URL.Path), ".zip")
		archive := zip.NewWriter(w)
		if err := errors.Join(archive.AddFS(os.DirFS(ts.MkAbs(filepath.Join("served", name)))), archive.Close()); err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
	ts.Defer(server.Close)
	ts.Setenv("ARCHIVES", server.URL)
	return nil
}

// appears FILE: waits until a file is there.
func (s *story) cmdAppears(ts *testscript.TestScript, args []string) error {
	return s.poll("file "+args[0], func() (string, bool) {
		_, err := os.Stat(ts.MkAbs(args[0]))
		return fmt.Sprint(err), err == nil
	})
}

// patience is how long a story waits for what must come. It only decides how soon
// a story fails: with the race detector on a busy machine, everything takes long.
// Whoever writes one has less: -patience 20s.
var patience = 4 * time.Minute

func init() {
	flag.DurationVar(&patience, "patience", patience, "how long a story waits for what must come")
}

// poll looks again and again until ok, as long as there is patience.
func (s *story) poll(what string, look func() (string, bool)) error {
	end := time.Now().Add(patience)
	for {
		now, ok := look()
		if ok {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("waiting for %s: %s\n%s", what, now, s.serverLog())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// asks WHO TEXT: a comment that must be answered by one comment of ours, which it
// prints. A late answer to an earlier comment is not the answer to this one, and
// neither is what we say unasked: that a lock is free, or a pull was never merged.
func (s *story) cmdAsks(ts *testscript.TestScript, args []string) error {
	if err := s.gh.Idle(context.Background()); err != nil { // earlier comments are taken in before this one
		return err
	}
	before, err := s.replies()
	if err != nil {
		return err
	}
	asked := workflow.NewID(time.Now())[:idTime]
	if err := s.cmdComment(ts, args); err != nil {
		return err
	}
	var answers []string
	err = s.poll("the answer to "+args[1], func() (string, bool) {
		now, err := s.replies()
		answers = slices.DeleteFunc(now[min(len(before), len(now)):], func(reply string) bool {
			key := requestKey.FindStringSubmatch(reply)
			return key == nil || key[1][:idTime] < asked
		})
		return fmt.Sprintf("%v %q", err, now), len(answers) > 0
	})
	if err != nil {
		return err
	}
	for _, answer := range answers {
		fmt.Fprintln(ts.Stdout(), answer)
	}
	if len(answers) != 1 {
		return fmt.Errorf("%d answers, want one: %q", len(answers), answers)
	}
	return nil
}

// requestKey finds the id of the request that a reply of ours answers, or whose
// end it tells; its first idTime letters are the time at which the request was taken in.
var requestKey = regexp.MustCompile(`<!-- cardea:key:([0-9a-z]{20})(end)? -->`)

const idTime = 9

// replies are our comments on the pull but the summary, oldest first.
func (s *story) replies() ([]string, error) {
	now, err := s.author.look(context.Background(), s.pull)
	var list []string
	for _, c := range now.Comments {
		if strings.HasPrefix(c, "<!-- cardea:reply -->") {
			list = append(list, c)
		}
	}
	return list, err
}

// seen NAME: waits until the summary has shown a project's present plan for at
// least one of GitHub's whole seconds: an approval written now is surely of that plan.
func (s *story) cmdSeen(_ *testscript.TestScript, args []string) error {
	return s.poll("the summary to show the plan of "+args[0], func() (string, bool) {
		p, err := s.project(args[0])
		if err != nil || len(p.Fingerprint) < 12 {
			return fmt.Sprint(err, p.Fingerprint), false
		}
		var comments []struct {
			Body      string
			UpdatedAt time.Time `json:"updated_at"`
		}
		if err := s.author.call(context.Background(), http.MethodGet,
			fmt.Sprintf("/repos/%s/issues/%d/comments?per_page=100", s.repo, s.pull), nil, &comments); err != nil {
			return err.Error(), false
		}
		for _, c := range comments {
			if strings.HasPrefix(c.Body, "<!-- cardea:summary -->") {
				return c.Body, strings.Contains(c.Body, p.Fingerprint[:12]) && time.Now().Truncate(time.Second).After(c.UpdatedAt)
			}
		}
		return "no summary", false
	})
}

// fingerprint NAME VARIABLE: the first 12 digits of a project's fingerprint.
func (s *story) cmdFingerprint(ts *testscript.TestScript, args []string) error {
	p, err := s.project(args[0])
	if err != nil {
		return err
	}
	if len(p.Fingerprint) < 12 {
		return fmt.Errorf("%s has the fingerprint %q", args[0], p.Fingerprint)
	}
	ts.Setenv(args[1], p.Fingerprint[:12])
	return nil
}

// remember CHECK BUTTON: waits until the head's check run of that name has the
// button, and keeps it for `gh press-old`, as an open browser tab does.
func (s *story) cmdRemember(_ *testscript.TestScript, args []string) error {
	return s.poll("button "+args[1]+" of "+args[0], func() (string, bool) {
		run, err := s.checkRun(args[0])
		s.tab = run.ID
		return fmt.Sprintf("%v %s %s with %q", err, run.Status, run.Conclusion, run.Actions),
			slices.Contains(run.Actions, args[1])
	})
}

func (s *story) checkRun(name string) (localgithub.CheckRun, error) {
	pull, err := s.gh.Pull(s.repo, s.pull)
	if err != nil {
		return localgithub.CheckRun{}, err
	}
	runs, err := s.gh.CheckRuns(s.repo, pull.HeadSHA)
	if err != nil {
		return localgithub.CheckRun{}, err
	}
	for _, r := range runs {
		if r.Name == name {
			return r, nil
		}
	}
	return localgithub.CheckRun{}, fmt.Errorf("the head has no check %q", name)
}

// ghApply: what only GitHub itself or an admin can do; false when the word is unknown.
func (s *story) ghApply(ts *testscript.TestScript, args []string) (known bool, err error) {
	ctx := context.Background()
	switch args[0] {
	case "user": // gh user WHO ROLE: somebody new
		return true, s.newPerson(ts, args[1], args[2])
	case "bot": // gh bot SLUG: an App that may comment; its person is called as its slug
		return true, s.newBot(ctx, args[1])
	case "clock": // gh clock DURATION [stopped]: GitHub's clock is so far ahead of ours, and perhaps stands still there
		ahead, err := time.ParseDuration(args[1])
		s.ahead.Store(int64(ahead))
		s.stopped.Store(nil)
		if at := time.Now().Add(ahead); len(args) > 2 {
			s.stopped.Store(&at)
		}
		return true, err
	case "edit": // gh edit WHO TEXT [summary]: their last comment on the pull, or our summary
		return true, s.editComment(args[1], args[2], len(args) > 3)
	case "review": // gh review WHO APPROVE|REQUEST_CHANGES
		return true, s.gh.Review(s.repo, s.pull, args[1], args[2], "words")
	case "dismiss", "edit-review": // gh dismiss WHO REVIEWER, gh edit-review WHO REVIEWER: their last review
		return true, s.changeReview(ctx, args)
	case "status": // gh status WHO STATE CONTEXT: of the pull's head
		pull, err := s.gh.Pull(s.repo, s.pull)
		if err != nil {
			return true, err
		}
		who, err := s.person(args[1])
		if err != nil {
			return true, err
		}
		return true, who.call(ctx, http.MethodPost, "/repos/"+s.repo+"/statuses/"+pull.HeadSHA,
			map[string]any{"state": args[2], "context": args[3]}, nil)
	case "press-old": // gh press-old WHO IDENTIFIER: a button of the check run that was remembered
		return true, s.gh.PressButton(args[1], s.tab, args[2])
	case "pull": // gh pull N: the pull that the next words are about
		s.pull, err = strconv.Atoi(args[1])
		return true, err
	}
	return false, nil
}

// changeReview dismisses somebody's last review, or gives it other words.
func (s *story) changeReview(ctx context.Context, args []string) error {
	who, err := s.person(args[1])
	if err != nil {
		return err
	}
	reviews := fmt.Sprintf("/repos/%s/pulls/%d/reviews", s.repo, s.pull)
	var all []struct {
		ID   int64
		User struct{ Login string }
	}
	if err := who.call(ctx, http.MethodGet, reviews, nil, &all); err != nil {
		return err
	}
	for _, r := range slices.Backward(all) {
		if r.User.Login != args[2] {
			continue
		}
		path := fmt.Sprintf("%s/%d", reviews, r.ID)
		if args[0] == "dismiss" {
			return who.call(ctx, http.MethodPut, path+"/dismissals", map[string]any{"message": "not any more"}, nil)
		}
		return who.call(ctx, http.MethodPut, path, map[string]any{"body": "other words"}, nil)
	}
	return fmt.Errorf("%s gave no review", args[2])
}

func (s *story) newPerson(ts *testscript.TestScript, login, role string) error {
	user, err := s.gh.CreateUser(login)
	if err != nil {
		return err
	}
	s.others = append(s.others, &person{login: login, token: user.Token, web: s.gh.URL(), api: s.gh.APIURL(), repo: s.repo,
		clone: ts.MkAbs("world/clones/" + login)})
	return s.gh.SetPermission(s.repo, login, role)
}

func (s *story) newBot(ctx context.Context, slug string) error {
	app, err := s.gh.CreateApp(localgithub.App{Slug: slug,
		Permissions: map[string]string{"issues": "write", "pull_requests": "write"}})
	if err != nil {
		return err
	}
	installation, err := s.gh.Install(app.ID, "acme")
	if err != nil {
		return err
	}
	transport, err := ghinstallation.New(http.DefaultTransport, app.ID, installation, []byte(app.PrivateKeyPEM))
	if err != nil {
		return err
	}
	transport.BaseURL = s.gh.APIURL()
	token, err := transport.Token(ctx)
	if err != nil {
		return err
	}
	s.others = append(s.others, &person{login: slug, token: token, web: s.gh.URL(), api: s.gh.APIURL(), repo: s.repo})
	return nil
}

func (s *story) editComment(login, text string, summary bool) error {
	comments, err := s.gh.Comments(s.repo, s.pull)
	if err != nil {
		return err
	}
	for _, c := range slices.Backward(comments) {
		if (c.Author == login && !summary) || (summary && strings.HasPrefix(c.Body, "<!-- cardea:summary -->")) {
			return s.gh.EditComment(c.ID, login, text)
		}
	}
	return errors.New(login + " has written nothing")
}

// stateServer keeps states over HTTP, as Terraform's http backend wants it. It
// refuses uploads while the file "refuse" is in its directory.
type stateServer struct {
	mu     sync.Mutex
	states map[string][]byte
	locks  map[string][]byte
	dir    string
}

// stateserver: starts one and sets $STATESERVER, and $LOCALHOST by that name, in the files of later pushes.
func (s *story) cmdStateServer(ts *testscript.TestScript, _ []string) error {
	server := httptest.NewServer(&stateServer{states: map[string][]byte{}, locks: map[string][]byte{}, dir: ts.MkAbs(".")})
	ts.Defer(server.Close)
	ts.Setenv("STATESERVER", server.URL)
	ts.Setenv("LOCALHOST", strings.Replace(server.URL, "127.0.0.1", "localhost", 1))
	return nil
}

func (s *stateServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch r.Method {
	case "LOCK":
		if held := s.locks[r.URL.Path]; held != nil {
			w.WriteHeader(http.StatusLocked)
			_, _ = w.Write(held)
			return
		}
		s.locks[r.URL.Path] = body
	case "UNLOCK":
		delete(s.locks, r.URL.Path)
	case http.MethodGet:
		state, ok := s.states[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write(state)
	default:
		if _, err := os.Stat(filepath.Join(s.dir, "refuse")); err == nil {
			http.Error(w, "refused", http.StatusForbidden)
			return
		}
		s.states[r.URL.Path] = body
	}
}
