package run

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Fetching is what a run has while its engine fetches modules and providers, and at no other
// time: code of the change runs later.
type Fetching struct {
	// Env is further environment. It wins over the credentials'; pairs of git's configuration
	// are added to theirs.
	Env map[string]string `json:"env,omitempty"`
	// GitHub is the address below which Ask knows repositories, https://github.com; "": nobody is asked.
	GitHub string `json:"github,omitempty"`
	// Repos: there may be tokens. Without, Ask is called only to say what could be done.
	Repos bool `json:"repos,omitempty"`
	// Ask gives a token that reads one repository, or says why not; "" is one whose name git
	// did not say. Revoke ends a token. Both are called in the server's process.
	Ask    func(repo string) Grant `json:"-"`
	Revoke func(token string)      `json:"-"`
}

// secret reports whether anything in it must not reach code of the change.
func (f Fetching) secret() bool { return f.Repos || len(f.Env) > 0 }

// Grant is the answer to who asks for a repository's token.
type Grant struct {
	Token   string `json:"token,omitempty"`
	Why     string `json:"why,omitempty"` // sentences for people, where there is none
	Passing bool   `json:"passing,omitempty"`
}

// How long whoever asks for a token waits. The server asks GitHub, which takes seconds; git waits longer than we do.
const (
	saysLimit = 10 * time.Second // for what the other end says at once: the question, and that it takes the answer
	askLimit  = 5 * time.Minute
	gitLimit  = askLimit + time.Minute
)

// fetching is the time in which an engine fetches, as the runner sees it.
type fetching struct {
	r      *runner
	limit  time.Duration    // for the server's answer
	asking sync.Mutex       // one question at a time; guards what follows
	known  map[string]Grant // by name, lower case
	denied []denial
}

// denial is a repository that there is no token for.
type denial struct {
	repo string
	Grant
}

// fetch lets the engine fetch: the environment and the way to a token are there for as long as do takes.
func (r *runner) fetch(do func() error) error {
	f := &fetching{r: r, limit: askLimit, known: map[string]Grant{}}
	env, err := withGitPairs(r.secrets.Fetch.Env)
	if err != nil {
		return err
	}
	// A tree may hold what git and Mercurial take for a repository, with its own settings, where
	// they are started: these name programs. What they clone to is none of that.
	env["HGRCSKIPREPO"] = "1"
	if err := addGitPairs(env, [][2]string{{"safe.bareRepository", "explicit"}}); err != nil {
		return err
	}
	if r.secrets.Fetch.GitHub != "" {
		close, err := f.open(env)
		if err != nil {
			return fmt.Errorf("opening the way to a token: %w", err)
		}
		defer close()
	}
	restore, err := putEnvironment(env)
	if err != nil {
		return errors.Join(err, restore())
	}
	err = do()
	return errors.Join(f.verdict(err), restore())
}

// verdict is how fetching ended, with what was not given to it.
func (f *fetching) verdict(err error) error {
	f.asking.Lock()
	defer f.asking.Unlock()
	if err == nil || len(f.denied) == 0 {
		return err
	}
	denied := &workflow.Denied{Err: err, Passing: true}
	for _, g := range f.denied {
		if g.repo != "" {
			denied.What = append(denied.What, g.repo)
		}
		denied.Passing = denied.Passing && g.Passing
		if !strings.Contains(denied.Why, g.Why) {
			denied.Why = strings.TrimSpace(denied.Why + " " + g.Why)
		}
	}
	return denied
}

// open listens for git's questions and tells git, by the environment, whom to ask. It adds to env.
func (f *fetching) open(env map[string]string) (close func(), err error) {
	socket := filepath.Join(f.r.dir.tmp(), "credentials")
	pairs, err := f.r.gitPairs(env, socket)
	if err != nil {
		return nil, err
	}
	if err := addGitPairs(env, pairs); err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", socket) // its directory is open to nobody else
	if err != nil {
		return nil, err
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil { // too many open files, say: git waits for an answer
				time.Sleep(50 * time.Millisecond)
				continue
			}
			open.Go(func() { f.answer(conn) }) // one that says nothing holds up nobody else
		}
	})
	return func() {
		_ = listener.Close() // nobody is listening to its error, and nobody can connect any more
		open.Wait()
		f.r.endTokens()
	}, nil
}

// question is what git asks its helper, and the helper us.
type question struct {
	Action   string `json:"action"`
	Protocol string `json:"protocol"`
	Host     string `json:"host"`
	Path     string `json:"path"`
}

// answer answers one helper. Whoever is not a tool of this run, or asks for another host, gets nothing.
func (f *fetching) answer(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(saysLimit)) // without one a read fails all the same when the other end goes
	var q question
	if !ofFamily(conn) || json.NewDecoder(conn).Decode(&q) != nil {
		return
	}
	home, err := url.Parse(f.r.secrets.Fetch.GitHub)
	if err != nil || q.Protocol != home.Scheme || withPort(q.Protocol, q.Host) != withPort(home.Scheme, home.Host) {
		return
	}
	grant := f.grant(q)
	_ = conn.SetDeadline(time.Now().Add(saysLimit))
	_ = json.NewEncoder(conn).Encode(Grant{Token: grant.Token}) // a helper that went away needs none
}

// withPort is a host as it is compared: with the port that goes without saying.
func withPort(scheme, host string) string {
	host = strings.ToLower(host)
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return host + map[string]string{"https": ":443", "http": ":80"}[scheme]
}

// grant asks the server, once for each repository.
func (f *fetching) grant(q question) Grant {
	f.asking.Lock()
	defer f.asking.Unlock()
	name := repoOfPath(q.Path)
	key := strings.ToLower(name)
	g, known := f.known[key]
	switch {
	case q.Action == "erase" && g.Token != "":
		g = Grant{Why: fmt.Sprintf("GitHub rejected the token for `%s` that it had just issued.", name), Passing: true}
	case q.Action != "get" || known:
		return g
	default:
		g = f.askToken(name)
	}
	f.known[key] = g
	if g.Token == "" {
		f.denied = append(f.denied, denial{name, g})
	}
	return g
}

// askToken asks the server for a token, and hides it before anybody has it.
func (f *fetching) askToken(repo string) Grant {
	r := f.r
	gone := Grant{Why: "The server stopped while modules were being fetched.", Passing: true}
	silent := Grant{Why: fmt.Sprintf("The server did not answer within %s when it was asked for a token for a module.", phrase.InWords(f.limit)), Passing: true}
	if r.silent {
		return silent
	}
	if r.stop.ctx.Err() != nil || json.NewEncoder(r.conn).Encode(message{Ask: &repo}) != nil {
		return gone
	}
	limit := time.NewTimer(f.limit)
	defer limit.Stop()
	select {
	case g := <-r.grants:
		if g.Token != "" {
			r.redact.Hide(g.Token)
			r.given.Hide(g.Token)
		}
		return g
	case <-limit.C:
		r.silent = true // what comes now answers this question, not the next one
		return silent
	case <-r.stop.ctx.Done():
		return gone
	}
}

// endTokens tells the server that nobody needs the tokens any more.
func (r *runner) endTokens() {
	_ = json.NewEncoder(r.conn).Encode(message{Fetched: true}) // without a server there is nobody to end them
}

// repoOfPath is owner/name of the path of a git address, "" for what is none.
func repoOfPath(path string) string {
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	owner, name, ok := strings.Cut(path, "/")
	if !ok || !repoPart(owner) || !repoPart(name) {
		return ""
	}
	return path
}

func repoPart(s string) bool {
	return strings.Trim(s, ".") != "" && len(s) <= 100 &&
		!strings.ContainsFunc(s, func(c rune) bool {
			return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c))
		})
}

// gitPairs is git's configuration with which it asks us about GitHub's host. Where the App may
// read repositories nobody else is asked: other helpers are also told what to remember.
func (r *runner) gitPairs(env map[string]string, socket string) ([][2]string, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	github := strings.TrimRight(r.secrets.Fetch.GitHub, "/")
	helper := "!" + phrase.ShellWord(exe) + " git-credential " + phrase.ShellWord(socket)
	if !r.secrets.Fetch.Repos {
		return [][2]string{{"credential." + github + ".helper", helper}}, nil
	}
	pairs := [][2]string{
		{"credential." + github + ".helper", ""},
		{"credential." + github + ".helper", helper},
		{"credential." + github + ".useHttpPath", "true"},
		{"http." + github + "/.followRedirects", "initial"}, // a renamed repository; git gives no other host what was for this one
	}
	home, err := url.Parse(github)
	if err != nil {
		return nil, err
	}
	if !hasSSH(env) { // then sources that are written for ssh could not be fetched at all
		for _, ssh := range []string{"ssh://git@" + home.Hostname() + "/", "git@" + home.Hostname() + ":"} {
			pairs = append(pairs, [2]string{"url." + github + "/.insteadOf", ssh})
		}
	}
	return pairs, nil
}

// hasSSH reports whether the run was given a way to log in by ssh.
func hasSSH(env map[string]string) bool {
	all := os.Environ()
	for name, value := range env {
		all = append(all, name+"="+value)
	}
	return slices.ContainsFunc(all, func(kv string) bool {
		name, value, _ := strings.Cut(kv, "=")
		return name == "GIT_SSH" || name == "GIT_SSH_COMMAND" || name == "SSH_AUTH_SOCK" ||
			strings.HasPrefix(name, gitKey) && strings.EqualFold(value, "core.sshCommand")
	})
}

const (
	gitCount = "GIT_CONFIG_COUNT"
	gitKey   = "GIT_CONFIG_KEY_"
	gitValue = "GIT_CONFIG_VALUE_"
)

// withGitPairs is an environment for fetching whose pairs of git's configuration follow those of this process.
func withGitPairs(own map[string]string) (map[string]string, error) {
	env, pairs := map[string]string{}, [][2]string{}
	n, err := strconv.Atoi(cmp.Or(own[gitCount], "0"))
	if err != nil || n < 0 || n > 1000 {
		return nil, fmt.Errorf("%s is not the number of pairs", gitCount)
	}
	for i := range n {
		pairs = append(pairs, [2]string{own[gitKey+strconv.Itoa(i)], own[gitValue+strconv.Itoa(i)]})
	}
	for name, value := range own {
		if name != gitCount && !strings.HasPrefix(name, gitKey) && !strings.HasPrefix(name, gitValue) {
			env[name] = value
		}
	}
	if before := os.Getenv(gitCount); before != "" {
		env[gitCount] = before
	}
	return env, addGitPairs(env, pairs)
}

// addGitPairs adds pairs of git's configuration behind those that are counted.
func addGitPairs(env map[string]string, pairs [][2]string) error {
	if len(pairs) == 0 {
		return nil
	}
	n, err := strconv.Atoi(cmp.Or(env[gitCount], "0"))
	if err != nil || n < 0 || n > 1000 {
		return fmt.Errorf("%s is not the number of pairs", gitCount)
	}
	for i, pair := range pairs {
		env[gitKey+strconv.Itoa(n+i)], env[gitValue+strconv.Itoa(n+i)] = pair[0], pair[1]
	}
	env[gitCount] = strconv.Itoa(n + len(pairs))
	return nil
}

// putEnvironment sets variables of this process; restore makes everything as it was.
func putEnvironment(env map[string]string) (restore func() error, err error) {
	var undo []func() error
	restore = func() error {
		var faults []error
		for _, back := range slices.Backward(undo) {
			faults = append(faults, back())
		}
		return errors.Join(faults...)
	}
	for name, value := range env {
		before, had := os.LookupEnv(name)
		undo = append(undo, func() error {
			if had {
				return os.Setenv(name, before)
			}
			return os.Unsetenv(name)
		})
		if err := os.Setenv(name, value); err != nil {
			return restore, fmt.Errorf("setting the environment for fetching: %w", err)
		}
	}
	return restore, nil
}
