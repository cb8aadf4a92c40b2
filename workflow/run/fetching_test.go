package run_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
)

// asks makes a trial whose runs may ask for tokens, and notes what they ask for and what is revoked.
type asks struct {
	mu             sync.Mutex
	asked, revoked []string
}

func (a *asks) fetching(tokens map[string]string) run.Fetching {
	return run.Fetching{GitHub: "https://github.example:8443", Repos: true,
		Ask: func(repo string) run.Grant {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.asked = append(a.asked, repo)
			if token := tokens[repo]; token != "" {
				return run.Grant{Token: token}
			}
			return run.Grant{Why: "`" + repo + "` is not for this run."}
		},
		Revoke: func(token string) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.revoked = append(a.revoked, token)
		}}
}

// fill asks git for a password, as a clone does.
const fill = `fill() { printf 'protocol=%s\nhost=%s\npath=%s\n\n' "$1" "$2" "$3" | git credential fill 2>&1 | grep -v ^protocol; }
`

// moduleToken is of this process alone: scripts of these tests have it in their arguments, also where another process runs them.
var moduleToken = "a-token-for-one-module-0123456789" + ours

// While modules are fetched git gets a token for what may be read, through git itself; nobody gets one for
// anything else, nor at any other time.
func TestFetchingGivesTokens(t *testing.T) {
	tr := newTrial(t, fill+`echo planning; env | grep -c GIT_CONFIG; fill https github.example:8443 acme/modules.git
set -- $(cat helper); [ ! -e "$2" ] && echo closed; printf 'protocol=https\nhost=github.example:8443\npath=acme/modules.git\n\n' | "$1" git-credential "$2" get; echo "helper $?"`,
		"init", fill+`env | sed -n 's/^GIT_CONFIG_VALUE_[0-9]*=!//p' | sed "s/git-credential//; s/'//g" > helper
for path in acme/modules.git acme/modules ACME/modules/ acme/other.git acme/modules.git/x modules.git ../modules acme/.. "acme/mod ules" ""; do
  fill https github.example:8443 "$path" > out; grep -q "^password=`+moduleToken+`$" out && echo "token for $path" || echo "none for $path"
done
grep username out; fill https github.example acme/modules.git > out; grep -c password= out
fill http github.example:8443 acme/modules.git > out; grep -c password= out
printf 'protocol=https\nhost=github.example:8443\npath=acme/modules.git\nusername=x\npassword=y\n\n' | git credential approve
git config --get-all http.https://github.example:8443/.followRedirects
git config --get-all url.https://github.example:8443/.insteadOf
`)
	var a asks
	tr.secrets.Fetch = a.fetching(map[string]string{"acme/modules": moduleToken, "ACME/modules": moduleToken})
	res, p := tr.run(t)
	log := read(t, p, "log")
	if res.Outcome != workflow.OutcomeSucceeded {
		t.Fatalf("got %+v\n%s", res, log)
	}
	before, after, _ := strings.Cut(log, "planning\n")
	want := "token for acme/modules.git\ntoken for acme/modules\ntoken for ACME/modules/\nnone for acme/other.git\nnone for acme/modules.git/x\n" +
		"none for modules.git\nnone for ../modules\nnone for acme/..\nnone for acme/mod ules\nnone for \n0\n0\ninitial\nssh://git@github.example/\ngit@github.example:\n"
	if before != want {
		t.Errorf("init said\n%s\nwant\n%s", before, want)
	}
	if !strings.HasPrefix(after, "0\n") || strings.Contains(after, "password=") || !strings.Contains(after, "closed\n") || !strings.HasSuffix(after, "helper 1\n") {
		t.Errorf("plan said\n%s", after)
	}
	if want := []string{"acme/modules", "acme/other", ""}; !slices.Equal(a.asked, want) {
		t.Errorf("asked for %q, want %q", a.asked, want)
	}
	if !slices.Equal(a.revoked, []string{moduleToken}) {
		t.Errorf("revoked %q", a.revoked)
	}
}

// A host is the same one however it is written; and who says a name in the address gets the token all the same.
func TestFetchingHosts(t *testing.T) {
	for _, tt := range []struct {
		github, protocol, host string
		want                   bool
	}{
		{"https://github.example", "https", "github.example", true},
		{"https://github.example", "https", "GitHub.Example", true},
		{"https://github.example", "https", "github.example:443", true},
		{"https://github.example:443", "https", "github.example", true},
		{"https://github.example/", "https", "github.example", true},
		{"http://127.0.0.1", "http", "127.0.0.1:80", true},
		{"http://[::1]:8080", "http", "[::1]:8080", true},
		{"https://github.example", "https", "github.example:8443", false},
		{"https://github.example", "https", "github.example:80", false},
		{"https://github.example", "http", "github.example", false},
		{"https://github.example", "https", "x.github.example", false},
		{"https://github.example", "https", "github.example.evil", false},
		{"https://github.example", "https", "github.example:443:443", false},
		{"https://github.example", "https", "", false},
	} {
		tr := newTrial(t, "echo planned", "init", "printf 'protocol="+tt.protocol+"\nhost="+tt.host+"\npath=acme/x.git\nusername=somebody\n\n' | git credential fill > got 2>&1; grep -c -e ^username=x-access-token -e ^password= got; true")
		var a asks
		tr.secrets.Fetch = a.fetching(map[string]string{"acme/x": moduleToken})
		tr.secrets.Fetch.GitHub = tt.github
		_, p := tr.run(t)
		if got := strings.HasPrefix(read(t, p, "log"), "2\n"); got != tt.want {
			t.Errorf("%s of %s://%s: got %v, want %v\n%s", tt.github, tt.protocol, tt.host, got, tt.want, read(t, p, "log"))
		}
	}
}

// The token is in no file, argument or environment while it is used, masked in the log, and dead when the plan begins.
func TestFetchingLeavesNoTrace(t *testing.T) {
	tr := newTrial(t, `echo planned`, "init", fill+`echo "$TMPDIR" > where; fill https github.example:8443 acme/modules.git | sed 's/password=/it is /'
echo shown; while [ ! -e go ]; do sleep 0.02; done`)
	var a asks
	tr.secrets.Fetch = a.fetching(map[string]string{"acme/modules": moduleToken})
	p := tr.start(t)
	await(t, p, "shown")
	look := func() {
		t.Helper()
		for _, pattern := range []string{"/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ"} {
			names, err := filepath.Glob(pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				if data, err := os.ReadFile(name); err == nil && bytes.Contains(data, []byte(moduleToken)) {
					t.Errorf("the token is in %s: %q", name, data)
				}
			}
		}
		err := filepath.WalkDir(p.Dir(), func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil // gone meanwhile, or the socket
			}
			if data, err := os.ReadFile(name); err == nil && bytes.Contains(data, []byte(moduleToken)) {
				t.Errorf("the token is in %s", name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	look()
	askAsStranger(t, filepath.Join(strings.TrimSpace(read(t, p, "work/where")), "credentials"))
	if err := os.WriteFile(filepath.Join(p.Dir(), "work", "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Handshake(func() error {
		a.mu.Lock()
		defer a.mu.Unlock()
		if !slices.Equal(a.revoked, []string{moduleToken}) {
			t.Errorf("before the plan %q was revoked", a.revoked)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if res := p.Wait(); res.Outcome != workflow.OutcomeSucceeded {
		t.Fatalf("got %+v", res)
	}
	look()
	if log := read(t, p, "log"); !strings.Contains(log, "it is ***\n") {
		t.Errorf("the log is %q", log)
	}
}

// askAsStranger asks from a process that the run did not start: the user is the same.
func askAsStranger(t *testing.T, socket string) {
	t.Helper()
	conn, err := net.DialTimeout("unix", socket, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(`{"action":"get","protocol":"https","host":"github.example:8443","path":"acme/modules.git"}` + "\n"))
	var g run.Grant
	if err := json.NewDecoder(conn).Decode(&g); err == nil {
		t.Errorf("a stranger was answered: %d bytes", len(g.Token))
	}
}

// What was not given is said to people, only where fetching failed; and another try is made only where that may help.
func TestFetchingSaysWhatIsMissing(t *testing.T) {
	for _, tt := range []struct {
		name, init string
		grants     []run.Grant
		want       string
		passing    bool
	}{
		{"denied", "fill https github.example:8443 acme/x; fill https github.example:8443 acme/x; fill https github.example:8443 acme/y; exit 1",
			[]run.Grant{{Why: "No x."}, {Why: "No y."}}, "No x. No y.", false},
		{"denied, and not needed", "fill https github.example:8443 acme/x; true", []run.Grant{{Why: "No x."}}, "", false},
		{"passing", "fill https github.example:8443 acme/x; exit 1", []run.Grant{{Why: "Later.", Passing: true}}, "Later.", true},
		{"one is not passing", "fill https github.example:8443 acme/x; fill https github.example:8443 acme/y; exit 1",
			[]run.Grant{{Why: "Later.", Passing: true}, {Why: "No y."}}, "Later. No y.", false},
		{"refused by GitHub", `fill https github.example:8443 acme/x > got
(echo protocol=https; echo host=github.example:8443; echo path=acme/x; echo username=x-access-token; grep ^password got; echo) | git credential reject; exit 1`,
			[]run.Grant{{Token: moduleToken}}, "GitHub rejected the token for `acme/x` that it had just issued.", true},
		{"another fault", "exit 1", nil, "init: exit status 1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := newTrial(t, "echo planned", "init", fill+tt.init)
			tr.secrets.Fetch = run.Fetching{GitHub: "https://github.example:8443", Repos: true, Ask: func(string) run.Grant {
				g := tt.grants[0]
				tt.grants = tt.grants[1:]
				return g
			}}
			res, p := tr.run(t)
			if res.Reason != tt.want || res.Passing != tt.passing {
				t.Errorf("got %q, passing %v; want %q, %v\n%s", res.Reason, res.Passing, tt.want, tt.passing, read(t, p, "log"))
			}
			if len(tt.grants) > 0 {
				t.Errorf("%d repositories were not asked for", len(tt.grants))
			}
		})
	}
}

// What git is told for fetching adds to what the credentials tell it, and is taken back.
func TestFetchingEnvironment(t *testing.T) {
	const show = `env | grep -E '^(GIT_|SSH_|TF_TOKEN)' | sed "s/!.*/helper/" | sort
`
	for _, tt := range []struct {
		name       string
		env, fetch map[string]string
		repos      bool
		want       string // in init; all of the entry's is in the plan
	}{
		{"nothing given", nil, nil, false, "GIT_CONFIG_COUNT=2\nGIT_CONFIG_KEY_0=safe.bareRepository\nGIT_CONFIG_KEY_1=credential.https://github.example.helper\nGIT_CONFIG_VALUE_0=explicit\nGIT_CONFIG_VALUE_1=helper\n"},
		{"nothing given, and an entry", map[string]string{"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "a.b", "GIT_CONFIG_VALUE_0": "c", "SSH_AUTH_SOCK": "/agent"}, nil, false,
			"GIT_CONFIG_COUNT=3\nGIT_CONFIG_KEY_0=a.b\nGIT_CONFIG_KEY_1=safe.bareRepository\nGIT_CONFIG_KEY_2=credential.https://github.example.helper\nGIT_CONFIG_VALUE_0=c\nGIT_CONFIG_VALUE_1=explicit\nGIT_CONFIG_VALUE_2=helper\nSSH_AUTH_SOCK=/agent\n"},
		{"repositories and ssh", map[string]string{"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "a.b", "GIT_CONFIG_VALUE_0": "c", "GIT_SSH_COMMAND": "ssh -i old"},
			map[string]string{"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "d.e", "GIT_CONFIG_VALUE_0": "f", "GIT_SSH_COMMAND": "ssh -i new", "TF_TOKEN_a_b": "t0ken-of-a"}, true,
			"GIT_CONFIG_COUNT=7\nGIT_CONFIG_KEY_0=a.b\nGIT_CONFIG_KEY_1=d.e\nGIT_CONFIG_KEY_2=safe.bareRepository\nGIT_CONFIG_KEY_3=credential.https://github.example.helper\n" +
				"GIT_CONFIG_KEY_4=credential.https://github.example.helper\nGIT_CONFIG_KEY_5=credential.https://github.example.useHttpPath\n" +
				"GIT_CONFIG_KEY_6=http.https://github.example/.followRedirects\nGIT_CONFIG_VALUE_0=c\nGIT_CONFIG_VALUE_1=f\nGIT_CONFIG_VALUE_2=explicit\nGIT_CONFIG_VALUE_3=\nGIT_CONFIG_VALUE_4=helper\n" +
				"GIT_CONFIG_VALUE_5=true\nGIT_CONFIG_VALUE_6=initial\nGIT_SSH_COMMAND=***\nTF_TOKEN_a_b=***\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := newTrial(t, "echo; "+show, "init", show)
			tr.secrets.Env = tt.env
			tr.secrets.Fetch = run.Fetching{GitHub: "https://github.example", Repos: tt.repos, Env: tt.fetch}
			res, p := tr.run(t)
			log := read(t, p, "log")
			got, after, _ := strings.Cut(log, "\n\n")
			if res.Outcome != workflow.OutcomeSucceeded || got+"\n" != tt.want {
				t.Errorf("init had\n%s\nwant\n%s\n%+v", got, tt.want, res)
			}
			if n := strings.Count(after, "\n"); n != len(tt.env) {
				t.Errorf("the plan has\n%s", after)
			}
		})
	}
}

// TestFetchingForeignSettings: a tree that is a bare repository has no say in what git starts when it clones.
func TestFetchingForeignSettings(t *testing.T) {
	canary := filepath.Join(t.TempDir(), "ran")
	program := "sh -c 'env > " + canary + "; exit 1' x"
	tr := newTrial(t, "true", "HEAD", "ref: refs/heads/main\n", "config", "[core]\n\tbare = true\n\tsshCommand = \""+program+"\"\n\tgitProxy = \""+program+"\"\n",
		"init", `mkdir objects refs
git rev-parse --is-bare-repository; GIT_CONFIG_COUNT=0 git rev-parse --is-bare-repository
git clone -q ssh://git@github.invalid/acme/modules.git made; git clone -q git://github.invalid/acme/modules.git made; git ls-remote ssh://git@github.invalid/acme/modules.git
echo "hg $HGRCSKIPREPO"; GIT_CONFIG_COUNT=0 git init -q --bare ../origin.git && git clone -q ../origin.git made && cd made && git rev-parse --is-inside-work-tree`)
	tr.secrets.Fetch = run.Fetching{GitHub: "https://github.example", Env: map[string]string{"SSH_AUTH_SOCK": "/agent"}}
	res, p := tr.run(t)
	log := read(t, p, "log")
	if _, err := os.Stat(canary); err == nil {
		t.Errorf("a program that the tree names was started\n%s", log)
	}
	if res.Outcome != workflow.OutcomeSucceeded || !strings.Contains(log, "\ntrue\n") || !strings.Contains(log, "\nhg 1\n") || !strings.HasSuffix(log, "\ntrue\n") {
		t.Errorf("got %+v\n%s", res, log)
	}
}
