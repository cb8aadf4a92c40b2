package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cardea-iac/cardea/workflow/terraform/terraformtest"
)

// TestMain makes this test binary the product: runners are started from
// /proc/self/exe, and the stories' `cardea` is this binary under that name.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "runner" || os.Args[1] == "git-credential") {
		os.Exit(execute(os.Args[1:], console{out: os.Stdout, err: os.Stderr}))
	}
	if name := filepath.Base(os.Args[0]); slices.Contains(notedPrograms, name) {
		fmt.Fprintln(os.Stderr, becomeNoted(name))
		os.Exit(1)
	}
	testscript.Main(m, map[string]func(){"cardea": func() {
		lookOften()
		main()
	}})
}

var storiesRun atomic.Int32

// TestStories plays every script of testdata/stories against the real server, a
// real terraform and a real git, over HTTP. What the commands below do is what
// people do; what the scripts assert is what people see.
func TestStories(t *testing.T) {
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Fatal("the stories need terraform on PATH: install it from https://developer.hashicorp.com/terraform/install")
	}
	scripts, err := filepath.Glob("testdata/stories/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	built := builtTools{mirror: terraformtest.Mirror(t), reader: sync.OnceValue(func() []byte { return terraformtest.Reader(t) }),
		tofu: sync.OnceValue(func() string { return terraformtest.Tofu(t) })}
	storiesRun.Store(0)
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil || regexp.MustCompile(`(?m)^(stop|skip)\b`).Match(text) {
			t.Errorf("%s: `stop` and `skip` end a story early, and it passes (or it cannot be read: %v)", name, err)
		}
		if line := regexp.MustCompile(`(?m)^! exists .*[*?].*$`).Find(text); line != nil {
			t.Errorf("%s: `%s` passes whatever is there: `exists` knows no patterns", name, line)
		}
		if state := regexp.MustCompile(`path *= *"/[^"$]*"`).Find(text); state != nil {
			t.Errorf("%s: %s is the state of every story that runs beside this one, and its lock too: put it below $WORK", name, state)
		}
	}
	t.Run("stories", func(t *testing.T) {
		testscript.Run(t, testscript.Params{Dir: "testdata/stories", Setup: func(env *testscript.Env) error { return setupStory(env, built) }, Cmds: storyCommands(), RequireExplicitExec: true})
	})
	const atLeast = 20
	if testing.Verbose() {
		t.Logf("%d stories ran", storiesRun.Load())
	}
	// With -run of one story the others are not expected, but that one is.
	if filtered() && storiesRun.Load() == 0 {
		t.Error("no story ran: -run 'TestStories/stories/NAME$' plays one")
	}
	if ran := int(storiesRun.Load()); !filtered() && (ran != len(scripts) || ran < atLeast) {
		t.Errorf("%d stories ran of %d scripts; want all of them, and at least %d", ran, len(scripts), atLeast)
	}
}

// filtered reports whether -run chose some of the stories.
func filtered() bool { return strings.Contains(flag.Lookup("test.run").Value.String(), "/") }

// story is the state of one script.
type story struct {
	*world
	config string
	server *serverProcess
	pull   int
	now    pullNow
	others []*person    // besides those of the world
	ahead  atomic.Int64 // of GitHub's clock before ours
	// stopped is when GitHub's clock stands still; nil: it does not.
	stopped atomic.Pointer[time.Time]
	tab     int64 // the check run of `remember`
	builtTools
	tokens tokenWatch

	calls   int       // seen by the last `calls`
	callsAt time.Time // when that was
}

// clock is GitHub's.
func (s *story) clock() time.Time {
	if at := s.stopped.Load(); at != nil {
		return *at
	}
	return time.Now().Add(time.Duration(s.ahead.Load()))
}

type storyKey struct{}

func setupStory(env *testscript.Env, built builtTools) error {
	storiesRun.Add(1)
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("CHECKPOINT_DISABLE", "1")
	env.Setenv("STATE", filepath.Join(env.WorkDir, "world", "state"))
	s := &story{builtTools: built}
	env.Values[storyKey{}] = s
	env.Defer(func() {
		if s.server != nil {
			s.server.stop(syscall.SIGKILL)
		}
		endAll(env.WorkDir)
		if s.world != nil {
			_ = s.gh.Close()
		}
	})
	return nil
}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

// storyCommands are the words of the scripts.
func storyCommands() map[string]func(*testscript.TestScript, bool, []string) {
	wrap := func(do func(*story, *testscript.TestScript, []string) error) func(*testscript.TestScript, bool, []string) {
		return func(ts *testscript.TestScript, neg bool, args []string) {
			err := do(storyOf(ts), ts, args)
			switch {
			case neg && err == nil:
				ts.Fatalf("this should have failed")
			case neg:
				fmt.Fprintln(ts.Stderr(), err)
			default:
				ts.Check(err)
			}
		}
	}
	all := map[string]func(*testscript.TestScript, bool, []string){
		"github":   wrap((*story).cmdGithub),
		"serve":    wrap((*story).cmdServe),
		"tofu":     wrap((*story).cmdTofu),
		"halt":     wrap((*story).cmdHalt),
		"push":     wrap((*story).cmdPush),
		"applied":  wrap((*story).cmdApplied),
		"open":     wrap((*story).cmdOpen),
		"comment":  wrap((*story).cmdComment),
		"settled":  wrap((*story).cmdSettled),
		"until":    wrap((*story).cmdUntil),
		"summary":  wrap((*story).cmdSummary),
		"replies":  wrap((*story).cmdReplies),
		"checks":   wrap((*story).cmdChecks),
		"page":     wrap((*story).cmdPage),
		"calls":    wrap((*story).cmdCalls),
		"api":      wrap((*story).cmdAPI),
		"gh":       wrap((*story).cmdGH),
		"nowhere":  wrap((*story).cmdNowhere),
		"generate": wrap((*story).cmdGenerate),
		"modules":  wrap((*story).cmdModules),
		"tokens":   wrap((*story).cmdTokens),
		"registry": wrap((*story).cmdRegistry),
		"renamed":  wrap((*story).cmdRenamed),
		"app":      wrap((*story).cmdApp),
		"banner":   wrap((*story).cmdBanner),
		"logged": func(ts *testscript.TestScript, neg bool, args []string) {
			storyOf(ts).cmdLogged(ts, neg, args)
		},
	}
	for _, words := range []map[string]func(*story, *testscript.TestScript, []string) error{applyCommands(), outsideCommands()} {
		for word, do := range words {
			all[word] = wrap(do)
		}
	}
	return all
}

// github [PERMISSION=LEVEL]: a GitHub with ada (write), rex (write), olga (read),
// acme/infra and the App, with one permission more than app.yml gives it.
func (s *story) cmdGithub(ts *testscript.TestScript, args []string) error {
	w, err := newWorld(ts.MkAbs("world"), "127.0.0.1:0", slog.New(slog.DiscardHandler), s.clock)
	if err != nil {
		return err
	}
	s.world = w
	permissions := maps.Clone(appPermissions)
	for _, arg := range args {
		name, level, _ := strings.Cut(arg, "=")
		permissions[name] = level
	}
	if s.config, err = w.install("", permissions); err != nil {
		return err
	}
	ts.Setenv("GITHUB_URL", w.gh.URL())
	return nil
}

// serve [FILE]: starts the server; FILE is appended to its cardea.yml.
func (s *story) cmdServe(ts *testscript.TestScript, args []string) error {
	if len(args) == 1 {
		base, err := os.ReadFile(s.config)
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.config, append(base, os.Expand(ts.ReadFile(args[0]), func(name string) string {
			if strings.HasPrefix(name, "MODULES_") || strings.HasPrefix(name, "GITHUB_") || slices.Contains([]string{"REGISTRY", "WORK", "MIRROR", "MIRROR_HOST"}, name) {
				return ts.Getenv(name)
			}
			return "$" + name
		})...), 0o600); err != nil {
			return err
		}
	}
	server, err := startServer(s.config, filepath.Join(ts.MkAbs("world"), "server.log"), environmentOf(ts))
	if err != nil {
		return err
	}
	s.server = server
	ts.Setenv("CARDEA_URL", server.url)
	if ts.Getenv("CARDEA_PUBLIC_URL") != "" { // the App's owner has set the address
		return nil
	}
	return s.gh.SetWebhookURL(s.app.ID, server.url+"/webhook")
}

// halt [TERM|KILL]: ends the server. `stop` is testscript's own word, and would end the story.
func (s *story) cmdHalt(_ *testscript.TestScript, args []string) error {
	sig := syscall.SIGTERM
	if len(args) == 1 && args[0] == "KILL" {
		sig = syscall.SIGKILL
	}
	err := s.server.stop(sig)
	s.server = nil
	if sig == syscall.SIGKILL {
		return nil
	}
	return err
}

// serverProcess is `cardea serve` as a process of its own.
type serverProcess struct {
	cmd  *exec.Cmd
	url  string
	once sync.Once
	done chan struct{}
	err  error
}

// startServer starts `cardea serve` with a configuration and an environment, its log in a file.
func startServer(config, log string, env []string) (*serverProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	logFile, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	cmd := exec.Command(self)
	cmd.Args = []string{"cardea", "serve", "--config", config}
	cmd.Env = env
	cmd.Stderr = logFile
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &serverProcess{cmd: cmd, done: make(chan struct{})}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "cardea: listening on "); ok {
			p.url = url
			break
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, out)
		p.err = cmd.Wait()
		close(p.done)
	}()
	if p.url == "" {
		<-p.done
		text, _ := os.ReadFile(log)
		return nil, fmt.Errorf("the server did not start: %v\n%s", p.err, text)
	}
	return p, nil
}

func (p *serverProcess) stop(sig syscall.Signal) error {
	p.once.Do(func() { _ = p.cmd.Process.Signal(sig) })
	select {
	case <-p.done:
		return p.err
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("the server did not stop within %s", patience)
	}
}

// settled [PULL]: waits until both checks of the head are completed. After a push
// or a new pull that is its end; a command or a button may not have begun: wait for what it does.
func (s *story) cmdSettled(_ *testscript.TestScript, args []string) (err error) {
	if len(args) > 0 {
		if s.pull, err = strconv.Atoi(args[0]); err != nil {
			return err
		}
	}
	if err := s.gh.Idle(context.Background()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if s.now, err = s.author.settled(ctx, s.pull); err != nil {
		return fmt.Errorf("%w\n%s", err, s.serverLog())
	}
	return nil
}

func (s *story) serverLog() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "server.log"))
	if len(text) > 8000 {
		text = text[len(text)-8000:]
	}
	return string(text)
}

// until WORD PATTERN: waits until the comment (summary), a reply (reply) or a check (check "NAME STATUS CONCLUSION N annotations: TITLE")
// matches, as `stdout` does; until page PATH PATTERN: until a page does.
func (s *story) cmdUntil(_ *testscript.TestScript, args []string) (err error) {
	pattern, err := regexp.Compile("(?m)" + args[len(args)-1])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.now, err = s.author.until(ctx, s.pull, strings.Join(args, " "), func(now pullNow) bool {
		switch args[0] {
		case "summary":
			text, _ := now.summary()
			return pattern.MatchString(text)
		case "reply":
			return pattern.MatchString(replies(now))
		case "page":
			text, err := s.get(args[1])
			return err == nil && pattern.MatchString(text)
		}
		return pattern.MatchString(checkLines(now))
	})
	if err != nil {
		return fmt.Errorf("%w\n%s\n%s", err, replies(s.now), s.serverLog())
	}
	return nil
}

// summary: prints the one summary comment, "none" without one.
func (s *story) cmdSummary(ts *testscript.TestScript, _ []string) error {
	now, err := s.author.look(context.Background(), s.pull)
	if err != nil {
		return err
	}
	text, err := now.summary()
	if text == "" {
		text = "none"
	}
	fmt.Fprintln(ts.Stdout(), text)
	return err
}

// replies: prints our other comments; their number is the last line.
func (s *story) cmdReplies(ts *testscript.TestScript, _ []string) error {
	now, err := s.author.look(context.Background(), s.pull)
	text := replies(now)
	fmt.Fprintf(ts.Stdout(), "%s%d replies\n", text, strings.Count(text, "\n----\n"))
	return err
}

func checkLines(now pullNow) string {
	var lines []string
	for _, c := range now.Checks {
		lines = append(lines, fmt.Sprintf("%s %s %s %d annotations: %s", c.Name, c.Status, c.Conclusion, c.Output.AnnotationsCount, c.Output.Title))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// checks: a line a check of the head: NAME STATUS CONCLUSION N annotations: TITLE, then the summaries.
func (s *story) cmdChecks(ts *testscript.TestScript, _ []string) error {
	now, err := s.author.look(context.Background(), s.pull)
	fmt.Fprintln(ts.Stdout(), checkLines(now))
	for _, c := range now.Checks {
		fmt.Fprintln(ts.Stdout(), c.Output.Summary)
	}
	return err
}

// page PATH: prints a page of the server; page @PROJECT:KIND[.json] that of a project's newest run of a kind.
func (s *story) cmdPage(ts *testscript.TestScript, args []string) error {
	text, err := s.get(args[0])
	fmt.Fprintln(ts.Stdout(), text)
	return err
}

// get returns a page's status and its body. @PROJECT:KIND is the page of a project's newest run of that kind.
func (s *story) get(path string) (string, error) {
	if run, ok := strings.CutPrefix(path, "@"); ok {
		run, suffix := strings.CutSuffix(run, ".json")
		project, kind, _ := strings.Cut(run, ":")
		id, err := s.runOf(project, kind)
		if err != nil {
			return "", err
		}
		if path = "/runs/" + id; suffix {
			path += ".json"
		}
	}
	resp, err := http.Get(s.server.url + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.Status + "\n" + string(text), err
}

// runOf is the id of a project's newest run of a kind.
func (s *story) runOf(project, kind string) (string, error) {
	resp, err := http.Get(fmt.Sprintf("%s/acme/infra/pull/%d.json", s.server.url, s.pull))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var pull struct {
		Projects []struct {
			Name string
			Runs []struct{ ID, Kind string }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&pull); err != nil {
		return "", err
	}
	for _, p := range pull.Projects {
		for _, r := range p.Runs {
			if p.Name == project && r.Kind == kind {
				return r.ID, nil
			}
		}
	}
	return "", fmt.Errorf("%s has no run of kind %s", project, kind)
}

// calls [N]: the number of API calls that the App made since the last `calls`. With
// N it must be at most that, plus 2 for each 10 seconds since: the budget of an apply.
func (s *story) cmdCalls(ts *testscript.TestScript, args []string) error {
	lines := s.pullCalls()
	made, took := lines[s.calls:], time.Since(s.callsAt)
	s.calls, s.callsAt = len(lines), time.Now()
	fmt.Fprintf(ts.Stdout(), "%s\n%d calls\n", strings.Join(made, "\n"), len(made))
	if len(args) == 0 {
		return nil
	}
	most, err := strconv.Atoi(args[0])
	if most += int(2 * took / (10 * time.Second)); err == nil && len(made) > most {
		err = fmt.Errorf("%d calls in %s, want at most %d", len(made), took.Round(time.Second), most)
	}
	return err
}

// pullCalls are the API calls that the App made for pulls: what the server asks at
// its start and every five minutes is not a plan's or an apply's.
func (w *world) pullCalls() (lines []string) {
	for _, x := range w.gh.Exchanges() {
		ours := x.ActorKind == "app" || x.ActorKind == "installation"
		recovery := x.Path == "/app" || x.Path == "/app/hook/config" || x.Path == "/app/installations" || x.Path == "/installation/repositories" || x.Path == "/app/hook/deliveries" || x.Method+x.Path == "GET/repos/acme/infra/pulls"
		if ours && !recovery {
			lines = append(lines, x.Method+" "+x.Path)
		}
	}
	return lines
}

// api WHO METHOD PATH [JSON]: one request to GitHub's API below the repository, its answer printed.
func (s *story) cmdAPI(ts *testscript.TestScript, args []string) error {
	who, err := s.person(args[0])
	if err != nil {
		return err
	}
	var in any
	if len(args) > 3 {
		in = rawJSON(args[3])
	}
	var out rawJSON
	err = who.call(context.Background(), args[1], "/repos/"+s.repo+args[2], in, &out)
	fmt.Fprintln(ts.Stdout(), string(out))
	return err
}

type rawJSON string

func (r rawJSON) MarshalJSON() ([]byte, error)     { return []byte(r), nil }
func (r *rawJSON) UnmarshalJSON(data []byte) error { *r = rawJSON(data); return nil }

// nowhere TEXT...: none of the texts is in any file of the server's data, in its environment, its
// log, in any comment or check, or in anything that was sent to GitHub.
func (s *story) cmdNowhere(ts *testscript.TestScript, args []string) error {
	look := func(where string, data []byte) error {
		for _, text := range args {
			if strings.Contains(string(data), text) {
				return fmt.Errorf("%q is in %s", text, where)
			}
		}
		return nil
	}
	for _, dir := range []string{filepath.Join(s.dir, "data"), filepath.Join(s.dir, "server.log")} {
		err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && file != dir {
				return nil // a run ended meanwhile, and took its files with it
			}
			// Mirrors and workspaces hold the repository itself.
			if err != nil || d.IsDir() {
				if d != nil && d.IsDir() && d.Name() == "repos" {
					return fs.SkipDir
				}
				return err
			}
			if d.Type()&fs.ModeSymlink != 0 { // a run's HOME, which is looked into where it is
				return nil
			}
			data, err := os.ReadFile(file)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return look(file, data)
		})
		if err != nil {
			return err
		}
	}
	for _, name := range []string{"environ", "cmdline"} {
		if s.server == nil {
			break
		}
		if data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.server.cmd.Process.Pid, name)); err == nil { // better still if not
			if err := look("the server's "+name, data); err != nil {
				return err
			}
		}
	}
	for _, x := range s.gh.Exchanges() {
		if x.ActorKind == "installation" {
			if err := look("a request to GitHub: "+x.Path, x.RequestBody); err != nil {
				return err
			}
		}
	}
	return nil
}

// generate DIR COUNT FILE: writes COUNT copies of FILE below DIR, as DIR/NNN/main.tf, with $N replaced.
func (s *story) cmdGenerate(ts *testscript.TestScript, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	text := ts.ReadFile(args[2])
	for i := range n {
		name := fmt.Sprintf("%03d", i)
		if err := writeFiles(ts.MkAbs(args[0]), map[string]string{name + "/main.tf": strings.ReplaceAll(text, "$N", name)}); err != nil {
			return err
		}
	}
	return nil
}
