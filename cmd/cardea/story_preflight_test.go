package main

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cardea-iac/cardea/internal/localgithub"
)

// What can be wrong with the App, in the stories.

// lookOften has a server of the stories look at the App's settings as often as a story says.
func lookOften() { lookEvery, _ = time.ParseDuration(os.Getenv("CARDEA_TEST_LOOK_EVERY")) }

// serverSettings are the variables that a story may give its server, with `env`.
var serverSettings = []string{"CARDEA_TEST_LOOK_EVERY", "CARDEA_PUBLIC_URL", "CARDEA_GITHUB_APP_ID", "CARDEA_GITHUB_API_URL",
	"CARDEA_GITHUB_PRIVATE_KEY_FILE", "CARDEA_GITHUB_WEBHOOK_SECRETS_FILE", "CARDEA_LIMITS_PARALLEL", "SSL_CERT_FILE"}

// environmentOf is the environment of a story's server: nothing of what whoever runs the tests has set for programs of theirs.
func environmentOf(ts *testscript.TestScript) []string {
	env := []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "CHECKPOINT_DISABLE=1",
		"CARDEA_RUNS_ISOLATION=none", "CARDEA_METRICS_LISTEN=127.0.0.1:0"}
	for _, name := range []string{"LANG", "TMPDIR", "GORACE", "GOCOVERDIR"} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	for _, name := range serverSettings {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// app WORD ...: what the App's owner does on GitHub.
func (s *story) cmdApp(ts *testscript.TestScript, args []string) error {
	switch args[0] {
	case "access": // app access [PERMISSION=LEVEL | PERMISSION= | -EVENT] ...: as app.yml, but for these
		permissions, events := maps.Clone(appPermissions), append([]string{}, appEvents...)
		for _, arg := range args[1:] {
			if event, ok := strings.CutPrefix(arg, "-"); ok {
				events = strings.Fields(strings.ReplaceAll(" "+strings.Join(events, "  ")+" ", " "+event+" ", " "))
				continue
			}
			name, level, _ := strings.Cut(arg, "=")
			if permissions[name] = level; level == "" {
				delete(permissions, name)
			}
		}
		return s.gh.SetAccess(s.app.ID, permissions, events)
	case "accept":
		return s.gh.Accept(s.installation)
	case "suspend": // app suspend true|false
		return s.gh.Suspend(s.installation, args[1] == "true")
	case "uninstall":
		return s.gh.Uninstall(s.installation)
	case "install":
		id, err := s.gh.Install(s.app.ID, "acme")
		s.installation = id
		return err
	case "webhook": // app webhook URL
		return s.gh.SetWebhookURL(s.app.ID, args[1])
	case "secret": // app secret TEXT; "" for none
		return s.gh.SetWebhookSecret(s.app.ID, args[1])
	case "outage": // app outage 503|401|drop|over: how GitHub's API answers the App
		if args[1] == "over" {
			s.gh.Faults.Clear()
			return nil
		}
		status, _ := strconv.Atoi(args[1])
		s.gh.Faults.Only(localgithub.FaultRule{Path: regexp.MustCompile("^/(app|repos|graphql|installation)"), Times: -1, Status: status, Drop: status == 0,
			Match: func(r *http.Request, _ []byte) bool { return !strings.Contains(r.Header.Get("Authorization"), "ghp_") }})
		return nil
	case "other": // app other FILE: writes the key of another App and sets $OTHER_ID
		other, err := s.gh.CreateApp(localgithub.App{Slug: "other"})
		if err != nil {
			return err
		}
		ts.Setenv("OTHER_ID", fmt.Sprint(other.ID))
		ts.Setenv("APP_ID", fmt.Sprint(s.app.ID))
		ts.Setenv("GITHUB_HOST", strings.TrimPrefix(s.gh.URL(), "http://"))
		return os.WriteFile(ts.MkAbs(args[1]), []byte(other.PrivateKeyPEM), 0o600)
	}
	return fmt.Errorf("unknown: app %s", args[0])
}

// logged PATTERN [N]: waits until the server's log has lines that match, N of them, and prints them; with ! there is none now.
func (s *story) cmdLogged(ts *testscript.TestScript, neg bool, args []string) {
	pattern := regexp.MustCompile(args[0])
	find := func() (string, int) {
		text, err := os.ReadFile(filepath.Join(s.dir, "server.log"))
		ts.Check(err)
		var found []string
		for _, line := range strings.Split(string(text), "\n") {
			if pattern.MatchString(line) {
				found = append(found, line)
			}
		}
		return strings.Join(found, "\n"), len(found)
	}
	if text, n := find(); neg && n > 0 {
		ts.Fatalf("the log has %s", text)
	} else if neg {
		return
	}
	ts.Check(s.poll("the log has "+args[0], func() (string, bool) {
		text, n := find()
		return "the log:\n" + s.serverLog(), n > 0 && (len(args) < 2 || fmt.Sprint(n) == args[1]) && len(text) > 0
	}))
	text, _ := find()
	fmt.Fprintln(ts.Stdout(), text)
}

// banner PATTERN: waits until the banner on / matches, and prints it; banner none: until there is none.
func (s *story) cmdBanner(ts *testscript.TestScript, args []string) error {
	alarm := regexp.MustCompile(`(?s)<div class="alarm" role="alert">(.*?)</div>`)
	now := ""
	err := s.poll("the banner shows "+args[0], func() (string, bool) {
		page, err := s.get("/")
		if err != nil {
			return err.Error(), false
		}
		now = strings.Join(alarm.FindStringSubmatch(page), "")
		if args[0] == "none" {
			return now, now == ""
		}
		return "the banner:\n" + now + "\nthe log:\n" + s.serverLog(), regexp.MustCompile(args[0]).MatchString(now)
	})
	fmt.Fprintln(ts.Stdout(), now)
	return err
}
